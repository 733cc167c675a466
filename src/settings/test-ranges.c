/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of subuid(5), passwd(5) and group(5) text. What is read of the host's own files: see
 * test-hostfiles.c. */
#include "settings/ranges.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"

/* A set is large: one for all tests. */
static int make_set(void **state)
{
	*state = calloc(1, sizeof(struct ranges));
	return *state ? 0 : -1;
}

static int drop_set(void **state)
{
	free(*state);
	return 0;
}

static void assert_range(const struct ranges *set, size_t at, uint32_t start, uint32_t count)
{
	assert_true(at < set->n);
	assert_int_equal(set->r[at].start, start);
	assert_int_equal(set->r[at].count, count);
}

static void sub(struct ranges *set, const char *text, const char *only, const char *number,
		const char *except)
{
	set->n = 0;
	assert_int_equal(ranges_parse_sub(slice_str(text), only, number, except, set), 0);
}

static const char file[] = "root:100000:65536\n"
			   "gabion:1000000:200000\n"
			   "1000:300000:65536\n"
			   "user:400000:65536\n"
			   "gabion:2000000:100\n"
			   "gabion2:5000000:1\n"
			   "user:900000:1000";

static void test_sub_only(void **state)
{
	struct ranges *set = *state;

	sub(set, file, "gabion", NULL, NULL);
	assert_int_equal(set->n, 2);
	assert_range(set, 0, 1000000, 200000);
	assert_range(set, 1, 2000000, 100);
	/* subuid(5): "login name or UID" */
	sub(set, file, "user", "1000", NULL);
	assert_int_equal(set->n, 3);
	assert_range(set, 0, 300000, 65536);
	assert_range(set, 1, 400000, 65536);
	assert_range(set, 2, 900000, 1000);
	sub(set, file, "use", NULL, NULL);
	assert_int_equal(set->n, 0);
	sub(set, file, "userx", "100", NULL);
	assert_int_equal(set->n, 0);
	sub(set, "", "gabion", NULL, NULL);
	assert_int_equal(set->n, 0);
}

static void test_sub_except(void **state)
{
	struct ranges *set = *state;

	sub(set, file, NULL, NULL, "gabion");
	assert_int_equal(set->n, 5);
	assert_range(set, 0, 100000, 65536);
	assert_range(set, 3, 5000000, 1);
	assert_range(set, 4, 900000, 1000);
	sub(set, file, NULL, NULL, NULL);
	assert_int_equal(set->n, 7);
}

/* Sets are added to, so that several files make one. */
static void test_sub_adds(void **state)
{
	struct ranges *set = *state;

	sub(set, "a:100:10\n", NULL, NULL, NULL);
	assert_int_equal(ranges_parse_sub(SLICE_LIT("b:500:10\n"), NULL, NULL, NULL, set), 0);
	assert_int_equal(set->n, 2);
	assert_range(set, 0, 100, 10);
	assert_range(set, 1, 500, 10);
}

/* Lines that the shadow tools skip. */
static void test_sub_unreadable(void **state)
{
	static const char *const lines[] = {
		"",
		"# a comment",
		"gabion",
		"gabion:",
		"gabion:1",
		"gabion:1:",
		"gabion::5",
		"gabion:a:5",
		"gabion:1:b",
		"gabion:-1:5",
		"gabion:1:-5",
		"gabion: 1:5",
		"gabion:1:5 ",
		"gabion:0x1:5",
		"gabion:4294967296:1",
		"gabion:1:4294967296",
		"gabion:1:0",
		" gabion:1:5",
		"GABION:1:5",
	};
	struct ranges *set = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s\ngabion:70000:7\n%s\n", lines[i], lines[i]);
		sub(set, text, "gabion", NULL, NULL);
		if (set->n != 1)
			fail_msg("%zu ranges with line \"%s\"", set->n, lines[i]);
		assert_range(set, 0, 70000, 7);
	}
}

/* Whether the id is in one of the ranges, one by one. */
static bool holds(const struct ranges *set, uint64_t id)
{
	for (size_t i = 0; i < set->n; i++)
		if (id >= set->r[i].start && id - set->r[i].start < set->r[i].count)
			return true;
	return false;
}

/* However neighbours are joined, the ids are those of the lines. */
static void test_sub_joined(void **state)
{
	static const struct {
		const char *text;
		uint32_t ids[12][2];
	} rows[] = {
		{ "a:10:5\na:15:5\n", { { 10, 20 } } },
		{ "a:15:5\na:10:5\n", { { 10, 20 } } },
		{ "a:10:5\na:12:2\n", { { 10, 15 } } },
		{ "a:10:5\na:12:8\n", { { 10, 20 } } },
		{ "a:10:5\na:16:5\n", { { 10, 15 }, { 16, 21 } } },
		{ "a:10:5\na:10:5\na:9:1\n", { { 9, 15 } } },
		{ "a:10:5\na:50:5\na:12:30\n", { { 10, 42 }, { 50, 55 } } },
	};
	struct ranges *set = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sub(set, rows[i].text, NULL, NULL, NULL);
		for (uint32_t id = 0; id < 100; id++) {
			bool want = false;

			for (size_t k = 0; rows[i].ids[k][1]; k++)
				want |= id >= rows[i].ids[k][0] && id < rows[i].ids[k][1];
			if (holds(set, id) != want)
				fail_msg("row %zu, id %u", i, id);
		}
	}
}

