/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles with questions for gabion-vet in them. What a profile refuses it goes on refusing. */
#include <string.h>

#include "base/test-dir.h"
#include "runtime/test-runtime.h"

#define ADMIN "\"process\":{\"capabilities\":{\"bounding\":[\"CAP_SYS_ADMIN\"]}}"

/* The profile after the edit, "" when there is none. lower: the lower runtime. */
static void run_edit(const char *spec, const char *lower, bool vetted, char *ret, size_t size)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	const struct json *profile;
	struct runtime rt;

	test_dir_new(dir);
	test_runtime(&rt, spec);
	(void)snprintf(rt.inst.run, sizeof(rt.inst.run), "%s", dir);
	(void)snprintf(rt.lower, sizeof(rt.lower), "%s", lower);
	if (vetted)
		test_put(dir, "vet.sock", "");
	assert_int_equal(edit_seccomp(&rt, NULL), 0);
	profile = json_at(rt.spec, "linux.seccomp");
	ret[0] = '\0';
	if (profile) {
		if (vetted && json_get_str(profile, "listenerPath")) {
			char want[PATH_MAX];

			assert_string_equal(json_get_str(profile, "listenerPath"),
					    test_path(want, dir, "vet.sock"));
			assert_string_equal(json_get_str(profile, "listenerMetadata"), "c1");
			(void)json_del((struct json *)profile, "listenerPath");
			(void)json_del((struct json *)profile, "listenerMetadata");
		}
		json_emit(profile, &b);
		assert_true(buf_ok(&b) && b.n < size);
		(void)snprintf(ret, size, "%.*s", (int)b.n, b.p);
	}
	runtime_done(&rt);
}

static void check(const char *profile, const char *want)
{
	char spec[2048];
	char got[4096];

	(void)snprintf(spec, sizeof(spec), "{" ADMIN ",\"linux\":{\"seccomp\":%s}}", profile);
	run_edit(spec, "/usr/bin/runc", true, got, sizeof(got));
	assert_string_equal(got, want);
}

#define ASK(name) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_NOTIFY\"}"
#define ASK_ALL ASK("mount") "," ASK("umount") "," ASK("umount2") "," ASK("fsopen")

/* --privileged has no profile: everything but the questions stays allowed, in every ABI. */
static void test_none(void **state)
{
	char got[4096];

	(void)state;
	run_edit("{" ADMIN "}", "/usr/bin/runc", true, got, sizeof(got));
	assert_non_null(strstr(got, "\"defaultAction\":\"SCMP_ACT_ALLOW\""));
	assert_non_null(strstr(got, "\"architectures\":[\"SCMP_ARCH_"));
	assert_non_null(strstr(got, "\"syscalls\":[" ASK_ALL "]"));
	assert_null(strstr(got, "flags"));
	run_edit("{" ADMIN "}", "/usr/bin/crun", true, got, sizeof(got));
	assert_non_null(strstr(got, "\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]"));
}

/* Who may not mount is not asked about; nor is anybody where there is no gabion-vet. */
static void test_not_asked(void **state)
{
	char got[4096];

	(void)state;
	run_edit("{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]}}}", "/usr/bin/runc",
		 true, got, sizeof(got));
	assert_string_equal(got, "");
	run_edit("{" ADMIN "}", "/usr/bin/runc", false, got, sizeof(got));
	assert_string_equal(got, "");
}

static void test_list_of_allowed(void **state)
{
	(void)state;
	check("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\",\"mount\","
	      "\"umount2\"],"
	      "\"action\":\"SCMP_ACT_ALLOW\"}]}",
	      "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],"
	      "\"action\":"
	      "\"SCMP_ACT_ALLOW\"}," ASK("mount") "," ASK("umount2") "]}");
	/* Not in it: it stays refused. */
	check("{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[]}",
	      "{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[]}");
	/* Under a condition: the question has it. */
	check("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"mount\"],"
	      "\"action\":"
	      "\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":3,\"value\":4096,\"op\":\"SCMP_CMP_EQ\"}]}]"
	      "}",
	      "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"mount\"],"
	      "\"action\":"
	      "\"SCMP_ACT_NOTIFY\",\"args\":[{\"index\":3,\"value\":4096,\"op\":\"SCMP_CMP_EQ\"}]}]"
	      "}");
}

static void test_list_of_refused(void **state)
{
	(void)state;
	check("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],\"action\":"
	      "\"SCMP_ACT_ERRNO\"}]}",
	      "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],\"action\":"
	      "\"SCMP_ACT_ERRNO\"}," ASK_ALL "]}");
	check("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\","
	      "\"fsopen\"],"
	      "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}]}",
	      "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
	      "\"action\":"
	      "\"SCMP_ACT_ERRNO\",\"errnoRet\":38}," ASK("umount") "," ASK(
		      "umount2") ","
				 "{\"names\":[\"fsopen\"],\"action\":\"SCMP_ACT_ERRNO\","
				 "\"errnoRet\":38}]}");
	/* Beside a question, a condition would be lost, and with it the refusal: it holds always.
	 */
	check("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
	      "\"action\":"
	      "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":3,\"value\":32,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	      "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
	      "\"action\":"
	      "\"SCMP_ACT_ERRNO\"}," ASK("umount") "," ASK("umount2") "," ASK("fsopen") "]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_list_of_allowed),
		cmocka_unit_test(test_list_of_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
