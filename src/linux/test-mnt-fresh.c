/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. */
#include "linux/mnt-fresh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/util.h"

struct other {
	pid_t pid; /* the first process there */
	int pid_ns;
	int net_ns;
};

static int open_ns(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void start(struct other *o)
{
	int own = open_ns(getpid(), "pid_for_children");
	int net = open_ns(getpid(), "net");

	assert_int_equal(unshare(CLONE_NEWPID | CLONE_NEWNET), 0);
	o->pid = fork();
	if (o->pid == 0)
		for (;;)
			(void)pause();
	assert_true(o->pid > 0);
	assert_int_equal(setns(own, CLONE_NEWPID), 0);
	assert_int_equal(setns(net, CLONE_NEWNET), 0);
	o->pid_ns = open_ns(o->pid, "pid");
	o->net_ns = open_ns(o->pid, "net");
	(void)close(own);
	(void)close(net);
}

static void stop(struct other *o)
{
	(void)close(o->pid_ns);
	(void)close(o->net_ns);
	(void)kill(o->pid, SIGKILL);
	assert_int_equal(waitpid(o->pid, NULL, 0), o->pid);
}

/* How many names in the folder begin with a digit, or are no dots. */
static int count(int mnt, const char *path, bool digits)
{
	int fd = openat(mnt, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	const struct dirent *d;
	int n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		n += digits ? d->d_name[0] >= '1' && d->d_name[0] <= '9' : d->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static void check(int (*make)(int, int, struct mnt_fresh *, size_t), bool may_be_too_old)
{
	struct mnt_fresh mounts[] = {
		{ .type = "proc", .attr = MOUNT_ATTR_NOEXEC, .fd = -EBADF },
		{ .type = "sysfs", .fd = -EBADF },
	};
	struct other o;
	int r;

	start(&o);
	r = make(o.pid_ns, o.net_ns, mounts, ARRAY_SIZE(mounts));
	if (r == -EOPNOTSUPP && may_be_too_old) {
		stop(&o);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(count(mounts[0].fd, ".", true), 1);
	assert_int_equal(count(mounts[1].fd, "class/net", false), 1);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		(void)close(mounts[i].fd);
	stop(&o);
	/* The caller is where it was. */
	assert_int_equal(access("/proc/self/ns/net", F_OK), 0);
	assert_true(count(AT_FDCWD, "/proc", true) > 2);
}

static void test_here(void **state)
{
	(void)state;
	check(mnt_fresh_here, true);
}

static void test_apart(void **state)
{
	(void)state;
	check(mnt_fresh_apart, false);
}

/* Nothing is left of a list with a bad one in it, and who made it is said. */
static void test_bad(void **state)
{
	struct mnt_fresh mounts[] = {
		{ .type = "proc", .fd = -EBADF },
		{ .type = "nosuch", .fd = -EBADF },
	};
	struct err err = ERR_INIT;
	struct other o;

	(void)state;
	start(&o);
	assert_int_equal(mnt_fresh(o.pid_ns, o.net_ns, mounts, 2, &err), -ENODEV);
	assert_string_equal(err.text,
			    "cannot mount proc in the container's namespaces: No such device");
	assert_int_equal(mounts[0].fd, -EBADF);
	assert_int_equal(mounts[1].fd, -EBADF);
	stop(&o);
}

/* Where the first process has ended there is nobody to make it; later kernels need nobody. */
static void test_ended(void **state)
{
	struct mnt_fresh m = { .type = "proc", .fd = -EBADF };
	struct other o;

	(void)state;
	start(&o);
	(void)kill(o.pid, SIGKILL);
	assert_int_equal(waitpid(o.pid, NULL, 0), o.pid);
	assert_true(mnt_fresh_apart(o.pid_ns, o.net_ns, &m, 1) < 0);
	assert_int_equal(m.fd, -EBADF);
	(void)close(o.pid_ns);
	(void)close(o.net_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_here),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
