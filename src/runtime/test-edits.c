/* SPDX-License-Identifier: Apache-2.0 */
/* platform, annotations, process, sysctls, limits; the order of the table. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/test-runtime.h"

static void test_platform(void **state)
{
	static const char good[] =
		"{\"root\":{\"path\":\"rootfs\"},\"linux\":{\"cgroupsPath\":\"/x\"}}";
	static const char *const others[] = { "windows", "solaris", "vm", "zos", "freebsd" };

	(void)state;
	test_edit(edit_platform, good, good);
	test_edit(edit_platform, "{\"windows\":null,\"root\":{},\"linux\":{}}",
		  "{\"root\":{},\"linux\":{}}");
	test_edit_refuses(edit_platform, "{}", "linux");
	test_edit_refuses(edit_platform, "{\"root\":{}}", "\"linux\"");
	test_edit_refuses(edit_platform, "{\"linux\":null,\"root\":{}}", "\"linux\"");
	test_edit_refuses(edit_platform, "{\"linux\":{}}", "\"root\"");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		char spec[128];

		(void)snprintf(spec, sizeof(spec), "{\"root\":{},\"linux\":{},\"%s\":{}}",
			       others[i]);
		test_edit_refuses(edit_platform, spec, others[i]);
		(void)snprintf(spec, sizeof(spec), "{\"root\":{},\"%s\":{\"a\":1}}", others[i]);
		test_edit_refuses(edit_platform, spec, others[i]);
	}
}

/* Isolation is off: nothing else of the file changes, and where nothing has to, the file neither.
 */
static void test_plain_version(void **state)
{
	static const char *const rows[][2] = {
		{ "{ \"a\":[1.50],\n \"ociVersion\" : \"1.2.1\", \"b\":\"\\u0041\"}\n",
		  "{ \"a\":[1.50],\n \"ociVersion\" : \"1.0.2\", \"b\":\"\\u0041\"}\n" },
		{ "{\"ociVersion\":\"1.0.2\"}", NULL },
		{ "{\"ociVersion\":\"1.\\u0032.1\"}", NULL },
		{ "{\"ociVersion\":1}", NULL },
		{ "{}", NULL },
		{ "no JSON", NULL },
	};
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";

	(void)state;
	test_dir_new(dir);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP_BUF struct buf text = BUF_INIT(1024);
		struct err err = ERR_INIT;
		struct runtime rt;
		struct stat before;
		struct stat after;

		runtime_init(&rt);
		(void)test_path(rt.config, dir, "config.json");
		test_put(dir, "config.json", rows[i][0]);
		assert_int_equal(stat(rt.config, &before), 0);
		assert_int_equal(platform_plain(&rt, &err), 0);
		assert_int_equal(file_read(rt.config, &text), 0);
		assert_string_equal(text.p, rows[i][1] ? rows[i][1] : rows[i][0]);
		assert_int_equal(stat(rt.config, &after), 0);
		assert_int_equal(before.st_ino == after.st_ino, !rows[i][1]);
		runtime_done(&rt);
	}
}

