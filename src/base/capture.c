/* SPDX-License-Identifier: Apache-2.0 */
#include "base/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK 4096

static NORETURN void become(const char *const argv[], int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(null, 2) >= 0)
		(void)execv(argv[0], (char *const *)argv);
	_exit(127);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int capture_drain(int fd, int timeout_ms, struct buf *out)
{
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		char *room = buf_reserve(out, CHUNK);
		ssize_t n;

		if (!room)
			return -EFBIG;
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, room, CHUNK);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
}

int capture(const char *const argv[], int timeout_ms, struct buf *out)
{
	CLEANUP_FD int in = -EBADF;
	int ends[2];
	int status;
	pid_t pid;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	pid = fork();
	if (pid == 0)
		become(argv, ends[1]);
	(void)fd_close(ends[1]);
	if (pid < 0)
		return -EAGAIN;
	r = capture_drain(in, timeout_ms, out);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (r < 0)
		return r;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 127 ? -ENOEXEC : WEXITSTATUS(status);
	return -EIO;
}
