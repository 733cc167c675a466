/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "linux/at.h"
#include "linux/mnt-fresh.h"
#include "linux/mnt.h"
#include "view/view.h"

#define TREE "tree" /* below the place's folder: where it is put together … */
#define STUB "stub" /* … and from where it goes to the container */
#define MASK "mask" /* an empty folder, of which copies are made */

/* The part of an absolute path below a tree; false when it is elsewhere. */
static bool part_of(const char *path, enum view_tree tree, const char **ret)
{
	const char *name = view_tree_name(tree);
	size_t n = strlen(name);

	while (*path == '/')
		path++;
	if (strncmp(path, name, n) != 0 || path[n] != '/')
		return false;
	*ret = path + n + 1;
	return **ret != '\0';
}

/* A path in the tree, or -ENOENT where this kernel has none. */
static int find(int root, const char *part)
{
	int fd = at_open_plain(root, part, O_PATH | O_NOFOLLOW, 0);

	return fd == -ENOTDIR || fd == -ELOOP ? -ENOENT : fd;
}

static bool is_below(const struct view_paths *list, const char *path)
{
	struct slice whole = slice_str(path);

	for (size_t i = 0; i < list->n; i++) {
		struct slice folder = slice_str(list->path[i]);

		if (slice_starts(whole, folder) &&
		    (whole.n == folder.n || whole.p[folder.n] == '/'))
			return true;
	}
	return false;
}

/* A copy of what fd refers to over the place, with these attributes. */
static int lay(int place, int fd, bool recursive, uint64_t attr)
{
	const struct mnt_attr how = {
		.recursive = recursive, .userns = -EBADF, .set = attr, .propagation = MS_PRIVATE
	};
	CLEANUP_FD int mnt = mnt_clone(fd, recursive);
	int r = mnt < 0 ? mnt : mnt_prepare(mnt, &how);

	return r < 0 ? r : mnt_attach(mnt, place);
}

/* The path once more, over itself. */
static int lock_part(int root, const char *part)
{
	CLEANUP_FD int place = find(root, part);

	return place < 0 ? place : lay(place, place, true, MOUNT_ATTR_RDONLY);
}

