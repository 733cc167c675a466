/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "oci/spec.h"

#define CAP (1u << 20)

static int load(struct arena *a, const char *text, struct json **ret, struct err *err)
{
	*a = ARENA_INIT(CAP);
	return oci_spec_load(a, slice_str(text), ret, err);
}

static struct json *must_load(struct arena *a, const char *text)
{
	struct err err = ERR_INIT;
	struct json *v = NULL;

	if (load(a, text, &v, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return v;
}

static void assert_text(const struct json *v, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	json_emit(v, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

/* One value of every kind that the spec knows comes through unchanged. */
static void test_keeps_all(void **state)
{
	static const char text[] =
		"{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":true,\"consoleSize\":{"
		"\"height\":1,"
		"\"width\":2},\"user\":{\"uid\":4294967295,\"gid\":0,\"umask\":18,"
		"\"additionalGids\":"
		"[1,2],\"username\":\"u\"},\"args\":[\"sh\"],\"env\":[\"A=b\"],\"cwd\":\"/\","
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[],\"inheritable\":[],"
		"\"permitted\":[],\"ambient\":[]},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\","
		"\"hard\":"
		"18446744073709551615,\"soft\":1}],\"noNewPrivileges\":true,\"apparmorProfile\":"
		"\"p\","
		"\"oomScoreAdj\":-500,\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":-5,"
		"\"flags\":[]},\"selinuxLabel\":\"l\",\"ioPriority\":{\"class\":\"c\",\"priority\":"
		"1},"
		"\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"1\"}},\"root\":{\"path\":"
		"\"rootfs\","
		"\"readonly\":true},\"hostname\":\"h\",\"domainname\":\"d\",\"mounts\":[{"
		"\"destination\":"
		"\"/p\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"ro\"],\"uidMappings\":"
		"[{\"containerID\":0,\"hostID\":1,\"size\":2}],\"gidMappings\":[]}],\"hooks\":"
		"{\"prestart\":[{\"path\":\"/"
		"h\",\"args\":[],\"env\":[],\"timeout\":3}],\"poststop\":[]},"
		"\"annotations\":{\"a.b/c\":\"d\",\"A.b/"
		"c\":\"e\"},\"linux\":{\"sysctl\":{\"net.x\":\"1\"},"
		"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],\"memory\":{"
		"\"limit\":-1,"
		"\"swappiness\":0,\"disableOOMKiller\":false},\"cpu\":{\"shares\":2,\"quota\":-1,"
		"\"cpus\":\"0-1\"},\"pids\":{\"limit\":100},\"blockIO\":{\"weight\":10,"
		"\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":5}]},"
		"\"hugepageLimits\":"
		"[{\"pageSize\":\"2MB\",\"limit\":0}],\"network\":{\"classID\":1,\"priorities\":"
		"[{\"name\":\"eth0\",\"priority\":1}]},\"rdma\":{\"m\":{\"hcaHandles\":1}},"
		"\"unified\":"
		"{\"memory.high\":\"1\"}},\"cgroupsPath\":\"/"
		"x\",\"namespaces\":[{\"type\":\"pid\"}],"
		"\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":3,"
		"\"fileMode\":438,\"uid\":0,\"gid\":0}],\"seccomp\":{\"defaultAction\":\"A\","
		"\"defaultErrnoRet\":1,\"architectures\":[\"x\"],\"flags\":[],\"listenerPath\":\"/"
		"l\","
		"\"syscalls\":[{\"names\":[\"clone\"],\"action\":\"B\",\"errnoRet\":38,\"args\":"
		"[{\"index\":0,\"value\":2114060288,\"valueTwo\":0,\"op\":\"C\"}]}]},"
		"\"rootfsPropagation\":\"private\",\"maskedPaths\":[\"/a\"],\"readonlyPaths\":[],"
		"\"mountLabel\":\"l\",\"intelRdt\":{\"closID\":\"i\",\"schemata\":[\"L3\"],"
		"\"enableCMT\":true},\"personality\":{\"domain\":\"LINUX32\",\"flags\":[]},"
		"\"timeOffsets\":{\"monotonic\":{\"secs\":-1,\"nanosecs\":2}}},\"windows\":{\"x\":"
		"1}}";
	CLEANUP_ARENA struct arena a;

	(void)state;
	assert_text(must_load(&a, text), text);
}

static void test_folds_known_keeps_unknown(void **state)
{
	CLEANUP_ARENA struct arena a;

	(void)state;
	assert_text(
		must_load(&a,
			  "{\"OCIVersion\":\"1\",\"Linux\":{\"Name\\u017fpaces\":"
			  "[{\"TYPE\":\"pid\",\"new\":1}],\"seccomp\":null,\"later\":{\"X\":null}},"
			  "\"process\":null,\"x-new\":[1]}"),
		"{\"ociVersion\":\"1\",\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"new\":1}],"
		"\"later\":{\"X\":null}},\"x-new\":[1]}");
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "[]", "not a JSON object" },
		{ "null", "not a JSON object" },
		{ "{\"linux\":{}} x",
		  "line 1, column 14: 'x' where there should be the end of the text" },
		{ "{\"linux\":{},\"Linux\":{}}",
		  "Linux: given twice, the other time as \"linux\"" },
		{ "{\"new\":1,\"NEW\":2}", "NEW: given twice, the other time as \"new\"" },
		{ "{\"annotations\":{\"a\":\"1\",\"a\":\"2\"}}",
		  "annotations.a: given twice, the other time as \"a\"" },
		{ "{\"annotations\":{\"a\":1}}",
		  "annotations.a: a number where there should be a string" },
		{ "{\"process\":{\"args\":[\"a\",1]}}",
		  "process.args[1]: a number where there should be a string" },
		{ "{\"process\":{\"args\":[\"a\\u0000\"]}}",
		  "line 1, column 23: a NUL character in a string is not allowed" },
		{ "{\"process\":{\"user\":{\"uid\":-1}}}",
		  "process.user.uid: -1 is not a whole number from 0 up of 32 bits" },
		{ "{\"linux\":{\"namespaces\":{}}}",
		  "linux.namespaces: an object where there should be a list" },
		{ "{\"linux\":{\"namespaces\":[\"pid\"]}}",
		  "linux.namespaces[0]: a string where there should be an object" },
		{ "{\"mounts\":[{\"options\":\"ro\"}]}",
		  "mounts[0].options: a string where there should be a list" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a;
		struct err err = ERR_INIT;
		struct json *v;
		int r = load(&a, cases[i].text, &v, &err);

		if (r != -EINVAL || strcmp(err.text, cases[i].error) != 0)
			fail_msg("%s\nwanted %s\ngot    %d %s", cases[i].text, cases[i].error, r,
				 err.text);
	}
}

