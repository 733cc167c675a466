/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of profiles, which the kernel runs on a child of this test; and where they are kept. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/filter.h"
#include "runtime/test-runtime.h"

#define ANNOTATION "run.oci.seccomp_bpf_data"
#define REFUSES(call) "{\"names\":[\"" call "\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":25}"

static int compile(const char *text, struct buf *ret)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct json_limits limits = JSON_LIMITS;
	struct json *profile;

	assert_int_equal(json_parse(&a, slice_str(text), &limits, &profile, NULL, NULL), 0);
	return filter_compile(profile, ret);
}

/* What a child below the profile gets from the calls, as its exit status; -SIGNAL that ends it. */
static int below(const char *profile, int (*calls)(void))
{
	CLEANUP_BUF struct buf program = BUF_INIT(FILTER_MAX);
	struct sock_fprog prog;
	int status;
	pid_t pid;

	assert_int_equal(compile(profile, &program), 0);
	prog = (struct sock_fprog){ .len = (unsigned short)(program.n / sizeof(struct sock_filter)),
				    .filter = (struct sock_filter *)(void *)program.p };
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
			_exit(99);
		(void)syscall(SYS_exit_group, calls()); /* _exit() of a sanitizer does more */
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int parent(void)
{
	return syscall(SYS_getppid) < 0 ? errno : 0;
}

/* One bit each of those that are refused. */
static int priorities(void)
{
	int refused = 0;

	for (int who = 0; who < 4; who++)
		if (syscall(SYS_getpriority, 0, 0, who) < 0)
			refused |= 1 << who;
	return refused;
}

static void test_actions(void **state)
{
	(void)state;
	assert_int_equal(below("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", parent), 0);
	assert_int_equal(below("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" REFUSES(
				       "getppid") "]}",
			       parent),
			 25);
	assert_int_equal(below("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			       "\"getppid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
			       parent),
			 EPERM);
	assert_int_equal(below("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			       "\"getppid\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}"
			       "]}",
			       parent),
			 -SIGSYS);
	assert_int_equal(below("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
			       "\"syscalls\":[{\"names\":[\"no_such_call\",\"exit_group\"],"
			       "\"action\":\"SCMP_ACT_"
			       "ALLOW\"}]}",
			       parent),
			 ENOSYS);
}

#define PRIORITY(args)                                                    \
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":" \
	"[\"getpriority\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[" args "]}]}"
#define ARG(value, op) "{\"index\":2,\"value\":" value ",\"op\":\"SCMP_CMP_" op "\"}"

static void test_conditions(void **state)
{
	(void)state;
	assert_int_equal(below(PRIORITY(ARG("2", "EQ")), priorities), 4);
	assert_int_equal(below(PRIORITY(ARG("2", "NE")), priorities), 1 | 2 | 8);
	assert_int_equal(below(PRIORITY(ARG("2", "LT")), priorities), 1 | 2);
	assert_int_equal(below(PRIORITY(ARG("2", "GE")), priorities), 4 | 8);
	/* value is the mask here, valueTwo what is left. */
	assert_int_equal(below(PRIORITY("{\"index\":2,\"value\":1,\"valueTwo\":1,\"op\":\"SCMP_CMP_"
					"MASKED_EQ\"}"),
			       priorities),
			 2 | 8);
	/* Two about one argument are two rules, as runc has it. */
	assert_int_equal(below(PRIORITY(ARG("1", "EQ") "," ARG("3", "EQ")), priorities), 2 | 8);
}

static void test_not_made(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"{\"defaultAction\":\"SCMP_ACT_PERHAPS\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":\"EPERM\"}]}",
		/* The lower runtime may know what the library here does not. */
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"of_tomorrow\"],"
		"\"action\":\"SCMP_ACT_ERRNO\"}]}",
		PRIORITY("{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"),
		PRIORITY("{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}"),
		PRIORITY("{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_ALMOST\"}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CLEANUP_BUF struct buf program = BUF_INIT(FILTER_MAX);

		if (compile(wrong[i], &program) != -ENOTSUP)
			fail_msg("made: %s", wrong[i]);
	}
}

/* The annotation that the edit leaves, in ret; "" when there is none. */
static void edit(const char *dir, const char *lower, const char *profile, char *ret, size_t size)
{
	char spec[4096];
	const char *got;
	struct runtime rt;

	(void)snprintf(spec, sizeof(spec), "{\"linux\":{\"seccomp\":%s}}", profile);
	test_runtime(&rt, spec);
	(void)snprintf(rt.inst.run, sizeof(rt.inst.run), "%s", dir);
	(void)snprintf(rt.lower, sizeof(rt.lower), "%s", lower);
	assert_int_equal(edit_filter(&rt, NULL), 0);
	got = json_get_str(json_get(rt.spec, "annotations"), ANNOTATION);
	assert_true(!got || strlen(got) < size);
	(void)snprintf(ret, size, "%s", got ? got : "");
	runtime_done(&rt);
}

/* The one file that is kept. */
static void kept(const char *dir, char ret[PATH_MAX])
{
	char path[PATH_MAX];
	int found = 0;

	for (unsigned i = 0; i < 128; i++) {
		(void)snprintf(path, sizeof(path), "%s/filters/%u", dir, i);
		if (access(path, F_OK) == 0) {
			(void)snprintf(ret, PATH_MAX, "%s", path);
			found++;
		}
	}
	assert_int_equal(found, 1);
}

static void test_kept(void **state)
{
	static const char profile[] =
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" REFUSES("getppid") "]}";
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	CLEANUP_BUF struct buf program = BUF_INIT(FILTER_MAX);
	CLEANUP_BUF struct buf want = BUF_INIT(2 * FILTER_MAX);
	CLEANUP_BUF struct buf file = BUF_INIT(1u << 20);
	char first[4096];
	char again[4096];
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	assert_int_equal(compile(profile, &program), 0);
	base64_encode(BASE64_STD, buf_slice(&program), &want);
	edit(dir, "/usr/bin/crun", profile, first, sizeof(first));
	assert_string_equal(first, want.p);
	kept(dir, path);

	/* It is the file that is taken the next time. */
	assert_int_equal(file_read(path, &file), 0);
	file.p[file.n - 1] ^= 1;
	assert_int_equal(file_replace_at(AT_FDCWD, path, buf_slice(&file), 0600, false), 0);
	edit(dir, "/usr/bin/crun", profile, again, sizeof(again));
	assert_string_not_equal(again, first);

	/* But not one that was made of something else, is cut off, or is none. */
	file.p[file.n - program.n - 1] ^= 1;
	assert_int_equal(file_replace_at(AT_FDCWD, path, buf_slice(&file), 0600, false), 0);
	edit(dir, "/usr/bin/crun", profile, again, sizeof(again));
	assert_string_equal(again, first);
	for (size_t n = 0; n < file.n; n += n < 24 ? 1 : 7) {
		assert_int_equal(file_replace_at(AT_FDCWD, path, (struct slice){ file.p, n }, 0600,
						 false),
				 0);
		edit(dir, "/usr/bin/crun", profile, again, sizeof(again));
		assert_string_equal(again, first);
	}
}

static void test_left_to_the_lower(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char got[4096];

	(void)state;
	test_dir_new(dir);
	edit(dir, "/usr/sbin/runc", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", got, sizeof(got));
	assert_string_equal(got, "");
	edit(dir, "/usr/bin/crun", "{\"defaultAction\":\"SCMP_ACT_PERHAPS\"}", got, sizeof(got));
	assert_string_equal(got, "");
	edit(dir, "/usr/bin/crun", "null", got, sizeof(got));
	assert_string_equal(got, "");
	/* A folder that cannot be made costs the time, nothing else. */
	test_put(dir, "filters", "");
	edit(dir, "/usr/bin/crun", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", got, sizeof(got));
	assert_string_not_equal(got, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),		  cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_not_made),	  cmocka_unit_test(test_kept),
		cmocka_unit_test(test_left_to_the_lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
