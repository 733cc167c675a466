/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root: whoever maps other ids than its own must be. */
#include "linux/userns.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/test-dir.h"

#define BASE 1900000000u

static void fill(struct idmap *m, uint32_t base)
{
	m->n = 0;
	assert_int_equal(idmap_add(m, 0, base, 65536), 0);
}

struct creds {
	uid_t r, e, s;
	gid_t gr, ge, gs;
	int bits, fsuid, fsgid;
};

static void read_creds(struct creds *c)
{
	*c = (struct creds){ .bits = prctl(PR_GET_SECUREBITS),
			     .fsuid = setfsuid((uid_t)-1),
			     .fsgid = setfsgid((gid_t)-1) };
	assert_int_equal(getresuid(&c->r, &c->e, &c->s), 0);
	assert_int_equal(getresgid(&c->gr, &c->ge, &c->gs), 0);
}

/* Nothing of the making is left: no process, no changed credential. */
static void assert_clean(const struct creds *before)
{
	struct creds after;

	read_creds(&after);
	assert_memory_equal(before, &after, sizeof(after));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_create(void **state)
{
	struct idmap uids, gids, got[2];
	struct creds before;
	struct err err = ERR_INIT;
	CLEANUP_FD int ns = -EBADF;
	uid_t owner = 0;

	(void)state;
	fill(&uids, BASE);
	gids.n = 0;
	assert_int_equal(idmap_add(&gids, 0, BASE + 100000, 10), 0);
	assert_int_equal(idmap_add(&gids, 100, BASE + 200000, 1), 0);
	read_creds(&before);
	ns = userns_create(&uids, &gids, BASE, &err);
	if (ns < 0)
		fail_msg("%s", err.text);
	assert_clean(&before);
	assert_true(fcntl(ns, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ioctl(ns, NS_GET_NSTYPE), CLONE_NEWUSER);
	/* what is charged per user is charged to the base, not to root (design section 5) */
	assert_int_equal(ioctl(ns, NS_GET_OWNER_UID, &owner), 0);
	assert_int_equal(owner, BASE);
	assert_int_equal(userns_read_maps(ns, &got[0], &got[1], &err), 0);
	assert_true(idmap_equal(&uids, &got[0]));
	assert_true(idmap_equal(&gids, &got[1]));
	assert_clean(&before);
}

/* The map of a bind: ghosts up to the end of the ids. */
static void test_create_ghosts(void **state)
{
	struct idmap m = { .n = 0 };
	struct idmap got[2];
	struct err err = ERR_INIT;
	CLEANUP_FD int ns = -EBADF;

	(void)state;
	assert_int_equal(idmap_add(&m, 1000, BASE, 1), 0);
	assert_int_equal(idmap_add(&m, 100000, BASE + 1, 65535), 0);
	assert_int_equal(idmap_fill_ghost(&m, 2147483647, 2147483648u), 0);
	ns = userns_create(&m, &m, BASE, &err);
	if (ns < 0)
		fail_msg("%s", err.text);
	assert_int_equal(userns_read_maps(ns, &got[0], &got[1], &err), 0);
	assert_true(idmap_equal(&m, &got[0]));
	assert_true(idmap_equal(&m, &got[1]));
}

/* A map that the kernel refuses: an error that says so, and nothing is left. */
static void test_create_refused(void **state)
{
	struct idmap good, bad = { .n = 2, .e = { { 0, BASE, 10 }, { 5, BASE + 100, 10 } } };
	struct creds before;
	struct err err = ERR_INIT;

	(void)state;
	fill(&good, BASE);
	read_creds(&before);
	assert_true(userns_create(&bad, &good, BASE, &err) < 0);
	assert_non_null(strstr(err.text, "uid_map"));
	assert_clean(&before);
	assert_true(userns_create(&good, &bad, BASE, &err) < 0);
	assert_non_null(strstr(err.text, "gid_map"));
	assert_clean(&before);
}

static void test_same(void **state)
{
	CLEANUP_FD int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int again = open("/proc/thread-self/ns/user", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int made = -EBADF;
	struct idmap m;

	(void)state;
	fill(&m, BASE);
	made = userns_create(&m, &m, BASE, NULL);
	assert_true(made >= 0);
	assert_int_equal(userns_same(own, again), 1);
	assert_int_equal(userns_same(own, made), 0);
	assert_int_equal(userns_same(own, other), 0);
	assert_true(userns_same(own, -EBADF) < 0);
}

/* A process that has made a network namespace in user namespace ns, and says so by a byte. */
static pid_t spawn_net_in(int ns, int *ret_go)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(ready[0]);
		c = setns(ns, CLONE_NEWUSER) == 0 && unshare(CLONE_NEWNET) == 0;
		(void)!write(ready[1], &c, 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	*ret_go = c;
	return pid;
}

static void test_owner_of(void **state)
{
	CLEANUP_FD int own_user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int own_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int net = -EBADF;
	CLEANUP_FD int owner = -EBADF;
	CLEANUP_FD int mine = -EBADF;
	CLEANUP_FD int made = -EBADF;
	char path[64];
	struct idmap m;
	pid_t pid;
	int ok;

	(void)state;
	fill(&m, BASE);
	made = userns_create(&m, &m, BASE, NULL);
	assert_true(made >= 0);
	pid = spawn_net_in(made, &ok);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	net = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(test_wait(pid), 1000 + SIGKILL);
	assert_true(ok);
	owner = userns_owner_of(net);
	assert_true(owner >= 0);
	assert_int_equal(userns_same(owner, made), 1);
	mine = userns_owner_of(own_net);
	assert_true(mine >= 0);
	assert_int_equal(userns_same(mine, own_user), 1);
	assert_true(userns_owner_of(file) < 0);
	assert_int_equal(userns_owner_of(-EBADF), -EBADF);
}

static void test_read_maps_refused(void **state)
{
	CLEANUP_FD int net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct creds before;
	struct err err = ERR_INIT;
	struct idmap u, g;

	(void)state;
	read_creds(&before);
	assert_true(userns_read_maps(net, &u, &g, &err) < 0);
	assert_true(err.text[0] != '\0');
	assert_clean(&before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),	       cmocka_unit_test(test_create_ghosts),
		cmocka_unit_test(test_create_refused), cmocka_unit_test(test_same),
		cmocka_unit_test(test_owner_of),       cmocka_unit_test(test_read_maps_refused),
	};

	if (!test_is_root("maps ids of others into user namespaces"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
