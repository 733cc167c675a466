/* SPDX-License-Identifier: Apache-2.0 */
/* run/containers/ID.json, in a run folder of the test's own. */
#include "runtime/record.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/hook.h"
#include "runtime/test-runtime.h"

struct place {
	char dir[TEST_DIR_MAX];
	struct runtime rt;
	char *argv[8];
};

/* A command line of the words. */
static void words(struct place *p, const char *a, const char *b, const char *c, const char *d)
{
	const char *const all[] = { "gabion-runc", a, b, c, d };

	p->rt.args.argc = 0;
	p->rt.args.argv = p->argv;
	for (size_t i = 0; i < ARRAY_SIZE(all) && all[i]; i++)
		p->argv[p->rt.args.argc++] = (char *)all[i];
}

static void begin(struct place *p)
{
	test_dir_new(p->dir);
	test_runtime(&p->rt, "{\"linux\":{}}");
	(void)snprintf(p->rt.inst.run, sizeof(p->rt.inst.run), "%s", p->dir);
	(void)snprintf(p->rt.bundle, sizeof(p->rt.bundle), "/b");
	(void)snprintf(p->rt.lower, sizeof(p->rt.lower), "/bin/sh");
	p->rt.base = 1900000000;
	p->rt.size = 65536;
	words(p, "create", "c1", NULL, NULL);
}

static void end(struct place *p)
{
	runtime_done(&p->rt);
	test_dir_remove(p->dir);
}

static bool is_there(const struct place *p, const char *name)
{
	char path[PATH_MAX];

	return access(test_path(path, p->dir, name), F_OK) == 0;
}

static struct json *read_record(struct place *p)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc = NULL;
	char path[PATH_MAX];

	assert_int_equal(file_read(test_path(path, p->dir, "containers/c1.json"), &b), 0);
	assert_int_equal(json_parse(&p->rt.arena, buf_slice(&b), &limits, &doc, NULL, NULL), 0);
	return doc;
}

static void test_written(void **state)
{
	struct err err = ERR_INIT;
	char cwd[PATH_MAX], want[PATH_MAX];
	struct json *doc;
	struct place p;
	uint64_t n = 0;

	(void)state;
	begin(&p);
	p.rt.args.pid_file = "pid";
	if (edit_record(&p.rt, &err) < 0) /* makes run/containers */
		fail_msg("%s", err.text);
	doc = read_record(&p);
	assert_string_equal(json_get_str(doc, "id"), "c1");
	assert_int_equal(json_get_u64(doc, "base", &n), 0);
	assert_int_equal(n, 1900000000);
	assert_int_equal(json_get_u64(doc, "size", &n), 0);
	assert_int_equal(n, 65536);
	assert_false(json_get_bool(doc, "joined", true));
	assert_string_equal(json_get_str(doc, "bundle"), "/b");
	assert_string_equal(json_get_str(doc, "lowerRuntime"), "/bin/sh");
	assert_null(json_get(doc, "view"));
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_string_equal(json_get_str(doc, "pidFile"), test_path(want, cwd, "pid"));
	test_spec_is(&p.rt, "{\"linux\":{}}");
	undo_record(&p.rt);
	assert_false(is_there(&p, "containers/c1.json"));
	undo_record(&p.rt); /* again: nothing */
	p.rt.joined = true;
	p.rt.args.pid_file = "/abs/pid";
	assert_int_equal(edit_record(&p.rt, &err), 0);
	doc = read_record(&p);
	assert_true(json_get_bool(doc, "joined", false));
	assert_string_equal(json_get_str(doc, "pidFile"), "/abs/pid");
	end(&p);
}

/* `run` is not followed by a delete: a hook of ours takes the record away. */
static void test_run(void **state)
{
	const struct json *list, *args;
	struct place p;
	char want[PATH_MAX];

	(void)state;
	begin(&p);
	p.rt.args.command = "run";
	assert_int_equal(edit_record(&p.rt, NULL), 0);
	list = json_at(p.rt.spec, "hooks.poststop");
	assert_true(json_is(list, JSON_ARRAY) && list->n == 1);
	args = json_get(list->items[0], "args");
	assert_true(json_is(args, JSON_ARRAY) && args->n == 3);
	assert_string_equal(json_str(args->items[1]), HOOK_FORGET);
	assert_string_equal(json_str(args->items[2]), test_path(want, p.dir, "containers/c1.json"));
	end(&p);
}

static void test_ids(void **state)
{
	static const char *const good[] = { "c1", "0123456789abcdef", "A_b-c.d+e", "-x", "a..b" };
	static const char *const bad[] = { "",	  ".",	  "..",	      ".hidden", "a/b", "../x",
					   "a b", "a\nb", "\303\244", "a\\b",	 "a*",	"~" };
	struct place p;
	char longest[202];

	(void)state;
	begin(&p);
	memset(longest, 'x', 201);
	longest[201] = '\0';
	assert_false(record_id_valid(longest));
	assert_true(record_id_valid(longest + 1));
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(record_id_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(record_id_valid(bad[i]));
		p.rt.args.id = bad[i];
		assert_true(edit_record(&p.rt, NULL) < 0);
		undo_record(&p.rt);
	}
	assert_false(is_there(&p, "containers"));
	end(&p);
}

