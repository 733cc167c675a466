/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/test-dir.h"
#include "runtime/test-runtime.h"

#define NODE(path, type, major, minor)                                                        \
	"{\"path\":\"" path "\",\"type\":\"" type "\",\"major\":" #major ",\"minor\":" #minor \
	",\"fileMode\":432,\"uid\":0,\"gid\":5}"
#define SPEC(devices, rules) \
	"{\"linux\":{\"devices\":[" devices "],\"resources\":{\"devices\":[" rules "]}}}"

#define FUSE NODE("/dev/fuse", "c", 10, 229)
#define TUN NODE("/dev/net/tun", "c", 10, 200)
#define KVM NODE("/dev/kvm", "c", 10, 232)
#define LOOP NODE("/dev/loop0", "b", 7, 0)
#define NUL NODE("/dev/null", "c", 1, 3)

/* What dockerd writes for --privileged. */
#define OPEN_ALL "{\"allow\":true,\"access\":\"rwm\"}"
/* … and for any other container, with a device. */
#define DENY_ALL "{\"allow\":false,\"access\":\"rwm\"}"
#define ALLOW(type, major, minor)                                                      \
	"{\"allow\":true,\"type\":\"" type "\",\"major\":" #major ",\"minor\":" #minor \
	",\"access\":\"rwm\"}"

static void make(struct runtime *rt, const char *spec)
{
	struct err err = ERR_INIT;

	test_runtime(rt, spec);
	if (edit_devices(rt, &err) < 0)
		fail_msg("%s: %s", spec, err.text);
	assert_null(json_at(rt->spec, "linux.devices"));
}

/* Reads the rules as the kernel's device cgroup would: the last one that fits decides. */
static bool may(const struct runtime *rt, char type, int64_t maj, int64_t min, char access)
{
	const struct json *rules = json_at(rt->spec, "linux.resources.devices");
	bool allowed = true; /* what a cgroup begins with */

	assert_true(json_is(rules, JSON_ARRAY));
	for (size_t i = 0; i < rules->n; i++) {
		const struct json *rule = rules->items[i];
		const char *t = json_get_str(rule, "type");
		const char *what = json_get_str(rule, "access");
		int64_t a = -1, b = -1;

		assert_true(json_get_i64(rule, "major", &a) >= 0);
		assert_true(json_get_i64(rule, "minor", &b) >= 0);
		if ((t && t[0] != 'a' && t[0] != type) || (a >= 0 && a != maj) ||
		    (b >= 0 && b != min) || (what && *what && !strchr(what, access)))
			continue;
		allowed = json_get_bool(rule, "allow", false);
	}
	return allowed;
}

static void assert_rules(const struct runtime *rt)
{
	static const int standard[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 },   { 1, 8 },   { 1, 9 },
					   { 5, 0 }, { 5, 2 }, { 136, 0 }, { 136, 99 } };
	static const int foreign[][2] = { { 1, 1 }, { 1, 2 },	 { 1, 4 },    { 4, 64 },
					  { 5, 1 }, { 10, 232 }, { 10, 237 }, { 202, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++) {
		assert_true(may(rt, 'c', standard[i][0], standard[i][1], 'r'));
		assert_true(may(rt, 'c', standard[i][0], standard[i][1], 'w'));
	}
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		assert_false(may(rt, 'c', foreign[i][0], foreign[i][1], 'r'));
		assert_false(may(rt, 'c', foreign[i][0], foreign[i][1], 'w'));
		assert_false(may(rt, 'b', foreign[i][0], foreign[i][1], 'r'));
		assert_false(may(rt, 'b', foreign[i][0], foreign[i][1], 'w'));
	}
	assert_false(may(rt, 'b', 7, 0, 'r'));
	assert_false(may(rt, 'b', 1, 3, 'r')); /* the number of /dev/null, but a block device */
}

static void assert_kept(const struct runtime *rt, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	json_emit(rt->devices, &b);
	assert_string_equal(b.p, want);
}

