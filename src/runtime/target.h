/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where mounts go inside the root file system. Binds are attached there in the private namespace,
 * so that the container's namespace copies them locked: they cannot be remounted, moved or
 * unmounted from inside. (crun would attach its own, unlocked copies.) Only what lies on a file
 * system that the lower runtime mounts (/dev, /proc, a tmpfs) must be left to it.
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

/* Whether the spec's mount lies on one that the lower runtime makes. */
bool target_covered(const struct runtime *rt, const struct json *mount);

/* --read-only: makes the place of every mount that is left to the lower runtime, since it cannot
 * any more, then makes the root's mount read-only. */
int target_lock_root(struct runtime *rt, int root, struct err *err);
