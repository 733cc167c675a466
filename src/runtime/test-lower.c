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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_container_can_write_to_it),
		cmocka_unit_test(test_scripts_have_a_path),
		cmocka_unit_test(test_what_is_no_program),
	};

	if (argc == 2 && strcmp(argv[1], "inside") == 0)
		return inside();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
