/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "runtime/hold.h"
#include "runtime/runtime.h"
#include "runtime/target.h"

int attach_own_node(struct runtime *rt, const char *name, mode_t mode, dev_t dev, uid_t uid,
		    gid_t gid)
{
	if (mknodat(rt->stage.dir, name, (mode & S_IFMT) | 0600, dev) < 0 ||
	    fchownat(rt->stage.dir, name, rt->base + uid, rt->base + gid, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    fchmodat(rt->stage.dir, name, mode & 0777, 0) < 0)
		return -errno;
	return 0;
}

/* A detached mount of a node of our own. */
static int node_mount(struct runtime *rt, const struct bind *b, const char *name, struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	int r = attach_own_node(rt, name, S_IFCHR | 0666, b->node, 0, 0);

	if (r == 0) {
		fd = openat(rt->stage.dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : mnt_clone(fd, false);
	}
	return r < 0 ? err_errno(err, r, "node for %s", b->asked) : r;
}

/* A detached mount of the wanted part of an overlay that is put together on the stage for this. */
static int layers_part(struct runtime *rt, const struct bind *b, const char *name, struct err *err)
{
	struct mnt_attr attr = { .userns = -EBADF, .set = b->attr, .propagation = MS_PRIVATE };
	const char *path = stage_path(rt, name);
	CLEANUP_FD int place = stage_place(rt, name, true);
	CLEANUP_FD int whole = -EBADF;
	CLEANUP_FD int part = -EBADF;
	CLEANUP_FD int mnt = -EBADF;
	int r;

	if (place < 0)
		return err_errno(err, place, "place for %s", b->asked);
	r = layers_mount(rt, b->layers, path, err);
	if (r < 0)
		return r;
	whole = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	part = whole < 0 ? -errno : at_open_in_root(whole, b->part, O_PATH, 0);
	mnt = part < 0 ? part : mnt_clone(part, false);
	r = mnt < 0 ? mnt : mnt_prepare(mnt, &attr);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && r == 0)
		r = -errno;
	return r < 0 ? err_errno(err, r, "preparing %s", b->asked) : TAKE_FD(mnt);
}

static int detached(struct runtime *rt, struct bind *b, const char *name, struct err *err)
{
	if (b->node)
		return node_mount(rt, b, name, err);
	if (b->layers)
		return layers_part(rt, b, name, err);
	return TAKE_FD(b->mnt);
}

static int attach_on_stage(struct runtime *rt, const struct bind *b, int mnt, size_t i,
			   struct err *err)
{
	CLEANUP_FD int place = -EBADF;
	char name[24];
	int r;

	(void)snprintf(name, sizeof(name), "m%zu", i);
	place = stage_place(rt, name, b->dir);
	r = place < 0 ? place : mnt_attach(mnt, place);
	if (r == 0)
		r = json_set(&rt->arena, b->mount, "source",
			     json_new_str(&rt->arena, stage_path(rt, name)));
	if (r < 0)
		return err_errno(err, r, "attaching %s", b->asked);
	/* A node is one of ours, and read-only says nothing about a device. */
	return b->node ? 0 : hold_lock(rt, b, mnt, stage_path(rt, name), err);
}

static int attach_in_root(struct runtime *rt, const struct bind *b, int mnt, int root,
			  struct err *err)
{
	const char *dest = json_get_str(b->mount, "destination");
	CLEANUP_FD int target = target_open(rt, root, dest, b->dir);
	int r = target < 0 ? target : mnt_attach(mnt, target);

	return r < 0 ? err_errno(err, r, "mounting %s on %s", b->asked, dest) : 0;
}

static void drop_mount(struct runtime *rt, const struct json *mount)
{
	struct json *list = json_get(rt->spec, "mounts");

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i] == mount) {
			json_remove(list, i);
			return;
		}
	}
}

int attach_binds(struct runtime *rt, int root, struct err *err)
{
	/* Judged before any entry is taken out: a bind on a bind is not on the lower runtime's. */
	bool *covered = arena_must(arena_array(&rt->arena, rt->nbinds + 1, sizeof(*covered)));
	struct target_covers covers;

	int found = target_find_covers(rt, root, &covers);

	for (size_t i = 0; found >= 0 && i < rt->nbinds; i++) {
		found = target_covered(rt, root, &covers, rt->binds[i].mount);
		covered[i] = found > 0;
	}
	if (found < 0)
		return err_errno(err, found, "places of mounts in the root file system");
	for (size_t i = 0; i < rt->nbinds; i++) {
		struct bind *b = &rt->binds[i];
		CLEANUP_FD int mnt = -EBADF;
		char name[24];
		int r;

		(void)snprintf(name, sizeof(name), "o%zu", i);
		mnt = detached(rt, b, name, err);
		if (mnt < 0)
			return mnt;
		r = covered[i] ? attach_on_stage(rt, b, mnt, i, err)
			       : attach_in_root(rt, b, mnt, root, err);
		if (r < 0)
			return r;
		if (!covered[i])
			drop_mount(rt, b->mount);
	}
	return 0;
}
