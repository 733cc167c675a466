/* SPDX-License-Identifier: Apache-2.0 */
/* Locks that follow a descriptor through exec, and who is at the other end of a socket. */
#include "contract.h"

#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static bool ofd_is_locked(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK_OK(fd);
	CHECK_OK(fcntl(fd, F_OFD_GETLK, &lock));
	(void)close(fd);
	return lock.l_type != F_UNLCK;
}

static bool flock_is_locked(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK_OK(fd);
	int r = flock(fd, LOCK_EX | LOCK_NB);
	if (r < 0)
		CHECK_EQ(errno, EWOULDBLOCK);
	(void)close(fd);
	return r < 0;
}

static int take_ofd(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static int take_flock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

/* Starts `sleep` with fd inherited over fork and exec, and waits until it has executed. */
static pid_t heir(int fd)
{
	int gate[2];
	char c;

	CHECK_OK(pipe2(gate, O_CLOEXEC));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		CHECK_OK(fcntl(fd, F_SETFD, 0));
		(void)execlp("sleep", "sleep", "1000", (char *)NULL);
		_exit(EXIT_FAILURE);
	}
	(void)close(gate[1]);
	CHECK_EQ(read(gate[0], &c, 1), 0); /* closed by exec */
	(void)close(gate[0]);
	return pid;
}

static void lock_is_inherited(int (*take)(int), bool (*is_locked)(const char *))
{
	int status;

	make_file("lock", 0600, 0);
	int fd = open("lock", O_RDWR | O_CLOEXEC);
	CHECK_OK(fd);
	CHECK_OK(take(fd));
	CHECK(is_locked("lock"));
	pid_t pid = heir(fd);
	(void)close(fd);
	CHECK(is_locked("lock"));

	/* Gone with the last descriptor, at the latest when the death can be seen. */
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	CHECK(!is_locked("lock"));
}

static void ofd_lock(void)
{
	lock_is_inherited(take_ofd, ofd_is_locked);
}

static void flock_lock(void)
{
	lock_is_inherited(take_flock, flock_is_locked);
}

/* Another open description of the same process conflicts: unlike F_SETLK it guards threads of
 * control within one program as well, and closing some other descriptor does not drop it. */
static void ofd_is_per_description(void)
{
	make_file("lock", 0600, 0);
	int a = open("lock", O_RDWR | O_CLOEXEC), b = open("lock", O_RDWR | O_CLOEXEC);
	CHECK_OK(a);
	CHECK_OK(b);
	CHECK_OK(take_ofd(a));
	CHECK_ERR(take_ofd(b), EAGAIN);
	(void)close(b);
	CHECK(ofd_is_locked("lock"));
}

static void client_body(const struct sockaddr_un *address, int gate)
{
	static const gid_t groups[] = { 2001, 2002 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c;

	CHECK_OK(fd);
	CHECK_OK(setgroups(2, groups));
	CHECK_OK(setresgid(2000, 2000, 2000));
	CHECK_OK(setresuid(2000, 2000, 0));
	CHECK_OK(connect(fd, (const struct sockaddr *)address, sizeof(*address)));
	/* What it becomes afterwards does not matter. */
	CHECK_OK(setresuid(0, 0, 0));
	CHECK_OK(setgroups(0, NULL));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(gate, &c, 1), 0);
}

static void peer_groups(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), gate[2], status;
	gid_t groups[8];
	socklen_t size = sizeof(groups);
	struct ucred cred;
	socklen_t cred_size = sizeof(cred);
	char c;

	CHECK_OK(listener);
	CHECK_OK(pipe2(gate, O_CLOEXEC));
	CHECK_OK(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK_OK(chmod("socket", 0666));
	CHECK_OK(listen(listener, 1));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		(void)close(gate[1]);
		client_body(&address, gate[0]);
		_exit(EXIT_SUCCESS);
	}
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK_OK(fd);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_size));
	CHECK_EQ(cred.uid, 2000);
	CHECK_EQ(cred.gid, 2000);
	CHECK_EQ(cred.pid, pid);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size));
	CHECK_EQ(size, 2 * sizeof(gid_t));
	CHECK_EQ(groups[0], 2001);
	CHECK_EQ(groups[1], 2002);
	/* Too little room: an error that says how much is needed, not a shorter list. */
	size = sizeof(gid_t);
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size), ERANGE);
	CHECK_EQ(size, 2 * sizeof(gid_t));
	(void)close(gate[1]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* SO_PEERPIDFD (6.5) is of the process that connected, also where its number is another's by now.
 */
static void peer_process(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pidfd = -1, status;
	socklen_t size = sizeof(pidfd);

	CHECK_OK(listener);
	CHECK_OK(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK_OK(listen(listener, 1));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		CHECK_OK(connect(fd, (struct sockaddr *)&address, sizeof(address)));
		_exit(EXIT_SUCCESS);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK_OK(fd);
	/* It has gone: no descriptor (before 6.16), or one that says so. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
		CHECK_ERR(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0), ESRCH);
	else
		CHECK(errno == ESRCH || errno == EINVAL || errno == ENODATA ||
		      errno == ENOPROTOOPT);
}

TEST(ofd_lock)
TEST(flock_lock)
TEST(ofd_is_per_description)
TEST(peer_groups)
TEST(peer_process)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_ofd_lock),
	cmocka_unit_test(test_flock_lock),
	cmocka_unit_test(test_ofd_is_per_description),
	cmocka_unit_test(test_peer_groups),
	cmocka_unit_test(test_peer_process),
};

CONTRACT_MAIN(tests)
