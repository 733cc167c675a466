/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_set(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err.code, 0);
	assert_string_equal(err.text, "");
	assert_int_equal(err_set(&err, -EINVAL, "bad %s %d", "thing", 7), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.text, "bad thing 7");
	assert_int_equal(err_set(&err, -EPERM, "x"), -EPERM);
	assert_int_equal(err.code, -EPERM);
	assert_string_equal(err.text, "x");
}

static void test_errno(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_errno(&err, -ENOENT, "open %s", "/x"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "open /x: No such file or directory");
}

static void test_wrap(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	(void)err_set(&err, -EPERM, "inner");
	assert_int_equal(err_wrap(&err, "edit %d", 3), -EPERM);
	assert_int_equal(err_wrap(&err, "container"), -EPERM);
	assert_int_equal(err.code, -EPERM);
	assert_string_equal(err.text, "container: edit 3: inner");
}

static void test_null(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(err_errno(NULL, -ENOENT, "x"), -ENOENT);
	assert_true(err_wrap(NULL, "x") < 0);
}

/* Too long a text is cut, never written past the end, and the front of both parts stays. */
static void test_long(void **state)
{
	struct {
		struct err err;
		char guard[16];
	} s = { .guard = "guard" };
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_set(&s.err, -E2BIG, "%s", text), -E2BIG);
	assert_int_equal(strlen(s.err.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err_errno(&s.err, -E2BIG, "%s", text), -E2BIG);
	assert_int_equal(strlen(s.err.text), ERR_TEXT_MAX - 1);
	(void)err_set(&s.err, -E2BIG, "inner%s", text);
	assert_int_equal(err_wrap(&s.err, "outer%s", text), -E2BIG);
	assert_true(strlen(s.err.text) < ERR_TEXT_MAX);
	assert_memory_equal(s.err.text, "outerxxx", 8);
	assert_non_null(strstr(s.err.text, "x: innerxxx"));
	assert_string_equal(s.guard, "guard");
	/* What fits is kept. */
	(void)err_set(&s.err, -E2BIG, "%.900s", text);
	assert_int_equal(err_wrap(&s.err, "outer"), -E2BIG);
	assert_int_equal(strlen(s.err.text), 907);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),  cmocka_unit_test(test_errno),
		cmocka_unit_test(test_wrap), cmocka_unit_test(test_null),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
