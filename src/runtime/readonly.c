/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/creds.h"
#include "linux/mnt.h"
#include "oci/spec.h"
#include "runtime/rootfs.h"
#include "runtime/runtime.h"

/* Opens, or makes, one folder below dir as the container sees it; dir's own links stay inside root.
 */
static int enter(int root, const char *path, bool make)
{
	int fd = at_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
	char parent[PATH_MAX];
	char *slash;

	if (fd != -ENOENT || !make)
		return fd;
	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || slash[1] == '\0')
		return -ENOENT;
	*slash = '\0';
	{
		CLEANUP_FD int above = enter(root, parent[0] ? parent : "/", true);

		if (above < 0)
			return above;
		if (mkdirat(above, slash + 1, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return at_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
}

static int make_place(int root, const char *path, bool dir)
{
	char parent[PATH_MAX];
	CLEANUP_FD int fd = at_open_in_root(root, path, O_PATH, 0);
	CLEANUP_FD int above = -EBADF;
	CLEANUP_FD int made = -EBADF;
	char *slash;

	if (fd != -ENOENT)
		return fd < 0 ? fd : 0;
	if (dir) {
		fd = enter(root, path, true);
		return fd < 0 ? fd : 0;
	}
	(void)snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || slash[1] == '\0')
		return -EINVAL;
	*slash = '\0';
	above = enter(root, parent[0] ? parent : "/", true);
	if (above < 0)
		return above;
	made = openat(above, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return made < 0 ? -errno : 0;
}

/* Whether a destination lies on another mount of the spec, so that its place is not in the root. */
static bool covered(const struct json *spec, size_t at, const char *dest)
{
	for (size_t i = 0; i < oci_mount_count(spec); i++) {
		const char *other = json_get_str(oci_mount_get(spec, i), "destination");
		size_t n = other ? strlen(other) : 0;

		if (i != at && n > 1 && strncmp(dest, other, n) == 0 && dest[n] == '/')
			return true;
	}
	return false;
}

static int make_places(struct runtime *rt, int root, struct err *err)
{
	for (size_t i = 0; i < oci_mount_count(rt->spec); i++) {
		const char *dest = json_get_str(oci_mount_get(rt->spec, i), "destination");
		bool dir = true;
		int r;

		if (!dest || dest[0] != '/' || strlen(dest) >= PATH_MAX ||
		    covered(rt->spec, i, dest))
			continue;
		for (size_t b = 0; b < rt->nbinds; b++)
			if (rt->binds[b].mount == oci_mount_get(rt->spec, i))
				dir = rt->binds[b].dir;
		r = make_place(root, dest, dir);
		if (r < 0)
			return err_errno(err, r, "place for the mount on %s", dest);
	}
	return 0;
}

int readonly_lock(struct runtime *rt, const char *root, struct err *err)
{
	struct mnt_attr attr = { .userns = -EBADF, .set = MOUNT_ATTR_RDONLY };
	CLEANUP_FD int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int token;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "root file system %s", root);
	token = creds_fs_begin(rt->base); /* what is made belongs to the container's root */
	if (token < 0)
		return err_errno(err, token, "ids of the container's root");
	r = make_places(rt, fd, err);
	if (creds_fs_end(token) < 0 && r == 0)
		r = err_set(err, -EPERM, "ids of the host's root");
	if (r == 0) {
		r = mnt_prepare(fd, &attr);
		if (r < 0)
			(void)err_errno(err, r, "root file system: read-only");
	}
	return r;
}