/* over: what takes the place of files and of folders. */
static int mask_part(int root, const char *part, const int over[2])
{
	CLEANUP_FD int place = find(root, part);
	struct stat st;

	if (place < 0)
		return place;
	if (fstat(place, &st) < 0)
		return -errno;
	return lay(place, over[S_ISDIR(st.st_mode) ? 1 : 0], false,
		   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static int emulate_part(int root, const char *part, int node, bool read_only)
{
	CLEANUP_FD int place = find(root, part);

	return place < 0 ? place
			 : lay(place, node, false,
			       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
				       (read_only ? (uint64_t)MOUNT_ATTR_RDONLY : 0));
}

static int say(struct err *err, int r, const char *what, const char *path)
{
	return r == 0 || r == -ENOENT ? 0 : err_errno(err, r, "%s %s", what, path);
}

static int cover_read_only(const struct view *v, enum view_tree tree, int root, struct err *err)
{
	const char *part;
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->read_only.n; i++)
		if (part_of(v->read_only.path[i], tree, &part))
			r = say(err, lock_part(root, part), "read-only", v->read_only.path[i]);
	return r;
}

/*
 * The folder with all nodes. Listing it tells the kernel about them, and then gabion-vfs is not
 * asked for each (FUSE_READDIRPLUS).
 */
static int open_nodes(const char *nodes)
{
	CLEANUP_FD int all = -EBADF;
	char path[PATH_MAX];
	char entries[8192];
	int n = snprintf(path, sizeof(path), "%s/all", nodes);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	all = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (all < 0 || getdents64(all, entries, sizeof(entries)) < 0)
		return -errno;
	return TAKE_FD(all);
}

/* As the folder has them: with colons for slashes. */
static int open_node(int all, const char *path)
{
	char name[NAME_MAX + 1];
	size_t n = 0;
	int fd;

	for (; n < NAME_MAX && path[n]; n++)
		name[n] = path[n] == '/' ? ':' : path[n];
	name[n] = '\0';
	fd = openat(all, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int cover_emulated(const struct view *v, enum view_tree tree, int root, struct err *err)
{
	CLEANUP_FD int all = v->nodes ? open_nodes(v->nodes) : -EBADF;
	const char *part;
	int r = 0;

	if (!v->nodes)
		return 0;
	if (all < 0)
		return err_errno(err, all, "emulated nodes %s (is gabion-vfs running?)", v->nodes);
	for (const char *const *p = view_emulated; r == 0 && *p; p++) {
		CLEANUP_FD int node = -EBADF;
		char path[256];

		if (!part_of(*p, tree, &part))
			continue;
		node = open_node(all, *p);
		if (node < 0)
			return err_errno(err, node, "emulated node %s/%s", v->nodes, *p);
		(void)snprintf(path, sizeof(path), "/%s", *p);
		r = say(err,
			emulate_part(root, part, node,
				     (v->attr[tree] & MOUNT_ATTR_RDONLY) ||
					     is_below(&v->read_only, path)),
			"emulated node", path);
	}
	return r;
}

static bool is_always_masked(const char *path)
{
	for (const char *const *p = view_masked; *p; p++)
		if (path[0] == '/' && strcmp(path + 1, *p) == 0)
			return true;
	return false;
}

static int make_folder(int dir, const char *name, struct err *err)
{
	int fd;

	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "folder for a tree of mounts");
	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_errno(err, -errno, "folder for a tree of mounts") : fd;
}

/* Masks: the null device for a file, an empty folder for a folder. That one is attached: before
 * Linux 6.15 nothing is cloned that is not. */
static int open_masks(const struct view_place *p, const struct view *v, int over[2],
		      struct err *err)
{
	CLEANUP_FD int folder = make_folder(p->dir, MASK, err);
	int r;

	if (folder < 0)
		return folder;
	over[0] = open("/dev/null", O_PATH | O_CLOEXEC);
	if (over[0] < 0)
		return err_errno(err, -errno, "/dev/null");
	over[1] = mnt_tmpfs("0555");
	r = over[1];
	if (r >= 0 && fchownat(over[1], "", v->owner, v->owner, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (r >= 0)
		r = mnt_attach(over[1], folder);
	return r < 0 ? err_errno(err, r, "an empty folder for masks") : 0;
}

static int cover_masked(const struct view_place *p, const struct view *v, enum view_tree tree,
			int root, struct err *err)
{
	int over[2] = { -EBADF, -EBADF };
	const char *part;
	int r = open_masks(p, v, over, err);

	for (const char *const *m = view_masked; r == 0 && *m; m++)
		if (part_of(*m, tree, &part))
			r = say(err, mask_part(root, part, over), "mask", *m);
	for (size_t i = 0; r == 0 && i < v->masked.n; i++)
		if (part_of(v->masked.path[i], tree, &part) && !is_always_masked(v->masked.path[i]))
			r = say(err, mask_part(root, part, over), "mask", v->masked.path[i]);
	(void)fd_close(over[0]);
	(void)fd_close(over[1]);
	return r;
}

int view_fresh(const struct view_place *p, const struct view *v, int ret[VIEW_TREES],
	       struct err *err)
{
	struct mnt_fresh fresh[VIEW_TREES];
	size_t n = 0;
	int r;

	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++) {
		ret[tree] = -EBADF;
		if (v->tree[tree])
			fresh[n++] = (struct mnt_fresh){ .type = view_tree_type(tree),
							 .attr = v->attr[tree],
							 .fd = -EBADF };
	}
	r = mnt_fresh(p->pid_ns, p->net_ns, fresh, n, err);
	n = 0;
	for (enum view_tree tree = 0; r == 0 && tree < VIEW_TREES; tree++)
		if (v->tree[tree])
			ret[tree] = fresh[n++].fd;
	return r;
}

/*
 * Attached on TREE, and covered. Its options come last: in a procfs of "subset=pid" there is
 * nothing to cover, and the container's root can have it show the rest afterwards (fspick(2)).
 */
static int make_tree(const struct view_place *p, const struct view *v, enum view_tree tree,
		     int root, struct err *err)
{
	CLEANUP_FD int folder = make_folder(p->dir, TREE, err);
	int r = folder < 0 ? folder : mnt_attach(root, folder);

	if (r < 0)
		return err_errno(err, r, "attaching %s", view_tree_type(tree));
	r = cover_read_only(v, tree, root, err);
	if (r == 0)
		r = cover_emulated(v, tree, root, err);
	if (r == 0)
		r = cover_masked(p, v, tree, root, err);
	if (r == 0 && v->options[tree]) {
		r = mnt_configure(root, v->options[tree]);
		if (r < 0)
			r = err_errno(err, r, "options \"%s\" of %s", v->options[tree],
				      view_tree_type(tree));
	}
	return r;
}

/* STUB, bound on itself: a shared mount, and a copy that hears of what is mounted on it. */
static int make_stub(const struct view_place *p, int *ret_heard, struct err *err)
{
	static const struct mnt_attr shared = { .userns = -EBADF,
						.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						       MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
						.propagation = MS_SHARED };
	static const struct mnt_attr slave = { .userns = -EBADF, .propagation = MS_SLAVE };
	CLEANUP_FD int folder = make_folder(p->dir, STUB, err);
	CLEANUP_FD int stub = folder < 0 ? folder : mnt_clone(folder, false);
	CLEANUP_FD int heard = -EBADF;
	int r;

	if (folder < 0)
		return folder;
	r = stub < 0 ? stub : mnt_attach(stub, folder);
	if (r == 0)
		r = mnt_prepare(stub, &shared);
	if (r == 0) {
		heard = mnt_clone(stub, false);
		r = heard < 0 ? heard : mnt_prepare(heard, &slave);
	}
	if (r < 0)
		return err_errno(err, r, "a mount that is shared with the container");
	*ret_heard = TAKE_FD(heard);
	return TAKE_FD(stub);
}

/* Nothing of it stays in the caller's namespace, and what happens there does not reach the
 * container's any more: else the container loses with it what it was shown. */
static int take_away(const struct view_place *p, int stub)
{
	static const struct mnt_attr private = { .userns = -EBADF, .propagation = MS_PRIVATE };
	static const char *const names[] = { STUB, STUB, TREE, MASK };
	int r = stub >= 0 ? mnt_prepare(stub, &private) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[AT_FD_PATH_MAX];
		CLEANUP_FD int fd = openat(p->dir, names[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			continue;
		at_fd_path(fd, path);
		(void)umount2(path, MNT_DETACH); /* EINVAL: there was none */
	}
	return r;
}

int view_show(const struct view_place *p, const struct view *v, enum view_tree tree, int root,
	      int target, struct err *err)
{
	CLEANUP_FD int heard = -EBADF;
	int built = make_tree(p, v, tree, root, err);
	CLEANUP_FD int stub = built < 0 ? built : make_stub(p, &heard, err);
	int r = stub < 0 ? stub : 0;
	int away;

	if (r == 0) {
		if (setns(p->mnt_ns, CLONE_NEWNS) < 0)
			r = err_errno(err, -errno, "the container's mount namespace");
		else
			r = mnt_attach(heard, target);
		if (setns(p->own_ns, CLONE_NEWNS) < 0)
			_exit(1); /* in the wrong namespace nothing must run */
	}
	if (r == 0)
		r = mnt_attach(root, stub);
	away = take_away(p, stub);
	if (r == 0)
		r = away;
	if (r < 0 && (!err || err->code == 0))
		r = err_errno(err, r, "showing /%s in the container", view_tree_name(tree));
	return r;
}
