/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "policy/cgroup.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_parents(void **state)
{
	static const struct {
		const char *parent;
		const char *why; /* NULL: allowed */
	} rows[] = {
		{ "", NULL },
		{ "/", NULL },
		{ "/mine", NULL },
		{ "mine.slice", NULL },
		{ "/a..b/..c/d..", NULL },
		{ "/mine/engine", NULL },
		{ "/docker/buildkit", NULL },
		{ "/0123456789abcdef", NULL },
		{ "..", "leads up" },
		{ "/a/../../b", "leads up" },
		{ "a/..", "leads up" },
		{ "/engine", "own processes" },
		{ "/dockerd", "own processes" },
		{ "engine/x", "own processes" },
		{ "//./engine", "own processes" },
		{ "/" ID, "another container" },
		{ ID, "another container" },
		{ "/x/" ID "/y", "another container" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict v;

		cgroup_judge_parent(slice_str(rows[i].parent), true, &v);
		if (rows[i].why ? v.kind != VERDICT_DENY || !strstr(v.message, rows[i].why)
				: v.kind != VERDICT_ALLOW)
			fail_msg("%s: %s", rows[i].parent, v.message);
		cgroup_judge_parent(slice_str(rows[i].parent), false, &v);
		assert_int_equal(v.kind == VERDICT_DENY,
				 rows[i].why && strcmp(rows[i].why, "leads up") == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parents) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
