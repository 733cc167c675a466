/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's own cgroup subtree. Where the engine gives a container a writable /sys/fs/cgroup
 * (--privileged, writable cgroups), its root must own what it sees there, or no engine and no
 * systemd inside can make a group. The lower runtime makes the cgroup and would leave it to the
 * host's root, so a hook, this program again, hands it over before the container's process runs.
 */
#include <errno.h>
#include <string.h>

#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/hook.h"
#include "runtime/runtime.h"

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

/* A parent group like "/../../x" (the engine takes it as it is) leads out of what the engine was
 * given. */
static int check_path(const struct json *spec, struct err *err)
{
	const char *path = json_get_str(json_get(spec, "linux"), "cgroupsPath");
	struct slice rest = slice_str(path);
	struct slice part;

	while (slice_split(&rest, '/', &part))
		if (slice_eq_str(part, ".."))
			return err_set(err, -EPERM, "cgroup %s is refused: it leads up", path);
	return 0;
}

int edit_cgroup(struct runtime *rt, struct err *err)
{
	int r = check_path(rt->spec, err);

	if (r < 0 || !writable_cgroup(rt->spec))
		return r;
	return hook_add(rt, "createRuntime", HOOK_DELEGATE,
			arena_must(arena_printf(&rt->arena, "%u", rt->base)), err);
}
