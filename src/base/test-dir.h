/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For unit tests: a folder of their own that is gone afterwards, files in it, and children whose
 * exit code is the number of the check that failed. Includes nothing of cmocka, so that it can be
 * used in forked children, where an assertion would run the rest of the tests twice.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_DIR_MAX 64

/* Makes a folder and writes its name. Aborts when it cannot: no test could say anything then. */
static inline void test_dir_new(char ret[TEST_DIR_MAX])
{
	(void)snprintf(ret, TEST_DIR_MAX, "/tmp/gabion-unit-XXXXXX");
	if (!mkdtemp(ret)) {
		perror(ret);
		abort();
	}
}

static inline int test_dir_remove_one(const char *path, const struct stat *st, int flag,
				      struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

/* Removes the folder with all in it, without leaving its file system. */
static inline void test_dir_remove(const char *dir)
{
	if (*dir)
		(void)nftw(dir, test_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline void test_dir_done(char (*dir)[TEST_DIR_MAX])
{
	test_dir_remove(*dir);
}

/* CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = ""; */
#define CLEANUP_TEST_DIR __attribute__((cleanup(test_dir_done)))

/* dir/name in ret[PATH_MAX]; returns ret. */
static inline const char *test_path(char *ret, const char *dir, const char *name)
{
	if (snprintf(ret, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		abort();
	return ret;
}

/* Writes a file; aborts when it cannot. */
static inline void test_put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f = fopen(test_path(path, dir, name), "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
		perror(path);
		abort();
	}
}

static inline void test_mkdir(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (mkdir(test_path(path, dir, name), 0755) < 0) {
		perror(path);
		abort();
	}
}

/* Waits for a child: its exit code, or 1000 + the signal that ended it. */
static inline int test_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Runs fn in a child (for what changes the process: namespaces, limits, descriptors). It returns 0,
 * or the line of the check that failed, which comes back here. */
static inline int test_in_child(int (*fn)(void *data), void *data)
{
	int line = -1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		line = fn(data);
		if (line)
			(void)fprintf(stderr, "check in line %d failed in the child (errno: %m)\n",
				      line);
		_exit(write(fds[1], &line, sizeof(line)) == sizeof(line) ? 0 : 1);
	}
	(void)close(fds[1]);
	if (read(fds[0], &line, sizeof(line)) != sizeof(line))
		line = -1;
	(void)close(fds[0]);
	return test_wait(pid) == 0 ? line : -1;
}

/* In a child's function: hands the line back when cond does not hold. */
#define TEST_CHECK(cond)                 \
	do {                             \
		if (!(cond))             \
			return __LINE__; \
	} while (0)

/* Whether this test can run; says loudly when not. */
static inline bool test_is_root(const char *why)
{
	if (geteuid() == 0)
		return true;
	(void)fprintf(stderr, "SKIPPED: needs root: %s\n", why);
	return false;
}
