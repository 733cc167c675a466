/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

struct fixture {
	char dir[64];
	char path[128];
};

static int enter(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/gabion-test-sock-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	*state = f;
	return 0;
}

static int leave(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->path);
	if (rmdir(f->dir) < 0) /* something else was left behind */
		return -1;
	free(f);
	return 0;
}

static int accept_one(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static size_t count_fds(void)
{
	CLEANUP_DIR DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n;
}

static void test_listen_and_connect(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		CLEANUP_FD int listener = sock_listen(f->path, types[i], 0640, (gid_t)-1);
		CLEANUP_FD int client = -EBADF;
		CLEANUP_FD int server = -EBADF;
		struct stat st;
		char c;

		assert_true(listener >= 0);
		assert_int_equal(stat(f->path, &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0640);
		assert_int_equal(accept_one(listener), -1);
		assert_int_equal(errno, EAGAIN);
		client = sock_connect(f->path, types[i]);
		assert_true(client >= 0);
		server = accept_one(listener);
		assert_true(server >= 0);
		assert_int_equal(fd_write_all(client, "x", 1), 0);
		assert_int_equal(read(server, &c, 1), 1);
		assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
		assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
		assert_false(fcntl(client, F_GETFL) & O_NONBLOCK);
	}
}

/* A second listener takes the name over; the first one's clients stay with it. */
static void test_listen_replaces(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FD int one = sock_listen(f->path, SOCK_STREAM, 0600, (gid_t)-1);
	CLEANUP_FD int two = sock_listen(f->path, SOCK_STREAM, 0600, (gid_t)-1);
	CLEANUP_FD int client = sock_connect(f->path, SOCK_STREAM);
	CLEANUP_FD int server = -EBADF;

	assert_true(one >= 0 && two >= 0 && client >= 0);
	assert_int_equal(accept_one(one), -1);
	server = accept_one(two);
	assert_true(server >= 0);
}

static void test_long_path(void **state)
{
	const struct fixture *f = *state;
	char dir[256], path[300];
	CLEANUP_FD int listener = -EBADF;
	CLEANUP_FD int client = -EBADF;

	(void)snprintf(dir, sizeof(dir), "%s/%0120d", f->dir, 0);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	listener = sock_listen(path, SOCK_STREAM, 0600, (gid_t)-1);
	assert_true(listener >= 0);
	client = sock_connect(path, SOCK_STREAM);
	assert_true(client >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_errors(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FD int listener = -EBADF;

	assert_int_equal(sock_connect(f->path, SOCK_STREAM), -ENOENT);
	assert_int_equal(sock_listen("/nonexistent/s", SOCK_STREAM, 0600, (gid_t)-1), -ENOENT);
	listener = sock_listen(f->path, SOCK_STREAM, 0600, (gid_t)-1);
	assert_true(listener >= 0);
	assert_int_equal(sock_connect(f->path, SOCK_SEQPACKET), -EPROTOTYPE);
	listener = fd_close(listener);
	assert_int_equal(sock_connect(f->path, SOCK_STREAM), -ECONNREFUSED);
}

static void test_peer(void **state)
{
	struct sock_peer peer;
	gid_t groups[SOCK_GROUPS_MAX];
	int fds[2];
	int n = getgroups(ARRAY_SIZE(groups), groups);

	(void)state;
	pair(fds);
	assert_int_equal(sock_peer(fds[0], &peer), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_int_equal(peer.ngroups, n);
	if (n > 0)
		assert_memory_equal(peer.groups, groups, (size_t)n * sizeof(groups[0]));
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
	assert_int_equal(sock_peer(-1, &peer), -EBADF);
}

static void test_peer_process(void **state)
{
	int fds[2];
	int pidfd;

	(void)state;
	pair(fds);
	pidfd = sock_peer_process(fds[0]);
	if (pidfd == -ENOPROTOOPT) {
		print_message("SO_PEERPIDFD needs Linux 6.5\n");
	} else {
		assert_true(pidfd >= 0);
		assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0), 0);
		(void)fd_close(pidfd);
	}
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
	assert_int_equal(sock_peer_process(-1), -EBADF);
}

static void test_send_fds(void **state)
{
	int fds[2], pipes[2], got[SOCK_FDS_MAX];
	size_t n = 99, before;
	char text[8];

	(void)state;
	pair(fds);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	before = count_fds();
	assert_int_equal(sock_send_fds(fds[0], "hello", 5, pipes, 2), 5);
	assert_int_equal(sock_recv_fds(fds[1], text, sizeof(text), got, SOCK_FDS_MAX, &n), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(n, 2);
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_write_all(got[1], "y", 1), 0);
	assert_int_equal(fd_read_full(pipes[0], text, 1), 1);
	(void)fd_close(got[0]);
	(void)fd_close(got[1]);
	assert_int_equal(sock_send_fds(fds[0], "x", 1, NULL, 0), 1);
	assert_int_equal(sock_recv_fds(fds[1], text, sizeof(text), got, SOCK_FDS_MAX, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(count_fds(), before);
	(void)fd_close(fds[0]);
	assert_int_equal(sock_recv_fds(fds[1], text, sizeof(text), got, SOCK_FDS_MAX, &n), 0);
	assert_int_equal(sock_send_fds(fds[1], "x", 1, NULL, 0), -EPIPE);
	(void)fd_close(fds[1]);
	(void)fd_close(pipes[0]);
	(void)fd_close(pipes[1]);
}

/* As many descriptors as the peer likes, more than sock_send_fds would send. */
static void send_many(int fd, int what, size_t count)
{
	char control[CMSG_SPACE(sizeof(int) * 16)] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (char[]){ "m" }, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;

	msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * count);
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &what, sizeof(int));
	assert_int_equal(sendmsg(fd, &msg, 0), 1);
}

/* Whatever is refused, no descriptor of it stays open. */
static void test_too_many_fds(void **state)
{
	int fds[2], got[SOCK_FDS_MAX], same[SOCK_FDS_MAX + 1];
	size_t n, before;
	char text[8];

	(void)state;
	pair(fds);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		same[i] = fds[0];
	before = count_fds();
	assert_int_equal(sock_send_fds(fds[0], "x", 1, same, SOCK_FDS_MAX + 1), -EINVAL);
	for (size_t count = 1; count <= 16; count++) {
		for (size_t max = 0; max <= SOCK_FDS_MAX; max++) {
			ssize_t r;

			send_many(fds[0], fds[0], count);
			r = sock_recv_fds(fds[1], text, sizeof(text), got, max, &n);
			assert_int_equal(r, count <= max ? 1 : -EMSGSIZE);
			for (size_t i = 0; r == 1 && i < n; i++)
				(void)fd_close(got[i]);
			assert_int_equal(count_fds(), before);
		}
	}
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void test_cut_message(void **state)
{
	int fds[2], got[SOCK_FDS_MAX];
	size_t n, before;
	char text[4];

	(void)state;
	pair(fds);
	before = count_fds();
	assert_int_equal(sock_send_fds(fds[0], "12345", 5, fds, 1), 5);
	assert_int_equal(sock_recv_fds(fds[1], text, sizeof(text), got, 1, &n), -EMSGSIZE);
	assert_int_equal(count_fds(), before);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_listen_and_connect),
		TEST(test_listen_replaces),
		TEST(test_long_path),
		TEST(test_errors),
		TEST(test_peer),
		TEST(test_peer_process),
		TEST(test_send_fds),
		TEST(test_too_many_fds),
		TEST(test_cut_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
