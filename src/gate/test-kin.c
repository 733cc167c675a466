/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/kin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The id with that number. */
static const char *id(unsigned n)
{
	static char ids[8][CONTROL_ID_LEN + 1];
	static unsigned at;
	char *s = ids[at++ % 8];

	(void)snprintf(s, CONTROL_ID_LEN + 1, "%08x%056x", n * 2654435761u, n);
	return s;
}

static void add(struct kin *k, unsigned child, unsigned maker)
{
	char line[CONTROL_LINE_MAX][CONTROL_ID_LEN];
	size_t n = kin_line(k, id(maker), line);

	assert_int_equal(kin_add(k, id(child), (const char(*)[CONTROL_ID_LEN])line, n), 0);
}

static void test_own(void **state)
{
	struct kin k;

	(void)state;
	kin_init(&k);
	assert_true(kin_own(&k, id(1), id(1)));
	assert_false(kin_own(&k, id(1), id(2)));
	add(&k, 2, 1);
	add(&k, 3, 2);
	add(&k, 4, 1);
	assert_true(kin_own(&k, id(1), id(2)));
	assert_true(kin_own(&k, id(1), id(3)));
	assert_true(kin_own(&k, id(2), id(3)));
	assert_false(kin_own(&k, id(2), id(1)));
	assert_false(kin_own(&k, id(2), id(4)));
	assert_false(kin_own(&k, id(5), id(3)));
	kin_done(&k);
}

/* The grandmother keeps the grandchild when the mother is gone. */
static void test_gone(void **state)
{
	struct kin k;

	(void)state;
	kin_init(&k);
	add(&k, 2, 1);
	add(&k, 3, 2);
	kin_bury(&k, id(2));
	kin_bury(&k, id(2));
	kin_bury(&k, id(9));
	assert_false(kin_own(&k, id(1), id(2)));
	assert_true(kin_was_own(&k, id(1), id(2)));
	assert_false(kin_was_own(&k, id(3), id(2)));
	assert_true(kin_own(&k, id(1), id(3)));
	/* A record of another life changes nothing. */
	add(&k, 3, 7);
	assert_false(kin_own(&k, id(7), id(3)));
	kin_done(&k);
}

static void test_many(void **state)
{
	enum { MANY = KIN_GONE_MAX + 5000 };
	struct kin k;

	(void)state;
	kin_init(&k);
	for (unsigned i = 1; i < MANY; i++)
		add(&k, i, 0);
	for (unsigned i = 1; i < MANY; i++)
		assert_true(kin_own(&k, id(0), id(i)));
	for (unsigned i = 1; i < MANY; i++)
		kin_bury(&k, id(i));
	assert_int_equal(k.ngone, KIN_GONE_MAX);
	assert_int_equal(k.n, KIN_GONE_MAX);
	assert_false(kin_was_own(&k, id(0), id(1)));
	assert_true(kin_was_own(&k, id(0), id(MANY - 1)));
	kin_done(&k);
}

/* Of a line that is too long, the nearest stay. */
static void test_long_line(void **state)
{
	char line[CONTROL_LINE_MAX][CONTROL_ID_LEN];
	struct kin k;

	(void)state;
	kin_init(&k);
	for (unsigned i = 1; i <= 2 * CONTROL_LINE_MAX; i++)
		add(&k, i, i - 1);
	assert_int_equal(kin_line(&k, id(2 * CONTROL_LINE_MAX), line), CONTROL_LINE_MAX);
	assert_true(kin_own(&k, id(CONTROL_LINE_MAX), id(2 * CONTROL_LINE_MAX)));
	assert_false(kin_own(&k, id(CONTROL_LINE_MAX - 1), id(2 * CONTROL_LINE_MAX)));
	kin_done(&k);
}

static void test_prefix(void **state)
{
	char got[CONTROL_ID_LEN + 1];
	struct kin k;

	(void)state;
	kin_init(&k);
	add(&k, 2, 1);
	add(&k, 3, 2);
	assert_int_equal(kin_prefix(&k, id(1), slice_str(""), got), 0);
	assert_int_equal(kin_prefix(&k, id(1), (struct slice){ id(3), 12 }, got), 1);
	assert_string_equal(got, id(3));
	assert_int_equal(kin_prefix(&k, id(1), slice_str(id(1)), got), 1);
	assert_int_equal(kin_prefix(&k, id(3), (struct slice){ id(2), 12 }, got), 0);
	kin_bury(&k, id(3));
	assert_int_equal(kin_prefix(&k, id(1), (struct slice){ id(3), 12 }, got), 0);
	kin_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),    cmocka_unit_test(test_gone),
		cmocka_unit_test(test_many),   cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
