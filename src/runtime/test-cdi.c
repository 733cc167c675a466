/* SPDX-License-Identifier: Apache-2.0 */
/* CDI files on disk, and what the edits make of a spec that an engine has put their things into. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/test-dir.h"
#include "runtime/cdi.h"
#include "runtime/test-runtime.h"

#define FILE_OF(kind, name, edits)                                                       \
	"{\"cdiVersion\":\"0.6.0\",\"kind\":\"" kind "\",\"devices\":[{\"name\":\"" name \
	"\",\"containerEdits\":{" edits "}}]}"

struct folders {
	char etc[TEST_DIR_MAX];
	char run[TEST_DIR_MAX];
	const char *list[3];
};

static int set_up(void **state)
{
	static struct folders f;

	if (geteuid() != 0)
		return 0;
	test_dir_new(f.etc);
	test_dir_new(f.run);
	assert_int_equal(chmod(f.etc, 0755), 0);
	assert_int_equal(chmod(f.run, 0755), 0);
	f.list[0] = f.etc;
	f.list[1] = f.run;
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct folders *f = *state;

	if (!f)
		return 0;
	test_dir_remove(f->etc);
	test_dir_remove(f->run);
	return 0;
}

static struct folders *need(void **state)
{
	if (!*state) {
		print_message("not root: no CDI file can be root's\n");
		skip();
	}
	return *state;
}

static int load(struct arena *a, const struct folders *f, const char *names, struct cdi *ret,
		struct err *err)
{
	struct json *list;

	*ret = (struct cdi){ 0 };
	*err = (struct err)ERR_INIT;
	assert_int_equal(json_parse(a, slice_str(names), &JSON_LIMITS, &list, NULL, NULL), 0);
	return cdi_load(a, f->list, list, ret, err);
}

static void refused(const struct folders *f, const char *names, const char *text)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
	struct err err;
	struct cdi c;

	if (load(&a, f, names, &c, &err) >= 0)
		fail_msg("taken: %s", names);
	if (!strstr(err.text, text))
		fail_msg("%s: %s", names, err.text);
}

static size_t nodes_of(const struct folders *f, const char *names, const char *path)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
	struct err err;
	struct cdi c;

	if (load(&a, f, names, &c, &err) < 0)
		fail_msg("%s: %s", names, err.text);
	if (path && (c.nnodes == 0 || strcmp(c.nodes[0].path, path) != 0))
		fail_msg("%s: %s", names, c.nnodes ? c.nodes[0].path : "none");
	return c.nnodes;
}

#define NODE(path) \
	"\"deviceNodes\":[{\"path\":\"" path "\",\"type\":\"c\",\"major\":10,\"minor\":200}]"

static void test_folders(void **state)
{
	struct folders *f = need(state);
	char path[PATH_MAX];

	refused(f, "[\"a/b=one\"]", "device a/b=one is in no file of");
	test_put(f->etc, "one.json", FILE_OF("a/b", "one", NODE("/dev/etc")));
	test_put(f->etc, "other.json", FILE_OF("a/c", "one", NODE("/dev/other")));
	test_put(f->etc, "one.txt", "not read");
	assert_int_equal(nodes_of(f, "[\"a/b=one\"]", "/dev/etc"), 1);
	assert_int_equal(nodes_of(f, "[\"a/c=one\",\"a/b=one\"]", "/dev/other"), 2);
	refused(f, "[\"a/b=one\",\"a/b=two\"]", "a/b=two");
	/* the later folder wins */
	test_put(f->run, "x.json", FILE_OF("a/b", "one", NODE("/dev/run")));
	assert_int_equal(nodes_of(f, "[\"a/b=one\"]", "/dev/run"), 1);
	/* two in one folder: nobody does */
	test_put(f->run, "y.json", FILE_OF("a/b", "one", NODE("/dev/run")));
	refused(f, "[\"a/b=one\"]", "a/b=one is in ");
	assert_int_equal(unlink(test_path(path, f->run, "y.json")), 0);
	test_put(f->run, "gpu.yaml", "kind: a/d\n");
	refused(f, "[\"a/d=one\"]", test_path(path, f->run, "gpu.yaml"));
	refused(f, "[\"a/d=one\"]", "--format=json");
	test_put(f->run, "bad.json", "{\"kind\":");
	refused(f, "[\"a/b=one\"]", test_path(path, f->run, "bad.json"));
	assert_int_equal(unlink(path), 0);
	f->list[1] = "/nowhere/cdi";
	assert_int_equal(nodes_of(f, "[\"a/b=one\"]", "/dev/etc"), 1);
}

