/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_add(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1000);

	(void)state;
	assert_null(b.p);
	buf_add(&b, "ab\0c", 4);
	buf_add_str(&b, "de");
	buf_add_slice(&b, SLICE_LIT("f"));
	buf_add_slice(&b, SLICE_NULL);
	buf_add_char(&b, 'g');
	buf_printf(&b, "%d-%s", 42, "x");
	assert_true(buf_ok(&b));
	assert_int_equal(b.n, 12);
	assert_memory_equal(b.p, "ab\0cdefg42-x", 13);
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("ab\0cdefg42-x")));
}

static void test_empty_add_terminates(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(0);

	(void)state;
	buf_add(&b, NULL, 0);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "");
}

/* The maximum itself fits, one more does not; nothing is added after a failure. */
static void test_max(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(5);

	(void)state;
	buf_add_str(&b, "12345");
	assert_true(buf_ok(&b));
	buf_add_str(&b, "");
	assert_true(buf_ok(&b));
	buf_add_char(&b, '6');
	assert_false(buf_ok(&b));
	assert_string_equal(b.p, "12345");
	buf_consume(&b, 5);
	buf_add_char(&b, 'x');
	buf_printf(&b, "y");
	assert_null(buf_reserve(&b, 0));
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 0);
	buf_reset(&b);
	assert_true(buf_ok(&b));
	buf_printf(&b, "%s", "abcde");
	assert_true(buf_ok(&b));
	buf_reset(&b);
	buf_printf(&b, "%s", "abcdef");
	assert_false(buf_ok(&b));
}

static void test_absurd_sizes(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);

	(void)state;
	buf_add_str(&b, "abc");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_false(buf_ok(&b));
	buf_reset(&b);
	assert_null(buf_reserve(&b, 101));
	buf_reset(&b);
	assert_non_null(buf_reserve(&b, 100));
}

static void test_grows(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100000);

	(void)state;
	for (int i = 0; i < 100000; i++) {
		buf_add_char(&b, (char)('a' + i % 26));
		assert_true(b.n < b.size);
		assert_int_equal(b.p[b.n], '\0');
	}
	assert_true(buf_ok(&b));
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	buf_add_char(&b, 'x');
	assert_false(buf_ok(&b));
}

static void test_reserve_commit_consume(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);
	char *to;

	(void)state;
	buf_add_str(&b, "abc");
	to = buf_reserve(&b, 50);
	assert_ptr_equal(to, b.p + 3);
	memcpy(to, "defgh", 5);
	assert_int_equal(b.n, 3);
	buf_commit(&b, 3);
	assert_string_equal(b.p, "abcdef");
	buf_consume(&b, 0);
	assert_string_equal(b.p, "abcdef");
	buf_consume(&b, 4);
	assert_string_equal(b.p, "ef");
	assert_int_equal(b.n, 2);
	buf_consume(&b, 2);
	assert_int_equal(b.n, 0);
	assert_string_equal(b.p, "");
}

static void test_done(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	buf_done(&b);
	buf_add_str(&b, "0123456789x");
	assert_false(buf_ok(&b));
	buf_done(&b);
	assert_null(b.p);
	assert_int_equal(b.max, 10);
	buf_add_str(&b, "again");
	assert_true(buf_ok(&b));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),   cmocka_unit_test(test_empty_add_terminates),
		cmocka_unit_test(test_max),   cmocka_unit_test(test_absurd_sizes),
		cmocka_unit_test(test_grows), cmocka_unit_test(test_reserve_commit_consume),
		cmocka_unit_test(test_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
