/* SPDX-License-Identifier: Apache-2.0 */
/* The container's cgroup, and gabion-runc as its own hook. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/test-dir.h"
#include "runtime/hook.h"
#include "runtime/test-runtime.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define AT(path) "{\"linux\":{\"cgroupsPath\":\"" path "\"}}"

/* --cgroup-parent is the user's word: it must not lead out of what the engine was given. */
static void test_path_up(void **state)
{
	(void)state;
	test_edit(edit_cgroup, "{\"linux\":{}}", "{\"linux\":{}}");
	test_edit(edit_cgroup, AT("/docker/x"), AT("/docker/x"));
	test_edit(edit_cgroup, AT("system.slice:docker:x"), AT("system.slice:docker:x"));
	test_edit(edit_cgroup, AT("/a..b/..c/d.."), AT("/a..b/..c/d.."));
	test_edit_refuses(edit_cgroup, AT("/../x"), "cgroup parent /../ ");
	test_edit_refuses(edit_cgroup, AT(".."), "..");
	test_edit_refuses(edit_cgroup, AT("/a/../../b"), "leads up");
	test_edit_refuses(edit_cgroup, AT("/a/.."), "leads up");
	test_edit_refuses(edit_cgroup, AT("a/../b"), "leads up");
}

/* In an instance the group is below the instance's, and not in one that is not the user's. */
static void test_place(void **state)
{
	static const struct {
		const char *given;
		const char *placed; /* NULL: refused */
	} rows[] = {
		{ "/gabion-1/x", "/gabion-1/x" },
		{ "system.slice:docker:x", "system.slice:docker:x" },
		{ "a:b:c/x", "/gabion-1/a:b:c/x" },
		{ "/x/y", "/gabion-1/x/y" },
		{ "x/y", "/gabion-1/x/y" },
		{ "/gabion-12/y", "/gabion-1/gabion-12/y" },
		{ "/gabion-1/mine/y", "/gabion-1/mine/y" },
		{ "/gabion-1/engine/y", NULL },
		{ "/engine/y", NULL },
		{ "/gabion-1/" ID "/y", NULL },
		{ "/" ID "/y", NULL },
		{ "/" ID, "/gabion-1/" ID },
	};
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";

	(void)state;
	test_dir_new(dir);
	test_put(dir, "instance.json", "{\"cgroup\":\"gabion-1\"}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct runtime rt;
		char spec[256];
		int r;

		(void)snprintf(spec, sizeof(spec), "{\"linux\":{\"cgroupsPath\":\"%s\"}}",
			       rows[i].given);
		test_runtime(&rt, spec);
		rt.inst.private_dir = true;
		(void)snprintf(rt.inst.run, sizeof(rt.inst.run), "%s", dir);
		r = edit_cgroup(&rt, &err);
		if (rows[i].placed) {
			assert_int_equal(r, 0);
			assert_string_equal(json_get_str(json_get(rt.spec, "linux"), "cgroupsPath"),
					    rows[i].placed);
		} else {
			assert_int_equal(r, -EPERM);
			assert_non_null(strstr(err.text, "cgroup parent"));
		}
		runtime_done(&rt);
	}
}

#define MOUNT(type, options)                                                \
	"{\"mounts\":[{\"destination\":\"/sys/fs/cgroup\",\"type\":\"" type \
	"\",\"options\":[" options "]}]}"

/* Handed over where the container may write to it. */
static void test_delegated(void **state)
{
	static const char *const types[] = { "cgroup", "cgroup2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct runtime rt;
		char spec[256];

		(void)snprintf(spec, sizeof(spec),
			       "{\"mounts\":[{\"destination\":\"/sys/fs/cgroup\",\"type\":\"%s\","
			       "\"options\":[\"rw\"]}]}",
			       types[i]);
		test_runtime(&rt, spec);
		assert_int_equal(edit_cgroup(&rt, NULL), 0);
		assert_true(rt.delegate);
		runtime_done(&rt);
	}
	test_edit(edit_cgroup, MOUNT("cgroup", "\"nosuid\",\"ro\""),
		  MOUNT("cgroup", "\"nosuid\",\"ro\""));
	test_edit(edit_cgroup, MOUNT("tmpfs", ""), MOUNT("tmpfs", ""));
}

