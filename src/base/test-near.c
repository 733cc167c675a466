/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/near.h"
#include "base/util.h"

static void test_distance(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		size_t want;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "abc", "", 3 },
		{ "push", "push", 0 },
		{ "push", "PUSH", 0 },
		{ "push", "pusj", 1 },
		{ "push", "pus", 1 },
		{ "push", "pussh", 1 },
		{ "push", "psuh", 1 },
		{ "push", "pull", 2 },
		{ "locked", "value", 5 },
		{ "allowedDerivedImages", "allowDerivedImages", 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice a = slice_str(cases[i].a);
		struct slice b = slice_str(cases[i].b);

		if (near_distance(a, b) != cases[i].want || near_distance(b, a) != cases[i].want)
			fail_msg("%s, %s: %zu", cases[i].a, cases[i].b, near_distance(a, b));
	}
}

static void test_long_words(void **state)
{
	char text[NEAR_WORD_MAX + 1];
	struct slice longest = { text, NEAR_WORD_MAX };
	struct slice longer = { text, NEAR_WORD_MAX + 1 };

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(near_distance(longest, longest), 0);
	assert_int_equal(near_distance(longest, SLICE_LIT("y")), NEAR_WORD_MAX);
	assert_true(near_distance(longer, longest) == SIZE_MAX);
	assert_true(near_distance(longest, longer) == SIZE_MAX);
}

static const char *best_of(const char *typed)
{
	static const char *const known[] = { "images", "image", "ps", "commandList",
					     "allowDerivedImages" };
	struct near best = NEAR_NONE;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		near_offer(&best, slice_str(typed), slice_str(known[i]));
	return best.word.p;
}

static void test_best(void **state)
{
	(void)state;
	assert_string_equal(best_of("imagse"), "images");
	assert_string_equal(best_of("imag"), "image");
	assert_string_equal(best_of("IMAGE"), "image");
	assert_string_equal(best_of("commandlists"), "commandList");
	assert_string_equal(best_of("allowedDerivedImages"), "allowDerivedImages");
	assert_string_equal(best_of("px"), "ps");
	assert_null(best_of("xy"));
	assert_null(best_of("something else"));
	assert_null(best_of(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_best),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
