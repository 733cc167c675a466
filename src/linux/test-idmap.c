/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/idmap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/slice.h"
#include "base/util.h"

#define NONE UINT32_MAX

static void must_add(struct idmap *m, uint32_t inside, uint32_t outside, uint32_t count)
{
	assert_int_equal(idmap_add(m, inside, outside, count), 0);
}

static void assert_maps(const struct idmap *m, uint32_t inside, uint32_t want)
{
	uint32_t got = NONE;

	if (!idmap_outside(m, inside, &got))
		got = NONE;
	if (got != want)
		fail_msg("%u is %u outside, not %u", inside, got, want);
}

static void test_add(void **state)
{
	struct idmap m = { .n = 0 };

	(void)state;
	must_add(&m, 0, 100000, 65536);
	must_add(&m, 65536, 1000, 1);	 /* touches inside */
	must_add(&m, 70000, 165536, 10); /* touches outside */
	assert_int_equal(m.n, 3);
	must_add(&m, 5, 5, 0);
	assert_int_equal(m.n, 3);
	assert_maps(&m, 0, 100000);
	assert_maps(&m, 65535, 165535);
	assert_maps(&m, 65536, 1000);
	assert_maps(&m, 65537, NONE);
	assert_maps(&m, 69999, NONE);
	assert_maps(&m, 70009, 165545);
	assert_maps(&m, 70010, NONE);
	assert_maps(&m, UINT32_MAX, NONE);
}

