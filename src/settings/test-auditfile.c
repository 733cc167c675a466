/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/auditfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"

#define FULL (16 * 1024 * 1024)
#define WRITERS 16

static long size_of(const char *dir, int number)
{
	char path[PATH_MAX];
	struct stat st;

	auditfile_path(dir, number, path);
	return stat(path, &st) < 0 ? -1 : (long)st.st_size;
}

/* Many at once find it full: it is put aside once, and no line is lost. */
static void test_full(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char path[PATH_MAX];
	int status;

	(void)state;
	test_dir_new(dir);
	test_put(dir, "audit.log", "");
	test_put(dir, "audit.log.1", "old\n");
	auditfile_path(dir, 0, path);
	assert_int_equal(truncate(path, FULL), 0);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			_exit(auditfile_append(dir, SLICE_LIT("{}\n")) != 0);
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	/* Who had it open when it was put aside may have written there. */
	assert_int_equal(size_of(dir, 0) + size_of(dir, 1), FULL + 3 * WRITERS);
	assert_int_equal(size_of(dir, 2), 4);
	assert_int_equal(size_of(dir, 3), -1);
}

static void test_line(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	CLEANUP_BUF struct buf text = BUF_INIT(64);
	char now[AUDITFILE_TIME_MAX];
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	assert_int_equal(auditfile_append(dir, SLICE_LIT("a\n")), 0);
	assert_int_equal(auditfile_append(dir, SLICE_LIT("b\n")), 0);
	auditfile_path(dir, 0, path);
	assert_int_equal(file_read(path, &text), 0);
	assert_string_equal(text.p, "a\nb\n");
	test_put(dir, "audit.log", "a\n{\"ha");
	assert_int_equal(auditfile_append(dir, SLICE_LIT("b\n")), 0);
	assert_int_equal(auditfile_append(dir, SLICE_LIT("c\n")), 0);
	buf_reset(&text);
	assert_int_equal(file_read(path, &text), 0);
	assert_string_equal(text.p, "a\n{\"ha\nb\nc\n");
	assert_int_equal(auditfile_append("/nonexistent", SLICE_LIT("a\n")), -ENOENT);
	auditfile_now(now);
	assert_int_equal(strlen(now), 24);
	assert_int_equal(now[23], 'Z');
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_line),
					    cmocka_unit_test(test_full) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
