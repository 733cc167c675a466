/* SPDX-License-Identifier: Apache-2.0 */
/* Files change, and the policy in force follows, or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/test-dir.h"
#include "base/util.h"
#include "daemon/keeper.h"

#define PATIENCE_MS 5000
#define ON "{\"enhancedContainerIsolation\":{\"value\":true}}"
#define OFF "{\"enhancedContainerIsolation\":{\"value\":false}}"

struct fixture {
	char dir[TEST_DIR_MAX];
	struct instance inst;
	struct loop loop;
	struct keeper keeper;
	char subuid[PATH_MAX];
	struct buf why;
	unsigned changes;
};

static void begin(struct fixture *f)
{
	keeper_init(&f->keeper, &f->inst, profile_default());
	f->keeper.places.own_owner = getuid();
	(void)test_path(f->keeper.places.host[0], f->dir, "host/" ADMIN_NAME);
	f->keeper.places.host[1][0] = '\0';
	f->keeper.files[KEEPER_GATES + 1] = test_path(f->subuid, f->dir, "host/subuid");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || loop_init(&f->loop) < 0)
		return -1;
	test_dir_new(f->dir);
	if (instance_find(&f->inst, f->dir, NULL) < 0)
		return -1;
	test_mkdir(f->dir, "etc");
	test_mkdir(f->dir, "run");
	test_mkdir(f->dir, "lib");
	test_mkdir(f->dir, "host");
	f->why = BUF_INIT(65536);
	begin(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	keeper_done(&f->keeper);
	loop_done(&f->loop);
	buf_done(&f->why);
	test_dir_remove(f->dir);
	free(f);
	return 0;
}

#define WITH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

static void put(struct fixture *f, const char *name, const char *text)
{
	char path[PATH_MAX];

	if (!text) {
		if (unlink(test_path(path, f->dir, name)) < 0)
			abort();
		return;
	}
	test_put(f->dir, name, text);
	if (chmod(test_path(path, f->dir, name), 0644) < 0)
		abort();
}

#define OWN "etc/" ADMIN_NAME

/* A gabiond that begins anew. */
static int load(struct fixture *f)
{
	keeper_done(&f->keeper);
	begin(f);
	buf_reset(&f->why);
	return keeper_load(&f->keeper, &f->why);
}

/* What everybody reads is what the keeper says. */
static void in_force(struct fixture *f, uint64_t generation, bool isolation, bool stale)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(POLICY_ARENA_MAX);
	struct err err = ERR_INIT;
	struct policy p;

	if (policy_load(&a, &f->inst, &p, &err) != POLICY_OK)
		fail_msg("%s", err.text);
	assert_int_equal(p.generation, generation);
	assert_int_equal(p.isolation, isolation);
	assert_int_equal(f->keeper.policy.generation, generation);
	assert_int_equal(f->keeper.policy.isolation, isolation);
	assert_int_equal(f->keeper.stale, stale);
	assert_int_equal(f->keeper.found.errors > 0, stale);
}

static void test_start(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), 0);
	in_force(f, 1, true, false);
	assert_int_equal(f->keeper.policy.nfiles, 0);
	/* The same files, the same generation; others, the next one. */
	assert_int_equal(load(f), 0);
	in_force(f, 1, true, false);
	put(f, OWN, OFF);
	assert_int_equal(load(f), 0);
	in_force(f, 2, false, false);
	put(f, OWN, NULL);
	assert_int_equal(load(f), 0);
	in_force(f, 3, true, false);
}

#define COMMANDS(a)                                                                          \
	"{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"commandList\":{\"type\":" \
	"\"deny\",\"commands\":[" a "]}}}}"

/* What has no effect is said, each in a line of its own, and kept for STATUS. */
static void test_warnings(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	struct fixture *f = *state;

	put(f, OWN, COMMANDS("\"pusch\",\"biuld\""));
	assert_int_equal(load(f), 0);
	in_force(f, 1, true, false);
	keeper_print_findings(&f->keeper, &b);
	assert_true(slice_starts(buf_slice(&b), SLICE_LIT("warning: ")));
	assert_non_null(strstr(b.p, "pusch"));
	assert_non_null(strstr(b.p, "\nwarning: "));
	buf_reset(&b);
	keeper_print_status(&f->keeper, &b);
	assert_non_null(strstr(b.p, "\"errors\":[],\"warnings\":[{\"kind\":\"warning\""));
	/* They go with their cause. */
	put(f, OWN, COMMANDS("\"push\",\"build\""));
	keeper_reload(&f->keeper);
	in_force(f, 2, true, false);
	buf_reset(&b);
	keeper_print_findings(&f->keeper, &b);
	assert_int_equal(b.n, 0);
	put(f, OWN, COMMANDS("\"a1\",\"a2\",\"a3\",\"a4\",\"a5\",\"a6\",\"a7\",\"a8\",\"a9\""));
	keeper_reload(&f->keeper);
	keeper_print_findings(&f->keeper, &b);
	assert_non_null(strstr(b.p, "and 1 more warnings"));
}

static void test_broken_at_start(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	put(f, OWN, "{\n\"enhancedContainerIsolation\": {\"value\": 1, \"locked\": 1}}");
	assert_true(load(f) < 0);
	assert_non_null(strstr(f->why.p, OWN ":2:41: enhancedContainerIsolation.value"));
	assert_non_null(strstr(f->why.p, OWN ":2:54: enhancedContainerIsolation.locked"));
	assert_non_null(strstr(f->why.p, "no earlier policy"));
	assert_true(access(test_path(path, f->dir, "run/policy.json"), F_OK) < 0);
	put(f, OWN, OFF);
	assert_int_equal(load(f), 0);
	put(f, OWN, "{");
	assert_int_equal(load(f), 0);
	in_force(f, 1, false, true);
	put(f, OWN, OFF);
	assert_int_equal(load(f), 0);
	in_force(f, 1, false, false);
}

