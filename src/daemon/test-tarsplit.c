/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine keeps of a layer's archive: which of it must not be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "daemon/tarsplit.h"

#define BYTES "{\"type\":2,\"payload\":\"Li8AAA==\",\"position\":0}\n"
#define FILE_OF(members) \
	BYTES "{\"type\":1," members ",\"payload\":\"AAAAAAAAAAA=\",\"position\":1}\n" BYTES
#define NAME(name) FILE_OF("\"name\":\"" name "\",\"size\":5")

static int judge(const char *text, size_t n)
{
	struct tarsplit t = TARSPLIT_INIT;
	int r = tarsplit_feed(&t, (struct slice){ text, n });

	if (r == 0)
		r = tarsplit_end(&t);
	tarsplit_done(&t);
	return r;
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "", 0 },
		{ BYTES BYTES, 0 },
		{ NAME("etc/passwd"), 0 },
		{ NAME("./a..b/..c/d.../.x"), 0 },
		{ NAME("/etc/passwd"), 0 },
		{ FILE_OF("\"name\":\"../x\""), 0 }, /* empty, a folder or a link: not read */
		{ NAME("../x"), TARSPLIT_LEADS_UP },
		{ NAME(".."), TARSPLIT_LEADS_UP },
		{ NAME("/../x"), TARSPLIT_LEADS_UP },
		{ NAME("a/../../x"), TARSPLIT_LEADS_UP },
		{ NAME("a/.."), TARSPLIT_LEADS_UP },
		{ NAME("\\u002e\\u002e\\/x"), TARSPLIT_LEADS_UP },
		{ FILE_OF("\"name_raw\":\"Li4v/w==\",\"size\":5"),
		  TARSPLIT_LEADS_UP }, /* "../\xff" */
		{ FILE_OF("\"name_raw\":\"Li4u/w==\",\"size\":5"), 0 },
		{ FILE_OF("\"name\":\"a\",\"name_raw\":\"Li4v/w==\",\"size\":5"),
		  TARSPLIT_LEADS_UP },
		{ FILE_OF("\"name\":\"../a\",\"name_raw\":\"YQ==\",\"size\":5"),
		  TARSPLIT_LEADS_UP },
		{ FILE_OF("\"name\":\"../a\",\"size\":18446744073709551616"), TARSPLIT_LEADS_UP },
		{ NAME("a") "{\"type\":1,\"name\":\"../x\",\"size\":1}", TARSPLIT_LEADS_UP },
		{ FILE_OF("\"name\":5,\"size\":5"), -EPROTO },
		{ FILE_OF("\"name_raw\":\"*\",\"size\":5"), -EPROTO },
		{ "{\"type\":3,\"name\":\"a\",\"size\":5}\n", -EPROTO },
		{ "{\"name\":\"a\",\"size\":5}\n", -EPROTO },
		{ "{\"type\":1,\"name\":\"a\"", -EPROTO },
		{ "\x1f\x8b", -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (judge(rows[i].text, strlen(rows[i].text)) != rows[i].r)
			fail_msg("%s", rows[i].text);
}

/* Padding may be long, a name not; and what comes after is read as ever. */
static void test_long_lines(void **state)
{
	static const char head[] = "{\"type\":2,\"payload\":\"";
	static const char name[] = "{\"type\":1,\"name\":\"";
	static const char after[] = "\n" NAME("../x");
	size_t n = TARSPLIT_LINE_MAX + 100u;
	char *text = malloc(n + sizeof(after));

	(void)state;
	assert_non_null(text);
	memset(text, 'A', n);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + n, after, sizeof(after));
	assert_int_equal(judge(text, n), 0);
	assert_int_equal(judge(text, n + sizeof(after) - 1), TARSPLIT_LEADS_UP);
	memcpy(text, name, sizeof(name) - 1);
	assert_int_equal(judge(text, n), -EPROTO);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