static void test_parts(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct err err = ERR_INIT;
	struct json *v;

	(void)state;
	assert_int_equal(
		oci_load_as(&a, SLICE_LIT("{\"Cwd\":\"/\"}"), &oci_process_shape, &v, &err), 0);
	assert_text(v, "{\"cwd\":\"/\"}");
	assert_int_equal(oci_load_as(&a, SLICE_LIT("{\"Memory\":{\"limit\":5}}"),
				     &oci_resources_shape, &v, &err),
			 0);
	assert_text(v, "{\"memory\":{\"limit\":5}}");
	assert_int_equal(oci_load_as(&a, SLICE_LIT("null"), &oci_process_shape, &v, &err), -EINVAL);
}

static void test_namespaces(void **state)
{
	CLEANUP_ARENA struct arena a, b;
	const struct json *spec =
		must_load(&a, "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/x\"},{},"
			      "{\"type\":\"network\"},{\"type\":\"pid\",\"path\":\"/y\"}]}}");

	(void)state;
	assert_text(oci_namespace_find(spec, "pid"), "{\"type\":\"pid\",\"path\":\"/y\"}");
	assert_text(oci_namespace_find(spec, "network"), "{\"type\":\"network\"}");
	assert_null(oci_namespace_find(spec, "net"));
	assert_null(oci_namespace_find(spec, "user"));
	assert_null(oci_namespace_find(must_load(&b, "{}"), "pid"));
}

