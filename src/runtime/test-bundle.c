/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test-dir.h"
#include "runtime/test-runtime.h"

#define BASE 1900000000u

static void is(const char *path, gid_t gid, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* A container that does not come up leaves the folder as it was. */
static void test_shown_and_hidden(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct err err = ERR_INIT;
	struct runtime rt;

	(void)state;
	if (geteuid() != 0) /* only root gives a folder to another group */
		skip();
	test_dir_new(dir);
	test_runtime(&rt, "{}");
	(void)snprintf(rt.bundle, sizeof(rt.bundle), "%s", dir);
	rt.base = BASE;

	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(bundle_show(&rt, &err), 0);
	is(dir, BASE, 0710);
	bundle_hide(&rt);
	is(dir, 0, 0700);
	assert_int_equal(chmod(dir, 0750), 0); /* somebody else's by now */
	bundle_hide(&rt);
	is(dir, 0, 0750);

	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(bundle_show(&rt, &err), 0);
	is(dir, 0, 0711);
	bundle_hide(&rt);
	is(dir, 0, 0711);

	(void)snprintf(rt.bundle, sizeof(rt.bundle), "/nowhere/bundle");
	assert_int_equal(bundle_show(&rt, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/bundle"));
	runtime_done(&rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_shown_and_hidden) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