static void test_version(void **state)
{
	static const char *const rows[][2] = {
		{ "1.0.0", "1.0.0" },	{ "1.0.2-dev", "1.0.2-dev" }, { "1.1.0", "1.0.2" },
		{ "1.2.1", "1.0.2" },	{ "1.10.0+future", "1.0.2" }, { "2.0.0", "2.0.0" },
		{ "10.0.0", "10.0.0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char spec[128];
		char want[128];

		(void)snprintf(spec, sizeof(spec),
			       "{\"ociVersion\":\"%s\",\"root\":{},\"linux\":{}}", rows[i][0]);
		(void)snprintf(want, sizeof(want),
			       "{\"ociVersion\":\"%s\",\"root\":{},\"linux\":{}}", rows[i][1]);
		test_edit(edit_platform, spec, want);
	}
}

static void complete(const char *spec, uint64_t host, const char *want)
{
	struct err err = ERR_INIT;
	struct runtime rt;

	test_runtime(&rt, spec);
	assert_int_equal(capabilities_complete(&rt, host, 4, &err), 0);
	test_spec_is(&rt, want);
	runtime_done(&rt);
}

/* A host of four capabilities that lacks the second: who has all of the others gets it too. */
static void test_capabilities(void **state)
{
	static const char all[] = "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\","
				  "\"CAP_DAC_READ_SEARCH\",\"CAP_FOWNER\"],\"ambient\":[]}}}";
	static const char more[] =
		"{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\","
		"\"CAP_DAC_READ_SEARCH\",\"CAP_FOWNER\",\"CAP_DAC_OVERRIDE\"],\"ambient\":[]}}}";
	static const char some[] =
		"{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_FOWNER\"],"
		"\"effective\":[],\"inheritable\":[\"CAP_KILL\"]}}}";

	(void)state;
	complete(all, 13, more);
	complete(more, 13, more);
	complete(all, 15, all);
	complete(some, 13, some);
	complete("{}", 13, "{}");
}

/* Every annotation that crun 1.8 and runc 1.1 act on (strings of the binaries; reference/escapes.md
 * section 0, 6). */
static void test_annotations_orders(void **state)
{
	static const char *const orders[] = {
		"run.oci.seccomp_bpf_data",
		"run.oci.seccomp.plugins",
		"run.oci.seccomp.receiver",
		"run.oci.seccomp_fail_unknown_syscall",
		"run.oci.hooks.stdout",
		"run.oci.hooks.stderr",
		"run.oci.handler",
		"run.oci.pidfd_receiver",
		"run.oci.delegate-cgroup",
		"run.oci.systemd.force_cgroup_v1",
		"run.oci.systemd.subgroup",
		"run.oci.keep_original_groups",
		"run.oci.mount_context_type",
		"run.oci.timens_offset",
		"run.oci.anything.new",
		"org.criu.config",
		"module.wasm.image/variant",
		"krun.cpus",
		"org.systemd.property.DevicePolicy",
		"Run.Oci.Handler",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		char spec[256];

		(void)snprintf(spec, sizeof(spec),
			       "{\"annotations\":{\"a\":\"1\",\"%s\":\"x\",\"z\":\"2\"}}",
			       orders[i]);
		test_edit(edit_annotations, spec, "{\"annotations\":{\"a\":\"1\",\"z\":\"2\"}}");
	}
}

static void test_annotations_kept(void **state)
{
	static const char kept[] =
		"{\"annotations\":{\"org.opencontainers.image.title\":\"t\",\"run.oci\":\"\","
		"\"run.ociX\":\"\",\"my.run.oci.handler\":\"\",\"com.example/krun.cpus\":\"3\","
		"\"io.kubernetes.cri.container-type\":\"container\",\"\":\"\"}}";

	(void)state;
	test_edit(edit_annotations, kept, kept);
	test_edit(edit_annotations, "{}", "{}");
	test_edit(edit_annotations, "{\"annotations\":{}}", "{\"annotations\":{}}");
	test_edit(edit_annotations,
		  "{\"annotations\":{\"run.oci.handler\":\"krun\",\"krun.cpus\":\"1\"}}",
		  "{\"annotations\":{}}");
}

/* CVE-2024-21626 and its spellings. */
static void test_cwd(void **state)
{
	static const char *const bad[] = {
		"/proc/self/fd/7",
		"/proc/self/fd/7/",
		"/proc/self/fd",
		"/proc/thread-self/fd/8",
		"/proc/self/fd/7/../../..",
		"/proc/1/fd/3/../../../etc",
		"/x/../proc/self/./fd/7/..",
		"//proc//self//fd//7",
		"/./proc/./self/./fd/7",
		"/proc/../proc/self/fd/7",
		"/x/../proc/self/fd/7",
		"/../proc/self/fd/7",
		"/dev/fd/9",
		"/dev/fd",
		"/dev/./fd/../fd/9",
		"proc/self/fd/7",
		"/proc/self/task/1/fd/7",
		"/proc/self/cwd",
		"/proc/self/root/etc",
		"/proc/self/map_files/x",
	};
	static const char *const good[] = {
		"/",	"/app",	    "/proc",	      "/proc/self",	   "/proc/self/ns",
		"/dev", "/dev/shm", "/procs/self/fd", "/proc/self/fdinfo", "/x/proc/self/fd",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char spec[128];

		(void)snprintf(spec, sizeof(spec), "{\"process\":{\"cwd\":\"%s\"}}", bad[i]);
		test_edit_refuses(edit_process, spec, bad[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char spec[128];

		(void)snprintf(spec, sizeof(spec), "{\"process\":{\"cwd\":\"%s\"}}", good[i]);
		test_edit(edit_process, spec, spec);
	}
}

/* The image's own links lead there as well: asked once the root file system is there. */
static void test_cwd_links(void **state)
{
	static const struct {
		const char *link, *to;
	} links[] = {
		{ "app", "/proc/self/fd/7" },
		{ "up", "proc/self/fd/7/../.." },
		{ "dir/rel", "../proc/1/cwd" },
		{ "two", "dir/rel" },
		{ "fine", "/dir" },
		{ "loop", "loop" },
		{ "out", "/../../../dir" },
		{ "dev-fd", "/dev/fd" },
	};
	static const struct {
		const char *cwd;
		bool fine;
	} rows[] = {
		{ "/", true },
		{ "/dir", true },
		{ "/nothing/there", true },
		{ "/fine", true },
		{ "/fine/x", true },
		{ "/out", true },
		{ "/fine/../dir", true },
		{ "/app", false },
		{ "/app/", false },
		{ "/app/../../..", false },
		{ "/up", false },
		{ "/dir/rel", false },
		{ "/fine/rel", false },
		{ "/two", false },
		{ "/two/etc", false },
		{ "/loop", false },
		{ "/dev-fd/9", false },
		{ "/dir/../app", false },
		{ "/dir/./../two", false },
		{ "//dir//rel", false },
	};
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char path[PATH_MAX];
	int root;

	(void)state;
	test_dir_new(dir);
	test_mkdir(dir, "dir");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		assert_int_equal(symlink(links[i].to, test_path(path, dir, links[i].link)), 0);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct runtime rt;
		char spec[128];

		(void)snprintf(spec, sizeof(spec), "{\"process\":{\"cwd\":\"%s\"}}", rows[i].cwd);
		test_runtime(&rt, spec);
		if ((process_check_cwd(&rt, root, &err) >= 0) != rows[i].fine)
			fail_msg("%s: %s", rows[i].cwd, err.text[0] ? err.text : "taken");
		runtime_done(&rt);
	}
	assert_int_equal(close(root), 0);
}

/* What the engine grants stays granted (issue 2, point 6). */
static void test_process_kept(void **state)
{
	static const char spec[] =
		"{\"process\":{\"user\":{\"uid\":1000},\"args\":[\"sh\"],\"cwd\":\"/\","
		"\"capabilities\":{\"bounding\":[\"CAP_SYS_ADMIN\"]},"
		"\"noNewPrivileges\":true,\"apparmorProfile\":\"docker-default\","
		"\"oomScoreAdj\":-500,\"selinuxLabel\":\"l\"}}";

	(void)state;
	test_edit(edit_process, spec, spec);
	test_edit(edit_process, "{}", "{}");
	test_edit_refuses(edit_process, "{\"process\":{\"cwd\":\"app\"}}", "app");
	test_edit(edit_process, "{\"process\":{}}", "{\"process\":{}}");
	test_edit(edit_process, "{\"linux\":{\"seccomp\":{\"listenerPath\":\"\"}}}",
		  "{\"linux\":{\"seccomp\":{\"listenerPath\":\"\"}}}");
	test_edit_refuses(edit_process, "{\"linux\":{\"seccomp\":{\"listenerPath\":\"/x.sock\"}}}",
			  "\"/x.sock\"");
}

#define PING(value) \
	"{\"linux\":{\"sysctl\":{\"a.b\":\"1\",\"net.ipv4.ping_group_range\":\"" value "\"}}}"

static void test_sysctls(void **state)
{
	static const char none[] = "{\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}}";
	struct runtime rt;

	(void)state;
	/* The engine's default holds groups without a mapping: EINVAL of the kernel. */
	test_edit(edit_sysctls, PING("0 2147483647"), PING("0 65535"));
	test_edit(edit_sysctls, PING("1000 65536"), PING("1000 65535"));
	test_edit(edit_sysctls, PING("0\\t2147483647"), PING("0 65535"));
	/* Never loosened: no group of the container was meant. */
	test_edit(edit_sysctls, PING("70000 80000"), PING("1 0"));
	test_edit(edit_sysctls, PING("65535 80000"), PING("65535 65535"));
	/* Valid in there: as it is. */
	test_edit(edit_sysctls, PING("0 65535"), PING("0 65535"));
	test_edit(edit_sysctls, PING("5 10"), PING("5 10"));
	test_edit(edit_sysctls, PING("1 0"), PING("1 0")); /* nobody */
	test_edit(edit_sysctls, PING("nonsense"), PING("nonsense"));
	test_edit(edit_sysctls, PING(""), PING(""));
	test_edit(edit_sysctls, none, none);
	test_edit(edit_sysctls, "{\"linux\":{}}", "{\"linux\":{}}");
	test_runtime(&rt, PING("0 2147483647"));
	rt.facts.ids_per_container = 131072;
	assert_int_equal(edit_sysctls(&rt, NULL), 0);
	test_spec_is(&rt, PING("0 131071"));
	runtime_done(&rt);
}

/* --domainname: by the spec's field, which the container's root has a right to. */
static void test_domainname(void **state)
{
	(void)state;
	test_edit(edit_sysctls,
		  "{\"linux\":{\"sysctl\":{\"kernel.domainname\":\"d\",\"a\":\"1\"}}}",
		  "{\"linux\":{\"sysctl\":{\"a\":\"1\"}},\"domainname\":\"d\"}");
	test_edit(edit_sysctls,
		  "{\"domainname\":\"old\",\"linux\":{\"sysctl\":{\"kernel.domainname\":\"d\","
		  "\"net.ipv4.ping_group_range\":\"0 2147483647\"}}}",
		  "{\"domainname\":\"d\",\"linux\":{\"sysctl\":{\"net.ipv4.ping_group_range\":\"0 "
		  "65535\"}}}");
	test_edit(edit_sysctls, "{\"domainname\":\"d\",\"linux\":{}}",
		  "{\"domainname\":\"d\",\"linux\":{}}");
}

#define LIMIT(type, value) \
	"{\"process\":{\"rlimits\":[{\"type\":\"" type "\",\"hard\":" value ",\"soft\":1}]}}"

/* Which limits there are: setrlimit(2) and the runtime spec. */
static void test_limits_names(void **state)
{
	static const char *const names[] = {
		"AS",	"CORE",	  "CPU",   "DATA", "FSIZE",  "LOCKS",  "MEMLOCK",    "MSGQUEUE",
		"NICE", "NOFILE", "NPROC", "RSS",  "RTPRIO", "RTTIME", "SIGPENDING", "STACK",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char spec[128];

		(void)snprintf(spec, sizeof(spec),
			       "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_%s\",\"hard\":0,"
			       "\"soft\":0}]}}",
			       names[i]);
		test_edit(edit_limits, spec, spec); /* lowered by the lower runtime, not here */
	}
	test_edit(edit_limits, "{\"process\":{}}", "{\"process\":{}}");
	test_edit(edit_limits, "{}", "{}");
	test_edit_refuses(edit_limits, LIMIT("RLIMIT_NOTHING", "1"), "RLIMIT_NOTHING");
	test_edit_refuses(edit_limits, LIMIT("NOFILE", "1"), "NOFILE");
	test_edit_refuses(edit_limits, "{\"process\":{\"rlimits\":[{\"hard\":1}]}}",
			  "without type");
	test_edit_refuses(edit_limits, "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\"}]}}",
			  "hard");
}

/* Lowers this process's hard limit first; the edit changes it only upwards. */
static int raise_in_child(void *data)
{
	struct rlimit low = { .rlim_cur = 100, .rlim_max = 100 };
	struct rlimit now;
	struct runtime rt;
	const bool *may = data;

	runtime_init(&rt);
	TEST_CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
	TEST_CHECK(oci_spec_load(&rt.arena, SLICE_LIT(LIMIT("RLIMIT_NOFILE", "50")), &rt.spec,
				 NULL) == 0);
	TEST_CHECK(edit_limits(&rt, NULL) == 0 && getrlimit(RLIMIT_NOFILE, &now) == 0);
	TEST_CHECK(now.rlim_max == 100);
	TEST_CHECK(oci_spec_load(&rt.arena, SLICE_LIT(LIMIT("RLIMIT_NOFILE", "200")), &rt.spec,
				 NULL) == 0);
	if (!*may) { /* then it must say so, not start with less */
		struct err err = ERR_INIT;

		TEST_CHECK(edit_limits(&rt, &err) < 0);
		TEST_CHECK(strstr(err.text, "RLIMIT_NOFILE") && strstr(err.text, "200"));
		return 0;
	}
	TEST_CHECK(edit_limits(&rt, NULL) == 0 && getrlimit(RLIMIT_NOFILE, &now) == 0);
	TEST_CHECK(now.rlim_max == 200);
	TEST_CHECK(now.rlim_cur == 100);
	return 0;
}

static void test_limits_raise(void **state)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { 0 } };
	bool may;

	(void)state;
	assert_int_equal(syscall(SYS_capget, &head, caps), 0);
	may = caps[0].effective & (1u << CAP_SYS_RESOURCE);
	if (!may)
		print_message(
			"SKIPPED in part: no CAP_SYS_RESOURCE here; only the refusal is seen\n");
	assert_int_equal(test_in_child(raise_in_child, &may), 0);
}

