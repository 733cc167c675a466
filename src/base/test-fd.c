/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/util.h"

static void make_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_close(void **state)
{
	int fds[2];

	(void)state;
	make_pipe(fds);
	errno = ENOTTY;
	assert_int_equal(fd_close(fds[0]), -EBADF);
	assert_int_equal(errno, ENOTTY);
	assert_false(is_open(fds[0]));
	errno = ENOTTY;
	assert_int_equal(fd_close(-EBADF), -EBADF);
	assert_int_equal(fd_close(-1), -EBADF);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(fd_close(fds[1]), -EBADF);
}

static void test_double_close_aborts(void **state)
{
	int fds[2], status;
	pid_t pid;

	(void)state;
	make_pipe(fds);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		(void)fd_close(fds[0]);
		(void)fd_close(fds[0]);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

/* More than a pipe holds, so that the writer is cut short many times. */
static void test_write_and_read_all(void **state)
{
	enum { N = 300000 };
	CLEANUP_FREE char *in = malloc(N);
	CLEANUP_FREE char *out = malloc(N + 10);
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_true(in && out);
	for (int i = 0; i < N; i++)
		in[i] = (char)(i * 7 % 251);
	make_pipe(fds);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fd_write_all(fds[1], in, N) == 0 ? 0 : 1);
	(void)fd_close(fds[1]);
	assert_int_equal(fd_read_full(fds[0], out, 5), 5);
	assert_int_equal(fd_read_full(fds[0], out + 5, N + 5), N - 5);
	assert_memory_equal(in, out, N);
	assert_int_equal(fd_read_full(fds[0], out, 5), 0);
	(void)fd_close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_errors(void **state)
{
	char byte = 0;

	(void)state;
	assert_int_equal(fd_write_all(-1, &byte, 1), -EBADF);
	assert_int_equal(fd_write_all(-1, &byte, 0), 0);
	assert_int_equal(fd_read_full(-1, &byte, 1), -EBADF);
	assert_int_equal(fd_cloexec(-1, true), -EBADF);
	assert_int_equal(fd_nonblock(-1, true), -EBADF);
	assert_int_equal(fd_copy(-1), -EBADF);
}

static void test_flags(void **state)
{
	int fds[2];
	char byte;

	(void)state;
	make_pipe(fds);
	assert_int_equal(fd_cloexec(fds[0], false), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), 0);
	assert_int_equal(fd_cloexec(fds[0], true), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_nonblock(fds[0], true), 0);
	assert_int_equal(fd_read_full(fds[0], &byte, 1), -EAGAIN);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_nonblock(fds[0], false), 0);
	assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void test_copy(void **state)
{
	int fds[2], copy;
	char byte;

	(void)state;
	make_pipe(fds);
	assert_int_equal(fd_cloexec(fds[1], false), 0);
	copy = fd_copy(fds[1]);
	assert_true(copy >= 3 && copy != fds[1]);
	assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_write_all(copy, "z", 1), 0);
	assert_int_equal(fd_read_full(fds[0], &byte, 1), 1);
	assert_int_equal(byte, 'z');
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
	(void)fd_close(copy);
}

static void test_cleanup_and_take(void **state)
{
	int fds[2], taken;

	(void)state;
	make_pipe(fds);
	{
		CLEANUP_FD int a = fds[0];
		CLEANUP_FD int b = fds[1];

		taken = TAKE_FD(b);
		assert_int_equal(b, -EBADF);
		assert_true(is_open(a));
	}
	assert_int_equal(taken, fds[1]);
	assert_false(is_open(fds[0]));
	assert_true(is_open(fds[1]));
	(void)fd_close(taken);
	{
		CLEANUP_FREE char *p = malloc(3);
		CLEANUP_FREE char *q = TAKE_PTR(p);

		assert_null(p);
		assert_non_null(q);
	}
}

static void test_close_but(void **state)
{
	int a[2], b[2];
	pid_t pid;
	int status;

	(void)state;
	make_pipe(a);
	make_pipe(b);
	pid = fork();
	if (pid == 0) {
		const int keep[] = {
			b[1], STDERR_FILENO, -EBADF, a[1], STDIN_FILENO, STDOUT_FILENO
		};

		fd_close_but(keep, ARRAY_SIZE(keep));
		_exit(!is_open(a[1]) || !is_open(b[1]) || !is_open(STDERR_FILENO) ||
		      is_open(a[0]) || is_open(b[0]));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		(void)fd_close(a[i]);
		(void)fd_close(b[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_double_close_aborts),
		cmocka_unit_test(test_write_and_read_all),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_close_but),
		cmocka_unit_test(test_cleanup_and_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
