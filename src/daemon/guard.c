/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/util.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"

static const char *const data_folders[] = { "engine", "containerd" };

/* links: a folder of symlinks that the engine made and follows itself. */
static const struct {
	const char *folder;
	const char *links;
} folders[] = {
	{ "engine/overlay2", "l" },
	{ "engine/volumes", NULL },
	{ "engine/image", NULL }, /* layers.h */
	{ "containerd/io.containerd.snapshotter.v1.overlayfs", NULL },
};

static int join(const char *dir, const char *name, char ret[PATH_MAX])
{
	int n = snprintf(ret, PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int open_folder(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* A mount of what is there, in a peer group of its own, on itself. */
static int mount_on_itself(const char *path, uint64_t set, uint64_t clear)
{
	const struct mnt_attr alone = {
		.userns = -EBADF, .set = set, .clear = clear, .propagation = MS_PRIVATE
	};
	const struct mnt_attr shared = { .userns = -EBADF, .propagation = MS_SHARED };
	CLEANUP_FD int fd = open_folder(path);
	CLEANUP_FD int mnt = fd < 0 ? fd : mnt_clone(fd, false);
	int r = mnt < 0 ? mnt : mnt_prepare(mnt, &alone);

	if (r == 0)
		r = mnt_prepare(mnt, &shared);
	return r == 0 ? mnt_attach(mnt, fd) : r;
}

int guard_data(const struct instance *inst, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(data_folders); i++) {
		char path[PATH_MAX];
		int r = join(inst->lib, data_folders[i], path);

		if (r == 0 && mkdir(path, 0710) < 0 && errno != EEXIST)
			r = -errno;
		if (r == 0)
			r = mount_on_itself(path, 0, 0);
		if (r < 0)
			return err_errno(err, r, "mounting %s/%s on itself in the instance",
					 inst->lib, data_folders[i]);
	}
	return 0;
}

static int is_below(const struct mountinfo_entry *m, void *data)
{
	const char *path = data;
	size_t n = strlen(path);

	return strncmp(m->point, path, n) == 0 && m->point[n] == '/';
}

/* -ENOENT: there is none; -EALREADY; -EBUSY: something is mounted below. */
static int may_guard(const char *path)
{
	CLEANUP_BUF struct buf mounts = BUF_INIT(16u << 20);
	CLEANUP_FD int fd = open_folder(path);
	int r;

	if (fd < 0)
		return fd;
	if (mnt_nosymfollow(fd))
		return -EALREADY;
	r = mountinfo_read(&mounts, NULL);
	if (r < 0)
		return r;
	return mountinfo_each(buf_slice(&mounts), is_below, (void *)path, NULL) ? -EBUSY : 0;
}

/* The links are looked at each time: without theirs, the engine finds no layers. */
static int guard(const char *path, const char *links)
{
	CLEANUP_FD int before = -EBADF;
	CLEANUP_FD int after = -EBADF;
	char inner[PATH_MAX];
	int r = join(path, links ? links : "", inner);

	if (r < 0)
		return r;
	before = open_folder(inner);
	if (before < 0)
		return before; /* not the engine's yet */
	r = may_guard(path);
	if (r == 0)
		r = mount_on_itself(path, MOUNT_ATTR_NOSYMFOLLOW, 0);
	if ((r < 0 && r != -EALREADY) || !links)
		return r;
	after = open_folder(inner); /* of the new mount */
	if (after < 0)
		return after;
	return mnt_nosymfollow(after) ? mount_on_itself(inner, 0, MOUNT_ATTR_NOSYMFOLLOW) : 0;
}

int guard_folders(const struct instance *inst, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char path[PATH_MAX];
		int r = join(inst->lib, folders[i].folder, path);

		if (r == 0)
			r = guard(path, folders[i].links);
		if (r == -EBUSY || r == -EINVAL)
			log_warning("symlinks in %s are followed by the engine: %s", path,
				    r == -EBUSY ? "it was in use before it could be guarded"
						: "this takes Linux 5.14");
		else if (r < 0 && r != -ENOENT && r != -EALREADY)
			return err_errno(err, r, "guarding %s", path);
	}
	return 0;
}

void guard_again(const struct instance *inst)
{
	struct err err = ERR_INIT;

	if (guard_folders(inst, &err) < 0)
		log_error("%s", err.text);
}