/* Whoever may write a file or its folder could give containers any device. */
static void test_owners(void **state)
{
	static const mode_t modes[] = { 0664, 0646, 0666 };
	struct folders *f = need(state);
	char path[PATH_MAX], other[PATH_MAX];

	test_put(f->etc, "one.json", FILE_OF("a/b", "one", NODE("/dev/etc")));
	(void)test_path(path, f->etc, "one.json");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		refused(f, "[\"a/b=one\"]", path);
	}
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(nodes_of(f, "[\"a/b=one\"]", NULL), 1);
	assert_int_equal(chown(path, 1000, 0), 0);
	refused(f, "[\"a/b=one\"]", path);
	assert_int_equal(chown(path, 0, 1000), 0);
	assert_int_equal(nodes_of(f, "[\"a/b=one\"]", NULL), 1);
	assert_int_equal(chmod(f->etc, 0775), 0);
	refused(f, "[\"a/b=one\"]", f->etc);
	assert_int_equal(chmod(f->etc, 0755), 0);
	assert_int_equal(chown(f->etc, 1000, 0), 0);
	refused(f, "[\"a/b=one\"]", f->etc);
	assert_int_equal(chown(f->etc, 0, 0), 0);
	assert_int_equal(rename(path, test_path(other, f->run, "file")), 0);
	assert_int_equal(symlink(other, path), 0);
	refused(f, "[\"a/b=one\"]", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	refused(f, "[\"a/b=one\"]", path);
}

/* What the file leaves out is the host's node; of a path that is there twice, the last counts. */
static void test_nodes(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
	const struct device zero = { 'c', 1, 5 };
	const struct device tun = { 'c', 10, 200 };
	const struct device other = { 'b', 10, 200 };
	struct folders *f = need(state);
	struct err err;
	struct cdi c;

	test_put(f->etc, "one.json",
		 FILE_OF("a/b", "one",
			 "\"deviceNodes\":[{\"path\":\"/dev/zero\"},"
			 "{\"path\":\"/dev/x\",\"hostPath\":\"/dev/zero\",\"permissions\":\"r\"},"
			 "{\"path\":\"/dev/t\",\"type\":\"u\",\"major\":10,\"minor\":200},"
			 "{\"path\":\"/dev/t\",\"type\":\"c\",\"major\":10,\"minor\":200,"
			 "\"permissions\":\"rw\"}]"));
	assert_int_equal(load(&a, f, "[\"a/b=one\"]", &c, &err), 0);
	assert_int_equal(c.nnodes, 4);
	assert_string_equal(cdi_find_node(&c, "/dev/zero", &zero)->access, "rwm");
	assert_string_equal(cdi_find_node(&c, "/dev/x", &zero)->access, "r");
	assert_string_equal(cdi_find_node(&c, "/dev/t", &tun)->access, "rw");
	assert_null(cdi_find_node(&c, "/dev/x", &tun));
	assert_null(cdi_find_node(&c, "/dev/t", &other));
	assert_null(cdi_find_node(&c, "/dev/y", &tun));
	assert_true(cdi_opens(&c, &tun));
	assert_false(cdi_opens(&c, &other));
	test_put(f->etc, "one.json",
		 FILE_OF("a/b", "one", "\"deviceNodes\":[{\"path\":\"/dev/gabion-no-such\"}]"));
	refused(f, "[\"a/b=one\"]", "/dev/gabion-no-such");
	test_put(f->etc, "one.json",
		 FILE_OF("a/b", "one", "\"deviceNodes\":[{\"path\":\"/etc\"}]"));
	refused(f, "[\"a/b=one\"]", "/etc is not a device node");
}

/* --- edits --- */

static const char device_spec[] =
	"{\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
	"{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":237,\"access\":\"rwm\"}]},"
	"\"devices\":[{\"path\":\"/dev/"
	"loop-control\",\"type\":\"c\",\"major\":10,\"minor\":237}]}}";

static const char privileged_spec[] =
	"{\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]},"
	"\"devices\":[{\"path\":\"/dev/loop-control\",\"type\":\"c\",\"major\":10,\"minor\":237},"
	"{\"path\":\"/dev/mem\",\"type\":\"c\",\"major\":1,\"minor\":1}]}}";

/* Kept are `kept` nodes; the last rule opens that one. */
static void devices_are(struct runtime *rt, size_t kept, const char *access)
{
	const struct json *rules;
	const struct json *last;
	struct err err = ERR_INIT;
	int64_t minor = 0;

	if (edit_devices(rt, &err) < 0)
		fail_msg("%s", err.text);
	rules = json_at(rt->spec, "linux.resources.devices");
	last = rules->items[rules->n - 1];
	assert_int_equal(rt->devices->n, kept);
	assert_int_equal(json_get_i64(last, "minor", &minor) == 0 && minor == 237, kept > 0);
	if (kept)
		assert_string_equal(json_get_str(last, "access"), access);
}

