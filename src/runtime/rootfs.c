/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"
#include "runtime/runtime.h"
#include "json/json.h"

#define OPTIONS_MAX 4095

/* Where the lower runtime mounts and makes nodes before anything of the container runs: a symlink
 * there makes it write on the host (CVE-2026-41579, CVE-2026-47766). */
static const char *const must_be_folders[] = { "dev", "proc", "sys" };

static int check_image(int root, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(must_be_folders); i++) {
		CLEANUP_FD int fd =
			at_open_plain(root, must_be_folders[i], O_PATH | O_DIRECTORY, 0);

		if (fd >= 0 || fd == -ENOENT)
			continue;
		if (fd != -ELOOP && fd != -ENOTDIR)
			return err_errno(err, fd, "the image's /%s", must_be_folders[i]);
		return err_set(err, fd,
			       "the image's /%s is a symlink or no folder: refused, since the "
			       "runtime would "
			       "follow it on the host",
			       must_be_folders[i]);
	}
	return 0;
}

/* root.path of the spec, resolved against the bundle. */
static int resolve_root(struct runtime *rt, struct err *err)
{
	const char *path = json_get_str(json_get(rt->spec, "root"), "path");
	char real[PATH_MAX];

	if (!path || !*path)
		return err_set(err, -EINVAL, "the spec has no root.path");
	if (path[0] != '/')
		path = arena_must(arena_printf(&rt->arena, "%s/%s", rt->bundle, path));
	if (!realpath(path, real))
		return err_errno(err, -errno, "root file system %s", path);
	if (strcmp(real, "/") == 0)
		return err_set(err, -EPERM,
			       "the host's own root cannot be a container's root file system");
	rt->rootfs.path = arena_must(arena_strdup(&rt->arena, real));
	return 0;
}

static int prepare_plain(struct runtime *rt, int fd, struct err *err)
{
	struct mnt_attr attr = { .userns = rt->userns, .propagation = MS_PRIVATE };
	char fs[32];
	int r;

	rt->rootfs.plain = mnt_clone(fd, false);
	if (rt->rootfs.plain < 0)
		return err_errno(err, rt->rootfs.plain, "%s: open_tree", rt->rootfs.path);
	r = mnt_prepare(rt->rootfs.plain, &attr);
	if (r == 0)
		return 0;
	mnt_fs_name(fd, fs, sizeof(fs));
	return err_errno(err, r,
			 "%s: its file system (%s) cannot be ID-mapped; use a data root on ext4, "
			 "xfs or btrfs",
			 rt->rootfs.path, fs);
}

/*
 * An engine that restarts a container keeps it mounted between stop and start: what stands at the
 * mount point is then the view of the last start.
 */
static struct slice original_options(struct runtime *rt, const struct mountinfo_entry *m,
				     struct err *err)
{
	const char *options = layers_of_view(&rt->arena, m->source, m->super, err);

	return options ? slice_str(options) : m->super;
}

int rootfs_prepare(struct runtime *rt, struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	struct mountinfo_entry m;
	struct at_ident ident;
	struct slice info;
	int r;

	r = resolve_root(rt, err);
	if (r < 0)
		return r;
	fd = open(rt->rootfs.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "root file system %s", rt->rootfs.path);
	r = check_image(fd, err);
	if (r < 0)
		return r;
	r = at_identify(fd, &ident);
	if (r < 0)
		return err_errno(err, r, "root file system %s", rt->rootfs.path);
	r = runtime_mountinfo(rt, &info, err);
	if (r == 0)
		r = mountinfo_find(&rt->arena, info, ident.mnt_id, &m, err);
	if (r < 0)
		return r;
	if (r == 0 && strcmp(m.type, "overlay") == 0 && strcmp(m.point, rt->rootfs.path) == 0) {
		rt->rootfs.overlay = true;
		return layers_clone(rt, rt->rootfs.path, original_options(rt, &m, err),
				    &rt->rootfs.layers, err);
	}
	return prepare_plain(rt, fd, err);
}

/* mount(2) of an overlay on the engine's mount point, from the folder its relative layers start at.
 */
static int mount_engine(struct runtime *rt, bool view)
{
	CLEANUP_BUF struct buf options = BUF_INIT(OPTIONS_MAX);
	CLEANUP_BUF struct buf source = BUF_INIT(OPTIONS_MAX);
	CLEANUP_FD int cwd = -EBADF;
	const struct layers *l = &rt->rootfs.layers;
	int r = 0;

	layers_forget_volatile(l);
	layers_options(l, view, &options);
	if (view)
		layers_view_source(l, &source);
	else
		buf_add_str(&source, "overlay");
	if (!buf_ok(&options) || !buf_ok(&source))
		return -E2BIG;
	if (l->base) {
		cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cwd < 0 || chdir(l->base) < 0)
			return -errno;
	}
	if (mount(source.p, rt->rootfs.path, "overlay", l->flags | (view ? MS_RDONLY : 0),
		  options.p) < 0)
		r = -errno;
	if (cwd >= 0 && fchdir(cwd) < 0 && r == 0)
		r = -errno;
	return r;
}

int rootfs_replace(struct runtime *rt, struct err *err)
{
	struct rootfs *root = &rt->rootfs;
	int r;

	if (!root->overlay || !root->layers.overlay->upper)
		return 0;
	if (umount2(root->path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_errno(err, -errno, "cannot unmount the engine's %s", root->path);
	root->replaced = true;
	r = mount_engine(rt, true);
	if (r == 0)
		return 0;
	(void)err_errno(err, r, "cannot mount the read-only view of %s", root->path);
	root->replaced = false;
	if (mount_engine(rt, false) < 0)
		(void)err_wrap(err, "the engine's mount could not be restored");
	return r;
}

void rootfs_restore(struct runtime *rt)
{
	if (!rt->rootfs.replaced)
		return;
	(void)umount2(rt->rootfs.path, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)mount_engine(rt, false);
	rt->rootfs.replaced = false;
}

int rootfs_mount(struct runtime *rt, struct err *err)
{
	const char *path = rt->stage.root;
	CLEANUP_FD int place = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (place < 0)
		return err_errno(err, -errno, "place for the root file system %s", path);
	if (rt->rootfs.overlay) {
		r = layers_mount(rt, &rt->rootfs.layers, path, err);
	} else {
		r = mnt_attach(rt->rootfs.plain, place);
		if (r < 0)
			(void)err_errno(err, r, "attaching the root file system %s",
					rt->rootfs.path);
	}
	if (r < 0)
		return r;
	r = json_set(&rt->arena, json_get(rt->spec, "root"), "path",
		     json_new_str(&rt->arena, path));
	return r < 0 ? err_errno(err, r, "spec") : 0;
}

void rootfs_done(struct rootfs *r)
{
	layers_done(&r->layers);
	r->plain = fd_close(r->plain);
}
