/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's root file system, shown with its ids shifted and nothing chowned (design section
 * 5).
 *
 * A plain directory is one ID-mapped mount. An overlay is taken apart and put together again from
 * ID-mapped layers (layers.h) in the private namespace. Two overlays must not share an upper
 * directory, so the engine's own is unmounted first; in its place, for the engine to read from
 * while the container runs, comes a read-only overlay of upper directory and layers with the true
 * owners: the view.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "runtime/layers.h"

struct runtime;

struct rootfs {
	const char *path;     /* the engine's mount point or folder, resolved */
	bool overlay;	      /* else a plain directory */
	struct layers layers; /* overlay */
	int plain;	      /* else: the ID-mapped mount, detached */
	bool replaced;	      /* the view stands in the place of the engine's mount */
};

#define ROOTFS_INIT ((struct rootfs){ .layers = LAYERS_INIT, .plain = -EBADF })

/* Checks the image (no symlink for /dev, /proc, /sys), clones and maps everything; changes nothing
 * that anybody sees. */
int rootfs_prepare(struct runtime *rt, struct err *err);
/* Unmounts the engine's overlay and puts the view in its place. */
int rootfs_replace(struct runtime *rt, struct err *err);
/* Puts the engine's overlay back. In the engine's namespace. */
void rootfs_restore(struct runtime *rt);
/* Mounts the root file system on the stage's root and points the spec to it. In the private
 * namespace. */
int rootfs_mount(struct runtime *rt, struct err *err);
void rootfs_done(struct rootfs *r);
