/* SPDX-License-Identifier: Apache-2.0 */
#include "hostpath/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hostpath/hostpath.h"
#include "linux/at.h"
#include "linux/mountinfo.h"

#define DEPTH_MAX 256

static uint64_t dev_of(uint32_t major, uint32_t minor)
{
	return (uint64_t)major << 32 | minor;
}

struct hostmount_node place_node(const struct at_ident *ident)
{
	return (struct hostmount_node){ dev_of(ident->dev_major, ident->dev_minor), ident->ino };
}

/* The folder that holds what is behind fd, checked to be so: its name there is the same inode. */
static int parent_by_name(int fd, const struct at_ident *self, struct err *err)
{
	CLEANUP_FD int dir = -EBADF;
	CLEANUP_FD int again = -EBADF;
	char path[PATH_MAX];
	struct at_ident found;
	char *slash;
	int r;

	r = at_path_of(fd, path, sizeof(path));
	if (r < 0)
		return err_errno(err, r, "path of a mount source");
	slash = strrchr(path, '/');
	if (!slash)
		return err_set(err, -ENOENT, "%s has no place in the host's file system", path);
	again = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	*slash = '\0';
	dir = open(slash == path ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || again < 0 || at_identify(again, &found) < 0 || found.ino != self->ino ||
	    found.dev_major != self->dev_major || found.dev_minor != self->dev_minor)
		return err_set(err, -ESTALE, "%s/%s was renamed while it was looked at", path,
			       slash + 1);
	return TAKE_FD(dir);
}

static int parent_of(int fd, const struct at_ident *self, struct err *err)
{
	int up = S_ISDIR(self->mode) ? openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (up >= 0)
		return up;
	/* Who may not enter a folder may still know which folder holds it. */
	if (S_ISDIR(self->mode) && errno != EACCES)
		return err_errno(err, -errno, "mount source: walking up");
	return parent_by_name(fd, self, err);
}

static int walk_up(const struct hostpath *h, int start, const struct at_ident *self,
		   struct hostmount_place *ret, struct err *err)
{
	struct hostmount_node *chain;
	struct at_ident last = *self;
	CLEANUP_FD int at = parent_of(start, self, err);
	struct hostmount_node found[DEPTH_MAX];
	struct at_ident up;
	size_t n = 0;

	found[n++] = place_node(self);
	while (at >= 0) {
		int next;

		if (at_identify(at, &up) < 0)
			return err_errno(err, -errno, "%s: walking up", ret->path);
		if (up.ino == last.ino && up.mnt_id == last.mnt_id)
			break; /* the root is its own parent */
		if (n == DEPTH_MAX)
			return err_set(err, -ELOOP, "%s lies too deep", ret->path);
		found[n++] = place_node(&up);
		last = up;
		next = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return err_errno(err, -errno, "%s: walking up", ret->path);
		(void)fd_close(at);
		at = next;
	}
	if (at < 0)
		return at;
	chain = arena_must(arena_array(h->arena, n, sizeof(*chain)));
	memcpy(chain, found, n * sizeof(*chain));
	ret->chain = chain;
	ret->nchain = n;
	return 0;
}

/* Path from the root of its file system: the mount's root and what follows its mount point. */
static void fs_path_of(const struct hostpath *h, uint64_t mnt_id, struct hostmount_place *ret)
{
	struct mountinfo_entry m;
	size_t n;

	if (mountinfo_find(h->arena, h->mountinfo, mnt_id, &m, NULL) != 0)
		return;
	n = strcmp(m.point, "/") == 0 ? 0 : strlen(m.point);
	if (strncmp(ret->path, m.point, n) != 0)
		return;
	ret->dev = dev_of(m.dev_major, m.dev_minor);
	ret->fs_path = arena_must(arena_printf(
		h->arena, "%s%s", strcmp(m.root, "/") == 0 ? "" : m.root, ret->path + n));
	if (*ret->fs_path == '\0')
		ret->fs_path = "/";
}

int place_of(const struct hostpath *h, int fd, struct hostmount_place *ret, struct err *err)
{
	struct at_ident self;
	char path[PATH_MAX];
	int r;

	*ret = (struct hostmount_place){ .path = NULL };
	r = at_path_of(fd, path, sizeof(path));
	if (r == 0)
		r = at_identify(fd, &self);
	if (r < 0)
		return err_errno(err, r, "mount source");
	ret->path = arena_must(arena_strdup(h->arena, path));
	fs_path_of(h, self.mnt_id, ret);
	return walk_up(h, fd, &self, ret, err);
}

int place_of_path(const struct hostpath *h, const char *path, struct hostmount_place *ret,
		  struct err *err)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? 1
			       : err_errno(err, -errno, "%s", path);
	return place_of(h, fd, ret, err);
}
