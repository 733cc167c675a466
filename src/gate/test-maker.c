/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define SIXTEEN(c) c c c c c c c c c c c c c c c c
#define ID(c) SIXTEEN(c) SIXTEEN(c) SIXTEEN(c) SIXTEEN(c)

static bool own(const char *object, const char *who)
{
	struct arena a = ARENA_INIT(1u << 20);
	struct json_limits limits = JSON_LIMITS;
	struct json *v;
	bool r;

	assert_int_equal(json_parse(&a, slice_str(object), &limits, &v, NULL, NULL), 0);
	r = maker_own(v, who);
	arena_done(&a);
	return r;
}

/* Everybody in the line, and nobody else. */
static void test_line(void **state)
{
	static const char *const ids[] = { ID("1"), ID("2"), ID("3") };
	char line[3][CONTROL_ID_LEN];
	struct buf label = BUF_INIT(4096);
	struct buf object = BUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		memcpy(line[i], ids[i], CONTROL_ID_LEN);
	for (size_t n = 1; n <= ARRAY_SIZE(ids); n++) {
		buf_reset(&label);
		buf_reset(&object);
		maker_print((const char(*)[CONTROL_ID_LEN])line, n, &label);
		buf_printf(&object, "{\"Labels\":{\"a\":\"b\",\"" MAKER_LABEL "\":\"%.*s\"}}",
			   SLICE_ARG(buf_slice(&label)));
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
			assert_int_equal(own(object.p, ids[i]), i < n);
		assert_false(own(object.p, ID("4")));
	}
	buf_done(&label);
	buf_done(&object);
}

static void test_nobodys(void **state)
{
	static const char *const objects[] = {
		"{}",
		"{\"Labels\":null}",
		"{\"Labels\":{}}",
		"{\"Labels\":[\"" MAKER_LABEL "=" ID("1") "\"]}",
		"{\"Labels\":{\"" MAKER_LABEL "\":null}}",
		"{\"Labels\":{\"" MAKER_LABEL "\":\"\"}}",
		"{\"Labels\":{\"" MAKER_LABEL "\":\"x" ID("1") "\"}}",
		"{\"Labels\":{\"" MAKER_LABEL "\":\"" ID("1") " \"}}",
		"{\"Labels\":{\"Gabion.made-by\":\"" ID("1") "\"}}",
		"{\"Options\":{\"" MAKER_LABEL "\":\"" ID("1") "\"}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		if (own(objects[i], ID("1")))
			fail_msg("%s", objects[i]);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(maker_predefined(SLICE_LIT("bridge")));
	assert_true(maker_predefined(SLICE_LIT("")));
	assert_false(maker_predefined(SLICE_LIT("Bridge")));
	assert_false(maker_predefined(SLICE_LIT("bridge2")));
	assert_false(maker_predefined(SLICE_LIT("nat"))); /* of Windows */
	assert_true(maker_anonymous(SLICE_LIT(ID("a"))));
	assert_false(maker_anonymous(SLICE_LIT(ID("A"))));
	assert_false(maker_anonymous(SLICE_LIT(ID("a") "a")));
	assert_false(maker_anonymous(SLICE_NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_nobodys),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
