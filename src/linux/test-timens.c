/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. What the kernel has to do so that a container's clock begins with it. */
#include "linux/timens.h"

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
	assert_int_equal(timens_born("/proc/self/timens_offsets"), 0);
	pid = fork();
	if (pid == 0)
		_exit(in_there(ns));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_put(dir, "offsets", cases[i].text);
		assert_int_equal(timens_born(test_path(path, dir, "offsets")), cases[i].born);
	}
	assert_int_equal(timens_born(test_path(path, dir, "none")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_begins),
		cmocka_unit_test(test_born),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
