/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/test-runtime.h"

#define SPEC_TEXT_MAX (PATH_MAX + 256)

static const char *const lists[] = { "prestart",       "createRuntime", "createContainer",
				     "startContainer", "poststart",	"poststop" };

static void spec_with(char spec[SPEC_TEXT_MAX], const char *list, const char *path, const char *arg)
{
	(void)snprintf(spec, SPEC_TEXT_MAX,
		       "{\"hooks\":{\"%s\":[{\"path\":\"%s\",\"args\":[\"%s\",\"0123\",\"c\"]}]}}",
		       list, path, arg);
}

static void test_none(void **state)
{
	static const char empty[] = "{\"hooks\":{\"prestart\":[],\"poststop\":[]}}";

	(void)state;
	test_edit(edit_hooks, "{}", "{}");
	test_edit(edit_hooks, "{\"hooks\":{}}", "{\"hooks\":{}}");
	test_edit(edit_hooks, empty, empty);
}

/* One that the engine did not write is refused in each of the lists, and the text says which. */
static void test_foreign(void **state)
{
	char spec[SPEC_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		spec_with(spec, lists[i], "/bin/true", "true");
		test_edit_refuses(edit_hooks, spec, lists[i]);
		test_edit_refuses(edit_hooks, spec, "/bin/true");
		test_edit_refuses(edit_hooks, spec, "/state/etc/gabion.json");
		spec_with(spec, lists[i], "/bin/true", "libnetwork-setkey");
		test_edit_refuses(edit_hooks, spec, "/bin/true");
	}
	test_edit_refuses(edit_hooks, "{\"hooks\":{\"prestart\":[{}]}}", "(no path)");
	test_edit_refuses(edit_hooks,
			  "{\"hooks\":{\"prestart\":[{\"path\":\"/nowhere/dockerd\","
			  "\"args\":[\"libnetwork-setkey\"]}]}}",
			  "/nowhere/dockerd");
}

/* gabion.json's "hooks": this path and no other. */
static void test_configured(void **state)
{
	const char *items[] = { "/usr/bin/nvidia-container-runtime-hook", "/bin/true" };
	char spec[SPEC_TEXT_MAX];
	struct runtime rt;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		spec_with(spec, lists[i], "/bin/true", "x");
		test_runtime(&rt, spec);
		rt.facts.hooks = (struct facts_list){ items, 2 };
		assert_int_equal(edit_hooks(&rt, NULL), 0);
		test_spec_is(&rt, spec);
		runtime_done(&rt);
		spec_with(spec, lists[i], "/bin/../bin/true", "x");
		test_runtime(&rt, spec);
		rt.facts.hooks = (struct facts_list){ items, 2 };
		assert_true(edit_hooks(&rt, NULL) < 0);
		runtime_done(&rt);
	}
	/* one that is allowed does not let the next one through */
	test_runtime(
		&rt,
		"{\"hooks\":{\"prestart\":[{\"path\":\"/bin/true\"},{\"path\":\"/bin/sh\"}]}}");
	rt.facts.hooks = (struct facts_list){ items, 2 };
	assert_true(edit_hooks(&rt, NULL) < 0);
	runtime_done(&rt);
}

