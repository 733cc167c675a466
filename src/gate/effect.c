/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/effect.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* Without memory for it, too, something was found. */
static const char *say(struct arena *a, const char *what, const char *which)
{
	const char *text = arena_printf(a, "%s %s", what, which);

	return text ? text : what;
}

static const char *host_namespace(const struct json *made, struct arena *a)
{
	static const char *const modes[] = { "NetworkMode", "PidMode", "IpcMode", "UTSMode",
					     "UsernsMode" };
	const struct json *hc = json_get(made, "HostConfig");

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		const char *mode = json_get_str(hc, modes[i]);

		if (mode && strcmp(mode, "host") == 0)
			return say(a, modes[i], "\"host\"");
	}
	return NULL;
}

/* The engine cleans the path of a source (Go's path.Clean). */
static bool is_clean_of(struct slice path, struct slice found)
{
	CLEANUP_BUF struct buf written = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_BUF struct buf clean = BUF_INIT(PATH_TEXT_MAX);

	buf_add_slice(&written, path);
	if (buf_ok(&written) && written.n > 0)
		path_absolute(&clean, written.p);
	return buf_ok(&clean) && slice_eq(buf_slice(&clean), found);
}

/* flag: CONTROL_PATH_DEVICE, or none. */
static bool was_asked(const struct edit *asked, const char *path, unsigned flag)
{
	static const unsigned kinds = CONTROL_PATH_DEVICE | CONTROL_PATH_RULE | CONTROL_PATH_CDI;
	struct slice found = slice_str(path);

	for (size_t i = 0; i < asked->nsources; i++)
		if ((asked->sources[i].flags & kinds) == flag &&
		    slice_eq(asked->sources[i].path, found))
			return true;
	for (size_t i = 0; i < asked->nsources; i++)
		if ((asked->sources[i].flags & kinds) == flag &&
		    is_clean_of(asked->sources[i].path, found))
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
			return say(a, "a bind of", source);
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
			return say(a, "the device", path);
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
