/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/at.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* EAGAIN: a rename somewhere raced with a ".."; whoever renames for ever shall not keep us. */
#define TRIES_MAX 1000

static int open_how(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
				.mode = flags & O_CREAT ? mode : 0,
				.resolve = resolve };
	long fd = -1;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int at_open_in_root(int dirfd, const char *path, int flags, mode_t mode)
{
	return open_how(dirfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int at_open_plain(int dirfd, const char *path, int flags, mode_t mode)
{
	return open_how(dirfd, path, flags, mode,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int at_find_cached(int dirfd, const char *path, bool in_root)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_CACHED | RESOLVE_NO_MAGICLINKS |
					   (in_root ? RESOLVE_IN_ROOT : 0u) };
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

void at_fd_path(int fd, char ret[AT_FD_PATH_MAX])
{
	(void)snprintf(ret, AT_FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

int at_path_of(int fd, char *ret, size_t size)
{
	char link[AT_FD_PATH_MAX];
	ssize_t n;

	at_fd_path(fd, link);
	n = readlink(link, ret, size);
	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	ret[n] = '\0';
	return 0;
}

int at_identify(int fd, struct at_ident *ret)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID,
		  &sx) < 0)
		return -errno;
	if (!(sx.stx_mask & STATX_MNT_ID))
		return -ENOSYS;
	*ret = (struct at_ident){ .dev_major = sx.stx_dev_major,
				  .dev_minor = sx.stx_dev_minor,
				  .ino = sx.stx_ino,
				  .mnt_id = sx.stx_mnt_id,
				  .mode = sx.stx_mode,
				  .nlink = sx.stx_nlink,
				  .uid = sx.stx_uid,
				  .gid = sx.stx_gid,
				  .rdev_major = sx.stx_rdev_major,
				  .rdev_minor = sx.stx_rdev_minor };
	return 0;
}