/* dir/NAME: a program that waits on its standard input, as big as /bin/cat. */
static void make_program(const char *dir, const char *name, mode_t mode)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64u << 20);
	char path[PATH_MAX];

	assert_int_equal(file_read("/bin/cat", &b), 0);
	test_path(path, dir, name);
	assert_int_equal(file_replace_at(AT_FDCWD, path, buf_slice(&b), 0755, false), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Runs path with the first end of a pipe as standard input; what it answers says that it runs. */
static pid_t run_program(const char *path, int *ret_in)
{
	int in[2], out[2];
	char c = 'x';
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl(path, "dockerd", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(close(in[0]), 0);
	assert_int_equal(close(out[1]), 0);
	assert_int_equal(write(in[1], &c, 1), 1);
	c = 0;
	assert_int_equal(read(out[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	assert_int_equal(close(out[0]), 0);
	*ret_in = in[1];
	return pid;
}

/* Whether a hook passes; `named`: what gabion.json's "hooks" has, or NULL. */
static bool takes_with(const char *path, const char *arg, const char *named)
{
	char spec[SPEC_TEXT_MAX];
	struct runtime rt;
	bool taken;

	spec_with(spec, "prestart", path, arg);
	runtime_init(&rt);
	if (named)
		rt.facts.hooks = (struct facts_list){ &named, 1 };
	taken = oci_spec_load(&rt.arena, slice_str(spec), &rt.spec, NULL) == 0 &&
		edit_hooks(&rt, NULL) == 0;
	runtime_done(&rt);
	return taken;
}

static bool takes(const char *path)
{
	return takes_with(path, "libnetwork-setkey", NULL);
}

/* dockerd's own: the binary where packages put it. */
static void test_setkey(void **state)
{
	static const char engine[] = "/usr/sbin/dockerd";
	char spec[SPEC_TEXT_MAX];

	(void)state;
	if (access(engine, X_OK) < 0) {
		print_message("SKIPPED: %s is not installed (package docker.io)\n", engine);
		skip();
	}
	spec_with(spec, "prestart", engine, "libnetwork-setkey");
	test_edit(edit_hooks, spec, spec);
	spec_with(spec, "prestart", engine, "anything-else");
	test_edit_refuses(edit_hooks, spec, engine);
	spec_with(spec, "prestart", "/proc/self/root/usr/sbin/dockerd", "libnetwork-setkey");
	test_edit_refuses(edit_hooks, spec, "/proc/self/root");
}

/* A program that only bears the name, running or not, whoever owns it. */
static void test_setkey_elsewhere(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char spec[SPEC_TEXT_MAX];
	char path[PATH_MAX];
	char exe[64];
	pid_t pid;
	int in;

	(void)state;
	test_dir_new(dir);
	make_program(dir, "dockerd", 0755);
	pid = run_program(test_path(path, dir, "dockerd"), &in);
	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	spec_with(spec, "prestart", exe, "libnetwork-setkey");
	test_edit_refuses(edit_hooks, spec, exe);
	test_edit_refuses(edit_hooks, spec, path); /* what the administrator would have to name */
	assert_true(takes_with(exe, "libnetwork-setkey", path));
	assert_false(takes_with(exe, "anything-else", path));
	assert_false(takes_with(exe, "libnetwork-setkey", "/somewhere/dockerd"));
	spec_with(spec, "prestart", path, "libnetwork-setkey");
	test_edit_refuses(edit_hooks, spec, path);
	assert_int_equal(close(in), 0);
	assert_int_equal(test_wait(pid), 0);
}

/* With `data`, a folder that has a dockerd, in the place of /usr/local/sbin: as dockerd writes its
 * hook, and only while nobody but root can change the program. */
static int in_its_place(void *data)
{
	static const char path[] = "/usr/local/sbin/dockerd";
	char exe[64];
	pid_t pid;
	int in;

	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	TEST_CHECK(mount(data, "/usr/local/sbin", NULL, MS_BIND, NULL) == 0);
	pid = run_program(path, &in);
	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	TEST_CHECK(takes(path) && takes(exe));
	TEST_CHECK(chmod(path, 0775) == 0 && !takes(exe) && !takes(path));
	TEST_CHECK(chmod(path, 0757) == 0 && !takes(exe) && !takes(path));
	TEST_CHECK(chmod(path, 0755) == 0 && takes(exe) && takes(path));
	TEST_CHECK(chown(path, 1000, 0) == 0 && !takes(exe) && !takes(path));
	TEST_CHECK(close(in) == 0 && test_wait(pid) == 0);
	return 0;
}

static void test_setkey_owner(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";

	(void)state;
	if (!test_is_root("puts a dockerd into /usr/local/sbin"))
		skip();
	test_dir_new(dir);
	make_program(dir, "dockerd", 0755);
	assert_int_equal(test_in_child(in_its_place, dir), 0);
}

/* A running program of root's with another name. */
static void test_setkey_other_name(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	char spec[SPEC_TEXT_MAX];
	char path[PATH_MAX];
	char exe[64];
	pid_t pid;
	int in;

	(void)state;
	if (!test_is_root("makes a program that root owns"))
		skip();
	test_dir_new(dir);
	make_program(dir, "not-dockerd", 0755);
	pid = run_program(test_path(path, dir, "not-dockerd"), &in);
	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	spec_with(spec, "prestart", exe, "libnetwork-setkey");
	test_edit_refuses(edit_hooks, spec, exe);
	assert_int_equal(close(in), 0);
	assert_int_equal(test_wait(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_configured),
		cmocka_unit_test(test_setkey),
		cmocka_unit_test(test_setkey_owner),
		cmocka_unit_test(test_setkey_elsewhere),
		cmocka_unit_test(test_setkey_other_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