/* --privileged: every node of the host and everything allowed; left are the harmless ones. */
static void test_privileged(void **state)
{
	struct runtime rt;

	(void)state;
	make(&rt,
	     SPEC(NUL "," FUSE "," KVM "," LOOP "," NODE("/dev/mem", "c", 1, 1) "," TUN, OPEN_ALL));
	assert_kept(&rt, "[" FUSE "," TUN "]");
	assert_rules(&rt);
	assert_true(may(&rt, 'c', 10, 229, 'w'));
	assert_true(may(&rt, 'c', 10, 200, 'w'));
	assert_false(may(&rt, 'c', 10, 229 + 1, 'w'));
	runtime_done(&rt);
}

/* No devices at all: rules all the same, whatever the spec had. */
static void test_rules_replaced(void **state)
{
	static const char *const specs[] = {
		"{\"linux\":{}}",
		SPEC("", ""),
		SPEC("", OPEN_ALL),
		SPEC("", DENY_ALL),
		SPEC("", ALLOW("a", -1, -1)),
		SPEC("", DENY_ALL "," ALLOW("c", 5, 1) "," ALLOW("c", 1, 3)),
		SPEC("", DENY_ALL ",{\"allow\":true,\"type\":\"b\",\"access\":\"m\"},"
				  "{\"allow\":false,\"type\":\"b\",\"access\":\"rwm\"}"),
		SPEC("", ALLOW("b", 7, 0) "," OPEN_ALL),
		SPEC(NUL, DENY_ALL "," ALLOW("c", 1, 3)),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct runtime rt;

		make(&rt, specs[i]);
		assert_kept(&rt, "[]");
		assert_rules(&rt);
		assert_false(may(&rt, 'c', 10, 229, 'r'));
		runtime_done(&rt);
	}
}

/* --device-cgroup-rule */
static void test_rules_refused(void **state)
{
	(void)state;
	test_edit_refuses(edit_devices, SPEC("", DENY_ALL "," ALLOW("b", 7, 0)),
			  "device-cgroup rule \"b 7:0 rwm\"");
	test_edit_refuses(edit_devices, SPEC("", DENY_ALL "," ALLOW("c", 10, 232)),
			  "/state/etc/gabion.json");
	test_edit_refuses(edit_devices, SPEC("", ALLOW("c", 1, -1)), "\"c 1:* rwm\"");
	test_edit_refuses(edit_devices,
			  SPEC("", "{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"r\"}"),
			  "\"c 1:* r\"");
	test_edit_refuses(edit_devices, SPEC("", "{\"allow\":true,\"type\":\"b\"}"),
			  "\"b *:* rwm\"");
}

/* Other limits are not touched. */
static void test_resources_kept(void **state)
{
	struct runtime rt;
	uint64_t limit = 0;

	(void)state;
	make(&rt, "{\"linux\":{\"resources\":{\"devices\":[" OPEN_ALL
		  "],\"memory\":{\"limit\":1048576}},\"cgroupsPath\":\"/x\"}}");
	assert_int_equal(json_get_u64(json_at(rt.spec, "linux.resources.memory"), "limit", &limit),
			 0);
	assert_int_equal(limit, 1048576);
	assert_string_equal(json_get_str(json_get(rt.spec, "linux"), "cgroupsPath"), "/x");
	runtime_done(&rt);
}

/* --device: harmless ones come, others are refused, not dropped. */
static void test_asked(void **state)
{
	struct runtime rt;

	(void)state;
	make(&rt, SPEC(FUSE, DENY_ALL "," ALLOW("c", 10, 229)));
	assert_kept(&rt, "[" FUSE "]");
	assert_rules(&rt);
	assert_true(may(&rt, 'c', 10, 229, 'r'));
	assert_false(may(&rt, 'c', 10, 200, 'r'));
	runtime_done(&rt);
	test_edit_refuses(edit_devices, SPEC(KVM, DENY_ALL "," ALLOW("c", 10, 232)), "/dev/kvm");
	test_edit_refuses(edit_devices, SPEC(KVM, DENY_ALL), "/state/etc/gabion.json");
	test_edit_refuses(edit_devices, SPEC(LOOP, DENY_ALL "," ALLOW("b", 7, 0)), "b 7:0");
	test_edit_refuses(edit_devices, SPEC(NODE("/dev/fuse", "b", 10, 229), DENY_ALL),
			  "/dev/fuse");
	test_edit_refuses(edit_devices, SPEC(NODE("/dev/fuse", "c", 8, 0), DENY_ALL), "c 8:0");
	test_edit_refuses(edit_devices,
			  SPEC("{\"type\":\"c\",\"major\":10,\"minor\":229}", DENY_ALL),
			  "without path");
}

