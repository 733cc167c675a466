/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gabion-vfs serves and gabiond keeps for it: the file system on DIR/run/vfs (a descriptor of
 * /dev/fuse) and the slots with the requests that are being answered (control/vfs.h). gabion-hold
 * has both, too, so they are lost only when gabiond and gabion-hold are.
 *
 * gabiond must never touch anything below DIR/run/vfs: whoever does waits for gabion-vfs, and
 * gabiond is who starts that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "control/vfs.h"
#include "daemon/hold.h"
#include "settings/instance.h"

struct vfs {
	int fuse;
	int slots;
	const struct control_vfs *map; /* of slots */
	struct loop *loop;	       /* NULL: not watched */
	struct loop_timer tick;
	void (*stuck)(struct vfs *v);

	/* As of the last look. */
	uint64_t rounds;
	uint64_t request[CONTROL_VFS_WORKERS];	 /* number of the one in the slot; 0: none */
	unsigned int stood[CONTROL_VFS_WORKERS]; /* how many looks it has been there for */
	unsigned int waited;			 /* looks with requests waiting and none taken */
};

#define VFS_INIT ((struct vfs){ .fuse = -EBADF, .slots = -EBADF })

/* One of the descriptors that gabion-hold had, by its name there: whether it was taken. */
bool vfs_take(struct vfs *v, const char *name, int take_fd);

#define VFS_MADE 1
/* Has the file system: what was taken, or a new one (VFS_MADE). Returns that, 0 or -errno. */
int vfs_open(struct vfs *v, const struct instance *inst, struct err *err);

/* Gives gabion-hold both. */
void vfs_keep(const struct vfs *v, struct hold *h);

/* Calls stuck() when requests have not been dealt with for about half a second. Again to begin
 * anew with another process. */
void vfs_watch(struct vfs *v, struct loop *l, void (*stuck)(struct vfs *v));
void vfs_watch_stop(struct vfs *v);

/* With the last descriptor of /dev/fuse the file system ends: who waits for it gets an error. */
void vfs_done(struct vfs *v);

/* One look, for the tests: whether it is stuck. */
bool vfs_look(struct vfs *v);
