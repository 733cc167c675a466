/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that gabion-vet makes for a thread, in its namespaces and with its rights over them. Each
 * is made by a process of its own, which is killed when it takes too long.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vet/task.h"
#include "view/view.h"

/*
 * What became of a call, in memory that a process of ours and its successors share. A successor
 * does a call again of which it does not know whether it was made: `mark` tells, the id of the
 * mount that its target was on when that was tried for the first time. It is another one
 * afterwards.
 */
struct outcome {
	uint32_t done; /* set after `result` */
	int32_t result;
	uint64_t mark; /* 0: nothing was tried */
};

void outcome_set(struct outcome *o, int result);
bool outcome_get(const struct outcome *o, int *ret);

/* All of them set the outcome when the call has been made, and return it: 0 or -errno. */

/* A folder that exists for mounts, in the caller's mount namespace. Before the first call. */
void perform_init(const char *folder);

/* Mounts a new procfs or sysfs on target, with what the container's own has over it. attr:
 * MOUNT_ATTR_*; options: procfs's own, or NULL. */
int perform_mount(struct outcome *o, const struct task *t, const struct view *v,
		  enum view_tree tree, uint64_t attr, const char *options, const char *target);

/* Binds a procfs or sysfs with all that is mounted in it. */
int perform_bind(struct outcome *o, const struct task *t, const char *source, const char *target);

/* Makes a sysfs read-only or writable where it is mounted, which the kernel lets nobody do to the
 * file system itself in a user namespace. */
int perform_remount(struct outcome *o, const struct task *t, const char *target, bool read_only);

/* Unmounts a procfs or sysfs with all that is mounted in it. */
int perform_umount(struct outcome *o, const struct task *t, const char *target, bool follow);