/* --device /dev/fuse:/dev/fuse:r: no more than that. */
static void test_access(void **state)
{
	struct runtime rt;

	(void)state;
	make(&rt, SPEC(FUSE "," TUN,
		       DENY_ALL ",{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,"
				"\"access\":\"r\"}," ALLOW("c", 10, 200)));
	assert_true(may(&rt, 'c', 10, 229, 'r'));
	assert_false(may(&rt, 'c', 10, 229, 'w'));
	assert_true(may(&rt, 'c', 10, 200, 'w'));
	assert_rules(&rt);
	runtime_done(&rt);
}

/* The type u is an unbuffered character device, as mknod(1) has it. */
static void test_unbuffered(void **state)
{
	struct runtime rt;

	(void)state;
	make(&rt, SPEC(NODE("/dev/fuse", "u", 10, 229), DENY_ALL));
	assert_true(may(&rt, 'c', 10, 229, 'r'));
	runtime_done(&rt);
	test_edit_refuses(edit_devices, SPEC(NODE("/dev/kvm", "u", 10, 232), DENY_ALL), "/dev/kvm");
}

/* gabion.json's "devices": the node on the host decides by its number, not by its name. */
static void test_configured(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct err err = ERR_INIT;
	char gpu[PATH_MAX], file[PATH_MAX];
	const char *items[3] = { "/nowhere/gpu", file, gpu };
	struct runtime rt;

	(void)state;
	if (!test_is_root("makes a device node"))
		skip();
	test_dir_new(dir);
	test_put(dir, "file", "");
	test_path(file, dir, "file");
	test_path(gpu, dir, "gpu");
	if (mknod(gpu, S_IFCHR | 0600, makedev(195, 0)) < 0) {
		print_message("SKIPPED: cannot make a device node: %s\n", strerror(errno));
		skip();
	}
	test_runtime(&rt, SPEC(NODE("/dev/any", "c", 195, 0) "," FUSE, DENY_ALL));
	rt.facts.devices = (struct facts_list){ items, 3 };
	if (edit_devices(&rt, &err) < 0)
		fail_msg("%s", err.text);
	assert_kept(&rt, "[" NODE("/dev/any", "c", 195, 0) "," FUSE "]");
	assert_rules(&rt);
	assert_true(may(&rt, 'c', 195, 0, 'w'));
	assert_false(may(&rt, 'c', 195, 1, 'w'));
	assert_false(may(&rt, 'b', 195, 0, 'w'));
	runtime_done(&rt);
	test_runtime(&rt, SPEC(NODE("/dev/any", "c", 195, 1), DENY_ALL));
	rt.facts.devices = (struct facts_list){ items, 3 };
	assert_true(edit_devices(&rt, &err) < 0);
	runtime_done(&rt);
	test_runtime(&rt, SPEC(NODE("/dev/any", "b", 195, 0), DENY_ALL));
	rt.facts.devices = (struct facts_list){ items, 3 };
	assert_true(edit_devices(&rt, &err) < 0);
	runtime_done(&rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileged),     cmocka_unit_test(test_rules_replaced),
		cmocka_unit_test(test_resources_kept), cmocka_unit_test(test_asked),
		cmocka_unit_test(test_access),	       cmocka_unit_test(test_unbuffered),
		cmocka_unit_test(test_configured),     cmocka_unit_test(test_rules_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
