/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces as mounts, sockets in one and processes in another: what published ports stand
 * on. */
#include "contract.h"

#include <arpa/inet.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* A new network namespace with its loopback up; this process is in it. */
static int new_net(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	CHECK_OK(unshare(CLONE_NEWNET));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK_OK(ioctl(fd, SIOCSIFFLAGS, &ifr));
	(void)close(fd);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK_OK(fd);
	return fd;
}

static ino_t inode_of(int fd)
{
	struct stat st;

	CHECK_OK(fstat(fd, &st));
	return st.st_ino;
}

static struct sockaddr_in at(const char *ip, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	CHECK_EQ(inet_pton(AF_INET, ip, &a.sin_addr), 1);
	return a;
}

static int bind_to(const char *ip, uint16_t port, struct sockaddr_in *ret)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret);

	CHECK_OK(fd);
	*ret = at(ip, port);
	if (bind(fd, (struct sockaddr *)ret, sizeof(*ret)) < 0) {
		int e = errno;

		(void)close(fd);
		errno = e;
		return -1;
	}
	CHECK_OK(getsockname(fd, (struct sockaddr *)ret, &len));
	return fd;
}

static bool is_namespace(const char *path)
{
	struct statfs fs;

	CHECK_OK(statfs(path, &fs));
	return (uint32_t)fs.f_type == NSFS_MAGIC;
}

