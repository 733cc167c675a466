/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/containers.h"
#include "cli/state.h"

#define BOOT "0b0ff6f5-7f0d-4a5e-9a2c-000000000001"

static void test_birth(void **state)
{
	(void)state;
	assert_int_equal(
		state_birth(SLICE_LIT("12 (a) b) (c) S 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 "
				      "20 0 1 0 4711 8 9")),
		4711);
	assert_int_equal(
		state_birth(SLICE_LIT("12 (a) Z 1 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
				      "4711 8 9")),
		0);
	assert_int_equal(state_birth(SLICE_LIT("12 (a) S 1 12")), 0);
	assert_int_equal(state_birth(SLICE_LIT("12 (a)")), 0);
	assert_int_equal(state_birth(SLICE_LIT("")), 0);
}

static void test_state_parse(void **unused)
{
	static const char text[] =
		"{\"boot\":\"" BOOT
		"\",\"cgroup\":\"gabion-1a2b3c4d\",\"mntns\":1,\"netns\":2,\"pid\":77,"
		"\"birth\":88,\"started\":\"2024-01-31T12:00:00Z\",\"engine\":{\"pid\":3,\"birth\":"
		"4,"
		"\"config\":\"ab\",\"state\":\"up\"},\"gate\":{\"pid\":0,\"state\":\"restarting\"}}"
		"\n";
	struct arena a = ARENA_INIT(1 << 16);
	struct err err = ERR_INIT;
	struct state s;
	uint64_t birth;

	(void)unused;
	assert_int_equal(state_parse(&a, slice_str(text), SLICE_LIT(BOOT), &s, &birth, &err), 0);
	assert_int_equal(s.pid, 77);
	assert_int_equal(birth, 88);
	assert_string_equal(s.started, "2024-01-31T12:00:00Z");
	assert_int_equal(s.nservices, 2);
	assert_string_equal(s.services[0].name, "engine");
	assert_string_equal(s.services[0].state, "up");
	assert_int_equal(s.services[0].pid, 3);
	assert_string_equal(s.services[1].state, "restarting");
	assert_int_equal(state_parse(&a, slice_str(text), SLICE_LIT("other"), &s, &birth, &err), 1);
	assert_int_equal(state_parse(&a, SLICE_LIT("{}"), SLICE_LIT(BOOT), &s, &birth, &err),
			 -EINVAL);
	assert_int_equal(state_parse(&a, SLICE_LIT("[1]"), SLICE_LIT(BOOT), &s, &birth, &err),
			 -EINVAL);
	assert_true(state_parse(&a, SLICE_LIT("{"), SLICE_LIT(BOOT), &s, &birth, &err) < 0);
	arena_done(&a);
}

#define RECORD "{\"boot\":\"" BOOT "\",\"pid\":77,\"birth\":88"

static void test_state_policy(void **unused)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1 << 16);
	struct err err = ERR_INIT;
	struct state s;
	uint64_t birth;

	(void)unused;
	assert_int_equal(
		state_parse(&a,
			    SLICE_LIT(RECORD
				      ",\"policy\":{\"generation\":3,\"files\":[\"/a\",\"/b\"],"
				      "\"isolation\":false,\"stale\":true,\"errors\":[{\"file\":"
				      "\"/b\",\"line\":2,\"column\":7,\"key\":\"k\",\"text\":"
				      "\"t\"},{}],\"warnings\":[{\"text\":\"w\"}]}}"),
			    SLICE_LIT(BOOT), &s, &birth, &err),
		0);
	assert_int_equal(s.nservices, 0);
	assert_int_equal(s.policy.nwarnings, 1);
	assert_string_equal(s.policy.warnings[0].text, "w");
	assert_int_equal(s.policy.warnings[0].kind, FINDING_WARNING);
	assert_int_equal(s.policy.generation, 3);
	assert_int_equal(s.policy.nfiles, 2);
	assert_string_equal(s.policy.files[1], "/b");
	assert_true(s.policy.stale && !s.policy.isolation);
	assert_int_equal(s.policy.nerrors, 2);
	assert_string_equal(s.policy.errors[0].file, "/b");
	assert_int_equal(s.policy.errors[0].place.line, 2);
	assert_int_equal(s.policy.errors[0].place.column, 7);
	assert_string_equal(s.policy.errors[0].key, "k");
	assert_string_equal(s.policy.errors[0].text, "t");
	assert_string_equal(s.policy.errors[1].key, "");
	/* An older gabiond says nothing. */
	assert_int_equal(state_parse(&a, SLICE_LIT(RECORD "}"), SLICE_LIT(BOOT), &s, &birth, &err),
			 0);
	assert_int_equal(s.policy.generation, 0);
	assert_int_equal(state_parse(&a,
				     SLICE_LIT(RECORD ",\"policy\":{\"generation\":1,\"files\":7,"
						      "\"errors\":{}}}"),
				     SLICE_LIT(BOOT), &s, &birth, &err),
			 0);
	assert_int_equal(s.policy.generation, 1);
	assert_int_equal(s.policy.nfiles + s.policy.nerrors, 0);
	assert_true(s.policy.isolation && !s.policy.stale);
}

