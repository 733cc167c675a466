/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/args.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"

/*
 * Every option that runc 1.1 and crun know, and nothing else: an option that one of them reads in
 * another way than we do (crun takes "-b/path", "--bund=/path" and bundled letters) would have it
 * run a spec that was not edited. Unknown means no.
 */
struct option {
	const char *name; /* with its dashes */
	bool value;	  /* takes one */
	ptrdiff_t field;  /* offset in struct args of a const char * that gets it, or NOWHERE */
};

#define NOWHERE ((ptrdiff_t)-1)
#define FIELD(f) ((ptrdiff_t)offsetof(struct args, f))

static const struct option global_options[] = {
	{ "--log", true, FIELD(log) },
	{ "--log-format", true, FIELD(log_format) },
	{ "--log-level", true, NOWHERE },
	{ "--root", true, FIELD(root) },
	{ "--criu", true, NOWHERE },
	{ "--rootless", true, NOWHERE },
	{ "--cgroup-manager", true, NOWHERE },
	{ "--debug", false, NOWHERE },
	{ "--systemd-cgroup", false, NOWHERE },
	{ "--version", false, NOWHERE },
	{ "-v", false, NOWHERE },
	{ "-V", false, NOWHERE },
	{ "--help", false, NOWHERE },
	{ "-h", false, NOWHERE },
	{ "-?", false, NOWHERE },
	{ "--usage", false, NOWHERE },
};

static const struct option create_options[] = {
	{ "--bundle", true, FIELD(bundle) },
	{ "-b", true, FIELD(bundle) },
	{ "--config", true, FIELD(config) },
	{ "-f", true, FIELD(config) },
	{ "--pid-file", true, FIELD(pid_file) },
	{ "--console-socket", true, FIELD(console_socket) },
	{ "--preserve-fds", true, NOWHERE },
	{ "--detach", false, NOWHERE },
	{ "-d", false, NOWHERE },
	{ "--keep", false, NOWHERE },
	{ "--no-new-keyring", false, NOWHERE },
	{ "--no-subreaper", false, NOWHERE },
	/* restore */
	{ "--image-path", true, NOWHERE },
	{ "--work-path", true, NOWHERE },
	{ "--parent-path", true, NOWHERE },
	{ "--manage-cgroups-mode", true, NOWHERE },
	{ "--empty-ns", true, NOWHERE },
	{ "--lsm-profile", true, NOWHERE },
	{ "--lsm-mount-context", true, NOWHERE },
	{ "--tcp-established", false, NOWHERE },
	{ "--ext-unix-sk", false, NOWHERE },
	{ "--shell-job", false, NOWHERE },
	{ "--file-locks", false, NOWHERE },
	{ "--auto-dedup", false, NOWHERE },
	{ "--lazy-pages", false, NOWHERE },
};

static const char *const making[] = { "create", "run", "restore" };

static const struct option *find_option(const struct option *table, size_t n, const char *arg,
					size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, arg, len) == 0)
			return &table[i];
	return NULL;
}

static int unknown(const char *arg, struct err *err)
{
	const char *word = arg;

	while (*word == '-')
		word++;
	if (strncmp(word, "no-piv", strlen("no-piv")) == 0)
		return err_set(
			err, -EINVAL,
			"--no-pivot is refused: a container without pivot_root keeps the host's "
			"mounts within reach");
	return err_set(err, -EINVAL,
		       "option %s is not known to gabion-runc (write it in full, the value apart "
		       "or after =)",
		       arg);
}

/* Reads the option at argv[*at]; steps over its value too. */
static int take_option(struct args *a, const struct option *table, size_t n, int *at,
		       struct err *err)
{
	const char *arg = a->argv[*at];
	const char *equals = arg[1] == '-' ? strchr(arg, '=') : NULL;
	const struct option *o =
		find_option(table, n, arg, equals ? (size_t)(equals - arg) : strlen(arg));
	const char *value = NULL;

	if (!o || (equals && !o->value))
		return unknown(arg, err);
	if (o->value) {
		if (!equals && *at + 1 >= a->argc)
			return err_set(err, -EINVAL, "option %s needs a value", arg);
		value = equals ? equals + 1 : a->argv[++*at];
	}
	(*at)++;
	if (o->field != NOWHERE)
		*(const char **)((char *)a + o->field) = value;
	return 0;
}

static int parse_making(struct args *a, int at, struct err *err)
{
	bool options = true;
	int r;

	a->makes_container = true;
	a->makes_process = true;
	while (at < a->argc) {
		const char *arg = a->argv[at];

		if (options && strcmp(arg, "--") == 0) {
			options = false;
			at++;
			continue;
		}
		if (options && arg[0] == '-' && arg[1] != '\0') {
			if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
				a->makes_container = false;
				return 0;
			}
			a->keep |= strcmp(arg, "--keep") == 0;
			r = take_option(a, create_options, ARRAY_SIZE(create_options), &at, err);
			if (r < 0)
				return r;
			continue;
		}
		if (a->id)
			return err_set(err, -EINVAL, "%s takes one container id, not also \"%s\"",
				       a->command, arg);
		a->id = arg;
		at++;
	}
	if (!a->id)
		return err_set(err, -EINVAL, "%s needs a container id", a->command);
	return 0;
}

int args_parse(int argc, char **argv, struct args *ret, struct err *err)
{
	int at = 1;
	int r;

	*ret = (struct args){ .argc = argc, .argv = argv, .bundle = "." };
	while (at < argc && argv[at][0] == '-') {
		r = take_option(ret, global_options, ARRAY_SIZE(global_options), &at, err);
		if (r < 0)
			return r;
	}
	if (at >= argc)
		return 0;
	ret->command = argv[at++];
	ret->makes_process = strcmp(ret->command, "exec") == 0;
	for (size_t i = 0; i < ARRAY_SIZE(making); i++)
		if (strcmp(ret->command, making[i]) == 0)
			return parse_making(ret, at, err);
	return 0;
}

char **args_process_file(const struct args *a)
{
	static const char *const names[] = { "--process", "-p" };

	for (int i = 1; i + 1 < a->argc; i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (strcmp(a->argv[i], names[k]) == 0)
				return &a->argv[i + 1];
	return NULL;
}
