/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root, for a time namespace. What containers see of it: tests/e2e/test_16_share.py. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "linux/timens.h"
#include "runtime/test-runtime.h"

#define NSEC_PER_SEC 1000000000u
#define SPEC(namespaces) "{\"linux\":{\"namespaces\":[" namespaces "]}}"

static void edit(struct runtime *rt, const char *lower, const char *spec)
{
	struct err err = ERR_INIT;

	test_runtime(rt, spec);
	rt->stage.path = "/mnt";
	(void)snprintf(rt->lower, sizeof(rt->lower), "%s", lower);
	if (edit_time(rt, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_its_own(void **state)
{
	struct timespec now;
	struct runtime rt;

	(void)state;
	if (!timens_there())
		skip();
	edit(&rt, "/usr/bin/crun", SPEC("{\"type\":\"pid\"}"));
	test_spec_is(&rt, SPEC("{\"type\":\"pid\"},{\"type\":\"time\",\"path\":\"/mnt/timens\"}"));
	assert_true(rt.timens >= 0);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	assert_in_range((uint64_t)now.tv_sec - rt.born_ns / NSEC_PER_SEC, 0, 60);
	undo_time(&rt);
	assert_true(rt.timens < 0);
	runtime_done(&rt);
}

static void test_none(void **state)
{
	static const struct {
		const char *lower;
		const char *spec;
	} cases[] = {
		/* 1.1 does not know the type. */
		{ "/usr/sbin/runc", SPEC("{\"type\":\"pid\"}") },
		/* The engine has its own idea. */
		{ "/usr/bin/crun", SPEC("{\"type\":\"time\"}") },
		/* Processes that are seen began with the host's time. */
		{ "/usr/bin/crun", SPEC("{\"type\":\"pid\",\"path\":\"/proc/self/ns/pid\"}") },
		{ "/usr/bin/crun", SPEC("{\"type\":\"pid\",\"path\":\"/run/netns/pid\"}") },
		{ "/usr/bin/crun", SPEC("{\"type\":\"pid\",\"path\":\"pid\"}") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct runtime rt;

		edit(&rt, cases[i].lower, cases[i].spec);
		test_spec_is(&rt, cases[i].spec);
		assert_true(rt.timens < 0);
		assert_true(rt.born_ns > 0);
		runtime_done(&rt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_own),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
