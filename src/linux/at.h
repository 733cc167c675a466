/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening paths whose parts somebody else controls: openat2(2) (Linux 5.6) with a named policy, and
 * no fallback where it is refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Symlinks and ".." resolve as if dirfd were the root; magic links are refused. For paths inside a
 * container's root file system. Returns a descriptor (close-on-exec) or -errno. */
int at_open_in_root(int dirfd, const char *path, int flags, mode_t mode);

/* No symlink anywhere, nothing above dirfd. -ELOOP for a symlink, -EXDEV for an escape. */
int at_open_plain(int dirfd, const char *path, int flags, mode_t mode);

/* A place (O_PATH) that somebody has just looked up: only the kernel's cache of names is asked
 * (RESOLVE_CACHED, 5.12), no file system, so that nobody waits for one. in_root: as
 * at_open_in_root(), else symlinks lead where they lead. Returns a descriptor (close-on-exec),
 * -EAGAIN when the cache does not know, or -errno. */
int at_find_cached(int dirfd, const char *path, bool in_root);

/* Path of an open descriptor as d_path prints it, in ret[size]. -ENAMETOOLONG when it does not fit.
 */
int at_path_of(int fd, char *ret, size_t size);

/* "/proc/self/fd/N" in ret, for system calls that take only paths. */
#define AT_FD_PATH_MAX 32
void at_fd_path(int fd, char ret[AT_FD_PATH_MAX]);

/* Identity of an open file: device, inode, and the mount it was reached through
 * (STATX_MNT_ID, 5.8). */
struct at_ident {
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t ino;
	uint64_t mnt_id;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev_major; /* of a device node */
	uint32_t rdev_minor;
};
int at_identify(int fd, struct at_ident *ret);
