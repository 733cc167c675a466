/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/effect.h"

#include <linux/limits.h>
#include <string.h>

static const char *host_namespace(const struct json *made, struct arena *a)
{
	static const char *const modes[] = { "NetworkMode", "PidMode", "IpcMode", "UTSMode",
					     "UsernsMode" };
	const struct json *hc = json_get(made, "HostConfig");

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		const char *mode = json_get_str(hc, modes[i]);

		if (mode && strcmp(mode, "host") == 0)
			return arena_printf(a, "%s \"host\"", modes[i]);
	}
	return NULL;
}

/* As the engine cleans the path of a source (Go's path.Clean). "": it is too long. */
static struct slice clean(struct slice path, char ret[static PATH_MAX])
{
	size_t n = 0;
	struct slice part;

	while (slice_split(&path, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, "..")) {
			while (n > 0 && ret[--n] != '/')
				;
			continue;
		}
		if (part.n >= PATH_MAX - n - 1)
			return SLICE_LIT("");
		ret[n++] = '/';
		memcpy(ret + n, part.p, part.n);
		n += part.n;
	}
	if (n == 0)
		ret[n++] = '/';
	return (struct slice){ ret, n };
}

/* flag: CONTROL_PATH_DEVICE, or none. */
static bool was_asked(const struct edit *asked, const char *path, unsigned flag)
{
	static const unsigned kinds = CONTROL_PATH_DEVICE | CONTROL_PATH_RULE | CONTROL_PATH_CDI;
	struct slice found = slice_str(path);
	char cleaned[PATH_MAX];

	for (size_t i = 0; i < asked->nsources; i++)
		if ((asked->sources[i].flags & kinds) == flag &&
		    slice_eq(asked->sources[i].path, found))
			return true;
	for (size_t i = 0; i < asked->nsources; i++)
		if ((asked->sources[i].flags & kinds) == flag &&
		    slice_eq(clean(asked->sources[i].path, cleaned), found))
			return true;
	return false;
}

static const char *bind(const struct json *made, const struct edit *asked, struct arena *a)
{
	const struct json *list = json_get(made, "Mounts");

	/* What other containers have is not known here; it was judged when they were made. */
	for (size_t i = 0; json_is(list, JSON_ARRAY) && asked->nfrom == 0 && i < list->n; i++) {
		const char *type = json_get_str(list->items[i], "Type");
		const char *source = json_get_str(list->items[i], "Source");

		if (type && strcmp(type, "bind") == 0 && source && !was_asked(asked, source, 0))
			return arena_printf(a, "a bind of %s", source);
	}
	return NULL;
}

static const char *device(const struct json *made, const struct edit *asked, struct arena *a)
{
	const struct json *list = json_at(made, "HostConfig.Devices");

	/* Its devices are not judged at the creation either (edit-host.c). */
	if (json_get_bool(json_get(made, "HostConfig"), "Privileged", false))
		return NULL;
	for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		const char *path = json_get_str(list->items[i], "PathOnHost");

		if (path && !was_asked(asked, path, CONTROL_PATH_DEVICE))
			return arena_printf(a, "the device %s", path);
	}
	return NULL;
}

const char *effect_judge(const struct json *made, const struct edit *asked, struct arena *a)
{
	const char *what = host_namespace(made, a);

	if (!what)
		what = bind(made, asked, a);
	return what ? what : device(made, asked, a);
}
