/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/args.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"

/* Options that take a value; every other one is a flag. Where they land, if anywhere. */
struct option {
	const char *name; /* without dashes */
	ptrdiff_t field;  /* offset in struct args of a const char *, or NOWHERE */
};

#define NOWHERE ((ptrdiff_t)-1)
#define FIELD(f) ((ptrdiff_t)offsetof(struct args, f))

static const struct option global_options[] = {
	{ "log", FIELD(log) },	       { "log-format", NOWHERE }, { "log-level", NOWHERE },
	{ "root", FIELD(root) },       { "criu", NOWHERE },	  { "rootless", NOWHERE },
	{ "cgroup-manager", NOWHERE },
};

static const struct option create_options[] = {
	{ "bundle", FIELD(bundle) },
	{ "b", FIELD(bundle) },
	{ "config", FIELD(config) },
	{ "f", FIELD(config) },
	{ "pid-file", FIELD(pid_file) },
	{ "console-socket", FIELD(console_socket) },
	{ "preserve-fds", NOWHERE },
	/* restore */
	{ "image-path", NOWHERE },
	{ "work-path", NOWHERE },
	{ "parent-path", NOWHERE },
	{ "manage-cgroups-mode", NOWHERE },
	{ "empty-ns", NOWHERE },
	{ "lsm-profile", NOWHERE },
	{ "lsm-mount-context", NOWHERE },
};

static const char *const making[] = { "create", "run", "restore" };

static const char *skip_dashes(const char *arg)
{
	return arg[1] == '-' ? arg + 2 : arg + 1;
}

static const struct option *find_option(const struct option *table, size_t n, const char *name,
					size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

/* Reads the option at argv[*at]; steps over its value too. */
static int take_option(struct args *a, const struct option *table, size_t n, int *at,
		       struct err *err)
{
	const char *name = skip_dashes(a->argv[*at]);
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *o = find_option(table, n, name, len);
	const char *value;

	if (!o) {
		(*at)++;
		return 0;
	}
	if (equals) {
		value = equals + 1;
	} else {
		if (*at + 1 >= a->argc)
			return err_set(err, -EINVAL, "option %s needs a value", a->argv[*at]);
		value = a->argv[++*at];
	}
	(*at)++;
	if (o->field != NOWHERE)
		*(const char **)((char *)a + o->field) = value;
	if (strcmp(o->name, "log-format") == 0)
		a->log_json = strcmp(value, "json") == 0;
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
			if (strcmp(skip_dashes(arg), "no-pivot") == 0)
				return err_set(err, -EINVAL,
					       "--no-pivot is refused: a container without "
					       "pivot_root keeps the "
					       "host's mounts within reach");
			if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
				a->makes_container = false;
				return 0;
			}
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
