/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container sees in /proc and /sys: procfs and sysfs of its own namespaces, and over them
 * masks, read-only paths and emulated nodes, in one tree of mounts that the kernel locks.
 *
 * Whoever has CAP_SYS_ADMIN in a container could take a mask away again if the container's mount
 * namespace had made it. So the tree is put together in a mount namespace of the host and reaches
 * the container's by propagation: what arrives from a namespace with another owner is one piece.
 * Its parts cannot be unmounted, moved, remounted with fewer restrictions, or left out of a copy
 * (mount_namespaces(7), "Restrictions on mount namespaces"; lock_mnt_tree() in Linux'
 * fs/namespace.c; tests/kernel/test-view-lock.c). The whole tree can be, by its root.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum view_tree {
	VIEW_PROC,
	VIEW_SYS,
	VIEW_TREES,
};

struct view_paths {
	size_t n;
	const char *const *path; /* absolute: "/proc/kcore" */
};

/* What one container is to see. All of it is borrowed. */
struct view {
	uint32_t owner;			 /* host id of the container's root */
	bool tree[VIEW_TREES];		 /* whether it has that file system at all */
	uint64_t attr[VIEW_TREES];	 /* MOUNT_ATTR_* of the file system */
	const char *options[VIEW_TREES]; /* its own, or NULL */
	struct view_paths masked;	 /* as the engine asks for, beside those of view_masked() */
	struct view_paths read_only;
	const char *nodes; /* folder with the container's emulated nodes; NULL: none */
};

/* Where the kernel has the file system in every container: "proc", "sys". */
const char *view_tree_name(enum view_tree tree);
/* "proc", "sysfs". */
const char *view_tree_type(enum view_tree tree);

/* Paths that no container sees, whatever the engine says: "proc/kcore". The end is NULL. */
extern const char *const view_masked[];
/* Paths, below `nodes` and in the container, of emulated nodes. The end is NULL. */
extern const char *const view_emulated[];

/* Where a tree is made and for whom. All descriptors are borrowed. */
struct view_place {
	int own_ns; /* the caller's mount namespace, owned by the initial user namespace */
	int dir;    /* an empty folder there, on a private mount, nobody else's */
	int pid_ns; /* whose processes /proc shows */
	int net_ns; /* whose interfaces /sys shows */
	int mnt_ns; /* where the tree is to be seen */
};

/* The file systems that the view has, detached; -EBADF for one that it has not. The caller owns
 * them, and is as after mnt_fresh(). */
int view_fresh(const struct view_place *p, const struct view *v, int ret[VIEW_TREES],
	       struct err *err);

/* Makes a tree on root, which view_fresh() made, and attaches it, in mnt_ns, on what target
 * (O_PATH, in mnt_ns) refers to. The caller, which must have one thread, has its root as root and
 * current directory afterwards. On failure `target` may have an empty folder on it. */
int view_show(const struct view_place *p, const struct view *v, enum view_tree tree, int root,
	      int target, struct err *err);

/*
 * In the first place: takes the plain /proc and /sys that the lower runtime mounted below root (a
 * path in mnt_ns) away, shows trees there, and puts back what was mounted in them (/sys/fs/cgroup,
 * binds), in the container's mount namespace and so not locked. pid: a process of the container.
 */
int view_replace(const struct view_place *p, const struct view *v, pid_t pid, const char *root,
		 struct err *err);