/* Makes the mount in namespaces of its own, and leaves a child behind in them. */
static void make_and_leave(int host, int tell, int hear)
{
	char c;
	int tree;
	int fd;

	CHECK_OK(unshare(CLONE_NEWNS | CLONE_NEWNET));
	CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	tree = (int)syscall(SYS_open_tree, host, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	CHECK_OK(tree);
	CHECK_OK(syscall(SYS_move_mount, tree, "", AT_FDCWD, "host-net", MOVE_MOUNT_F_EMPTY_PATH));
	if (fork() != 0)
		_exit(EXIT_SUCCESS);
	CHECK_EQ(read(hear, &c, 1), 1);
	CHECK(is_namespace("host-net"));
	fd = open("host-net", O_RDONLY | O_CLOEXEC);
	CHECK_OK(fd);
	CHECK_EQ(inode_of(fd), inode_of(host));
	CHECK_OK(setns(fd, CLONE_NEWNET));
	CHECK_EQ(write(tell, "", 1), 1);
	_exit(EXIT_SUCCESS);
}

/* A namespace that is mounted in a slave mount namespace is not seen outside, and stays when
 * whoever mounted it has gone. */
static void namespace_as_a_mount(void)
{
	int host = new_net();
	int there[2];
	int back[2];
	int status;
	char c;

	CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
	make_file("host-net", 0400, 0);
	CHECK_OK(pipe(there));
	CHECK_OK(pipe(back));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		(void)close(back[0]);
		make_and_leave(host, back[1], there[0]);
	}
	(void)close(back[1]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(!is_namespace("host-net"));
	CHECK_EQ(write(there[1], "", 1), 1);
	CHECK_EQ(read(back[0], &c, 1), 1);
}

static int dial(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_OK(fd);
	return connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ? -1 : fd;
}

/* A socket belongs to the namespace that it was made in, and so do those that it accepts. */
static void socket_of_another_namespace(void)
{
	struct sockaddr_in where;
	int outside = new_net();
	int listener;
	int client;
	int served;
	char c = 0;

	listener = bind_to("127.0.0.1", 0, &where);
	CHECK_OK(listener);
	CHECK_OK(listen(listener, 1));
	(void)new_net();
	CHECK_ERR(dial(&where), ECONNREFUSED);
	int inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CHECK_OK(setns(outside, CLONE_NEWNET));
	client = dial(&where);
	CHECK_OK(client);
	CHECK_OK(setns(inside, CLONE_NEWNET));
	served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK_OK(served);
	CHECK_EQ(write(served, "x", 1), 1);
	CHECK_EQ(read(client, &c, 1), 1);
	CHECK_EQ(c, 'x');
}

/* Binding to an address that is none of the namespace's, and where chosen ports begin: settings of
 * each namespace, which a new one does not inherit. */
static void settings_of_a_namespace(void)
{
	struct sockaddr_in where;

	(void)new_net();
	CHECK_ERR(bind_to("203.0.113.7", 80, &where), EADDRNOTAVAIL);
	CHECK_OK(write_file("/proc/sys/net/ipv4/ip_nonlocal_bind", "1"));
	CHECK_OK(bind_to("203.0.113.7", 80, &where));
	CHECK_OK(write_file("/proc/sys/net/ipv4/ip_local_port_range", "60000 60001"));
	CHECK_OK(bind_to("127.0.0.1", 0, &where));
	CHECK(ntohs(where.sin_port) == 60000 || ntohs(where.sin_port) == 60001);
	(void)new_net();
	CHECK_ERR(bind_to("203.0.113.7", 80, &where), EADDRNOTAVAIL);
	CHECK_OK(bind_to("127.0.0.1", 0, &where));
	CHECK(ntohs(where.sin_port) != 60000 && ntohs(where.sin_port) != 60001);
}

/* What came before a reset is read first. */
static void bytes_before_a_reset(void)
{
	struct linger now = { .l_onoff = 1 };
	struct pollfd pfd;
	struct sockaddr_in where;
	char got[8];
	int listener;
	int client;
	int served;

	(void)new_net();
	listener = bind_to("127.0.0.1", 0, &where);
	CHECK_OK(listener);
	CHECK_OK(listen(listener, 1));
	client = dial(&where);
	CHECK_OK(client);
	served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK_OK(served);
	CHECK_EQ(write(served, "half", 4), 4);
	CHECK_OK(setsockopt(served, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	(void)close(served);
	pfd = (struct pollfd){ .fd = client, .events = 0 };
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK_EQ(pfd.revents & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK_EQ(read(client, got, sizeof(got)), 4);
	CHECK_ERR(read(client, got, sizeof(got)), ECONNRESET);
}

/* The signal at the parent's end is forgotten with another user; the pidfd is not. */
static void end_of_a_parent(void)
{
	int signal_number = -1;
	struct pollfd pfd;
	int told[2];
	char c;

	CHECK_OK(pipe(told));
	pid_t parent = fork();
	CHECK_OK(parent);
	if (parent == 0) {
		if (fork() != 0)
			(void)pause();
		CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGTERM));
		pfd = (struct pollfd){ .fd = pidfd_open(getppid(), 0), .events = POLLIN };
		CHECK_OK(pfd.fd);
		CHECK_OK(setresuid(GHOST, GHOST, GHOST));
		CHECK_OK(prctl(PR_GET_PDEATHSIG, &signal_number));
		CHECK_EQ(signal_number, 0);
		CHECK_EQ(poll(&pfd, 1, 0), 0);
		CHECK_EQ(write(told[1], "a", 1), 1);
		CHECK_EQ(poll(&pfd, 1, 10000), 1);
		CHECK_EQ(write(told[1], "b", 1), 1);
		_exit(EXIT_SUCCESS);
	}
	(void)close(told[1]);
	CHECK_EQ(read(told[0], &c, 1), 1);
	CHECK_OK(kill(parent, SIGKILL));
	CHECK_EQ(read(told[0], &c, 1), 1);
	CHECK_EQ(c, 'b');
}

TEST(namespace_as_a_mount)
TEST(socket_of_another_namespace)
TEST(settings_of_a_namespace)
TEST(bytes_before_a_reset)
TEST(end_of_a_parent)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_namespace_as_a_mount),
	cmocka_unit_test(test_socket_of_another_namespace),
	cmocka_unit_test(test_settings_of_a_namespace),
	cmocka_unit_test(test_bytes_before_a_reset),
	cmocka_unit_test(test_end_of_a_parent),
};

CONTRACT_MAIN(tests)
