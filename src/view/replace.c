/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"
#include "view/view.h"

#define MOUNTINFO_MAX (16u << 20)
#define ARENA_MAX (4u << 20)
#define CHILDREN_MAX 64

/* A mount in the plain file system, kept by a descriptor and on a folder of its own meanwhile. */
struct child {
	int fd;		  /* O_PATH, of the mount's root */
	const char *part; /* where, below the tree */
};

struct plain {
	int fd;	     /* O_PATH of what the lower runtime mounted */
	uint64_t id; /* its mount id */
	const char *point;
	struct arena *arena;
	struct child children[CHILDREN_MAX];
	size_t n;
};

static int note_child(const struct mountinfo_entry *m, void *data)
{
	struct plain *plain = data;
	size_t n = strlen(plain->point);

	if (m->parent != plain->id || strncmp(m->point, plain->point, n) != 0 || m->point[n] != '/')
		return 0;
	if (plain->n == CHILDREN_MAX)
		return -E2BIG;
	plain->children[plain->n].part = arena_strdup(plain->arena, m->point + n + 1);
	if (!plain->children[plain->n].part)
		return -ENOMEM;
	plain->children[plain->n++].fd = -EBADF;
	return 0;
}

static bool is_type(int fd, enum view_tree tree)
{
	static const unsigned long magic[] = {
		[VIEW_PROC] = PROC_SUPER_MAGIC, [VIEW_SYS] = SYSFS_MAGIC
	};
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (unsigned long)st.f_type == magic[tree];
}

/* In the container's mount namespace. */
static int find_plain(struct plain *plain, enum view_tree tree, int mountinfo, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);
	struct at_ident ident;
	int r;

	plain->fd = open(plain->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (plain->fd < 0 || !is_type(plain->fd, tree))
		return err_set(err, -EINVAL, "%s is no %s", plain->point, view_tree_type(tree));
	r = at_identify(plain->fd, &ident);
	if (r < 0)
		return err_errno(err, r, "%s", plain->point);
	plain->id = ident.mnt_id;
	if (lseek(mountinfo, 0, SEEK_SET) < 0)
		return err_errno(err, -errno, "mountinfo");
	r = file_read_fd(mountinfo, &text);
	if (r == 0)
		r = mountinfo_each(buf_slice(&text), note_child, plain, err);
	return r < 0 ? err_errno(err, r, "mounts in %s", plain->point) : 0;
}

/* A place for a mount in the folder: a file for a file, a folder for a folder. */
static int make_hold(int hold, int mnt, const char *tree, size_t i)
{
	CLEANUP_FD int fd = -EBADF;
	struct stat st;
	char name[16];

	(void)snprintf(name, sizeof(name), "%s%zu", tree, i);
	if (fstat(mnt, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(hold, name, 0700) < 0 && errno != EEXIST)
			return -errno;
	} else {
		fd = openat(hold, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		fd = fd_close(fd);
	}
	fd = openat(hold, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : TAKE_FD(fd);
}

/* Out of the way, to a folder that the container will not see; then the plain mount itself. hold:
 * that folder, in this namespace. */
static int take_plain(struct plain *plain, int hold, struct err *err)
{
	for (size_t i = 0; i < plain->n; i++) {
		struct child *c = &plain->children[i];
		CLEANUP_FD int place = -EBADF;
		int r;

		c->fd = at_open_plain(plain->fd, c->part, O_PATH | O_NOFOLLOW, 0);
		place = c->fd < 0 ? c->fd
				  : make_hold(hold, c->fd, strrchr(plain->point, '/') + 1, i);
		r = place < 0 ? place : mnt_attach(c->fd, place);
		if (r < 0)
			return err_errno(err, r, "moving %s/%s", plain->point, c->part);
	}
	if (umount2(plain->point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_errno(err, -errno, "unmounting %s", plain->point);
	return 0;
}

static int put_back(struct plain *plain, struct err *err)
{
	CLEANUP_FD int root =
		plain->n ? open(plain->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			 : -EBADF;

	for (size_t i = 0; i < plain->n; i++) {
		struct child *c = &plain->children[i];
		CLEANUP_FD int place = at_open_plain(root, c->part, O_PATH | O_NOFOLLOW, 0);
		int r = place < 0 ? place : mnt_attach(c->fd, place);

		if (r < 0)
			return err_errno(err, r, "putting back %s/%s", plain->point, c->part);
	}
	return 0;
}

static void plain_done(struct plain *plain)
{
	(void)fd_close(plain->fd);
	for (size_t i = 0; i < plain->n; i++)
		(void)fd_close(plain->children[i].fd);
}

static int replace(const struct view_place *p, const struct view *v, enum view_tree tree,
		   struct plain *plain, int mountinfo, const char *hold_path, struct err *err)
{
	CLEANUP_FD int hold = -EBADF;
	CLEANUP_FD int target = -EBADF;
	int r;

	if (setns(p->mnt_ns, CLONE_NEWNS) < 0)
		return err_errno(err, -errno, "the container's mount namespace");
	r = find_plain(plain, tree, mountinfo, err);
	if (r == 0) {
		hold = open(hold_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = hold < 0 ? err_errno(err, -errno, "%s in the container's mount namespace",
					 hold_path)
			     : take_plain(plain, hold, err);
	}
	if (r == 0) {
		target = open(plain->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = target < 0 ? err_errno(err, -errno, "%s", plain->point) : 0;
	}
	if (setns(p->own_ns, CLONE_NEWNS) < 0)
		_exit(1);
	if (r == 0)
		r = view_show(p, v, tree, target, err);
	if (r == 0 && plain->n > 0) {
		if (setns(p->mnt_ns, CLONE_NEWNS) < 0)
			return err_errno(err, -errno, "the container's mount namespace");
		r = put_back(plain, err);
		if (setns(p->own_ns, CLONE_NEWNS) < 0)
			_exit(1);
	}
	return r;
}

int view_replace(const struct view_place *p, const struct view *v, pid_t pid, const char *root,
		 struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(ARENA_MAX);
	CLEANUP_FD int mountinfo = -EBADF;
	char path[64];
	char hold[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	mountinfo = open(path, O_RDONLY | O_CLOEXEC);
	if (mountinfo < 0)
		return err_errno(err, -errno, "%s", path);
	r = at_path_of(p->dir, hold, sizeof(hold));
	if (r < 0)
		return err_errno(err, r, "folder for mounts");
	for (enum view_tree tree = 0; r == 0 && tree < VIEW_TREES; tree++) {
		struct plain plain = { .fd = -EBADF, .arena = &arena };

		if (!v->tree[tree])
			continue;
		plain.point = arena_printf(&arena, "%s/%s", root, view_tree_name(tree));
		r = plain.point ? replace(p, v, tree, &plain, mountinfo, hold, err) : -ENOMEM;
		plain_done(&plain);
	}
	return r;
}
