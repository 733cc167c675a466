/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/bases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define BASE "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define OTHER "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

static bool knows(const struct bases *b, const char *image, uint64_t serial, const char *base)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct slice got = bases_find(b, &a, slice_str(image), serial);

	return base ? slice_eq_str(got, base) : got.p == NULL;
}

static void test_exactly(void **state)
{
	struct bases b = { 0 };

	(void)state;
	assert_true(knows(&b, "image", 1, NULL));
	bases_add(&b, SLICE_LIT("image"), 1, SLICE_LIT(BASE));
	assert_true(knows(&b, "image", 1, BASE));
	/* other facts, or what else counts has changed */
	assert_true(knows(&b, "imag", 1, NULL) && knows(&b, "image2", 1, NULL));
	assert_true(knows(&b, "image", 2, NULL) && knows(&b, "image", 0, NULL));
	bases_add(&b, SLICE_LIT("image"), 2, SLICE_LIT(OTHER));
	assert_true(knows(&b, "image", 2, OTHER) && knows(&b, "image", 1, NULL));
	bases_done(&b);
	assert_true(knows(&b, "image", 2, NULL));
}

/* What could be read as something else is not kept. */
static void test_not_kept(void **state)
{
	static char large[BASES_TEXT_MAX + 2];
	struct bases b = { 0 };

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	bases_add(&b, slice_str(large), 1, SLICE_LIT(BASE));
	assert_true(knows(&b, large, 1, NULL));
	bases_add(&b, SLICE_LIT("image"), 1, SLICE_LIT("../x"));
	bases_add(&b, SLICE_LIT("image"), 1, SLICE_LIT("docker:cli"));
	assert_true(knows(&b, "image", 1, NULL));
	bases_done(&b);
}

/* Images that share a place: none has the other's base. */
static void test_shared_places(void **state)
{
	struct bases b = { 0 };
	unsigned known = 0;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 10 * BASES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "image %u", i);
		bases_add(&b, slice_str(name), 1, i % 2 ? SLICE_LIT(BASE) : SLICE_LIT(OTHER));
	}
	for (unsigned i = 0; i < 10 * BASES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "image %u", i);
		assert_false(knows(&b, name, 1, i % 2 ? OTHER : BASE));
		known += knows(&b, name, 1, i % 2 ? BASE : OTHER);
	}
	assert_in_range(known, BASES_MAX / 2, BASES_MAX);
	bases_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exactly),
		cmocka_unit_test(test_not_kept),
		cmocka_unit_test(test_shared_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