/* The id space ends at 2^32 - 2: what is beyond it wraps around nowhere. */
static void test_end_of_ids(void **state)
{
	struct ranges *set = *state;

	sub(set, "gabion:4000000000:1000000000\n", "gabion", NULL, NULL);
	assert_int_equal(set->n, 1);
	assert_true((uint64_t)set->r[0].start + set->r[0].count <= UINT32_MAX);
	assert_true(holds(set, UINT32_MAX - 1));
	assert_false(holds(set, UINT32_MAX));
	sub(set, "x:0:4294967295\ny:1:4294967295\n", NULL, NULL, NULL);
	assert_true(holds(set, 0) && holds(set, 1) && holds(set, UINT32_MAX - 1));
	assert_false(holds(set, UINT32_MAX));
	sub(set, "x:4294967295:1\n", NULL, NULL, NULL);
	assert_int_equal(set->n, 0);
}

static void test_accounts(void **state)
{
	struct ranges *set = *state;

	set->n = 0;
	assert_int_equal(ranges_parse_accounts(SLICE_LIT("broken\n"
							 "root:x:0:0:root:/root:/bin/sh\n"
							 "daemon:x:1:1::/:/bin/false\n"
							 "bin:x:2:2::/:/bin/false\n"
							 "broken\n"
							 "broken:x\n"
							 "broken:x:y:1\n"
							 "+::::::\n"
							 "nobody:x:65534:65534::/:/bin/false\n"
							 "docker:x:999:user\n"
							 "last:*:1879048200"),
					       set),
			 0);
	for (uint32_t id = 0; id < 70000; id++)
		assert_int_equal(holds(set, id), id <= 2 || id == 65534 || id == 999);
	assert_true(holds(set, 1879048200));
	assert_false(holds(set, 1879048199));
	assert_false(holds(set, 1879048201));
}

/* A set that cannot hold them all is an error: ids of somebody would be handed out. */
static void test_too_many(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	struct ranges *set = *state;

	for (unsigned i = 0; i < RANGES_MAX; i++)
		buf_printf(&b, "u:%u:1\n", 10 * i);
	sub(set, b.p, NULL, NULL, NULL);
	assert_int_equal(set->n, RANGES_MAX);
	assert_true(ranges_parse_sub(SLICE_LIT("u:999999:1\n"), NULL, NULL, NULL, set) < 0);
	assert_true(ranges_parse_accounts(SLICE_LIT("u:x:999999:1\n"), set) < 0);
	/* what needs no further range is still taken */
	assert_int_equal(ranges_parse_sub(SLICE_LIT("other:1:0\n"), NULL, NULL, NULL, set), 0);
}

static void test_hit(void **state)
{
	static const struct {
		uint32_t start, count;
		uint64_t end; /* 0: no hit */
	} rows[] = {
		{ 0, 100, 0 },
		{ 0, 101, 200 },
		{ 100, 1, 200 },
		{ 199, 1, 200 },
		{ 199, 1000, 200 },
		{ 200, 10, 0 },
		{ 150, 2, 200 },
		{ 0, 1000, 200 },
		{ 4294967290u, 5, 0 },
		{ 4294967290u, 6, 4294967296ull },
		{ 4294967295u, 1, 4294967296ull },
		{ 200, 4294967095u, 0 },
		{ 0, 0, 0 },
	};
	struct ranges *set = *state;
	uint64_t end;

	set->n = 2;
	set->r[0] = (struct range){ 100, 100 };
	set->r[1] = (struct range){ 4294967295u, 1 };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool hit;

		end = 0;
		hit = ranges_hit(set, rows[i].start, rows[i].count, &end);
		if (hit != (rows[i].end != 0) || end != rows[i].end)
			fail_msg("row %zu: %d %llu", i, hit, (unsigned long long)end);
	}
	set->n = 0;
	assert_false(ranges_hit(set, 0, UINT32_MAX, &end));
}

/* The regions of ranges.h do not meet; the pool is what systemd's table leaves free. */
static void test_regions(void **state)
{
	(void)state;
	assert_int_equal(RANGES_START, 1879048192);
	assert_int_equal((uint64_t)RANGES_START + RANGES_COUNT - 1, 2147352575); /* issue 2 */
	assert_true((uint64_t)RANGES_USERS_START + RANGES_USERS_COUNT <= RANGES_START);
	assert_true((uint64_t)RANGES_START + RANGES_COUNT <= RANGES_GHOST);
	assert_true((uint64_t)RANGES_GHOST + RANGES_GHOST_LIMIT <= UINT32_MAX);
	assert_true(RANGES_GHOST_LIMIT >= RANGES_START + RANGES_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sub_only),   cmocka_unit_test(test_sub_except),
		cmocka_unit_test(test_sub_adds),   cmocka_unit_test(test_sub_unreadable),
		cmocka_unit_test(test_sub_joined), cmocka_unit_test(test_end_of_ids),
		cmocka_unit_test(test_accounts),   cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_hit),	   cmocka_unit_test(test_regions),
	};

	return cmocka_run_group_tests(tests, make_set, drop_set);
}
