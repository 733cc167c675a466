/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds that only the lower runtime can attach, since it makes what they lie on, and the kernel's
 * lock on them.
 *
 * What the container's mount namespace copied from the private one is locked, and a bind of a
 * locked mount is locked like it: it may be moved and unmounted inside (it covers only what the
 * container has anyway), but what is read-only stays so. runc makes such binds in the container's
 * namespaces. crun clones each source before it enters them, where nothing is locked, and attaches
 * that; only what it could not clone it binds from inside. So the mount on the stage is unbindable,
 * which nobody can clone, until the lower runtime, now in the container's namespaces, makes all its
 * mounts private. One that did neither could not attach it: no lock, no start.
 */
#pragma once

#include "base/err.h"

struct bind;
struct runtime;

/* To be called for a bind that is attached at `path` of the stage through its mount `mnt`. Refuses
 * what is read-only and cannot be locked. */
int hold_lock(struct runtime *rt, const struct bind *b, int mnt, const char *path, struct err *err);
