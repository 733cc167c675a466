/* SPDX-License-Identifier: Apache-2.0 */
/* What a container gets whose first process is a system's init, and what it leaves alone. */
#include <string.h>
#include <unistd.h>

#include "runtime/test-runtime.h"

#define SPEC(args, env, mounts) \
	"{\"process\":{\"args\":[" args "],\"env\":[" env "]},\"mounts\":[" mounts "]}"
#define MOUNT(path, type, options) \
	"{\"destination\":\"" path "\",\"type\":\"" type "\",\"options\":[" options "]}"
#define TMPFS(path, options)       \
	"{\"destination\":\"" path \
	"\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[" options "]}"
#define RUN TMPFS("/run", "\"nosuid\",\"nodev\",\"mode=755\",\"size=20%\",\"nr_inodes=800k\"")
#define LOCK TMPFS("/run/lock", "\"nosuid\",\"nodev\",\"noexec\",\"mode=1777\",\"size=5m\"")
#define INIT "\"/sbin/init\""
#define OCI "\"container=oci\""

static void test_which(void **state)
{
	static const char *const inits[] = {
		"/sbin/init",		"/usr/sbin/init",
		"/lib/systemd/systemd", "/usr/lib/systemd/systemd",
		"/bin/systemd",		"/usr/bin/systemd",
	};
	static const char *const others[] = {
		"/init",   "init", "/sbin/docker-init", "/sbin/initx", "/bin/sh", "/usr/sbin/init/",
		"systemd", "",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(inits) + ARRAY_SIZE(others); i++) {
		bool yes = i < ARRAY_SIZE(inits);
		struct runtime rt;
		char spec[128];

		(void)snprintf(spec, sizeof(spec), SPEC("\"%s\",\"--log\"", "", ""),
			       yes ? inits[i] : others[i - ARRAY_SIZE(inits)]);
		test_runtime(&rt, spec);
		assert_int_equal(edit_init(&rt, NULL), 0);
		if ((oci_mount_count(rt.spec) == 2) != yes)
			fail_msg("%s", spec);
		runtime_done(&rt);
	}
	test_edit(edit_init, "{}", "{}");
	test_edit(edit_init, "{\"process\":{\"args\":[]}}", "{\"process\":{\"args\":[]}}");
	test_edit(edit_init, SPEC("\"sh\"," INIT, "", ""), SPEC("\"sh\"," INIT, "", ""));
}

static void test_given(void **state)
{
	(void)state;
	test_edit(edit_init, SPEC(INIT, "\"A=b\"", MOUNT("/proc", "proc", "")),
		  SPEC(INIT, "\"A=b\"," OCI, RUN "," LOCK "," MOUNT("/proc", "proc", "")));
	test_edit(edit_init, "{\"process\":{\"args\":[" INIT "]}}",
		  "{\"process\":{\"args\":[" INIT "],\"env\":[" OCI "]},\"mounts\":[" RUN "," LOCK
		  "]}");
	/* what lies on them is mounted after them */
	test_edit(edit_init, SPEC(INIT, "", MOUNT("/run/x", "bind", "")),
		  SPEC(INIT, OCI, RUN "," LOCK "," MOUNT("/run/x", "bind", "")));
}

/* The user's own word. */
static void test_kept(void **state)
{
	static const char own_env[] = SPEC(INIT, "\"container=kind\"", RUN "," LOCK);
	static const char no_env[] = SPEC(INIT, "\"container=\"", RUN "," LOCK);
	static const char volume[] = SPEC(INIT, OCI, MOUNT("/run", "bind", "\"rbind\""));

	(void)state;
	test_edit(edit_init, own_env, own_env);
	test_edit(edit_init, no_env, no_env);
	test_edit(edit_init, volume, volume); /* nothing is made in it */
	test_edit(edit_init,
		  SPEC(INIT, OCI,
		       MOUNT("/proc", "proc", "") "," MOUNT("//run/", "tmpfs", "\"size=1m\"")),
		  SPEC(INIT, OCI,
		       MOUNT("/proc", "proc", "") "," MOUNT("//run/", "tmpfs",
							    "\"size=1m\"") "," LOCK));
}

static void test_cgroup(void **state)
{
#define CGROUP(type, options) \
	SPEC(INIT, OCI, RUN "," LOCK "," MOUNT("/sys/fs/cgroup", type, options))
	(void)state;
	test_edit(edit_init, CGROUP("cgroup", "\"nosuid\",\"ro\""), CGROUP("cgroup", "\"nosuid\""));
	test_edit(edit_init, CGROUP("cgroup2", "\"ro\""), CGROUP("cgroup2", ""));
	test_edit(edit_init, CGROUP("bind", "\"rbind\",\"ro\""),
		  CGROUP("bind", "\"rbind\",\"ro\""));
	test_edit(edit_init, CGROUP("tmpfs", "\"ro\""), CGROUP("tmpfs", "\"ro\""));
}

/* Units of systemd that no user namespace can fulfil have nothing left to do. */
static void test_kernel_fs(void **state)
{
	static const char *const paths[] = { "/sys/kernel/debug", "/sys/kernel/tracing" };
	static const char text[] =
		"{\"process\":{\"args\":[" INIT
		"],\"capabilities\":{\"bounding\":[\"%s\"]}},\"mounts\":[" MOUNT("/sys", "%s",
										 "") "%s]}";
	static const struct {
		const char *cap, *sys, *more;
		bool covered;
	} rows[] = {
		{ "CAP_SYS_RAWIO", "sysfs", "", true },
		{ "CAP_SYS_ADMIN", "sysfs", "", false },
		{ "CAP_SYS_RAWIO", "bind", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct runtime rt;
		char spec[512];

		(void)snprintf(spec, sizeof(spec), text, rows[i].cap, rows[i].sys, rows[i].more);
		test_runtime(&rt, spec);
		assert_int_equal(edit_init(&rt, NULL), 0);
		for (size_t k = 0; k < ARRAY_SIZE(paths); k++) {
			bool want = rows[i].covered && access(paths[k], F_OK) == 0;

			assert_int_equal(oci_mount_find(rt.spec, paths[k]) != NULL, want);
		}
		runtime_done(&rt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which),	  cmocka_unit_test(test_given),
		cmocka_unit_test(test_kept),	  cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_kernel_fs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
