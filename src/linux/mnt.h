/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached mounts: made from a descriptor, changed while nobody sees them, attached last. All by
 * the new mount API (Linux 5.2; mount_setattr and ID-mapped mounts 5.12).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* What mnt_prepare() does to a detached mount, in one mount_setattr(2). */
struct mnt_attr {
	bool recursive;	      /* also its submounts */
	int userns;	      /* ID-map with this user namespace; -EBADF: do not */
	uint64_t set;	      /* MOUNT_ATTR_* to set */
	uint64_t clear;	      /* MOUNT_ATTR_* to clear */
	uint64_t propagation; /* MS_PRIVATE, MS_SLAVE, … or 0 to leave */
};

/* A detached copy of what fd refers to (open_tree(2), OPEN_TREE_CLONE). Returns its descriptor. */
int mnt_clone(int fd, bool recursive);

/* mount_setattr(2). -EINVAL with a userns often means: this file system cannot be ID-mapped. */
int mnt_prepare(int mnt, const struct mnt_attr *attr);

/* Whether no symlink is followed on the mount that fd is on (Linux 5.10). */
bool mnt_nosymfollow(int fd);

/* Attaches a detached mount on what target refers to (a directory on a directory, a file on a
 * file). */
int mnt_attach(int mnt, int target);
/* The same, by a path below dirfd. */
int mnt_attach_at(int mnt, int dirfd, const char *path);

/* A new detached tmpfs, root owned 0:0 with this mode. */
int mnt_tmpfs(const char *mode);

/* Overlay mount by mount(2) with options relative to the current directory, owned by fsuid/fsgid
 * `owner` (design section 5: with fsuid 0 the kernel mounts it read-only when the layers are
 * ID-mapped). The thread's securebits and fsuid/fsgid are restored. 0 or -errno. */
int mnt_overlay(const char *target, const char *options, unsigned long flags, uid_t owner);

/* Name of the file system type behind fd, for messages: "nfs", "fuse", or "type 0x…". */
void mnt_fs_name(int fd, char *ret, size_t size);
