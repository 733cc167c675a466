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
	bool there;
	int fd;	     /* O_PATH of what the lower runtime mounted */
	uint64_t id; /* its mount id */
	const char *point;
	int target; /* O_PATH of the folder, when it is free */
	struct child children[CHILDREN_MAX];
	size_t n;
};

struct swap {
	const struct view_place *place;
	const struct view *view;
	struct arena arena;
	struct plain plain[VIEW_TREES];
};

static int note_child(const struct mountinfo_entry *m, void *data)
{
	struct swap *swap = data;

	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++) {
		struct plain *plain = &swap->plain[tree];
		size_t n;

		if (!plain->there || m->parent != plain->id)
			continue;
		n = strlen(plain->point);
		if (strncmp(m->point, plain->point, n) != 0 || m->point[n] != '/')
			continue;
		if (plain->n == CHILDREN_MAX)
			return -E2BIG;
		plain->children[plain->n].part = arena_strdup(&swap->arena, m->point + n + 1);
		if (!plain->children[plain->n].part)
			return -ENOMEM;
		plain->children[plain->n++].fd = -EBADF;
	}
	return 0;
}

static int check_type(const struct plain *plain, enum view_tree tree, struct err *err)
{
	static const unsigned long magic[] = {
		[VIEW_PROC] = PROC_SUPER_MAGIC, [VIEW_SYS] = SYSFS_MAGIC
	};
	struct statfs st;

	if (fstatfs(plain->fd, &st) < 0)
		return err_errno(err, -errno, "%s", plain->point);
	return (unsigned long)st.f_type == magic[tree]
		       ? 0
		       : err_set(err, -EINVAL, "%s is no %s", plain->point, view_tree_type(tree));
}

static int open_plain(struct plain *plain, enum view_tree tree, struct err *err)
{
	struct at_ident ident;
	int r;

	plain->fd = open(plain->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (plain->fd < 0)
		return err_errno(err, -errno, "%s", plain->point);
	r = check_type(plain, tree, err);
	if (r < 0)
		return r;
	r = at_identify(plain->fd, &ident);
	if (r < 0)
		return err_errno(err, r, "%s", plain->point);
	plain->id = ident.mnt_id;
	return 0;
}

/* What is mounted in the plain file systems. */
static int find_children(struct swap *swap, int mountinfo, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);
	int r = file_read_fd(mountinfo, &text);

	if (r == 0)
		r = mountinfo_each(buf_slice(&text), note_child, swap, err);
	return r < 0 ? err_errno(err, r, "mounts in the container's /proc and /sys") : 0;
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
	plain->target = open(plain->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return plain->target < 0 ? err_errno(err, -errno, "%s", plain->point) : 0;
}

static int put_back(struct plain *plain, struct err *err)
{
	CLEANUP_FD int root =
		plain->n ? open(plain->point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			 : -EBADF;

	if (plain->n && root < 0)
		return err_errno(err, -errno, "%s", plain->point);
	for (size_t i = 0; i < plain->n; i++) {
		struct child *c = &plain->children[i];
		CLEANUP_FD int place = at_open_plain(root, c->part, O_PATH | O_NOFOLLOW, 0);
		int r = place < 0 ? place : mnt_attach(c->fd, place);

		if (r < 0)
			return err_errno(err, r, "putting back %s/%s", plain->point, c->part);
	}
	return 0;
}

static int enter(const struct swap *swap, struct err *err)
{
	return setns(swap->place->mnt_ns, CLONE_NEWNS) < 0
		       ? err_errno(err, -errno, "the container's mount namespace")
		       : 0;
}

static void leave(const struct swap *swap)
{
	if (setns(swap->place->own_ns, CLONE_NEWNS) < 0)
		_exit(1); /* in the wrong namespace nothing must run */
}

static int take_all(struct swap *swap, int mountinfo, const char *hold_path, struct err *err)
{
	CLEANUP_FD int hold = -EBADF;
	int r = enter(swap, err);

	if (r < 0)
		return r;
	hold = open(hold_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (hold < 0)
		r = err_errno(err, -errno, "%s in the container's mount namespace", hold_path);
	for (enum view_tree tree = 0; r == 0 && tree < VIEW_TREES; tree++)
		if (swap->plain[tree].there)
			r = open_plain(&swap->plain[tree], tree, err);
	if (r == 0)
		r = find_children(swap, mountinfo, err);
	for (enum view_tree tree = 0; r == 0 && tree < VIEW_TREES; tree++)
		if (swap->plain[tree].there)
			r = take_plain(&swap->plain[tree], hold, err);
	leave(swap);
	return r;
}

static int show_all(struct swap *swap, struct err *err)
{
	int roots[VIEW_TREES];
	int r = view_fresh(swap->place, swap->view, roots, err);

	if (r < 0)
		return r;
	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++) {
		if (r == 0 && swap->plain[tree].there)
			r = view_show(swap->place, swap->view, tree, roots[tree],
				      swap->plain[tree].target, err);
		(void)fd_close(roots[tree]);
	}
	return r;
}

static int put_back_all(struct swap *swap, struct err *err)
{
	int r = enter(swap, err);

	if (r < 0)
		return r;
	for (enum view_tree tree = 0; r == 0 && tree < VIEW_TREES; tree++)
		r = put_back(&swap->plain[tree], err);
	leave(swap);
	return r;
}

static void swap_done(struct swap *swap)
{
	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++) {
		struct plain *plain = &swap->plain[tree];

		(void)fd_close(plain->fd);
		(void)fd_close(plain->target);
		for (size_t i = 0; i < plain->n; i++)
			(void)fd_close(plain->children[i].fd);
	}
	arena_done(&swap->arena);
}

int view_replace(const struct view_place *p, const struct view *v, pid_t pid, const char *root,
		 struct err *err)
{
	CLEANUP_FD int mountinfo = -EBADF;
	struct swap swap = { .place = p, .view = v, .arena = ARENA_INIT(ARENA_MAX) };
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
	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++) {
		struct plain *plain = &swap.plain[tree];

		plain->there = v->tree[tree];
		plain->fd = -EBADF;
		plain->target = -EBADF;
		plain->point = arena_printf(&swap.arena, "%s/%s", root, view_tree_name(tree));
		if (!plain->point)
			r = err_errno(err, -ENOMEM, "the container's /proc and /sys");
	}
	if (r == 0)
		r = take_all(&swap, mountinfo, hold, err);
	if (r == 0)
		r = show_all(&swap, err);
	if (r == 0 && swap.plain[VIEW_PROC].n + swap.plain[VIEW_SYS].n > 0)
		r = put_back_all(&swap, err);
	swap_done(&swap);
	return r;
}
