/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks run as root outside of the container. Only those that the engine writes itself pass, and
 * those that the administrator names in gabion.json, by their path or by the CDI device that brings
 * them in.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char *const lists[] = { "prestart",       "createRuntime", "createContainer",
				     "startContainer", "poststart",	"poststop" };

/* Where packages put the engine: a program elsewhere could be anybody's, whatever its name. */
static const char *const engines[] = {
	"/usr/bin/dockerd",	   "/usr/sbin/dockerd", "/usr/local/bin/dockerd",
	"/usr/local/sbin/dockerd", "/bin/dockerd",
};

static const char *arg(const struct json *hook, size_t i)
{
	const struct json *args = json_get(hook, "args");

	return json_is(args, JSON_ARRAY) && i < args->n ? json_str(args->items[i]) : NULL;
}

/* By the administrator: a hook, or an engine's program that lies elsewhere. */
static bool is_named(const struct runtime *rt, const char *path)
{
	for (size_t i = 0; i < rt->facts.hooks.n; i++)
		if (strcmp(rt->facts.hooks.items[i], path) == 0)
			return true;
	return false;
}

/* dockerd: path /proc/<its pid>/exe, first argument libnetwork-setkey (moby, libnetwork/sandbox).
 */
static bool is_setkey(const struct runtime *rt, const char *path, const struct json *hook)
{
	const char *first = arg(hook, 0);
	const char *p = path;
	char exe[PATH_MAX];
	struct stat st;

	if (!first || strcmp(first, "libnetwork-setkey") != 0)
		return false;
	if (strncmp(p, "/proc/", 6) == 0) {
		p += 6;
		while (isdigit((unsigned char)*p))
			p++;
		if (strcmp(p, "/exe") != 0)
			return false;
	}
	if (!realpath(path, exe) || stat(exe, &st) < 0 || st.st_uid != 0 || (st.st_mode & 022))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		if (strcmp(exe, engines[i]) == 0)
			return true;
	return is_named(rt, exe);
}

static bool is_allowed(const struct runtime *rt, const char *list, const struct json *hook)
{
	const char *path = json_get_str(hook, "path");

	if (!path)
		return false;
	return is_named(rt, path) || is_setkey(rt, path, hook) ||
	       cdi_edits_have_hook(&rt->cdi.edits, list, hook);
}

int edit_hooks(struct runtime *rt, struct err *err)
{
	const struct json *hooks = json_get(rt->spec, "hooks");

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct json *list = json_get(hooks, lists[l]);

		for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
			const char *path = json_get_str(list->items[i], "path");
			char exe[PATH_MAX] = "";

			if (is_allowed(rt, lists[l], list->items[i]))
				continue;
			if (!path || strncmp(path, "/proc/", 6) != 0 || !realpath(path, exe))
				exe[0] = '\0';
			return err_set(
				err, -EPERM,
				"%s hook %s%s%s is not the engine's own; name it in \"hooks\" "
				"of %s/gabion.json "
				"to let it run as root on the host",
				lists[l], path ? path : "(no path)", exe[0] ? ": " : "", exe,
				rt->inst.etc);
		}
	}
	return 0;
}
