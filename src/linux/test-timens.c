/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. What the kernel has to do so that a container's clock begins with it. */
#include "linux/timens.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"

#define NSEC_PER_SEC 1000000000u

static uint64_t boottime(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &t), 0);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* Field 22 of proc(5)'s stat: when this process began, in ticks of 10 ms. */
static uint64_t began(void)
{
	CLEANUP_BUF struct buf text = BUF_INIT(4096);
	const char *at;

	assert_int_equal(file_read("/proc/self/stat", &text), 0);
	at = strrchr(text.p, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	assert_non_null(at);
	return strtoull(at, NULL, 10);
}

static int in_there(int ns)
{
	struct sysinfo info;

	if (setns(ns, CLONE_NEWTIME) < 0)
		return 1;
	if (boottime() > 60ull * NSEC_PER_SEC)
		return 2;
	if (sysinfo(&info) < 0 || info.uptime > 60)
		return 3;
	if (began() > 6000)
		return 4;
	return 0;
}

static void test_clock_begins(void **state)
{
	ino_t own = inode_of("/proc/self/ns/time");
	uint64_t now = boottime();
	CLEANUP_FD int ns = timens_create(now, NULL);
	int status;
	pid_t pid;

	(void)state;
	if (!timens_there())
		skip();
	assert_true(ns >= 0);
	assert_int_equal(inode_of("/proc/self/ns/time"), own);
	assert_int_equal(inode_of("/proc/self/ns/time_for_children"), own);
	assert_true(boottime() >= now);
	assert_int_equal(timens_born("/proc/self"), 0);
	pid = fork();
	if (pid == 0)
		_exit(in_there(ns));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Runs it in a process and returns what it returned. */
static int in_child(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* With a user namespace of one's own and the host's time, to which one could not return. */
static int without_return(void)
{
	ino_t own = inode_of("/proc/self/ns/time_for_children");

	if (unshare(CLONE_NEWUSER) < 0)
		return 1;
	if (timens_create(boottime(), NULL) != -EPERM)
		return 2;
	return inode_of("/proc/self/ns/time_for_children") == own ? 0 : 3;
}

static int second(void)
{
	CLEANUP_FD int first = timens_create(boottime() - 40ull * NSEC_PER_SEC, NULL);
	CLEANUP_FD int inner = -EBADF;

	if (first < 0 || setns(first, CLONE_NEWTIME) < 0)
		return 1;
	if (boottime() / NSEC_PER_SEC - 40 > 10)
		return 2;
	inner = timens_create(boottime() - 20ull * NSEC_PER_SEC, NULL);
	if (inner < 0)
		return 3;
	if (setns(inner, CLONE_NEWTIME) < 0 || boottime() / NSEC_PER_SEC - 20 > 10)
		return 4;
	return 0;
}

static void test_nested(void **state)
{
	(void)state;
	if (!timens_there())
		skip();
	assert_int_equal(in_child(without_return), 0);
	assert_int_equal(in_child(second), 0);
}

/* As the kernel prints it: the nanoseconds are never negative. */
static void test_born(void **state)
{
	static const struct {
		const char *text;
		uint64_t born;
	} cases[] = {
		{ "monotonic           0         0\nboottime        -5141 507942323\n",
		  5140492057677u },
		{ "monotonic           0         0\nboottime           -3         0\n",
		  3000000000u },
		{ "monotonic           0         0\nboottime            0         0\n", 0 },
		{ "monotonic           0         0\nboottime            7         0\n", 0 },
		{ "", 0 },
	};
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char now[PATH_MAX];
	char then[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	assert_int_equal(mkdir(test_path(now, dir, "ns"), 0700), 0);
	test_put(dir, "ns/time", "");
	assert_int_equal(link(test_path(now, dir, "ns/time"),
			      test_path(then, dir, "ns/time_for_children")),
			 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_put(dir, "timens_offsets", cases[i].text);
		assert_int_equal(timens_born(dir), cases[i].born);
	}
	/* The offsets are those of what its children will get. */
	test_put(dir, "timens_offsets", cases[0].text);
	assert_int_equal(unlink(then), 0);
	test_put(dir, "ns/time_for_children", "");
	assert_int_equal(timens_born(dir), 0);
	assert_int_equal(timens_born("/proc/none"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_begins),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_born),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