/* The runtime that made a container also ends it. */
static void test_lower(void **state)
{
	char lower[PATH_MAX] = "";
	struct place p;

	(void)state;
	begin(&p);
	assert_false(record_lower(&p.rt, lower)); /* no folder */
	assert_int_equal(edit_record(&p.rt, NULL), 0);
	words(&p, "kill", "c1", "KILL", NULL);
	assert_true(record_lower(&p.rt, lower));
	assert_string_equal(lower, "/bin/sh");
	words(&p, "--root", "/r", "state", "c1");
	assert_true(record_lower(&p.rt, lower));
	words(&p, "state", "c2", NULL, NULL);
	assert_false(record_lower(&p.rt, lower));
	words(&p, "state", "../containers/c1", NULL, NULL);
	assert_false(record_lower(&p.rt, lower));
	words(&p, "state", "c1", NULL, NULL);
	test_put(p.dir, "containers/c1.json", "{\"lowerRuntime\":\"sh\"}");
	assert_false(record_lower(&p.rt, lower));
	test_put(p.dir, "containers/c1.json", "{\"lowerRuntime\":\"/etc/passwd\"}");
	assert_false(record_lower(&p.rt, lower)); /* no program */
	test_put(p.dir, "containers/c1.json", "{\"lowerRuntime\":");
	assert_false(record_lower(&p.rt, lower));
	end(&p);
}

/* Isolation is off: the record says so, and its ids are the host's, which say nothing. */
static void test_plain(void **state)
{
	struct json *doc;
	struct place p;
	char pid[TEST_DIR_MAX + 8];
	uint64_t n = 1;

	(void)state;
	begin(&p);
	(void)snprintf(pid, sizeof(pid), "%s/pid", p.dir);
	p.rt.args.pid_file = pid;
	assert_int_equal(record_plain(&p.rt, NULL), 0);
	doc = read_record(&p);
	assert_true(json_get_bool(doc, "plain", false));
	assert_int_equal(json_get_u64(doc, "base", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(json_get_u64(doc, "size", &n), 0);
	assert_int_equal(n, 4294967295u);
	assert_string_equal(json_get_str(doc, "lowerRuntime"), "/bin/sh");
	test_spec_is(&p.rt, "{\"linux\":{}}");
	/* Any process of the host could be its own. */
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	test_put(p.dir, "pid", pid);
	assert_int_equal(record_plain(&p.rt, NULL), 0);
	words(&p, "delete", "c1", NULL, NULL);
	record_forget(&p.rt);
	assert_false(is_there(&p, "containers/c1.json"));
	p.rt.args.command = "run"; /* nobody would take it away */
	assert_int_equal(record_plain(&p.rt, NULL), 0);
	assert_false(is_there(&p, "containers/c1.json"));
	end(&p);
}

/* A record whose container runs: this very process. */
static void put_own(struct place *p)
{
	CLEANUP_BUF struct buf text = BUF_INIT(4096);
	struct idmap map;
	char record[PATH_MAX + 64], pid[16];

	assert_int_equal(file_read("/proc/self/uid_map", &text), 0);
	assert_int_equal(idmap_parse(buf_slice(&text), &map), 0);
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	test_put(p->dir, "pid", pid);
	(void)snprintf(record, sizeof(record), "{\"id\":\"c1\",\"base\":%u,\"pidFile\":\"%s/pid\"}",
		       map.e[0].outside, p->dir);
	test_put(p->dir, "containers/c1.json", record);
}

/* delete: the record goes with its container, not with one that runs. */
static void test_forget(void **state)
{
	struct place p;

	(void)state;
	begin(&p);
	assert_int_equal(edit_record(&p.rt, NULL), 0);
	words(&p, "delete", "c2", NULL, NULL);
	record_forget(&p.rt);
	assert_true(is_there(&p, "containers/c1.json"));
	words(&p, "delete", "c1", NULL, NULL);
	record_forget(&p.rt); /* its process never was */
	assert_false(is_there(&p, "containers/c1.json"));
	put_own(&p);
	record_forget(&p.rt);
	assert_true(is_there(&p, "containers/c1.json"));
	test_put(p.dir, "pid", "2147483647"); /* no process has that number */
	record_forget(&p.rt);
	assert_false(is_there(&p, "containers/c1.json"));
	put_own(&p);
	words(&p, "delete", "--force", "c1", NULL);
	record_forget(&p.rt);
	assert_false(is_there(&p, "containers/c1.json"));
	test_put(p.dir, "containers/c1.json", "not JSON");
	words(&p, "delete", "c1", NULL, NULL);
	record_forget(&p.rt);
	assert_false(is_there(&p, "containers/c1.json"));
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written), cmocka_unit_test(test_run),
		cmocka_unit_test(test_ids),	cmocka_unit_test(test_lower),
		cmocka_unit_test(test_forget),	cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
