/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last edit: into the private mount namespace, everything attached on the stage, the spec
 * pointed to it, and the edited spec put in the place of the bundle's (only here: on disk it stays
 * as the engine wrote it).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define SPEC_MAX (16u << 20)

/* A device node on the stage, owned by ids of the container. */
static int make_own_node(struct runtime *rt, const char *name, mode_t mode, dev_t dev, uid_t uid,
			 gid_t gid)
{
	if (mknodat(rt->stage.dir, name, (mode & S_IFMT) | 0600, dev) < 0 ||
	    fchownat(rt->stage.dir, name, rt->base + uid, rt->base + gid, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    fchmodat(rt->stage.dir, name, mode & 0777, 0) < 0)
		return -errno;
	return 0;
}

/* Puts an overlay together beside the place and mounts the wanted part of it there. */
static int attach_layers(struct runtime *rt, struct bind *b, size_t i, int place, struct err *err)
{
	struct mnt_attr attr = { .userns = -EBADF, .set = b->attr, .propagation = MS_PRIVATE };
	CLEANUP_FD int whole = -EBADF;
	CLEANUP_FD int part = -EBADF;
	CLEANUP_FD int mnt = -EBADF;
	char name[24];
	int r;

	(void)snprintf(name, sizeof(name), "o%zu", i);
	whole = stage_place(rt, name, true);
	r = whole < 0 ? err_errno(err, whole, "place for %s", b->asked)
		      : layers_mount(rt, b->layers, stage_path(rt, name), err);
	if (r < 0)
		return r;
	(void)fd_close(TAKE_FD(whole));
	whole = open(stage_path(rt, name), O_PATH | O_DIRECTORY | O_CLOEXEC);
	part = whole < 0 ? -errno : at_open_in_root(whole, b->part, O_PATH, 0);
	mnt = part < 0 ? part : mnt_clone(part, false);
	r = mnt < 0 ? mnt : mnt_prepare(mnt, &attr);
	if (r == 0)
		r = mnt_attach(mnt, place);
	return r < 0 ? err_errno(err, r, "attaching %s", b->asked) : 0;
}

static int point_to(struct runtime *rt, const struct bind *b, const char *name, struct err *err)
{
	int r = json_set(&rt->arena, b->mount, "source",
			 json_new_str(&rt->arena, stage_path(rt, name)));

	return r < 0 ? err_errno(err, r, "spec") : 0;
}

static int attach_bind(struct runtime *rt, struct bind *b, size_t i, struct err *err)
{
	CLEANUP_FD int place = -EBADF;
	char name[24];
	int r;

	(void)snprintf(name, sizeof(name), "m%zu", i);
	if (b->node) {
		r = make_own_node(rt, name, S_IFCHR | 0666, b->node, 0, 0);
		if (r < 0)
			return err_errno(err, r, "node for %s", b->asked);
		return point_to(rt, b, name, err);
	}
	place = stage_place(rt, name, b->dir);
	if (place < 0)
		return err_errno(err, place, "place for %s", b->asked);
	if (b->layers) {
		r = attach_layers(rt, b, i, place, err);
		if (r < 0)
			return r;
	} else {
		r = mnt_attach(b->mnt, place);
		b->mnt = fd_close(b->mnt);
		if (r < 0)
			return err_errno(err, r, "attaching %s", b->asked);
	}
	return point_to(rt, b, name, err);
}

/* The user namespace as a file, so that the lower runtime finds it by path. */
static int attach_userns(struct runtime *rt, struct err *err)
{
	CLEANUP_FD int place = stage_place(rt, "userns", false);
	CLEANUP_FD int mnt = mnt_clone(rt->userns, false);
	int r = place < 0 ? place : mnt < 0 ? mnt : mnt_attach(mnt, place);

	return r < 0 ? err_errno(err, r, "attaching the user namespace") : 0;
}

/* A bind of a node of ours on the path where the container wants it. */
static int add_node_mount(struct runtime *rt, const char *dest, const char *source)
{
	struct json *m = json_new(&rt->arena, JSON_OBJECT);
	struct json *options = json_new(&rt->arena, JSON_ARRAY);
	struct json *mounts = json_need(&rt->arena, rt->spec, "mounts", JSON_ARRAY);
	int r = m && options && mounts ? 0 : -ENOMEM;

	if (r == 0)
		r = json_append(&rt->arena, options, json_new_str(&rt->arena, "rbind"));
	if (r == 0)
		r = json_append(&rt->arena, options, json_new_str(&rt->arena, "rprivate"));
	if (r == 0)
		r = json_set(&rt->arena, m, "destination", json_new_str(&rt->arena, dest));
	if (r == 0)
		r = json_set(&rt->arena, m, "type", json_new_str(&rt->arena, "bind"));
	if (r == 0)
		r = json_set(&rt->arena, m, "source", json_new_str(&rt->arena, source));
	if (r == 0)
		r = json_set(&rt->arena, m, "options", options);
	return r == 0 ? json_append(&rt->arena, mounts, m) : r;
}

static int make_node(struct runtime *rt, const struct json *d, size_t i, struct err *err)
{
	const char *path = json_get_str(d, "path");
	const char *type = json_get_str(d, "type");
	uint64_t mode = 0666;
	uint64_t uid = 0;
	uint64_t gid = 0;
	uint64_t maj = 0;
	uint64_t min = 0;
	char name[24];
	int r;

	(void)json_get_u64(d, "fileMode", &mode);
	(void)json_get_u64(d, "uid", &uid);
	(void)json_get_u64(d, "gid", &gid);
	(void)json_get_u64(d, "major", &maj);
	(void)json_get_u64(d, "minor", &min);
	if (uid >= rt->size || gid >= rt->size || maj > UINT32_MAX || min > UINT32_MAX)
		return err_set(err, -EINVAL, "device %s: owner or number out of range", path);
	(void)snprintf(name, sizeof(name), "d%zu", i);
	r = make_own_node(rt, name,
			  (type && type[0] == 'b' ? S_IFBLK : S_IFCHR) | ((mode_t)mode & 0777),
			  makedev((unsigned)maj, (unsigned)min), (uid_t)uid, (gid_t)gid);
	if (r < 0)
		return err_errno(err, r, "device %s", path);
	return add_node_mount(rt, path, stage_path(rt, name)) < 0
		       ? err_set(err, -ENOMEM, "out of memory")
		       : 0;
}

static int attach_spec(struct runtime *rt, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(SPEC_MAX);
	CLEANUP_FD int file = -EBADF;
	CLEANUP_FD int mnt = -EBADF;
	CLEANUP_FD int target = -EBADF;
	int r;

	json_emit(rt->spec, &text);
	if (!buf_ok(&text))
		return err_set(err, -EFBIG, "the edited spec is too large");
	file = openat(rt->stage.dir, "config.json", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return err_errno(err, -errno, "config.json");
	r = fd_write_all(file, text.p, text.n);
	if (r < 0)
		return err_errno(err, r, "config.json");
	target = open(rt->config, O_PATH | O_CLOEXEC);
	mnt = mnt_clone(file, false);
	r = target < 0 ? -ENOENT : mnt < 0 ? mnt : mnt_attach(mnt, target);
	return r < 0 ? err_errno(err, r, "putting the edited spec in the place of %s", rt->config)
		     : 0;
}

int edit_stage(struct runtime *rt, struct err *err)
{
	int r = stage_enter(rt, err);

	if (r == 0)
		r = attach_userns(rt, err);
	if (r == 0)
		r = rootfs_mount(rt, err);
	for (size_t i = 0; r == 0 && i < rt->nbinds; i++)
		r = attach_bind(rt, &rt->binds[i], i, err);
	for (size_t i = 0; r == 0 && i < rt->devices->n; i++)
		r = make_node(rt, rt->devices->items[i], i, err);
	if (r == 0)
		r = attach_spec(rt, err);
	return r;
}

void undo_stage(struct runtime *rt)
{
	stage_leave(rt);
}
