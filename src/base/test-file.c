/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* Each test runs in an empty directory of its own. */
static int enter(void **state)
{
	char *dir = strdup("/tmp/gabion-test-file-XXXXXX");

	if (!dir || !mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	*state = dir;
	return 0;
}

static void empty(int fd)
{
	CLEANUP_DIR DIR *d = fdopendir(fd);
	struct dirent *e;

	assert_non_null(d);
	for (e = readdir(d); e; e = readdir(d)) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		empty(openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		assert_int_equal(unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR), 0);
	}
}

static int leave(void **state)
{
	empty(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (chdir("/") < 0 || rmdir(*state) < 0)
		return -1;
	free(*state);
	return 0;
}

static int replace(const char *path, const char *text, mode_t mode, bool durable)
{
	return file_replace_at(AT_FDCWD, path, slice_str(text), mode, durable);
}

static void assert_holds(const char *path, const char *text)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);

	assert_int_equal(file_read(path, &b), 0);
	assert_true(slice_eq_str(buf_slice(&b), text));
}

static size_t count_entries(void)
{
	CLEANUP_DIR DIR *d = opendir(".");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void test_read(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100000);
	char big[50000];

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(
		file_replace_at(AT_FDCWD, "f", (struct slice){ big, sizeof(big) }, 0600, false), 0);
	buf_add_str(&b, "before:");
	assert_int_equal(file_read("f", &b), 0);
	assert_int_equal(b.n, 7 + sizeof(big));
	assert_memory_equal(b.p, "before:xxx", 10);
	assert_memory_equal(b.p + 7, big, sizeof(big));
	assert_int_equal(file_read("missing", &b), -ENOENT);
	assert_int_equal(file_read(".", &b), -EISDIR);
}

/* A file as long as the maximum fits, one byte more does not. */
static void test_read_max(void **state)
{
	CLEANUP_BUF struct buf exact = BUF_INIT(5);
	CLEANUP_BUF struct buf small = BUF_INIT(4);
	CLEANUP_BUF struct buf none = BUF_INIT(0);

	(void)state;
	assert_int_equal(replace("f", "12345", 0600, false), 0);
	assert_int_equal(replace("empty", "", 0600, false), 0);
	assert_int_equal(file_read("f", &exact), 0);
	assert_string_equal(exact.p, "12345");
	assert_int_equal(file_read("f", &small), -EFBIG);
	assert_int_equal(file_read("f", &none), -EFBIG);
	assert_int_equal(file_read("empty", &none), 0);
}

static void test_replace(void **state)
{
	mode_t mask = umask(077);
	struct stat st;

	(void)state;
	for (int durable = 0; durable < 2; durable++) {
		assert_int_equal(replace("f", "one, longer", 0644, durable), 0);
		assert_holds("f", "one, longer");
		assert_int_equal(replace("f", "two", 0640, durable), 0);
		assert_holds("f", "two");
		assert_int_equal(stat("f", &st), 0);
		assert_int_equal(st.st_mode & 07777, 0640);
	}
	assert_int_equal(count_entries(), 1);
	(void)umask(mask);
}

/* Readers keep the old file; a symlink in its place is replaced, not followed. */
static void test_replace_is_new_file(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(100);
	CLEANUP_FD int old = -EBADF;
	struct stat st;

	(void)state;
	assert_int_equal(replace("f", "old", 0600, false), 0);
	old = open("f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(symlink("f", "link"), 0);
	assert_int_equal(replace("f", "new", 0600, false), 0);
	assert_int_equal(file_read_fd(old, &b), 0);
	assert_string_equal(b.p, "old");
	assert_int_equal(replace("link", "third", 0600, false), 0);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_holds("f", "new");
}

static void test_replace_fails_cleanly(void **state)
{
	char name[PATH_MAX + 10];

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(replace("d/f", "inside", 0600, false), 0);
	assert_int_equal(replace("d", "x", 0600, false), -EISDIR);
	assert_int_equal(replace("none/f", "x", 0600, false), -ENOENT);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(replace(name, "x", 0600, false), -ENAMETOOLONG);
	assert_holds("d/f", "inside");
	assert_int_equal(count_entries(), 1);
}

static void test_replace_beneath_dirfd(void **state)
{
	CLEANUP_FD int dir = -EBADF;
	CLEANUP_BUF struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(file_mkdirs("d/e", 0700), 0);
	dir = open("d", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace_at(dir, "e/f", SLICE_LIT("x"), 0600, true), 0);
	assert_int_equal(file_replace_at(dir, "g", SLICE_LIT("y"), 0600, true), 0);
	assert_holds("d/e/f", "x");
	assert_int_equal(file_read_at(dir, "g", &b), 0);
	assert_string_equal(b.p, "y");
}

static void test_write_once(void **state)
{
	(void)state;
	assert_int_equal(file_write_once("f", SLICE_LIT("x")), -ENOENT);
	assert_int_equal(replace("f", "abc", 0600, false), 0);
	assert_int_equal(file_write_once("f", SLICE_LIT("X")), 0);
	assert_holds("f", "Xbc");
	assert_int_equal(file_write_once("/dev/full", SLICE_LIT("x")), -ENOSPC);
}

static void test_mkdirs(void **state)
{
	struct stat st;
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(file_mkdirs("a/b//c/", 0750), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_int_equal(chmod("a/b", 0700), 0);
	assert_int_equal(file_mkdirs("a/b/c", 0755), 0);
	assert_int_equal(stat("a/b", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	(void)snprintf(path, sizeof(path), "%s/abs/x", (const char *)*state);
	assert_int_equal(file_mkdirs(path, 0700), 0);
	assert_int_equal(stat("abs/x", &st), 0);
	assert_int_equal(replace("f", "x", 0600, false), 0);
	assert_int_equal(file_mkdirs("f/x", 0700), -ENOTDIR);
	assert_int_equal(file_mkdirs("/", 0700), 0);
	assert_int_equal(file_mkdirs("", 0700), -ENOENT);
	assert_int_equal(file_mkdirs("f", 0700), -ENOTDIR);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_read_max),
		TEST(test_replace),
		TEST(test_replace_is_new_file),
		TEST(test_replace_fails_cleanly),
		TEST(test_replace_beneath_dirfd),
		TEST(test_write_once),
		TEST(test_mkdirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
