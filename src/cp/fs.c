/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/util.h"
#include "cp/status.h"

#define RETRIES 128   /* of a path with ".." in its links that raced with renames */
#define LINKS_MAX 255 /* as moby */
#define LINK_TEXT_MAX (PATH_MAX + 1)

static const uint64_t resolve_flags[] = {
	[FS_IN_ROOT] = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	[FS_FOLLOW] = RESOLVE_NO_MAGICLINKS,
	[FS_NAME] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	[FS_SAME] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
};

/* Bounded where linux/at.h waits: EAGAIN is also what a lease says that the container holds. */
int fs_open(int dirfd, const char *path, int flags, mode_t mode, enum fs_scope scope)
{
	int extra = flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | extra),
				.mode = mode,
				.resolve = resolve_flags[scope] };
	long fd = -1;

	for (int i = 0; i < RETRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

static const struct {
	uint32_t magic;
} pseudo_types[] = {
	{ PROC_SUPER_MAGIC },
	{ SYSFS_MAGIC },
	{ CGROUP_SUPER_MAGIC },
	{ CGROUP2_SUPER_MAGIC },
	{ DEVPTS_SUPER_MAGIC },
	{ DEBUGFS_MAGIC },
	{ TRACEFS_MAGIC },
	{ SECURITYFS_MAGIC },
	{ BPF_FS_MAGIC },
	{ PSTOREFS_MAGIC },
	{ EFIVARFS_MAGIC },
	{ BINFMTFS_MAGIC },
	{ NSFS_MAGIC },
	{ HUGETLBFS_MAGIC },
	{ SELINUX_MAGIC },
	{ SMACK_MAGIC },
	{ RDTGROUP_SUPER_MAGIC },
	{ 0x19800202 /* mqueue */ },
	{ 0x62656570 /* configfs */ },
	{ 0x65735543 /* fusectl */ },
};

int fs_mount(int fd, struct fs_mount *ret)
{
	struct statfs fs;
	struct statx sx;
	uint32_t magic;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &sx) < 0 ||
	    fstatfs(fd, &fs) < 0)
		return -errno;
	if (!(sx.stx_mask & STATX_MNT_ID) || !(sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
		return -ENOSYS;
	magic = (uint32_t)fs.f_type;
	*ret = (struct fs_mount){ .id = sx.stx_mnt_id,
				  .top = sx.stx_attributes & STATX_ATTR_MOUNT_ROOT,
				  .memory = magic == TMPFS_MAGIC || magic == RAMFS_MAGIC,
				  .read_only = fs.f_flags & ST_RDONLY };
	for (size_t i = 0; i < ARRAY_SIZE(pseudo_types); i++)
		ret->pseudo |= magic == pseudo_types[i].magic;
	return 0;
}

int fs_open_client(int root, const char *path, struct buf *text, struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	struct fs_mount m;
	int r;

	path_absolute(text, path);
	path_keep_tail(text, path);
	if (!buf_ok(text))
		return err_errno(err, -ENAMETOOLONG, "lstat");
	fd = fs_open(root, text->p, O_PATH | O_NOFOLLOW, 0, FS_IN_ROOT);
	if (fd < 0)
		return status_fail(err, fd, "lstat", text->p);
	r = fs_mount(fd, &m);
	if (r < 0)
		return status_fail(err, r, "statx", text->p);
	if (m.pseudo && !m.top)
		return status_fail(err, -ENOENT, "lstat", text->p);
	return TAKE_FD(fd);
}

/* Reads the link done/part; 0: it was one, and its text is in link; 1: it is none, or not there. */
static int read_link(int root, struct buf *done, struct slice part, char *link, size_t size)
{
	CLEANUP_FD int fd = -EBADF;
	size_t n = done->n;
	struct stat st;
	ssize_t k;

	buf_add_char(done, '/');
	buf_add_slice(done, part);
	if (!buf_ok(done))
		return -ENAMETOOLONG;
	fd = fs_open(root, done->p, O_PATH | O_NOFOLLOW, 0, FS_IN_ROOT);
	if (fd == -ENOENT)
		return 1;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return 1;
	k = readlinkat(fd, "", link, size - 1);
	if (k < 0)
		return -errno;
	link[k] = '\0';
	done->n = n;
	done->p[n] = '\0';
	return 0;
}

/* Puts link and a slash before what is left of the path. */
static int push_front(struct buf *todo, struct slice rest, const char *link)
{
	struct buf next = BUF_INIT(todo->max);

	buf_add_str(&next, link);
	buf_add_char(&next, '/');
	buf_add_slice(&next, rest);
	if (!buf_ok(&next)) {
		buf_done(&next);
		return -ENAMETOOLONG;
	}
	buf_done(todo);
	*todo = next;
	return 0;
}

static void pop_part(struct buf *done)
{
	const char *slash = done->n > 0 ? strrchr(done->p, '/') : NULL;

	if (slash) {
		done->n = (size_t)(slash - done->p);
		done->p[done->n] = '\0';
	}
}

int fs_follow(int root, const char *path, struct buf *ret)
{
	CLEANUP_BUF struct buf todo = BUF_INIT(PATH_TEXT_MAX);
	char link[LINK_TEXT_MAX];
	int links = 0;
	int r;

	buf_add_str(&todo, path);
	if (!buf_ok(&todo))
		return -ENAMETOOLONG;
	while (todo.n > 0) {
		size_t end = slice_find(buf_slice(&todo), '/');
		struct slice part = { todo.p, end };
		struct slice rest = slice_from(buf_slice(&todo), MIN(end + 1, todo.n));

		r = 1;
		if (slice_eq_str(part, ".."))
			pop_part(ret);
		else if (part.n > 0 && !slice_eq_str(part, "."))
			r = read_link(root, ret, part, link, sizeof(link));
		if (r < 0)
			return r;
		if (r == 1) {
			buf_consume(&todo, MIN(end + 1, todo.n));
			continue;
		}
		if (++links > LINKS_MAX)
			return -ELOOP;
		if (link[0] == '/')
			buf_reset(ret);
		r = push_front(&todo, rest, link);
		if (r < 0)
			return r;
	}
	if (ret->n == 0)
		buf_add_char(ret, '/');
	return buf_ok(ret) ? 0 : -ENAMETOOLONG;
}
