/* SPDX-License-Identifier: Apache-2.0 */
/* What moves from the spec to the record of what a container sees, and what is left to the lower
 * runtime. */
#include <string.h>

#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/hook.h"
#include "runtime/test-runtime.h"
#include "view/record.h"

#define PROC "{\"destination\":\"/proc\",\"type\":\"proc\",\"options\":[\"nosuid\",\"hidepid=2\"]}"
#define SYS "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"options\":[\"ro\",\"nosuid\"]}"
#define PATHS                                                                    \
	"\"linux\":{\"maskedPaths\":[\"/proc/kcore\",\"/sys/firmware\",\"/x\"]," \
	"\"readonlyPaths\":[\"/proc/sys\",\"/procx\"]}"

struct plot {
	char dir[TEST_DIR_MAX];
	struct runtime rt;
};

static void plot_new(struct plot *p, const char *spec)
{
	test_dir_new(p->dir);
	test_runtime(&p->rt, spec);
	p->rt.base = 1900000000;
	p->rt.size = 65536;
	p->rt.stage.path = "/mnt";
	p->rt.stage.root = "/media";
	(void)snprintf(p->rt.inst.run, sizeof(p->rt.inst.run), "%s", p->dir);
}

static void plot_done(struct plot *p)
{
	runtime_done(&p->rt);
	test_dir_remove(p->dir);
}

static struct json *record_of(struct plot *p)
{
	CLEANUP_BUF struct buf text = BUF_INIT(1u << 20);
	struct json_limits limits = JSON_LIMITS;
	char path[PATH_MAX];
	struct json *doc;

	assert_int_equal(file_read(test_path(path, p->dir, "views/c1.json"), &text), 0);
	assert_int_equal(json_parse(&p->rt.arena, buf_slice(&text), &limits, &doc, NULL, NULL), 0);
	return doc;
}