/* The order that other edits rely on: the platform first, nothing on the host before all that can
 * still refuse. */
static size_t place_of_edit(const char *name)
{
	for (size_t i = 0; i < edits_n; i++)
		if (strcmp(edits[i].name, name) == 0)
			return i;
	fail_msg("no edit %s", name);
	return 0;
}

static void test_order(void **state)
{
	static const char *const pure[] = { "annotations", "hooks",   "process",
					    "namespaces",  "devices", "sysctls" };

	(void)state;
	assert_int_equal(place_of_edit("platform"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pure); i++)
		assert_true(place_of_edit(pure[i]) < place_of_edit("userns"));
	assert_true(place_of_edit("cdi") < place_of_edit("hooks"));
	assert_true(place_of_edit("cdi") < place_of_edit("devices"));
	assert_true(place_of_edit("userns") < place_of_edit("rootfs"));
	assert_true(place_of_edit("rootfs") < place_of_edit("mounts"));
	assert_true(place_of_edit("mounts") < place_of_edit("record"));
	assert_true(place_of_edit("record") < place_of_edit("view"));
	assert_int_equal(place_of_edit("attach"), edits_n - 1);
	for (size_t i = 0; i < edits_n; i++)
		assert_non_null(edits[i].make);
	assert_non_null(edits[place_of_edit("userns")].undo);
	assert_non_null(edits[place_of_edit("record")].undo);
	assert_non_null(edits[place_of_edit("view")].undo);
}

/* Issue 2, point 11: an error says which edit. */
static void test_error_names_edit(void **state)
{
	struct err err = ERR_INIT;
	struct runtime rt;

	(void)state;
	test_runtime(&rt, "{\"windows\":{}}");
	assert_true(edits_make(&rt, &err) < 0);
	assert_int_equal(strncmp(err.text, "platform: ", 10), 0);
	runtime_done(&rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_plain_version),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_annotations_orders),
		cmocka_unit_test(test_annotations_kept),
		cmocka_unit_test(test_cwd),
		cmocka_unit_test(test_cwd_links),
		cmocka_unit_test(test_process_kept),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_domainname),
		cmocka_unit_test(test_limits_names),
		cmocka_unit_test(test_limits_raise),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_error_names_edit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
