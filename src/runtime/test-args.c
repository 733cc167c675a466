/* SPDX-License-Identifier: Apache-2.0 */
/* The forms are those that `crun --help`, `runc --help` and their subcommands of crun 1.8 and runc
 * 1.1 document, and those that engines write. */
#include "runtime/args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define WORDS_MAX 24

/* A command line as words; the first is the program's name. */
struct line {
	char text[512];
	char *argv[WORDS_MAX + 1];
	int argc;
};

static void cut(struct line *l, const char *words)
{
	char *p = l->text;

	*l = (struct line){ .argc = 0 };
	assert_true(strlen(words) < sizeof(l->text));
	memcpy(l->text, words, strlen(words) + 1);
	while (*p) {
		assert_true(l->argc < WORDS_MAX);
		l->argv[l->argc++] = p;
		p += strcspn(p, " ");
		if (*p)
			*p++ = '\0';
	}
}

static int parse(struct line *l, const char *words, struct args *ret, struct err *err)
{
	cut(l, words);
	return args_parse(l->argc, l->argv, ret, err);
}

static void same(const char *words, const char *what, const char *got, const char *want)
{
	if (!got != !want || (got && strcmp(got, want) != 0))
		fail_msg("%s: %s is %s, not %s", words, what, got ? got : "-", want ? want : "-");
}