/* runc would write them when they cannot be written any more. */
static void test_sysctls(void **state)
{
	static const char *const spec = "{\"mounts\":[" PROC "],"
					"\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}}";
	static const struct {
		const char *lower;
		bool ours;
	} rows[] = { { "/usr/bin/crun", false }, { "/usr/sbin/runc", true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plot p;

		plot_new(&p, spec);
		(void)snprintf(p.rt.lower, sizeof(p.rt.lower), "%s", rows[i].lower);
		assert_int_equal(edit_proc(&p.rt, NULL), 0);
		assert_int_equal(json_get(record_of(&p), "sysctls") != NULL, rows[i].ours);
		assert_int_equal(json_at(p.rt.spec, "linux.sysctl") == NULL, rows[i].ours);
		plot_done(&p);
	}
}

static void test_moves(void **state)
{
	const struct json *hooks;
	struct view view;
	struct plot p;

	(void)state;
	plot_new(&p, "{\"mounts\":[" PROC "," SYS "]," PATHS "}");
	assert_int_equal(edit_proc(&p.rt, NULL), 0);
	assert_int_equal(view_of_record(&p.rt.arena, record_of(&p), &view, NULL), 0);
	assert_int_equal(view.owner, 1900000000);
	assert_true(view.tree[VIEW_PROC] && view.tree[VIEW_SYS]);
	assert_string_equal(view.options[VIEW_PROC], "hidepid=2");
	assert_null(view.options[VIEW_SYS]);
	assert_int_equal(view.attr[VIEW_PROC], view_attr_of("nosuid"));
	assert_int_equal(view.attr[VIEW_SYS], view_attr_of("nosuid") | view_attr_of("ro"));
	assert_int_equal(view.masked.n, 2);
	assert_string_equal(view.masked.path[1], "/sys/firmware");
	assert_int_equal(view.read_only.n, 1);
	assert_string_equal(view.read_only.path[0], "/proc/sys");
	assert_null(view.nodes);
	/* Others' are the lower runtime's; it mounts the trees, and does not make them read-only.
	 */
	assert_int_equal(json_at(p.rt.spec, "linux.maskedPaths")->n, 1);
	assert_string_equal(json_str(json_at(p.rt.spec, "linux.maskedPaths")->items[0]), "/x");
	assert_int_equal(json_at(p.rt.spec, "linux.readonlyPaths")->n, 1);
	assert_false(oci_mount_has_option(oci_mount_find(p.rt.spec, "/sys"), "ro"));
	hooks = json_at(p.rt.spec, "hooks.createRuntime");
	assert_int_equal(hooks->n, 1);
	assert_string_equal(json_str(json_get(hooks->items[0], "args")->items[1]), HOOK_PROC);
	undo_proc(&p.rt);
	plot_done(&p);
}

/* A file system that is not there has no tree, and its paths stay where they are. */
static void test_only_proc(void **state)
{
	struct view view;
	struct plot p;

	(void)state;
	plot_new(&p, "{\"mounts\":[" PROC
		     ",{\"destination\":\"/sys\",\"type\":\"bind\",\"source\":\"/x\"}]," PATHS "}");
	assert_int_equal(edit_proc(&p.rt, NULL), 0);
	assert_int_equal(view_of_record(&p.rt.arena, record_of(&p), &view, NULL), 0);
	assert_true(view.tree[VIEW_PROC] && !view.tree[VIEW_SYS]);
	assert_int_equal(json_at(p.rt.spec, "linux.maskedPaths")->n, 2);
	plot_done(&p);
}

static void test_nothing_to_do(void **state)
{
	char path[PATH_MAX];
	struct plot p;

	(void)state;
	plot_new(&p, "{\"mounts\":[" PROC "]," PATHS "}");
	p.rt.args.command = "restore";
	assert_int_equal(edit_proc(&p.rt, NULL), 0);
	assert_null(json_at(p.rt.spec, "hooks.createRuntime"));
	assert_int_equal(json_at(p.rt.spec, "linux.maskedPaths")->n, 3);
	assert_true(access(test_path(path, p.dir, "views/c1.json"), F_OK) < 0);
	plot_done(&p);
}

/* The cgroup is handed over by the same hook, also where there are no trees. */
static void test_delegates(void **state)
{
	struct plot p;

	(void)state;
	plot_new(&p, "{\"mounts\":[]}");
	p.rt.delegate = true;
	assert_int_equal(edit_proc(&p.rt, NULL), 0);
	assert_true(json_get_bool(record_of(&p), "delegate", false));
	assert_int_equal(json_at(p.rt.spec, "hooks.createRuntime")->n, 1);
	plot_done(&p);
}

static void test_emulated(void **state)
{
	char path[PATH_MAX];
	struct view view;
	struct plot p;

	(void)state;
	plot_new(&p, "{\"mounts\":[" PROC "]}");
	assert_int_equal(file_mkdirs(test_path(path, p.dir, "vfs"), 0755), 0);
	assert_int_equal(edit_proc(&p.rt, NULL), 0);
	assert_int_equal(view_of_record(&p.rt.arena, record_of(&p), &view, NULL), 0);
	assert_string_equal(view.nodes, test_path(path, p.dir, "vfs/c1"));
	plot_done(&p);
}

static void test_cgroups(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct json *o = json_new(&a, JSON_OBJECT);

	(void)state;
	assert_int_equal(view_record_cgroup(
				 &a, o,
				 SLICE_LIT("4:cpu,cpuacct:/a/b\n1:name=systemd:/s\n0::/u\n\nx\n")),
			 0);
	o = json_get(o, "cgroup");
	assert_int_equal(o->n, 4);
	assert_string_equal(json_get_str(o, "cpuacct"), "/a/b");
	assert_string_equal(json_get_str(o, "unified"), "/u");
	assert_string_equal(json_get_str(o, "name=systemd"), "/s");
}

/* Of options that are somebody's own words, a file's name is none: procfs opens that. */
static void test_options(void **state)
{
	static const struct {
		const char *options;
		bool ok;
	} rows[] = {
		{ "", true },
		{ "hidepid=2,gid=5,subset=pid", true },
		{ ",hidepid=ptraceable,", true },
		{ "pidns=/proc/1/ns/pid", false },
		{ "hidepid=2,pidns=/proc/1/ns/pid", false },
		{ "hidepid=2,,pidns", false },
		{ "source=/x", false },
		{ "hidepid", false },
		{ " hidepid=2", false },
	};
	struct view view;
	struct plot p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (view_options_ok(rows[i].options) != rows[i].ok)
			fail_msg("%s", rows[i].options);
	plot_new(&p, "{\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"options\":"
		     "[\"gid=5,pidns=/proc/1/ns/pid\",\"\",\"hidepid=2\"]}]," PATHS "}");
	assert_int_equal(edit_proc(&p.rt, NULL), 0);
	assert_int_equal(view_of_record(&p.rt.arena, record_of(&p), &view, NULL), 0);
	assert_string_equal(view.options[VIEW_PROC], "hidepid=2");
	undo_proc(&p.rt);
	plot_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sysctls),	  cmocka_unit_test(test_moves),
		cmocka_unit_test(test_only_proc), cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_delegates), cmocka_unit_test(test_emulated),
		cmocka_unit_test(test_cgroups),	  cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
