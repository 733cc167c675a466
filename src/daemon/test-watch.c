/* SPDX-License-Identifier: Apache-2.0 */
/* What inotify(7) has to tell, on real folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/test-dir.h"
#include "base/util.h"
#include "daemon/watch.h"

#define PATIENCE_MS 5000

struct fixture {
	char dir[TEST_DIR_MAX];
	char paths[3][PATH_MAX];
	const char *files[3];
	struct loop loop;
	struct watch watch;
	unsigned calls;
};

static void on_changed(struct watch *w)
{
	CONTAINER_OF(w, struct fixture, watch)->calls++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || loop_init(&f->loop) < 0)
		return -1;
	test_dir_new(f->dir);
	test_mkdir(f->dir, "etc");
	f->files[0] = test_path(f->paths[0], f->dir, "etc/settings");
	f->files[1] = "";
	f->files[2] = test_path(f->paths[2], f->dir, "share/deep/settings");
	watch_start(&f->watch, &f->loop, f->files, 3, on_changed);
	assert_false(f->watch.polling);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watch_stop(&f->watch);
	loop_done(&f->loop);
	test_dir_remove(f->dir);
	free(f);
	return 0;
}

#define WITH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

/* Runs the loop until the owner has been told. */
static void must_tell(struct fixture *f, const char *what)
{
	uint64_t end = loop_clock() + PATIENCE_MS * LOOP_NSEC_PER_MSEC;
	unsigned before = f->calls;

	while (f->calls == before) {
		if (loop_clock() > end)
			fail_msg("not told of %s", what);
		assert_int_equal(loop_once(&f->loop, 100), 0);
	}
}

/* Nothing is on its way: all that the kernel has to say has been read, and no timer runs. */
static void must_be_quiet(struct fixture *f)
{
	unsigned before = f->calls;

	assert_int_equal(loop_once(&f->loop, 0), 0);
	assert_false(f->watch.timer.armed);
	assert_int_equal(f->calls, before);
}

static void test_file(void **state)
{
	struct fixture *f = *state;
	char other[PATH_MAX];

	must_be_quiet(f);
	test_put(f->dir, "etc/settings", "1");
	must_tell(f, "a new file");
	test_put(f->dir, "etc/settings", "2");
	must_tell(f, "a file written");
	test_put(f->dir, "etc/new", "3");
	must_tell(f, "another file beside it");
	assert_int_equal(rename(test_path(other, f->dir, "etc/new"), f->files[0]), 0);
	must_tell(f, "a file replaced");
	assert_int_equal(chmod(f->files[0], 0600), 0);
	must_tell(f, "other rights");
	assert_int_equal(unlink(f->files[0]), 0);
	must_tell(f, "a file removed");
	must_be_quiet(f);
}

/* A file that stays open is looked at, too. */
static void test_open_file(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(f->files[0], "we");

	assert_non_null(file);
	must_tell(f, "a new file");
	assert_true(fputs("x", file) >= 0 && fflush(file) == 0);
	must_tell(f, "a part of it");
	assert_int_equal(fclose(file), 0);
	must_tell(f, "its end");
}

/* Many events are one look, and it comes although they do not end. */
static void test_gathering(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = loop_clock();

	while (f->calls == 0) {
		test_put(f->dir, "etc/settings", "x");
		assert_int_equal(loop_once(&f->loop, 10), 0);
		assert_true(loop_clock() - begin < PATIENCE_MS * LOOP_NSEC_PER_MSEC);
	}
	assert_true(loop_clock() - begin >= WATCH_LONGEST_NS);
}

static void test_later_folder(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	test_put(f->dir, "nothing", "x");
	test_mkdir(f->dir, "shared");
	must_be_quiet(f);
	test_mkdir(f->dir, "share");
	must_tell(f, "the upper folder");
	test_mkdir(f->dir, "share/deep");
	must_tell(f, "the folder");
	test_put(f->dir, "share/deep/settings", "x");
	must_tell(f, "a file in it");
	test_dir_remove(test_path(path, f->dir, "share/deep"));
	must_tell(f, "the folder removed");
	test_mkdir(f->dir, "share/deep");
	must_tell(f, "the folder again");
	test_put(f->dir, "share/deep/settings", "x");
	must_tell(f, "a file in that");
}

/* As configuration management and Kubernetes do it. */
static void test_symlinks(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	char other[PATH_MAX];

	test_mkdir(f->dir, "target");
	test_put(f->dir, "target/file", "1");
	assert_int_equal(symlink("../target/file", f->files[0]), 0);
	must_tell(f, "the symlink");
	test_put(f->dir, "target/file", "2");
	must_tell(f, "its target");
	test_put(f->dir, "target/else", "2");
	must_be_quiet(f);
	assert_int_equal(unlink(f->files[0]), 0);
	must_tell(f, "no symlink");
	test_mkdir(f->dir, "etc/..1");
	test_put(f->dir, "etc/..1/settings", "1");
	assert_int_equal(symlink("..1", test_path(path, f->dir, "etc/..data")), 0);
	assert_int_equal(symlink("..data/settings", f->files[0]), 0);
	must_tell(f, "two symlinks");
	test_mkdir(f->dir, "etc/..2");
	test_put(f->dir, "etc/..2/settings", "2");
	assert_int_equal(symlink("..2", test_path(other, f->dir, "etc/..new")), 0);
	must_tell(f, "what is prepared");
	assert_int_equal(rename(other, path), 0);
	must_tell(f, "the middle one replaced");
}

/* The folder itself is replaced by another one. */
static void test_replaced_folder(void **state)
{
	struct fixture *f = *state;
	char from[PATH_MAX];
	char to[PATH_MAX];

	assert_int_equal(rename(test_path(from, f->dir, "etc"), test_path(to, f->dir, "old")), 0);
	must_tell(f, "the folder gone");
	test_mkdir(f->dir, "etc");
	must_tell(f, "a new folder");
	test_put(f->dir, "etc/settings", "x");
	must_tell(f, "a file in it");
	test_put(f->dir, "old/settings", "x");
	must_be_quiet(f);
}

/* "Where the kernel gives no watch": then there is a look a second. */
static void test_polling(void **state)
{
	struct fixture *f = *state;

	watch_stop(&f->watch);
	f->files[0] = "no absolute path";
	watch_start(&f->watch, &f->loop, f->files, 1, on_changed);
	assert_true(f->watch.polling);
	must_tell(f, "the time");
	must_tell(f, "the time again");
	f->files[0] = f->paths[0];
	must_tell(f, "the time");
	assert_false(f->watch.polling);
	test_put(f->dir, "etc/settings", "x");
	must_tell(f, "a new file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_file),	 WITH(test_open_file), WITH(test_gathering),
		WITH(test_later_folder), WITH(test_symlinks),  WITH(test_replaced_folder),
		WITH(test_polling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
