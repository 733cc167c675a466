/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/util.h"

static void test_compare(void **state)
{
	(void)state;
	assert_true(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0b")));
	assert_false(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	assert_false(slice_eq(SLICE_LIT("a"), SLICE_LIT("a\0")));
	assert_true(slice_eq(SLICE_NULL, SLICE_LIT("")));
	assert_true(slice_eq_str(SLICE_LIT("abc"), "abc"));
	assert_false(slice_eq_str(SLICE_LIT("abc\0"), "abc"));
	assert_int_equal(slice_str(NULL).n, 0);
	assert_true(slice_starts(SLICE_LIT("abc"), SLICE_LIT("ab")));
	assert_true(slice_starts(SLICE_LIT("abc"), SLICE_LIT("")));
	assert_true(slice_starts(SLICE_LIT("abc"), SLICE_LIT("abc")));
	assert_false(slice_starts(SLICE_LIT("abc"), SLICE_LIT("abcd")));
	assert_false(slice_starts(SLICE_LIT("abc"), SLICE_LIT("b")));
	assert_true(slice_ends(SLICE_LIT("abc"), SLICE_LIT("bc")));
	assert_true(slice_ends(SLICE_LIT("abc"), SLICE_LIT("")));
	assert_false(slice_ends(SLICE_LIT("abc"), SLICE_LIT("ab")));
	assert_false(slice_ends(SLICE_LIT("c"), SLICE_LIT("bc")));
}

static void test_nocase(void **state)
{
	(void)state;
	assert_true(slice_eq_nocase(SLICE_LIT("HostZ-@["), SLICE_LIT("hOSTz-@[")));
	assert_false(slice_eq_nocase(SLICE_LIT("@"), SLICE_LIT("`")));
	assert_false(slice_eq_nocase(SLICE_LIT("["), SLICE_LIT("{")));
	assert_false(slice_eq_nocase(SLICE_LIT("a"), SLICE_LIT("ab")));
	assert_false(slice_eq_nocase(SLICE_LIT("\xc3\x84"), SLICE_LIT("\xc3\xa4")));
}

static void test_from_and_find(void **state)
{
	struct slice s = SLICE_LIT("a=b=c");

	(void)state;
	assert_true(slice_eq_str(slice_from(s, 2), "b=c"));
	assert_true(slice_eq_str(slice_from(s, 0), "a=b=c"));
	assert_int_equal(slice_from(s, 5).n, 0);
	assert_ptr_equal(slice_from(s, 6).p, s.p + 5);
	assert_int_equal(slice_from(s, 6).n, 0);
	assert_int_equal(slice_find(s, '='), 1);
	assert_int_equal(slice_find(s, 'c'), 4);
	assert_int_equal(slice_find(s, 'x'), 5);
	assert_int_equal(slice_find(SLICE_NULL, 'x'), 0);
	assert_int_equal(slice_find(SLICE_LIT("a\0b"), 'b'), 2);
}

static void test_split(void **state)
{
	static const struct {
		const char *text;
		const char *fields[5];
	} cases[] = {
		{ "a:b:c", { "a", "b", "c" } },
		{ "a", { "a" } },
		{ "", { "" } },
		{ ":", { "", "" } },
		{ "a::b", { "a", "", "b" } },
		{ "a:", { "a", "" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice rest = slice_str(cases[i].text), field;
		size_t n = 0;

		for (; slice_split(&rest, ':', &field); n++)
			assert_true(cases[i].fields[n] && slice_eq_str(field, cases[i].fields[n]));
		assert_null(cases[i].fields[n]);
		assert_false(slice_split(&rest, ':', &field));
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "007", 10, 0, 7 },
		{ "11", 10, -ERANGE, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "-0", 10, -EINVAL, 0 },
		{ "0x1", 10, -EINVAL, 0 },
		{ "1:", 100, -EINVAL, 0 },
		{ "1/", 100, -EINVAL, 0 },
		{ "\xb1", 100, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 77;

		assert_int_equal(num_parse_u64(slice_str(cases[i].text), cases[i].max, &v),
				 cases[i].r);
		assert_true(v == (cases[i].r == 0 ? cases[i].value : 77));
	}
	assert_int_equal(num_parse_u64(SLICE_LIT("1\0"), 100, &(uint64_t){ 0 }), -EINVAL);
}

static void test_u32_and_octal(void **state)
{
	uint32_t v = 77;

	(void)state;
	assert_int_equal(num_parse_u32(SLICE_LIT("4294967296"), &v), -ERANGE);
	assert_int_equal(num_parse_octal(SLICE_LIT("778"), 07777, &v), -EINVAL);
	assert_int_equal(num_parse_octal(SLICE_LIT("10000"), 07777, &v), -ERANGE);
	assert_int_equal(num_parse_octal(SLICE_LIT(""), 07777, &v), -EINVAL);
	assert_int_equal(num_parse_octal(SLICE_LIT("7777777777777777777777777"), UINT32_MAX, &v),
			 -ERANGE);
	assert_int_equal(v, 77);
	assert_int_equal(num_parse_u32(SLICE_LIT("4294967295"), &v), 0);
	assert_true(v == UINT32_MAX);
	assert_int_equal(num_parse_octal(SLICE_LIT("0755"), 07777, &v), 0);
	assert_int_equal(v, 0755);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),	      cmocka_unit_test(test_nocase),
		cmocka_unit_test(test_from_and_find), cmocka_unit_test(test_split),
		cmocka_unit_test(test_numbers),	      cmocka_unit_test(test_u32_and_octal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
