/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A time namespace (time_namespaces(7)) in which CLOCK_BOOTTIME begins with the container, so that
 * what the kernel counts from the boot on (sysinfo(2), starttime in /proc/PID/stat) agrees with
 * the /proc/uptime that the container sees (vfs/cpu.c). A container that joins another's pid
 * namespace sees its processes, and joins its time as well. runc 1.1 knows no such namespaces.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "linux/timens.h"
#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/lower.h"
#include "runtime/runtime.h"

#define NSEC_PER_SEC 1000000000u

static int tell_spec(struct runtime *rt, const char *path, struct err *err)
{
	struct json *list = json_at(rt->spec, "linux.namespaces");
	struct json *ns = json_new(&rt->arena, JSON_OBJECT);
	int r = ns ? json_set(&rt->arena, ns, "type", json_new_str(&rt->arena, "time")) : -ENOMEM;

	if (r == 0)
		r = json_set(&rt->arena, ns, "path", json_new_str(&rt->arena, path));
	if (r == 0)
		r = json_append(&rt->arena, list, ns);
	if (r < 0)
		return err_errno(err, r, "spec");
	rt->own_time = true;
	return 0;
}

/* That of the container whose pid namespace, /proc/PID/ns/pid, is joined. */
static int join(struct runtime *rt, const char *pid_ns, struct err *err)
{
	static const char tail[] = "/ns/pid";
	size_t n = strlen(pid_ns) - MIN(strlen(pid_ns), strlen(tail));
	uint64_t born = 0;

	if (strcmp(pid_ns + n, tail) == 0)
		born = timens_born(arena_must(arena_dup(&rt->arena, pid_ns, n)));
	if (born == 0)
		return 0; /* it has the host's time */
	rt->born_ns = born;
	return tell_spec(rt, arena_must(arena_printf(&rt->arena, "%.*s/ns/time", (int)n, pid_ns)),
			 err);
}

int edit_time(struct runtime *rt, struct err *err)
{
	const char *joined = json_get_str(oci_namespace_find(rt->spec, "pid"), "path");
	struct timespec now;

	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return err_errno(err, -errno, "clock");
	rt->born_ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	if (!lower_is_crun(rt->lower) || strcmp(rt->args.command, "restore") == 0 ||
	    oci_namespace_find(rt->spec, "time") || !timens_there())
		return 0;
	if (joined && *joined)
		return join(rt, joined, err);
	rt->timens = timens_create(rt->born_ns, err);
	/* In a container ourselves, whose clock is not ours to set, or at the administrator's
	 * limit: a container does without. */
	if (rt->timens == -EPERM || rt->timens == -ENOSPC)
		return 0;
	return rt->timens < 0 ? rt->timens : tell_spec(rt, stage_path(rt, "timens"), err);
}

void undo_time(struct runtime *rt)
{
	rt->timens = fd_close(rt->timens);
}