/* Hooks that are there stay, before ours. */
static void test_hook_added(void **state)
{
	const struct json *list;
	struct runtime rt;

	(void)state;
	test_runtime(&rt, "{\"hooks\":{\"poststop\":[{\"path\":\"/theirs\"}]}}");
	assert_int_equal(hook_add(&rt, "poststop", HOOK_FORGET, "/r", NULL), 0);
	list = json_at(rt.spec, "hooks.poststop");
	assert_int_equal(list->n, 2);
	assert_string_equal(json_get_str(list->items[0], "path"), "/theirs");
	runtime_done(&rt);
}

static int call(const char *command, const char *arg, struct err *err)
{
	char *argv[] = { (char *)"gabion-runc", (char *)command, (char *)arg, NULL };

	return hook_main(arg ? 3 : 2, argv, err);
}

static void test_no_hook(void **state)
{
	(void)state;
	assert_int_equal(call("state", "c1", NULL), 1);
	assert_int_equal(call("--version", NULL, NULL), 1);
	assert_int_equal(call(HOOK_FORGET, NULL, NULL), 1);
	assert_int_equal(call(HOOK_PROC, NULL, NULL), 1);
}

static void test_hook_forget(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct err err = ERR_INIT;
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	test_put(dir, "record", "{}");
	test_path(path, dir, "record");
	assert_int_equal(call(HOOK_FORGET, path, &err), 0);
	assert_true(access(path, F_OK) < 0);
	assert_int_equal(call(HOOK_FORGET, path, &err), 0); /* gone already */
	assert_true(call(HOOK_FORGET, dir, &err) < 0);
	assert_non_null(strstr(err.text, HOOK_FORGET));
}

struct state {
	const char *dir, *text, *record;
};

/* The state of the container on standard input. */
static int proc(void *data)
{
	const struct state *s = data;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	int fd;

	test_put(s->dir, "state", s->text);
	test_put(s->dir, "record", s->record);
	fd = open(test_path(path, s->dir, "state"), O_RDONLY | O_CLOEXEC);
	TEST_CHECK(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	TEST_CHECK(call(HOOK_PROC, test_path(path, s->dir, "record"), &err) < 0);
	TEST_CHECK(strstr(err.text, HOOK_PROC) && strlen(err.text) > strlen(HOOK_PROC) + 2);
	return 0;
}

/* What is no state, no id or no process is an error: the container does not start. */
static void test_hook_proc_refuses(void **state)
{
	static const char *const rows[][2] = {
		{ "", "{\"base\":1900000000}" },
		{ "{}", "{\"base\":1900000000}" },
		{ "{\"pid\":0}", "{\"base\":1900000000}" },
		{ "{\"pid\":-1}", "{\"base\":1900000000}" },
		{ "{\"pid\":\"1\"}", "{\"base\":1900000000}" },
		{ "{\"pid\":4294967296}", "{\"base\":1900000000}" },
		{ "[]", "{\"base\":1900000000}" },
		{ "{\"pid\":2147483647}", "{\"base\":1900000000}" },
		{ "{\"pid\":2147483647}", "" },
		{ "{\"pid\":1}", "{}" },
		{ "{\"pid\":1}", "{\"base\":0,\"delegate\":true}" },
		{ "{\"pid\":1}", "{\"base\":1900000000}" },
	};
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";

	(void)state;
	test_dir_new(dir);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct state s = { dir, rows[i][0], rows[i][1] };

		if (test_in_child(proc, &s) != 0)
			fail_msg("%s for %s", rows[i][0], rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_up),		  cmocka_unit_test(test_place),
		cmocka_unit_test(test_delegated),	  cmocka_unit_test(test_hook_added),
		cmocka_unit_test(test_no_hook),		  cmocka_unit_test(test_hook_forget),
		cmocka_unit_test(test_hook_proc_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
