/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/layers.h"
#include "runtime/test-runtime.h"

static bool marked(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	return stat(test_path(path, dir, "work/work/incompat"), &st) == 0;
}

/* A work directory as the kernel leaves it after a volatile mount. */
static void mark(const char *dir)
{
	char path[PATH_MAX];

	assert_int_equal(file_mkdirs(test_path(path, dir, "work/work/incompat/volatile"), 0755), 0);
	test_put(dir, "work/work/incompat/volatile/dirty", "");
}

static void forget(const char *base, const char *work, const char *rest)
{
	struct overlay o = { .work = work, .upper = "diff", .rest = rest };
	struct layers l = LAYERS_INIT;

	l.overlay = &o;
	l.base = base;
	layers_forget_volatile(&l);
}

static void volatile_mark(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char work[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	(void)test_path(work, dir, "work");
	mark(dir);
	forget(NULL, work, "");
	forget(NULL, work, ",index=off,userxattr");
	assert_true(marked(dir));
	forget(NULL, work, ",metacopy=on,volatile");
	assert_false(marked(dir));
	mark(dir);
	forget(NULL, work, ",uuid=on,fsync=volatile");
	assert_false(marked(dir));
	mark(dir);
	forget(dir, "work", ",volatile");
	assert_false(marked(dir));
	forget(dir, "work", ",volatile"); /* nothing there */
	forget(dir, NULL, ",volatile");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volatile_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
