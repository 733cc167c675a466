/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. Networks are made by ip(8) in namespaces of the test's own. */
#include "linux/netns.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "linux/userns.h"

#define BASE 1900000000u

static int own_userns(struct err *err)
{
	struct idmap m = { .n = 0 };

	assert_int_equal(idmap_add(&m, 0, BASE, 65536), 0);
	return userns_create(&m, &m, BASE, err);
}

static int create(int userns)
{
	struct err err = ERR_INIT;
	int fd = netns_create(userns, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	return fd;
}

/* Runs a line of shell in a network namespace; its output, if wanted. */
static void shell(int ns, const char *line, struct buf *ret)
{
	int out[2];
	int status;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (setns(ns, CLONE_NEWNET) < 0 || dup2(out[1], STDOUT_FILENO) < 0)
			_exit(126);
		(void)execl("/bin/sh", "sh", "-ec", line, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	if (ret)
		assert_int_equal(file_read_fd(out[0], ret), 0);
	(void)close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("status %d: %s", status, line);
}

static void assert_same(const struct buf *a, const struct buf *b)
{
	if (a->n == b->n && memcmp(a->p, b->p, a->n) == 0)
		return;
	(void)fprintf(stderr, "before:\n%.*safter:\n%.*s", (int)a->n, a->p, (int)b->n, b->p);
	fail_msg("the networks differ");
}

static const char make[] =
	"ip link set lo up\n"
	"ip link add eth0 type veth peer name peer0\n"
	"ip link add eth1 type veth peer name peer1\n"
	"ip link add name br0 type bridge\n"
	"ip link set eth0 address 02:00:00:00:00:01 mtu 1400\n"
	"for l in eth0 eth1 peer0 peer1; do ip link set $l up; done\n"
	"ip addr add 10.1.2.3/24 brd + dev eth0\n"
	"ip addr add 10.9.9.9/32 dev eth0\n"
	"ip addr add fd00::3/64 dev eth0 nodad\n"
	"ip addr add 10.2.0.1/16 dev eth1 noprefixroute\n"
	"ip addr add 10.7.7.7/32 dev lo\n"
	"ip route add default via 10.1.2.1\n"
	"ip route add 10.50.0.0/16 via 10.1.2.2 metric 7\n"
	"ip route add 169.254.1.1 dev eth1 scope link\n"
	"ip route add 10.60.0.0/16 via 169.254.1.1 dev eth1 onlink\n"
	"ip route add 10.70.0.0/16 nexthop via 10.1.2.4 dev eth0 nexthop via 10.1.2.5 dev eth0\n"
	"ip route add 10.80.0.0/16 dev eth1 table 77\n"
	"ip route add blackhole 10.90.0.0/16\n"
	"ip -6 route add default via fd00::1\n";

/* Without indexes; addresses that the kernel gives itself come late. */
static const char show[] = "ip -o link | sed -e 's/^[0-9]*: //' -e 's/@[^:]*//' -e 's/ state .* "
			   "mode/ mode/' | grep -v -e peer -e br0 | sort\n"
			   "ip -o addr | sed -e 's/^[0-9]*: //' | grep -v -e fe80 -e peer | sort\n"
			   "ip route show table main; ip route show table 77\n"
			   "ip -6 route show table main | grep -v fe80\n";

static void test_move(void **state)
{
	CLEANUP_BUF struct buf before = BUF_INIT(65536);
	CLEANUP_BUF struct buf after = BUF_INIT(65536);
	CLEANUP_BUF struct buf left = BUF_INIT(65536);
	struct err err = ERR_INIT;
	CLEANUP_FD int other = own_userns(&err);
	CLEANUP_FD int mine = own_userns(&err);
	CLEANUP_FD int from = create(other);
	CLEANUP_FD int to = create(mine);
	CLEANUP_FD int owner = userns_owner_of(to);
	CLEANUP_FD int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int still = -EBADF;

	(void)state;
	assert_int_equal(userns_same(owner, mine), 1);
	shell(from, make, NULL);
	shell(from, show, &before);
	if (netns_move(from, to, &err) < 0)
		fail_msg("%s", err.text);
	shell(to, show, &after);
	assert_same(&before, &after);
	shell(from, "ip -o link | grep -v ' lo: ' | cut -d: -f2", &left);
	buf_add_char(&left, '\0');
	assert_string_equal(left.p, " br0\n"); /* a bridge cannot leave its namespace */
	still = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(userns_same(net, still), 1);
}

static void test_empty(void **state)
{
	struct err err = ERR_INIT;
	CLEANUP_FD int mine = own_userns(&err);
	CLEANUP_FD int from = create(mine);
	CLEANUP_FD int to = create(mine);

	(void)state;
	assert_int_equal(netns_move(from, to, &err), 0);
	shell(to, "ip -o link show lo | grep -q -v UP", NULL); /* as it was: down */
}

static void test_in_use(void **state)
{
	struct err err = ERR_INIT;
	CLEANUP_FD int mine = own_userns(&err);
	CLEANUP_FD int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int ns = create(mine);

	(void)state;
	assert_int_equal(netns_in_use(ns, &err), 0);
	assert_int_equal(netns_in_use(net, &err), 1);
	assert_int_equal(netns_create(net, &err), -EPERM);
}

/* As engines in Go do: the first thread made the namespace, another one works on in the old. */
static void *wait_for_end(void *data)
{
	char c;

	(void)!read(*(int *)data, &c, 1);
	return NULL;
}

static void test_thread_left_behind(void **state)
{
	struct err err = ERR_INIT;
	CLEANUP_FD int mine = own_userns(&err);
	CLEANUP_FD int ns = create(mine);
	int stay[2];
	int ready[2];
	char c = 0;
	pid_t pid;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		assert_int_equal(pipe2(stay, O_CLOEXEC), 0);
		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			pthread_t t;

			(void)close(stay[1]);
			if ((threads && pthread_create(&t, NULL, wait_for_end, &stay[0]) != 0) ||
			    setns(ns, CLONE_NEWNET) < 0)
				_exit(1);
			(void)!write(ready[1], &c, 1);
			(void)wait_for_end(&stay[0]);
			_exit(0);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		assert_int_equal(netns_in_use(ns, &err), threads ? 0 : 1);
		(void)close(stay[0]);
		(void)close(stay[1]);
		(void)close(ready[0]);
		(void)close(ready[1]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_thread_left_behind),
	};

	if (!test_is_root("it makes network namespaces"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
