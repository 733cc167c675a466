/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where mounts go inside the root file system. Binds are attached there in the private namespace,
 * so that the container's namespace copies them locked: they cannot be remounted, moved or
 * unmounted from inside. Only what lies on a file system that the lower runtime mounts (/dev,
 * /proc, a tmpfs) must be left to it: hold.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "json/json.h"

struct runtime;

/* Opens (O_PATH) what `dest` is in the container's root, as the container would resolve it; makes
 * it, owned by the container's root, where it is missing. */
int target_open(struct runtime *rt, int root, const char *dest, bool dir);

/* The mounts of the spec that the lower runtime makes itself, and where they are in the root: in an
 * image with /var/run -> /run, one on /var/run lies on that of /run. In the runtime's arena. */
struct target_covers {
	size_t n;
	struct target_cover {
		const struct json *mount;
		const char *path;
	} * c;
};
/* Returns 0 or -errno. */
int target_find_covers(struct runtime *rt, int root, struct target_covers *ret);

/* Whether the spec's mount lies on one of those (itself aside): 1 or 0, or -errno. */
int target_covered(struct runtime *rt, int root, const struct target_covers *covers,
		   const struct json *mount);

/* --read-only: makes the place of every mount that is left to the lower runtime, since it cannot
 * any more, then makes the root's mount read-only. */
int target_lock_root(struct runtime *rt, int root, struct err *err);
