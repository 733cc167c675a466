/* SPDX-License-Identifier: Apache-2.0 */
/* How the lower runtime is started: what crun and runc look at to tell that no container can write
 * to them. The program that is started is this one. */
#include "runtime/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/test-runtime.h"

/* Started by lower_become(): its exit status says what it saw. */
static int inside(void)
{
	CLEANUP_FD int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct statvfs fs;

	if (exe < 0 || fstatvfs(exe, &fs) < 0)
		return 1;
	if (!(fs.f_flag & ST_RDONLY))
		return 2;
	/* To open it says ETXTBSY as long as it runs; what counts is what comes after that. */
	return access("/proc/self/exe", W_OK) < 0 && errno == EROFS ? 42 : 3;
}

static int status_of(char *path, char *argument)
{
	char name[] = "crun";
	char *argv[] = { name, argument, NULL };
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(-lower_become(path, argv) & 0xff);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_no_container_can_write_to_it(void **state)
{
	char self[PATH_MAX] = "";
	char inside_word[] = "inside";

	(void)state;
	if (geteuid() !=
	    0) /* a mount of its own needs root; without one it is started all the same */
		skip();
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(status_of(self, inside_word), 42);
}

static void test_scripts_have_a_path(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	(void)test_path(path, dir, "wrapper");
	test_put(dir, "wrapper", "#!/bin/sh\ntest \"$0\" = \"$1\" && exit 43\n");
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(status_of(path, path), 43);
}

static void test_what_is_no_program(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	(void)test_path(path, dir, "text");
	assert_int_equal(status_of(path, NULL), ENOENT);
	test_put(dir, "text", "no program\n");
	assert_int_equal(status_of(path, NULL), EACCES);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(status_of(path, NULL), ENOEXEC);
}

/* A crun that knows it, one that does not, and one that gabion.json names. */
static void test_keep(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct facts named = { .lower_runtime = "/usr/bin/crun" };
	struct facts found = { 0 };
	struct err err = ERR_INIT;
	char old[PATH_MAX];
	char new[PATH_MAX];
	char at[PATH_MAX];
	struct stat st;

	(void)state;
	test_dir_new(dir);
	test_put(dir, "crun", "#!/bin/sh\necho '--no-new-keyring: keep the same session key'\n");
	test_put(dir, "crun-new", "#!/bin/sh\necho '      --keep   do not delete'\n");
	assert_int_equal(chmod(test_path(old, dir, "crun"), 0700), 0);
	assert_int_equal(chmod(test_path(new, dir, "crun-new"), 0700), 0);
	(void)snprintf(at, sizeof(at), "%s", new);
	assert_int_equal(lower_for_keep(&found, at, &err), 0);
	assert_string_equal(at, new);
	(void)snprintf(at, sizeof(at), "%s", old);
	assert_int_equal(lower_for_keep(&named, at, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "--keep"));
	(void)snprintf(at, sizeof(at), "%s", old);
	if (stat("/usr/sbin/runc", &st) == 0 || stat("/usr/bin/runc", &st) == 0) {
		assert_int_equal(lower_for_keep(&found, at, &err), 0);
		assert_non_null(strstr(at, "/runc"));
	} else {
		assert_int_equal(lower_for_keep(&found, at, &err), -ENOTSUP);
	}
	(void)snprintf(at, sizeof(at), "/usr/sbin/runc");
	assert_int_equal(lower_for_keep(&named, at, &err), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_container_can_write_to_it),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_scripts_have_a_path),
		cmocka_unit_test(test_what_is_no_program),
	};

	if (argc == 2 && strcmp(argv[1], "inside") == 0)
		return inside();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
