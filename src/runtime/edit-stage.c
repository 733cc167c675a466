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
#include "linux/mnt.h"
#include "runtime/attach.h"
#include "runtime/bundle.h"
#include "runtime/edit.h"
#include "runtime/habits.h"
#include "runtime/nodes.h"
#include "runtime/runtime.h"
#include "runtime/source.h"
#include "runtime/target.h"

/* The user namespace as a file, so that the lower runtime finds it by path. */
static int attach_ns(struct runtime *rt, int ns, const char *name, struct err *err)
{
	CLEANUP_FD int place = stage_place(rt, name, false);
	CLEANUP_FD int mnt = mnt_clone(ns, false);
	int r = place < 0 ? place : mnt < 0 ? mnt : mnt_attach(mnt, place);

	return r < 0 ? err_errno(err, r, "attaching %s", name) : 0;
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
	r = attach_own_node(rt, name,
			    (type && type[0] == 'b' ? S_IFBLK : S_IFCHR) | ((mode_t)mode & 0777),
			    makedev((unsigned)maj, (unsigned)min), (uid_t)uid, (gid_t)gid);
	if (r < 0)
		return err_errno(err, r, "device %s", path);
	return add_node_mount(rt, path, stage_path(rt, name)) < 0
		       ? err_set(err, -ENOMEM, "out of memory")
		       : 0;
}

/*
 * Hooks that run in the container's namespaces, as its root, find the root file system by the spec
 * in the bundle, which only the host's root can read. After such hooks the container is in its own
 * root and can reach neither.
 */
static int show_spec(struct runtime *rt, int file, struct err *err)
{
	if (fchown(file, (uid_t)-1, rt->base) < 0 || fchmod(file, 0640) < 0)
		return err_errno(err, -errno, "config.json");
	return bundle_show(rt, err);
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
	r = rt->cdi.edits.hooks ? show_spec(rt, file, err) : 0;
	if (r < 0)
		return r;
	target = open(rt->config, O_PATH | O_CLOEXEC);
	if (target < 0)
		return err_errno(err, -errno, "spec %s", rt->config);
	mnt = mnt_clone(file, false);
	r = mnt < 0 ? mnt : mnt_attach(mnt, target);
	return r < 0 ? err_errno(err, r, "putting the edited spec in the place of %s", rt->config)
		     : 0;
}

/* In the mounted root: binds, then, for --read-only, its lock. */
static int furnish(struct runtime *rt, struct err *err)
{
	CLEANUP_FD int root = open(rt->stage.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (root < 0)
		return err_errno(err, -errno, "root file system %s", rt->stage.root);
	r = attach_binds(rt, root, err);
	if (r == 0)
		r = process_check_cwd(rt, root, err);
	if (r == 0)
		r = habits_keep(rt, root, err);
	if (r == 0 && json_get_bool(json_get(rt->spec, "root"), "readonly", false))
		r = target_lock_root(rt, root, err);
	return r;
}

/*
 * A step of a build: BuildKit takes away from the root what the step's mounts needed as their
 * places, once it is over. In a read-only view it could not, and they would stay in the image; it
 * reads nothing there, so it may have the container's own, but follows no symlink of the step's
 * (CVE-2024-23652).
 */
static int show_build(struct runtime *rt, struct err *err)
{
	static const struct mnt_attr attr = { .userns = -EBADF, .set = MOUNT_ATTR_NOSYMFOLLOW };
	CLEANUP_FD int root = -EBADF;
	CLEANUP_FD int mnt = -EBADF;
	int r;

	if (!rt->rootfs.replaced || !source_is_build(rt))
		return 0;
	root = open(rt->stage.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	mnt = root < 0 ? -errno : mnt_clone(root, false);
	r = mnt < 0 ? mnt : mnt_prepare(mnt, &attr);
	if (r == 0 || r == -EINVAL) /* Linux 5.14 */
		r = stage_show(rt, mnt, rt->rootfs.path);
	return r < 0 ? err_errno(err, r, "giving the step's root to the builder") : 0;
}

int edit_stage(struct runtime *rt, struct err *err)
{
	int r = stage_enter(rt, err);

	if (r == 0)
		r = attach_ns(rt, rt->userns, "userns", err);
	if (r == 0 && rt->timens >= 0)
		r = attach_ns(rt, rt->timens, "timens", err);
	if (r == 0)
		r = rootfs_mount(rt, err);
	if (r == 0)
		r = show_build(rt, err);
	if (r == 0)
		r = furnish(rt, err);
	for (size_t i = 0; r == 0 && i < rt->devices->n; i++)
		r = make_node(rt, rt->devices->items[i], i, err);
	if (r == 0)
		r = nodes_cover(rt, err);
	if (r == 0)
		r = attach_spec(rt, err);
	return r;
}

void undo_stage(struct runtime *rt)
{
	stage_leave(rt);
	bundle_hide(rt);
}
