/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's own cgroup subtree. Where the engine gives a container a writable /sys/fs/cgroup
 * (--privileged, writable cgroups), its root must own what it sees there, or no engine and no
 * systemd inside can make a group. The lower runtime makes the cgroup and would leave it to the
 * host's root, so a hook, this program again, hands it over before the container's process runs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "linux/cgroup.h"
#include "oci/spec.h"
#include "runtime/delegate.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define STATE_MAX (1u << 20)

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

/* Name and ids on the hook's command line; the state with the process id comes on its standard
 * input (OCI runtime spec, "POSIX-platform Hooks"). */
int edit_cgroup(struct runtime *rt, struct err *err)
{
	struct json *hooks;
	struct json *list;
	struct json *hook;
	struct json *args;
	char self[PATH_MAX];
	int r;

	r = check_path(rt->spec, err);
	if (r < 0 || !writable_cgroup(rt->spec))
		return r;
	if (!realpath("/proc/self/exe", self))
		return err_errno(err, -errno, "/proc/self/exe");
	hooks = json_need(&rt->arena, rt->spec, "hooks", JSON_OBJECT);
	list = hooks ? json_need(&rt->arena, hooks, "createRuntime", JSON_ARRAY) : NULL;
	hook = json_new(&rt->arena, JSON_OBJECT);
	args = json_new(&rt->arena, JSON_ARRAY);
	if (!list || !hook || !args)
		return err_set(err, -EINVAL, "the spec's hooks are not lists");
	r = json_append(&rt->arena, args, json_new_str(&rt->arena, "gabion-runc"));
	if (r == 0)
		r = json_append(&rt->arena, args, json_new_str(&rt->arena, DELEGATE_COMMAND));
	if (r == 0)
		r = json_append(&rt->arena, args,
				json_new_str(&rt->arena,
					     arena_must(arena_printf(&rt->arena, "%u", rt->base))));
	if (r == 0)
		r = json_set(&rt->arena, hook, "path", json_new_str(&rt->arena, self));
	if (r == 0)
		r = json_set(&rt->arena, hook, "args", args);
	if (r == 0)
		r = json_append(&rt->arena, list, hook);
	return r < 0 ? err_errno(err, r, "spec") : 0;
}

int delegate_main(const char *owner, struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(4 * STATE_MAX);
	CLEANUP_BUF struct buf state = BUF_INIT(STATE_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	uint64_t pid;
	uint32_t id;
	int r;

	if (num_parse_u32(slice_str(owner), &id) < 0)
		return err_set(err, -EINVAL, "%s: not an id: %s", DELEGATE_COMMAND, owner);
	r = file_read_fd(STDIN_FILENO, &state);
	if (r < 0)
		return err_errno(err, r, "%s: the container's state", DELEGATE_COMMAND);
	r = json_parse(&arena, buf_slice(&state), &limits, &doc, NULL, err);
	if (r < 0)
		return r;
	if (json_get_u64(doc, "pid", &pid) != 0 || pid == 0 || pid > INT32_MAX)
		return err_set(err, -EINVAL, "%s: the container's state has no pid",
			       DELEGATE_COMMAND);
	return cgroup_delegate((pid_t)pid, id, id, err);
}