/* What was kept is kept for one kind of engine, and must be readable. */
static void test_last_of_no_use(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), 0);
	put(f, OWN, "{");
	assert_int_equal(load(f), 0);
	keeper_done(&f->keeper);
	begin(f);
	f->keeper.profile = profile_find(SLICE_LIT("iechor"));
	assert_true(keeper_load(&f->keeper, &f->why) < 0);
	put(f, "lib/policy.json", "{}");
	assert_true(load(f) < 0);
	put(f, OWN, ON);
	assert_int_equal(load(f), 0);
	in_force(f, 1, true, false);
}

static void on_changed(struct keeper *k)
{
	CONTAINER_OF(k, struct fixture, keeper)->changes++;
}

static void must_change(struct fixture *f)
{
	uint64_t end = loop_clock() + PATIENCE_MS * LOOP_NSEC_PER_MSEC;
	unsigned before = f->changes;

	while (f->changes == before) {
		if (loop_clock() > end)
			fail_msg("no other policy");
		assert_int_equal(loop_once(&f->loop, 100), 0);
	}
}

static void must_be_stale(struct fixture *f, bool stale)
{
	uint64_t end = loop_clock() + PATIENCE_MS * LOOP_NSEC_PER_MSEC;

	while (f->keeper.stale != stale) {
		if (loop_clock() > end)
			fail_msg("stale: %d", f->keeper.stale);
		assert_int_equal(loop_once(&f->loop, 100), 0);
	}
}

static void test_changes(void **state)
{
	struct fixture *f = *state;
	char from[PATH_MAX];
	char to[PATH_MAX];

	assert_int_equal(load(f), 0);
	put(f, OWN, OFF); /* between reading and watching */
	keeper_watch(&f->keeper, &f->loop, on_changed);
	assert_int_equal(f->changes, 1);
	in_force(f, 2, false, false);
	put(f, "etc/new", ON);
	assert_int_equal(rename(test_path(from, f->dir, "etc/new"), test_path(to, f->dir, OWN)), 0);
	must_change(f);
	in_force(f, 3, true, false);
	put(f, OWN, "{");
	must_be_stale(f, true);
	in_force(f, 3, true, true);
	put(f, OWN, ON);
	must_be_stale(f, false);
	in_force(f, 3, true, false);
	put(f, OWN, NULL);
	must_change(f);
	in_force(f, 4, true, false);
	assert_int_equal(f->changes, 3);
}

/* The gate is told of its files, whatever has changed of it; the policy stays as it is. */
static void test_files_of_the_gate(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	put(f, OWN, ON);
	assert_int_equal(load(f), 0);
	put(f, "etc/registry-auth.json", "{}");
	keeper_watch(&f->keeper, &f->loop, on_changed);
	assert_int_equal(f->changes, 0);
	put(f, "etc/registry-auth.json", "{\"auths\":{}}");
	must_change(f);
	assert_int_equal(chmod(test_path(path, f->dir, "etc/registry-auth.json"), 0600), 0);
	must_change(f);
	put(f, "etc/registry-auth.json", NULL);
	must_change(f);
	put(f, "host/subuid", "user:100000:65536\n");
	must_change(f);
	assert_int_equal(f->changes, 4);
	in_force(f, 1, true, false);
}

/* The host's file binds, and its errors count. */
static void test_host(void **state)
{
	struct fixture *f = *state;

	if (!test_is_root("the host's files are root's"))
		skip();
	put(f, OWN, OFF);
	assert_int_equal(load(f), 0);
	keeper_watch(&f->keeper, &f->loop, on_changed);
	in_force(f, 1, false, false);
	put(f, "host/" ADMIN_NAME,
	    "{\"enhancedContainerIsolation\":{\"value\":true,\"locked\":true}}");
	must_change(f);
	in_force(f, 2, true, false);
	put(f, "host/" ADMIN_NAME, "[]");
	must_be_stale(f, true);
	in_force(f, 2, true, true);
}

/* Errors are said again only when they are others. */
static void test_status(void **state)
{
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	put(f, OWN, OFF);
	assert_int_equal(load(f), 0);
	keeper_print_status(&f->keeper, &b);
	assert_non_null(strstr(b.p, "{\"generation\":1,\"files\":[\"/"));
	assert_non_null(strstr(b.p, "\"isolation\":false,\"stale\":false,\"errors\":[],"
				    "\"warnings\":[]}"));
	put(f, OWN, "{\"configurationFileVersion\":\n\"2\"}");
	keeper_reload(&f->keeper);
	buf_reset(&b);
	keeper_print_status(&f->keeper, &b);
	assert_non_null(strstr(b.p, "\"stale\":true"));
	assert_non_null(strstr(b.p, OWN "\",\"line\":2,\"column\":1,\"key\":"
					"\"configurationFileVersion\",\"text\":\"a string where"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_start),	   WITH(test_warnings), WITH(test_broken_at_start),
		WITH(test_last_of_no_use), WITH(test_changes),	WITH(test_files_of_the_gate),
		WITH(test_host),	   WITH(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
