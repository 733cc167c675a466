/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. Another owner for what is made, the same rights, and back. */
#include "linux/creds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <cmocka.h>

#include "base/test-dir.h"

#define OWNER 1900000000u

static void read_caps(struct __user_cap_data_struct caps[2])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	memset(caps, 0, 2 * sizeof(caps[0]));
	assert_int_equal(syscall(SYS_capget, &head, caps), 0);
}

static void test_owner(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct __user_cap_data_struct before[2], meanwhile[2], after[2];
	int bits = prctl(PR_GET_SECUREBITS);
	char path[PATH_MAX];
	struct stat st;
	int token;

	(void)state;
	test_dir_new(dir); /* mode 0700, root's: to get into it takes a capability */
	read_caps(before);
	token = creds_fs_begin(OWNER);
	assert_true(token >= 0);
	assert_int_equal(setfsuid((uid_t)-1), OWNER);
	assert_int_equal(setfsgid((gid_t)-1), OWNER);
	assert_int_equal(geteuid(), 0);
	read_caps(meanwhile);
	assert_memory_equal(before, meanwhile, sizeof(before));
	test_put(dir, "file", "");
	assert_int_equal(creds_fs_end(token), 0);
	assert_int_equal(stat(test_path(path, dir, "file"), &st), 0);
	assert_int_equal(st.st_uid, OWNER);
	assert_int_equal(st.st_gid, OWNER);
	assert_int_equal(setfsuid((uid_t)-1), 0);
	assert_int_equal(setfsgid((gid_t)-1), 0);
	assert_int_equal(prctl(PR_GET_SECUREBITS), bits);
	read_caps(after);
	assert_memory_equal(before, after, sizeof(before));
	test_put(dir, "mine", "");
	assert_int_equal(stat(test_path(path, dir, "mine"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

/* Who may not become that: an error, and nothing is changed. */
static int as_nobody(void *data)
{
	(void)data;
	TEST_CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
	TEST_CHECK(creds_fs_begin(OWNER) < 0);
	TEST_CHECK(setfsuid((uid_t)-1) == 65534 && setfsgid((gid_t)-1) == 65534);
	return 0;
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(as_nobody, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_refused),
	};

	if (!test_is_root("makes files of another owner"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