static void test_mounts(void **state)
{
	CLEANUP_ARENA struct arena a, b;
	struct json *spec =
		must_load(&a, "{\"mounts\":[{\"destination\":\"/dev\",\"source\":\"1\"},"
			      "{\"destination\":\"/dev/shm/\",\"source\":\"2\"},{},"
			      "{\"destination\":\"//dev/.\",\"source\":\"3\"},"
			      "{\"destination\":\"/\",\"source\":\"4\"}]}");

	(void)state;
	assert_int_equal(oci_mount_count(spec), 5);
	assert_string_equal(json_get_str(oci_mount_get(spec, 1), "source"), "2");
	assert_null(oci_mount_get(spec, 5));
	assert_string_equal(json_get_str(oci_mount_find(spec, "/dev"), "source"), "3");
	assert_string_equal(json_get_str(oci_mount_find(spec, "/dev/shm"), "source"), "2");
	assert_string_equal(json_get_str(oci_mount_find(spec, "/dev//./shm//"), "source"), "2");
	assert_string_equal(json_get_str(oci_mount_find(spec, "/"), "source"), "4");
	assert_null(oci_mount_find(spec, "/dev/sh"));
	assert_null(oci_mount_find(spec, "/dev/shm/x"));
	assert_null(oci_mount_find(spec, "/de"));
	assert_int_equal(oci_mount_count(must_load(&b, "{}")), 0);
}

static void test_options(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct json *spec =
		must_load(&a, "{\"mounts\":[{\"options\":[\"ro\",\"nosuid\",\"ro\"]},{}]}");
	struct json *one = oci_mount_get(spec, 0), *two = oci_mount_get(spec, 1);

	(void)state;
	assert_true(oci_mount_has_option(one, "ro"));
	assert_false(oci_mount_has_option(one, "r"));
	assert_false(oci_mount_has_option(two, "ro"));
	assert_true(oci_mount_del_option(one, "ro"));
	assert_false(oci_mount_del_option(one, "ro"));
	assert_false(oci_mount_del_option(two, "ro"));
	assert_int_equal(oci_mount_add_option(&a, one, "nosuid"), 0);
	assert_int_equal(oci_mount_add_option(&a, one, "rbind"), 0);
	assert_int_equal(oci_mount_add_option(&a, two, "ro"), 0);
	assert_text(spec,
		    "{\"mounts\":[{\"options\":[\"nosuid\",\"rbind\"]},{\"options\":[\"ro\"]}]}");
}

static void test_caps(void **state)
{
	CLEANUP_ARENA struct arena a, b;
	const struct json *spec =
		must_load(&a, "{\"process\":{\"capabilities\":{\"bounding\":"
			      "[\"CAP_KILL\"],\"ambient\":[\"CAP_SYS_ADMIN\"]}}}");

	(void)state;
	assert_true(oci_process_has_cap(spec, "CAP_SYS_ADMIN"));
	assert_true(oci_process_has_cap(spec, "CAP_KILL"));
	assert_false(oci_process_has_cap(spec, "CAP_SYS"));
	assert_false(oci_process_has_cap(must_load(&b, "{}"), "CAP_KILL"));
}

/* The tables themselves: no two names of a struct that Go would take for one another. */
static void walk(const struct shape *shape, size_t *structs)
{
	if (shape->kind == SHAPE_MAP || shape->kind == SHAPE_LIST) {
		assert_non_null(shape->element);
		walk(shape->element, structs);
		return;
	}
	if (shape->kind != SHAPE_STRUCT)
		return;
	++*structs;
	assert_true(shape->n > 0);
	for (size_t i = 0; i < shape->n; i++) {
		const struct shape_member *m = &shape->members[i];

		for (size_t j = 0; j < i; j++)
			assert_false(slice_eq_nocase(slice_str(m->name),
						     slice_str(shape->members[j].name)));
		for (const char *c = m->name; *c; c++)
			assert_true(*c > ' ' && *c < 0x7f);
		assert_non_null(m->shape);
		walk(m->shape, structs);
	}
}

static void test_tables(void **state)
{
	size_t structs = 0;

	(void)state;
	walk(&oci_spec_shape, &structs);
	assert_true(structs > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_all),  cmocka_unit_test(test_folds_known_keeps_unknown),
		cmocka_unit_test(test_refuses),	   cmocka_unit_test(test_parts),
		cmocka_unit_test(test_namespaces), cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_options),	   cmocka_unit_test(test_caps),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