static void test_container_parse(void **state)
{
	struct arena a = ARENA_INIT(1 << 16);
	const char *pid_file;
	struct container c = { 0 };

	(void)state;
	assert_int_equal(
		container_parse(&a,
				SLICE_LIT("{\"id\":\"abc\",\"base\":1879048192,\"size\":65536,"
					  "\"view\":\"/v\",\"pidFile\":\"/p\",\"bundle\":\"/b\"}"),
				&c, &pid_file),
		0);
	assert_string_equal(c.id, "abc");
	assert_int_equal(c.base, 1879048192u);
	assert_int_equal(c.size, 65536);
	assert_string_equal(c.bundle, "/b");
	assert_string_equal(pid_file, "/p");
	assert_int_equal(container_parse(&a, SLICE_LIT("{\"id\":\"abc\",\"base\":1,\"size\":2}"),
					 &c, &pid_file),
			 0);
	assert_string_equal(c.bundle, "");
	assert_null(pid_file);
	assert_int_equal(container_parse(&a, SLICE_LIT("{\"id\":\"abc\",\"base\":-1,\"size\":2}"),
					 &c, &pid_file),
			 -EINVAL);
	assert_int_equal(container_parse(&a, SLICE_LIT("{\"base\":1,\"size\":2}"), &c, &pid_file),
			 -EINVAL);
	arena_done(&a);
}

static void test_container_map(void **state)
{
	(void)state;
	assert_true(
		container_has_map(SLICE_LIT("         0 1879048192      65536\n"), 1879048192u));
	assert_false(
		container_has_map(SLICE_LIT("         0 1879113728      65536\n"), 1879048192u));
	assert_false(
		container_has_map(SLICE_LIT("         0          0 4294967295\n"), 1879048192u));
	assert_false(container_has_map(SLICE_LIT(""), 0));
}

/* A folder with records: one of this process (its own map), one dead, one broken. */
static void test_containers_load(void **state)
{
	char dir[] = "/tmp/gabion-test-XXXXXX";
	struct arena a = ARENA_INIT(64 << 20);
	struct instance inst = { .run = "" };
	struct err err = ERR_INIT;
	struct containers all;
	char path[PATH_MAX];
	char text[512];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(inst.run, sizeof(inst.run), "%s", dir);
	assert_int_equal(containers_load(&a, &inst, 0, &all, &err), 0);
	assert_int_equal(all.n, 0);
	(void)snprintf(path, sizeof(path), "%s/containers", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	(void)snprintf(text, sizeof(text), "%d", getpid());
	assert_int_equal(file_replace_at(AT_FDCWD, path, slice_str(text), 0600, false), 0);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/containers/c%d.json", dir, i);
		(void)snprintf(
			text, sizeof(text),
			"{\"id\":\"c%d\",\"base\":%d,\"size\":65536,\"pidFile\":\"%s/pid\"}%s", i,
			i == 0 ? 0 : 99999, dir, i == 2 ? "x" : "");
		assert_int_equal(file_replace_at(AT_FDCWD, path, slice_str(text), 0600, false), 0);
	}
	assert_int_equal(containers_load(&a, &inst, 0, &all, &err), 0);
	assert_int_equal(all.n, 3);
	for (size_t i = 0; i < all.n; i++) {
		const struct container *c = &all.list[i];

		if (strcmp(c->id, "c0") == 0) { /* whose root is this test's root: uid 0 outside */
			assert_int_equal(c->state, CONTAINER_RUNNING);
			assert_int_equal(c->pid, getpid());
		} else if (strcmp(c->id, "c1") == 0) {
			assert_int_equal(c->state, CONTAINER_STOPPED);
		} else {
			assert_string_equal(c->id, "c2");
			assert_int_equal(c->state, CONTAINER_UNKNOWN);
		}
	}
	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/containers/c%d.json", dir, i);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/containers", dir);
	(void)rmdir(path);
	(void)rmdir(dir);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_birth),		cmocka_unit_test(test_state_parse),
		cmocka_unit_test(test_container_parse), cmocka_unit_test(test_container_map),
		cmocka_unit_test(test_containers_load), cmocka_unit_test(test_state_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
