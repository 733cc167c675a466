/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/at.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "base/test-dir.h"
#include "base/util.h"

/*
 * TOP/secret              outside
 * TOP/root/file           "inside"
 * TOP/root/dir/file       "inside"
 * TOP/root/dir/deep/
 * TOP/root/LINK           as in the table below
 */
static const struct {
	const char *name, *to;
} links[] = {
	{ "to-file", "dir/file" },
	{ "to-dir", "dir" },
	{ "abs", "/dir/file" },	    /* of the root that it is in */
	{ "abs-out", "/secret" },   /* does not exist in there */
	{ "up", "../../../../.." }, /* stays in the root */
	{ "dir/up-out", "../../secret" },
	{ "dir/deep/up-in", "../../file" },
	{ "loop", "loop" },
	{ "magic", "/proc/self/root" },
};

struct tree {
	char top[TEST_DIR_MAX];
	int root;
};

static int make_tree(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));
	char path[PATH_MAX];

	if (!t)
		return -1;
	test_dir_new(t->top);
	test_put(t->top, "secret", "outside");
	test_mkdir(t->top, "root");
	test_mkdir(t->top, "root/dir");
	test_mkdir(t->top, "root/dir/deep");
	test_put(t->top, "root/file", "inside");
	test_put(t->top, "root/dir/file", "inside");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		int n = snprintf(path, sizeof(path), "%s/root/%s", t->top, links[i].name);

		if (n >= (int)sizeof(path) || symlink(links[i].to, path) < 0)
			return -1;
	}
	t->root = open(test_path(path, t->top, "root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = t;
	return t->root < 0 ? -1 : 0;
}

static int drop_tree(void **state)
{
	struct tree *t = *state;

	(void)close(t->root);
	test_dir_remove(t->top);
	free(t);
	return 0;
}

/* want: -errno, or 0 for a file that says "inside". */
static void assert_opens(int fd, const char *path, int want)
{
	CLEANUP_FD int own = fd;
	char text[16] = "";

	if ((own < 0 ? own : 0) != want)
		fail_msg("%s: %d, not %d", path, own, want);
	if (own < 0)
		return;
	assert_true(fcntl(own, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(read(own, text, sizeof(text)), 6);
	assert_string_equal(text, "inside");
}

static void test_in_root(void **state)
{
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "file", 0 },
		{ "/file", 0 },
		{ "dir/../file", 0 },
		{ "../../file", 0 },
		{ "/../../../dir/file", 0 },
		{ "to-file", 0 },
		{ "to-dir/file", 0 },
		{ "abs", 0 },
		{ "up/dir/file", 0 },
		{ "up/abs", 0 },
		{ "dir/deep/up-in", 0 },
		{ "abs-out", -ENOENT },
		{ "dir/up-out", -ENOENT },
		{ "../secret", -ENOENT },
		{ "loop", -ELOOP },
		{ "magic", -ENOENT }, /* there is no /proc in that root */
		{ "file/x", -ENOTDIR },
		{ "", -ENOENT },
	};
	const struct tree *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_opens(at_open_in_root(t->root, rows[i].path, O_RDONLY, 0), rows[i].path,
			     rows[i].want);
}

static void test_cached(void **state)
{
	const struct tree *t = *state;
	CLEANUP_FD int known = at_open_in_root(t->root, "to-dir/file", O_PATH, 0);
	CLEANUP_FD int in_root = at_find_cached(t->root, "/to-dir/file", true);
	CLEANUP_FD int dir = at_open_plain(t->root, "dir", O_PATH, 0);
	CLEANUP_FD int relative = at_find_cached(dir, "../to-dir/file", false);
	struct at_ident want;
	struct at_ident got;

	assert_int_equal(at_identify(known, &want), 0);
	assert_int_equal(at_identify(in_root, &got), 0);
	assert_true(got.ino == want.ino);
	assert_int_equal(at_identify(relative, &got), 0);
	assert_true(got.ino == want.ino);
}

static void test_plain(void **state)
{
	static const struct {
		const char *path;
		int want;
	} rows[] = {
		{ "file", 0 },
		{ "dir/file", 0 },
		{ "dir/../file", 0 },
		{ "./dir/deep/../../dir/file", 0 },
		{ "to-file", -ELOOP },
		{ "to-dir/file", -ELOOP },
		{ "abs", -ELOOP },
		{ "up/dir/file", -ELOOP },
		{ "loop", -ELOOP },
		{ "../secret", -EXDEV },
		{ "dir/../../root/file", -EXDEV },
		{ "/file", -EXDEV },
		{ "..", -EXDEV },
		{ "nothing", -ENOENT },
	};
	const struct tree *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_opens(at_open_plain(t->root, rows[i].path, O_RDONLY, 0), rows[i].path,
			     rows[i].want);
	/* A link as the last part, also where the caller would not follow it. */
	assert_int_equal(at_open_plain(t->root, "to-dir", O_PATH | O_DIRECTORY, 0), -ELOOP);
}

/* /proc/self/fd/N, /proc/self/root: they lead anywhere. */
static void test_magic_links(void **state)
{
	CLEANUP_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	static const char *const paths[] = { "self/root", "self/cwd", "self/exe", "self/root/etc" };

	(void)state;
	assert_true(proc >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(at_open_in_root(proc, paths[i], O_PATH, 0), -ELOOP);
		assert_int_equal(at_open_plain(proc, paths[i], O_PATH, 0), -ELOOP);
	}
}

static void test_create(void **state)
{
	const struct tree *t = *state;
	mode_t mask = umask(022);
	CLEANUP_FD int in_root = -EBADF;
	CLEANUP_FD int plain = -EBADF;
	CLEANUP_FD int again = -EBADF;
	struct stat st;

	in_root = at_open_in_root(t->root, "up/made", O_WRONLY | O_CREAT | O_EXCL, 0666);
	plain = at_open_plain(t->root, "dir/made", O_WRONLY | O_CREAT | O_EXCL, 0640);
	(void)umask(mask);
	assert_true(in_root >= 0);
	assert_true(plain >= 0);
	assert_int_equal(fstatat(t->root, "made", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(fstatat(t->root, "dir/made", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	/* openat2(2) refuses a mode without O_CREAT; ours ignores it as open(2) does */
	again = at_open_plain(t->root, "dir/made", O_RDONLY, 0640);
	assert_true(again >= 0);
}

static void test_path_of(void **state)
{
	const struct tree *t = *state;
	CLEANUP_FD int fd = at_open_in_root(t->root, "to-file", O_RDONLY, 0);
	char want[PATH_MAX];
	char got[PATH_MAX] = "";
	size_t n;

	assert_true(fd >= 0);
	test_path(want, t->top, "root/dir/file");
	n = strlen(want);
	assert_int_equal(at_path_of(fd, got, sizeof(got)), 0);
	assert_string_equal(got, want);
	assert_int_equal(at_path_of(fd, got, n), -ENAMETOOLONG);
	assert_int_equal(at_path_of(fd, got, n + 1), 0);
	assert_string_equal(got, want);
	assert_true(at_path_of(-EBADF, got, sizeof(got)) < 0);
}

static void test_fd_path(void **state)
{
	char path[AT_FD_PATH_MAX];

	(void)state;
	at_fd_path(7, path);
	assert_string_equal(path, "/proc/self/fd/7");
	at_fd_path(2147483647, path);
	assert_string_equal(path, "/proc/self/fd/2147483647");
}

static void assert_identity(int fd, const struct stat *st)
{
	struct at_ident id;

	assert_int_equal(at_identify(fd, &id), 0);
	assert_int_equal(id.dev_major, major(st->st_dev));
	assert_int_equal(id.dev_minor, minor(st->st_dev));
	assert_true(id.ino == st->st_ino);
	assert_int_equal(id.mode, st->st_mode);
	assert_int_equal(id.nlink, st->st_nlink);
	assert_int_equal(id.uid, st->st_uid);
	assert_int_equal(id.gid, st->st_gid);
	assert_true(id.mnt_id != 0);
}

static void test_identify(void **state)
{
	const struct tree *t = *state;
	CLEANUP_FD int file = at_open_plain(t->root, "file", O_PATH, 0);
	CLEANUP_FD int dir = at_open_plain(t->root, "dir", O_PATH, 0);
	CLEANUP_FD int link = openat(t->root, "to-dir", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct at_ident a, b;
	struct stat st;

	assert_int_equal(fstatat(t->root, "file", &st, 0), 0);
	assert_identity(file, &st);
	assert_int_equal(linkat(t->root, "file", t->root, "second", 0), 0);
	assert_int_equal(fstatat(t->root, "file", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_identity(file, &st);
	assert_int_equal(fstatat(t->root, "to-dir", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_identity(link, &st);
	assert_int_equal(at_identify(file, &a), 0);
	assert_int_equal(at_identify(dir, &b), 0);
	assert_true(a.mnt_id == b.mnt_id);
	assert_true(a.ino != b.ino);
	assert_int_equal(at_identify(-EBADF, &a), -EBADF);
}

int main(void)
{
#define IN_TREE(t) cmocka_unit_test_setup_teardown(t, make_tree, drop_tree)
	const struct CMUnitTest tests[] = {
		IN_TREE(test_in_root),
		IN_TREE(test_cached),
		IN_TREE(test_plain),
		cmocka_unit_test(test_magic_links),
		IN_TREE(test_create),
		IN_TREE(test_path_of),
		cmocka_unit_test(test_fd_path),
		IN_TREE(test_identify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
