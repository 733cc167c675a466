/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/instance.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/test-dir.h"

static void assert_system(const struct instance *i)
{
	assert_false(i->private_dir);
	assert_string_equal(i->dir, "");
	assert_string_equal(i->etc, "/etc/gabion");
	assert_string_equal(i->run, "/run/gabion");
	assert_string_equal(i->lib, "/var/lib/gabion");
}

static void assert_below(const char *asked, const char *want)
{
	struct err err = ERR_INIT;
	struct instance i;
	char sub[PATH_MAX];

	if (instance_find(&i, asked, &err) < 0)
		fail_msg("%s: %s", asked ? asked : "-", err.text);
	assert_true(i.private_dir);
	assert_string_equal(i.dir, want);
	assert_string_equal(i.etc, test_path(sub, want, "etc"));
	assert_string_equal(i.run, test_path(sub, want, "run"));
	assert_string_equal(i.lib, test_path(sub, want, "lib"));
}

static void test_system(void **state)
{
	struct instance i;

	(void)state;
	assert_int_equal(unsetenv("GABION_STATE_DIR"), 0);
	memset(&i, 0x5a, sizeof(i));
	assert_int_equal(instance_find(&i, NULL, NULL), 0);
	assert_system(&i);
	assert_int_equal(instance_find(&i, "", NULL), 0);
	assert_system(&i);
	assert_int_equal(setenv("GABION_STATE_DIR", "", 1), 0);
	assert_int_equal(instance_find(&i, NULL, NULL), 0);
	assert_system(&i);
	assert_int_equal(unsetenv("GABION_STATE_DIR"), 0);
}

/* TOP/real and TOP/link -> real. */
static void test_private(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char top[PATH_MAX], want[PATH_MAX], path[PATH_MAX];

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, top));
	test_mkdir(top, "real");
	assert_int_equal(symlink("real", test_path(path, top, "link")), 0);
	test_path(want, top, "real");
	assert_below(test_path(path, top, "real"), want);
	assert_below(test_path(path, top, "real/"), want);
	assert_below(test_path(path, top, "./real/../real//"), want);
	assert_below(test_path(path, top, "link"), want);
	/* need not exist, its parent must */
	test_path(want, top, "real/new");
	assert_below(test_path(path, top, "real/new"), want);
	assert_below(test_path(path, top, "link/new"), want);
	assert_below(test_path(path, top, "link/new//"), want);
	assert_below("/gabion-unit-not-there", "/gabion-unit-not-there");
	assert_true(instance_find(&(struct instance){ 0 }, test_path(path, top, "no/new"), NULL) <
		    0);
	assert_true(instance_find(&(struct instance){ 0 }, test_path(path, top, "real/x/y"), NULL) <
		    0);
}

static int relative(void *top)
{
	struct instance i;
	char want[PATH_MAX];

	TEST_CHECK(chdir(top) == 0);
	TEST_CHECK(instance_find(&i, "new", NULL) == 0);
	TEST_CHECK(strcmp(i.dir, test_path(want, top, "new")) == 0);
	TEST_CHECK(instance_find(&i, "./new/", NULL) == 0);
	TEST_CHECK(strcmp(i.dir, want) == 0);
	TEST_CHECK(instance_find(&i, ".", NULL) == 0);
	TEST_CHECK(strcmp(i.dir, top) == 0);
	return 0;
}

static void test_relative(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char top[PATH_MAX];

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, top));
	assert_int_equal(test_in_child(relative, top), 0);
}

/* design.md 4.1: GABION_STATE_DIR stands in for --state-dir; the option is stronger. */
static void test_environment(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char top[PATH_MAX], path[PATH_MAX];

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, top));
	test_path(path, top, "option");
	assert_int_equal(setenv("GABION_STATE_DIR", top, 1), 0);
	assert_below(NULL, top);
	assert_below("", top);
	assert_below(path, path);
	assert_int_equal(unsetenv("GABION_STATE_DIR"), 0);
}

static void test_too_long(void **state)
{
	static char path[PATH_MAX * 2] = "/tmp/";
	struct err err = ERR_INIT;
	struct instance i;

	(void)state;
	memset(path + 5, 'x', sizeof(path) - 6);
	assert_true(instance_find(&i, path, &err) < 0);
	assert_true(err.text[0] != '\0');
	for (size_t at = 100; at < sizeof(path) - 1; at += 100)
		path[at] = '/';
	assert_true(instance_find(&i, path, &err) < 0);
}

static void test_ids_dir(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("GABION_IDS_DIR"), 0);
	assert_string_equal(instance_ids_dir(), "/var/lib/gabion-ids");
	assert_int_equal(setenv("GABION_IDS_DIR", "/x", 1), 0);
	assert_string_equal(instance_ids_dir(), "/x");
	assert_int_equal(setenv("GABION_IDS_DIR", "", 1), 0);
	assert_string_equal(instance_ids_dir(), "/var/lib/gabion-ids");
	assert_int_equal(unsetenv("GABION_IDS_DIR"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system),	 cmocka_unit_test(test_private),
		cmocka_unit_test(test_relative), cmocka_unit_test(test_environment),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_ids_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