/* What makes a container: id, bundle, config. */
static void test_making(void **state)
{
	static const struct {
		const char *words, *command, *id, *bundle, *config;
	} rows[] = {
		{ "runc create c1", "create", "c1", ".", NULL },
		{ "runc run c1", "run", "c1", ".", NULL },
		{ "runc restore c1", "restore", "c1", ".", NULL },
		{ "runc create --bundle /b c1", "create", "c1", "/b", NULL },
		{ "runc create --bundle=/b c1", "create", "c1", "/b", NULL },
		{ "runc create -b /b c1", "create", "c1", "/b", NULL },
		{ "crun create c1 --bundle /b", "create", "c1", "/b", NULL },
		{ "crun create -b /b -- c1", "create", "c1", "/b", NULL },
		{ "crun create -b /b -- -c1", "create", "-c1", "/b", NULL },
		{ "crun run -f other.json -b /b c1", "run", "c1", "/b", "other.json" },
		{ "crun run --config=/x/o.json c1", "run", "c1", ".", "/x/o.json" },
		{ "crun run --config /x/o.json c1", "run", "c1", ".", "/x/o.json" },
		/* the last one holds, for both */
		{ "runc create --bundle /a --bundle /b c1", "create", "c1", "/b", NULL },
		/* flags take no value */
		{ "crun run -d c1", "run", "c1", ".", NULL },
		{ "runc run --detach --no-new-keyring --no-subreaper c1", "run", "c1", ".", NULL },
		{ "runc run --keep c1", "run", "c1", ".", NULL },
		{ "runc restore --tcp-established --ext-unix-sk --shell-job --file-locks "
		  "--auto-dedup --lazy-pages --image-path /i --work-path /w "
		  "--manage-cgroups-mode soft --empty-ns network --lsm-profile a:b "
		  "--lsm-mount-context c -b /b c1",
		  "restore", "c1", "/b", NULL },
		/* containerd's shim, BuildKit's executor, Podman's conmon */
		{ "runc --root /run/r --log /l --log-format json create --bundle /b --pid-file "
		  "/p --console-socket /c c1",
		  "create", "c1", "/b", NULL },
		{ "runc --log /l --log-format json run --bundle /b --keep c1", "run", "c1", "/b",
		  NULL },
		{ "crun --systemd-cgroup --root=/r --log-format=json --log=/l --log-level=debug "
		  "create --bundle /b --pid-file /p --preserve-fds 3 c1",
		  "create", "c1", "/b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct args a;
		struct line l;

		if (parse(&l, rows[i].words, &a, &err) < 0)
			fail_msg("%s: %s", rows[i].words, err.text);
		assert_true(a.makes_container);
		assert_true(a.makes_process);
		assert_int_equal(a.argc, l.argc);
		assert_ptr_equal(a.argv, l.argv);
		same(rows[i].words, "command", a.command, rows[i].command);
		same(rows[i].words, "id", a.id, rows[i].id);
		same(rows[i].words, "bundle", a.bundle, rows[i].bundle);
		same(rows[i].words, "config", a.config, rows[i].config);
	}
}

static void test_globals(void **state)
{
	static const struct {
		const char *words, *log, *root;
		bool json;
	} rows[] = {
		{ "runc --log /l --log-format json --root /r create c1", "/l", "/r", true },
		{ "runc --log=/l --log-format=json --root=/r create c1", "/l", "/r", true },
		{ "runc --log /l --log-format text create c1", "/l", NULL, false },
		{ "runc --log-format json --log-format text create c1", NULL, NULL, false },
		{ "runc --debug --systemd-cgroup --criu criu --rootless auto create c1", NULL, NULL,
		  false },
		{ "crun --cgroup-manager cgroupfs --log-level debug --root /r create c1", NULL,
		  "/r", false },
		{ "crun --cgroup-manager=systemd --root=/r=x create c1", NULL, "/r=x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct args a;
		struct line l;

		if (parse(&l, rows[i].words, &a, &err) < 0)
			fail_msg("%s: %s", rows[i].words, err.text);
		same(rows[i].words, "command", a.command, "create");
		same(rows[i].words, "id", a.id, "c1");
		same(rows[i].words, "log", a.log, rows[i].log);
		same(rows[i].words, "root", a.root, rows[i].root);
		assert_int_equal(a.log_format && strcmp(a.log_format, "json") == 0, rows[i].json);
	}
}

static void test_create_options(void **state)
{
	struct args a;
	struct line l;

	(void)state;
	assert_int_equal(parse(&l,
			       "crun create --pid-file /p --console-socket=/c --preserve-fds 3 "
			       "--no-new-keyring c1",
			       &a, NULL),
			 0);
	same(l.text, "pid file", a.pid_file, "/p");
	same(l.text, "console", a.console_socket, "/c");
	same(l.text, "id", a.id, "c1");
	/* A global option's name after the command is not that option. */
	assert_int_equal(parse(&l, "runc --log /l create --pid-file=/p c1", &a, NULL), 0);
	same(l.text, "log", a.log, "/l");
}

/* Everything else goes to the lower runtime as it is. */
static void test_others(void **state)
{
	static const struct {
		const char *words, *command;
		bool process;
	} rows[] = {
		{ "runc", NULL, false },
		{ "runc --version", NULL, false },
		{ "runc -v", NULL, false },
		{ "crun --help", NULL, false },
		{ "runc features", "features", false },
		{ "runc --root /r state c1", "state", false },
		{ "runc --root create state c1", "state", false }, /* a value, not the command */
		{ "runc delete --force c1", "delete", false },
		{ "runc kill c1 9", "kill", false },
		{ "runc update --resources - c1", "update", false },
		{ "runc list", "list", false },
		{ "runc spec --bundle", "spec", false }, /* wrong, but not ours to say */
		{ "runc exec --process /p --pid-file /q c1", "exec", true },
		{ "runc --log /l exec -t -u 0 c1 create --bundle", "exec", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct args a;
		struct line l;

		if (parse(&l, rows[i].words, &a, &err) < 0)
			fail_msg("%s: %s", rows[i].words, err.text);
		same(rows[i].words, "command", a.command, rows[i].command);
		assert_false(a.makes_container);
		assert_int_equal(a.makes_process, rows[i].process);
		assert_ptr_equal(a.argv, l.argv);
		for (int k = 0; k < l.argc; k++)
			assert_ptr_equal(a.argv[k], l.argv[k]);
	}
}

static void test_help_of_making(void **state)
{
	struct args a;
	struct line l;

	(void)state;
	assert_int_equal(parse(&l, "runc create --help", &a, NULL), 0);
	assert_false(a.makes_container);
	assert_int_equal(parse(&l, "runc run -h", &a, NULL), 0);
	assert_false(a.makes_container);
}

static void test_refused(void **state)
{
	static const struct {
		const char *words, *text;
	} rows[] = {
		{ "runc create", "create needs a container id" },
		{ "runc run --bundle /b", "run needs a container id" },
		{ "runc restore --", "restore needs a container id" },
		{ "runc create c1 c2", "c2" },
		{ "runc create -- c1 --bundle", "--bundle" },
		{ "runc create --bundle", "--bundle needs a value" },
		{ "runc create c1 -b", "-b needs a value" },
		{ "runc create c1 --pid-file", "--pid-file needs a value" },
		{ "runc --log", "--log needs a value" },
		{ "crun --root", "--root needs a value" },
		{ "runc create --no-pivot c1", "--no-pivot is refused" },
		{ "runc create -no-pivot c1", "--no-pivot is refused" },
		{ "crun run c1 --no-pivot", "--no-pivot is refused" },
		{ "crun run c1 --no-piv", "--no-pivot is refused" },
		{ "runc run --no-pivot=true c1", "--no-pivot is refused" },
		/* what one of the lower runtimes would read in another way than we do */
		{ "crun run -b/path c1", "-b/path" },
		{ "crun run -db /path c1", "-db" },
		{ "crun run --bund=/path c1", "--bund=/path" },
		{ "crun run -fother.json c1", "-fother.json" },
		{ "crun --cgroup-m cgroupfs run -b /p c1", "--cgroup-m" },
		{ "runc create -bundle /b c1", "-bundle" },
		{ "runc --debug=false create c1", "--debug=false" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct args a;
		struct line l;

		if (parse(&l, rows[i].words, &a, &err) != -EINVAL)
			fail_msg("taken: %s", rows[i].words);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s: %s", rows[i].words, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_making),	       cmocka_unit_test(test_globals),
		cmocka_unit_test(test_create_options), cmocka_unit_test(test_others),
		cmocka_unit_test(test_help_of_making), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
