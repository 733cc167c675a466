/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"

/* Each stage is irreversible, so it happens in a child; its exit status is the line that failed. */
static int in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define MUST(x)                                 \
	do {                                    \
		if (!(x))                       \
			return __LINE__ & 0xff; \
	} while (0)

static const uint64_t only_unix[] = { AF_UNIX, UINT64_MAX };

static int child_seccomp(void)
{
	static const struct sandbox_rule rules[] = {
		{ .call = "exit_group" },
		{ .call = "write" },
		{ .call = "close" },
		{ .call = "socket", .argument = 0, .only = only_unix },
		{ .call = "no_such_call_on_any_machine" },
	};
	struct err err = ERR_INIT;
	int fd;

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(sandbox_seccomp(rules, ARRAY_SIZE(rules), &err) == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(fd >= 0);
	MUST(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
	MUST(getppid() == -1 && errno == EPERM);
	return 0;
}

static void test_seccomp(void **state)
{
	(void)state;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
	print_message("SKIPPED: the address sanitizer needs calls that the filter forbids\n");
	skip();
#endif
#endif
	assert_int_equal(in_child(child_seccomp), 0);
}

static int child_limits(void)
{
	static const struct sandbox_limit limits[] = { { RLIMIT_NOFILE, 20 }, { RLIMIT_CORE, 0 } };
	static const struct sandbox_limit more[] = { { RLIMIT_NOFILE, 50 } };
	struct err err = ERR_INIT;
	struct rlimit now;

	MUST(sandbox_limits(limits, ARRAY_SIZE(limits), &err) == 0);
	MUST(sandbox_limits(more, ARRAY_SIZE(more), &err) == 0);
	MUST(getrlimit(RLIMIT_NOFILE, &now) == 0);
	MUST(now.rlim_cur == 20 && now.rlim_max == 20);
	return 0;
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_limits), 0);
}

static int child_user_root(void)
{
	struct err err = ERR_INIT;

	MUST(sandbox_user(12345, 12346, &err) == 0);
	MUST(getuid() == 12345 && geteuid() == 12345 && getgid() == 12346);
	MUST(getgroups(0, NULL) == 0);
	MUST(setuid(0) == -1);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	MUST(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
	return 0;
}

static int child_user_keep(void)
{
	struct err err = ERR_INIT;

	MUST(sandbox_user(SANDBOX_KEEP, SANDBOX_KEEP, &err) == 0);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(chown("/", 0, 0) == -1 || geteuid() == 0);
	return 0;
}

static void test_user(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_user_keep), 0);
	if (geteuid() != 0) {
		(void)fputs("test_user: not root, the change of user is not tested\n", stderr);
		skip();
	}
	assert_int_equal(in_child(child_user_root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