static void test_edit_devices(void **state)
{
	static const char *const specs[] = { device_spec, privileged_spec };
	struct cdi_node node = { "/dev/loop-control", { 'c', 10, 237 }, "r" };
	struct cdi_node elsewhere = { "/dev/x", { 'c', 10, 237 }, "r" };
	struct err err = ERR_INIT;
	struct runtime rt;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		test_runtime(&rt, specs[i]);
		rt.cdi = (struct cdi){ .nodes = &node, .nnodes = 1 };
		devices_are(&rt, 1, "r"); /* as the file says, not as the spec */
		runtime_done(&rt);
	}
	test_runtime(&rt, device_spec);
	rt.cdi = (struct cdi){ .nodes = &elsewhere, .nnodes = 1 };
	assert_true(edit_devices(&rt, &err) < 0);
	assert_non_null(strstr(err.text, "/dev/loop-control (c 10:237)"));
	runtime_done(&rt);
	test_runtime(&rt, privileged_spec);
	devices_are(&rt, 0, NULL);
	runtime_done(&rt);
}

static void test_edit_hooks(void **state)
{
	static const char spec[] = "{\"hooks\":{\"createContainer\":[{\"path\":\"/bin/true\","
				   "\"args\":[\"true\",\"x\"]}]}}";
	static const struct {
		const char *hooks;
		bool want;
	} rows[] = {
		{ "[{\"hookName\":\"createContainer\",\"path\":\"/bin/"
		  "true\",\"args\":[\"true\",\"x\"]}]",
		  true },
		{ "[{\"hookName\":\"createContainer\",\"path\":\"/bin/true\",\"args\":[\"true\"]}]",
		  false },
		{ "[{\"hookName\":\"createRuntime\",\"path\":\"/bin/"
		  "true\",\"args\":[\"true\",\"x\"]}]",
		  false },
		{ "[]", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct runtime rt;

		test_runtime(&rt, spec);
		assert_int_equal(json_parse(&rt.arena, slice_str(rows[i].hooks), &JSON_LIMITS,
					    &rt.cdi.edits.hooks, NULL, NULL),
				 0);
		if ((edit_hooks(&rt, &err) == 0) != rows[i].want)
			fail_msg("%s: %s", rows[i].hooks, err.text);
		runtime_done(&rt);
	}
}

/* The engine's record says which devices; gabion.json whether. */
static void test_edit_cdi(void **state)
{
	static const struct {
		const char *requests, *text;
	} rows[] = {
		{ "[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/b=c\"]}]",
		  "\"cdiDevices\" of /state/etc" },
		{ "[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"gabion.test/no=one\"]},"
		  "{\"Driver\":\"\",\"Count\":-1,\"Capabilities\":[[\"gpu\"]]}]",
		  "gabion.test/no=one is in no" },
		{ "[{\"Driver\":\"nvidia\"}]", "device requests" },
		{ "[{\"Driver\":\"\",\"Count\":-1,\"Capabilities\":[[\"gpu\"]]}]",
		  "device requests" },
		{ "[{}]", "device requests" },
		{ "[null]", "device requests" },
		{ "[{\"Driver\":\"cdi\",\"Count\":1}]", "unexpected count" },
		{ "[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/b\"]}]",
		  "is not the name of a CDI device" },
	};
	CLEANUP_TEST_DIR char root[TEST_DIR_MAX] = "";
	const char *roots[] = { root };
	const char *allowed[] = { "gabion.test/no=*" };
	char folder[PATH_MAX];

	(void)state;
	test_dir_new(root);
	test_mkdir(root, "containers");
	test_mkdir(root, "containers/c1");
	(void)test_path(folder, root, "containers/c1");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct runtime rt;
		char text[512];

		(void)snprintf(text, sizeof(text), "{\"DeviceRequests\":%s}", rows[i].requests);
		test_put(folder, "hostconfig.json", text);
		test_runtime(&rt, "{}");
		rt.facts.engines = (struct facts_list){ roots, 1 };
		rt.facts.cdi = (struct facts_list){ allowed, 1 };
		if (edit_cdi(&rt, &err) >= 0)
			fail_msg("taken: %s", rows[i].requests);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s: %s", rows[i].requests, err.text);
		runtime_done(&rt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owners, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nodes, set_up, tear_down),
		cmocka_unit_test(test_edit_devices),
		cmocka_unit_test(test_edit_hooks),
		cmocka_unit_test(test_edit_cdi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