/* user_namespaces(7): ids are 32 bits, and (uid_t)-1 is none. */
static void test_add_range(void **state)
{
	static const struct {
		uint32_t inside, outside, count;
		int want;
	} rows[] = {
		{ 0, 0, UINT32_MAX, 0 },	   { UINT32_MAX - 1, 0, 1, 0 },
		{ 0, UINT32_MAX - 1, 1, 0 },	   { UINT32_MAX, 0, 1, -ERANGE },
		{ 0, UINT32_MAX, 1, -ERANGE },	   { UINT32_MAX - 1, 0, 2, -ERANGE },
		{ 0, UINT32_MAX - 1, 2, -ERANGE }, { 1, 0, UINT32_MAX, -ERANGE },
		{ 0, 1, UINT32_MAX, -ERANGE },	   { UINT32_MAX, UINT32_MAX, UINT32_MAX, -ERANGE },
		{ UINT32_MAX, UINT32_MAX, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct idmap m = { .n = 0 };
		int r = idmap_add(&m, rows[i].inside, rows[i].outside, rows[i].count);

		if (r != rows[i].want)
			fail_msg("row %zu: %d, not %d", i, r, rows[i].want);
		assert_int_equal(m.n, r == 0 && rows[i].count ? 1 : 0);
	}
}

/* Against one extent 1000..1099; the other side is far away. */
static void test_add_overlap(void **state)
{
	static const struct {
		uint32_t start, count;
		bool overlaps;
	} rows[] = {
		{ 1000, 100, true }, { 1000, 1, true },	  { 1099, 1, true },  { 1050, 10, true },
		{ 900, 101, true },  { 900, 1000, true }, { 1099, 50, true }, { 0, 4000000, true },
		{ 900, 100, false }, { 1100, 1, false },  { 999, 1, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct idmap m = { .n = 0 };
		int want = rows[i].overlaps ? -EEXIST : 0;

		must_add(&m, 1000, 50000000, 100);
		if (idmap_add(&m, rows[i].start, 2000000000, rows[i].count) != want)
			fail_msg("inside, row %zu", i);
		m.n = 0;
		must_add(&m, 50000000, 1000, 100);
		if (idmap_add(&m, 2000000000, rows[i].start, rows[i].count) != want)
			fail_msg("outside, row %zu", i);
		assert_int_equal(m.n, rows[i].overlaps ? 1 : 2);
	}
}

static void test_add_many(void **state)
{
	struct idmap m = { .n = 0 };

	(void)state;
	for (uint32_t i = 0; i < 340; i++)
		must_add(&m, i * 2, i * 3, 1);
	assert_int_equal(idmap_add(&m, 100000, 100000, 1), -E2BIG);
	assert_int_equal(idmap_add(&m, 100000, 100000, 0), 0);
	assert_int_equal(m.n, 340);
}

/* Each id below the limit: its own extent's, else ghost + id; at and above: only its own. */
static void assert_filled(const struct idmap *given, const struct idmap *m, uint32_t limit,
			  uint32_t ghost, uint32_t id)
{
	uint32_t want = NONE;
	size_t holders = 0;

	if (!idmap_outside(given, id, &want))
		want = id < limit ? ghost + id : NONE;
	assert_maps(m, id, want);
	for (size_t i = 0; i < m->n; i++)
		holders += id >= m->e[i].inside && id - m->e[i].inside < m->e[i].count;
	assert_int_equal(holders, want == NONE ? 0 : 1);
}

static void test_ghost_small(void **state)
{
	static const struct {
		uint32_t limit;
		struct idmap_extent e[4];
	} rows[] = {
		{ 100, { { 0 } } },				 /* nothing given */
		{ 0, { { 0 } } },				 /* nothing wanted */
		{ 1, { { 0 } } },				 /* one id */
		{ 100, { { 0, 1000, 10 } } },			 /* from the first id */
		{ 100, { { 90, 1000, 10 } } },			 /* up to the last id */
		{ 100, { { 0, 1000, 100 } } },			 /* all of it */
		{ 100, { { 99, 1000, 1 }, { 0, 1001, 1 } } },	 /* both borders */
		{ 100, { { 95, 1000, 10 } } },			 /* across the limit */
		{ 100, { { 100, 1000, 10 } } },			 /* at the limit */
		{ 100, { { 200, 1000, 10 }, { 50, 1010, 1 } } }, /* beyond it */
		{ 100, { { 20, 1000, 5 }, { 25, 1100, 5 } } },	 /* neighbours */
		{ 100, { { 60, 1000, 5 }, { 10, 1100, 5 }, { 30, 1200, 1 } } }, /* any order */
	};
	const uint32_t ghost = 5000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct idmap given = { .n = 0 };
		struct idmap m;

		for (size_t k = 0; k < ARRAY_SIZE(rows[i].e); k++)
			must_add(&given, rows[i].e[k].inside, rows[i].e[k].outside,
				 rows[i].e[k].count);
		m = given;
		assert_int_equal(idmap_fill_ghost(&m, rows[i].limit, ghost), 0);
		for (uint32_t id = 0; id < 250; id++)
			assert_filled(&given, &m, rows[i].limit, ghost, id);
	}
}

/* The map of a bind (design section 5): the user to the container's root, its subordinate ids to
 * the container's further ids, everything else outside of every container. */
static void test_ghost_bind(void **state)
{
	const uint32_t limit = 2147483647, ghost = 2147483648u, base = 1879048192;
	static const uint32_t ids[] = { 0,	    999,	1000,	    1001,
					99999,	    100000,	165534,	    165535,
					1879048192, 2147483645, 2147483646, 2147483647 };
	struct idmap given = { .n = 0 };
	struct idmap m;

	(void)state;
	must_add(&given, 1000, base, 1);
	must_add(&given, 100000, base + 1, 65535);
	m = given;
	assert_int_equal(idmap_fill_ghost(&m, limit, ghost), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_filled(&given, &m, limit, ghost, ids[i]);
	assert_maps(&m, 1000, base);
	assert_maps(&m, 165534, base + 65535);
	assert_maps(&m, 0, ghost);
}

static void test_ghost_refused(void **state)
{
	struct idmap m = { .n = 0 };

	(void)state;
	must_add(&m, 10, 5050, 1);
	assert_int_equal(idmap_fill_ghost(&m, 100, 5000), -EEXIST); /* a ghost somebody has */
	m.n = 0;
	assert_int_equal(idmap_fill_ghost(&m, 100, UINT32_MAX - 50), -ERANGE);
	m.n = 0;
	for (uint32_t i = 0; i < 340; i++)
		must_add(&m, i * 2, 100000 + i, 1);
	assert_int_equal(idmap_fill_ghost(&m, 1000, 5000), -E2BIG);
}

static void test_print(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct idmap m = { .n = 0 };
	struct idmap again;

	(void)state;
	must_add(&m, 0, 1879048192, 65536);
	must_add(&m, 4294967294u, 0, 1);
	idmap_print(&m, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "0 1879048192 65536\n4294967294 0 1\n");
	assert_int_equal(idmap_parse(buf_slice(&b), &again), 0);
	assert_true(idmap_equal(&m, &again));
}

static void test_parse(void **state)
{
	struct idmap m = { .n = 7 };

	(void)state;
	/* as the kernel prints it (fs/proc, "%10u %10u %10u") */
	assert_int_equal(idmap_parse(SLICE_LIT("         0          0 4294967295\n"), &m), 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.e[0].count, 4294967295u);
	assert_int_equal(idmap_parse(SLICE_LIT("         0     100000          1\n"
					       "         1     200000      65535\n"),
				     &m),
			 0);
	assert_int_equal(m.n, 2);
	assert_maps(&m, 0, 100000);
	assert_maps(&m, 65535, 265534);
	assert_int_equal(idmap_parse(SLICE_LIT(""), &m), 0); /* not mapped yet */
	assert_int_equal(m.n, 0);
}

static void test_parse_bad(void **state)
{
	static const char *const rows[] = {
		"0\n",	     "0 1\n",
		"0 1 2 3\n", "a 1 2\n",
		"0 -1 2\n",  "0 1 4294967296\n",
		"0x0 1 2\n", "0 1 2\n3\n",
		"0,1,2\n",   "0 1 2\n0 1 2 x\n",
		"0\t1\t2\n",
	};
	char text[341 * 10 + 1];
	struct idmap m;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (idmap_parse(slice_str(rows[i]), &m) != -EINVAL)
			fail_msg("taken: %s", rows[i]);
	for (int i = 0; i < 341; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d %d 1\n", i, i);
	assert_int_equal(idmap_parse((struct slice){ text, n }, &m), -EINVAL);
	n -= strlen("340 340 1\n");
	assert_int_equal(idmap_parse((struct slice){ text, n }, &m), 0);
	assert_int_equal(m.n, 340);
}

static void test_equal(void **state)
{
	struct idmap a = { .n = 0 };
	struct idmap b = { .n = 0 };

	(void)state;
	a.e[0].inside = 7; /* beyond n: no part of it */
	assert_true(idmap_equal(&a, &b));
	must_add(&a, 0, 1, 2);
	assert_false(idmap_equal(&a, &b));
	must_add(&b, 0, 1, 2);
	assert_true(idmap_equal(&a, &b));
	b.e[0].outside = 2;
	assert_false(idmap_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),	      cmocka_unit_test(test_add_range),
		cmocka_unit_test(test_add_overlap),   cmocka_unit_test(test_add_many),
		cmocka_unit_test(test_ghost_small),   cmocka_unit_test(test_ghost_bind),
		cmocka_unit_test(test_ghost_refused), cmocka_unit_test(test_print),
		cmocka_unit_test(test_parse),	      cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
