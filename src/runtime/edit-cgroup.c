/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the container's cgroup is, and whose. Where the engine gives a container a writable
 * /sys/fs/cgroup
 * (--privileged, writable cgroups), its root must own what it sees there, or no engine and no
 * systemd inside can make a group. The lower runtime makes the cgroup and would leave it to the
 * host's root, so the hook of edit-proc.c hands it over before the container's process runs.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "oci/spec.h"
#include "policy/cgroup.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define RECORD_MAX 65536u /* bytes of run/instance.json */

static bool writable_cgroup(const struct json *spec)
{
	for (size_t i = 0; i < oci_mount_count(spec); i++) {
		const struct json *m = oci_mount_get(spec, i);
		const char *type = json_get_str(m, "type");

		if (type && strncmp(type, "cgroup", 6) == 0 && !oci_mount_has_option(m, "ro"))
			return true;
	}
	return false;
}

/* The instance's own group, "/gabion-1a2b3c4d", as gabiond wrote it down; NULL: there is none. */
static int own_group(struct runtime *rt, const char **ret, struct err *err)
{
	char path[PATH_MAX];
	struct json *doc;
	const char *name;
	int r;

	*ret = NULL;
	if (!rt->inst.private_dir)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/instance.json", rt->inst.run);
	r = runtime_read_json(rt, path, RECORD_MAX, &doc, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	name = json_get_str(doc, "cgroup");
	if (name && *name)
		*ret = arena_must(arena_printf(&rt->arena, "/%s", name));
	return 0;
}

static bool is_below(const char *path, const char *group)
{
	size_t n = strlen(group);

	return strncmp(path, group, n) == 0 && path[n] == '/';
}

/*
 * The parent group is the user's word, and the engine takes it as it is. What belongs to an
 * instance is known by its group, so the container's is put below that, wherever the user wanted
 * it.
 */
static int place(struct runtime *rt, struct err *err)
{
	struct json *spec_linux = json_get(rt->spec, "linux");
	const char *path = json_get_str(spec_linux, "cgroupsPath");
	const char *group = NULL;
	const char *inner;
	const char *name;
	struct verdict v;
	int r;

	/* SLICE:PREFIX:NAME is for systemd, whose slices are no paths (runc's docs/systemd.md). */
	if (!path || (!strchr(path, '/') && strchr(path, ':')))
		return 0;
	r = own_group(rt, &group, err);
	if (r < 0)
		return r;
	inner = group && is_below(path, group) ? path + strlen(group) : path;
	name = strrchr(inner, '/') ? strrchr(inner, '/') + 1 : inner;
	if (strcmp(name, "..") == 0)
		name += strlen(name); /* no name at all */
	cgroup_judge_parent((struct slice){ inner, (size_t)(name - inner) }, group, &v);
	if (v.kind == VERDICT_DENY)
		return err_set(err, -EPERM, "%s", v.message);
	if (!group || inner != path)
		return 0;
	path = arena_must(
		arena_printf(&rt->arena, "%s%s%s", group, inner[0] == '/' ? "" : "/", inner));
	r = json_set(&rt->arena, spec_linux, "cgroupsPath", json_new_str(&rt->arena, path));
	return r < 0 ? err_errno(err, r, "spec") : 0;
}

int edit_cgroup(struct runtime *rt, struct err *err)
{
	rt->delegate = writable_cgroup(rt->spec);
	return place(rt, err);
}
