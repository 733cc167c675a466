/* SPDX-License-Identifier: Apache-2.0 */
/* What gabion-runc makes of a verdict on a path of the host; verdicts themselves are tested in
 * hostpath/test-hostpath.c. */
#include "runtime/judge.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/test-dir.h"
#include "runtime/test-runtime.h"

static int ask(struct runtime *rt, const char *path, bool *ret_read_only, struct err *err)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	return judge_host(rt, fd, path, true, ret_read_only, err);
}

static void test_verdicts(void **state)
{
	struct err err = ERR_INIT;
	bool read_only = true;
	char dir[TEST_DIR_MAX];
	struct runtime rt;

	(void)state;
	test_dir_new(dir);
	test_runtime(&rt, "{}");
	rt.has_asker = true;
	rt.asker.uid = 4242;
	assert_int_equal(ask(&rt, dir, &read_only, &err), 0);
	assert_false(read_only);
	assert_int_equal(ask(&rt, "/etc/passwd", &read_only, &err), 0);
	assert_true(read_only);
	assert_int_equal(ask(&rt, "/etc", &read_only, &err), -EPERM);
	assert_string_equal(err.text, "can't mount /etc because it's configured as a restricted "
				      "host mount");
	runtime_done(&rt);
	test_dir_remove(dir);
}

/* Not even what anybody may have. */
static void test_nobody(void **state)
{
	struct err err = ERR_INIT;
	char dir[TEST_DIR_MAX];
	struct runtime rt;
	bool read_only;

	(void)state;
	test_dir_new(dir);
	test_runtime(&rt, "{}");
	assert_int_equal(ask(&rt, dir, &read_only, &err), -EPERM);
	assert_non_null(strstr(err.text, "nobody is on record as having asked for container c1"));
	assert_non_null(strstr(err.text, "/state/run/docker.sock"));
	rt.facts.unrecorded_root = true;
	assert_int_equal(ask(&rt, dir, &read_only, &err), 0);
	assert_int_equal(ask(&rt, "/etc", &read_only, &err), -EPERM);
	runtime_done(&rt);
	test_dir_remove(dir);
}

static void test_fs(void **state)
{
	CLEANUP_FD int proc = open("/proc/self", O_PATH | O_CLOEXEC);
	CLEANUP_FD int root = open("/", O_PATH | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(judge_fs(root, "/", &err), 0);
	assert_int_equal(judge_fs(proc, "/srv/x", &err), -EPERM);
	assert_string_equal(err.text, "can't mount /srv/x because it's configured as a restricted "
				      "host mount");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_fs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
