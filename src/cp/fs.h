/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's files, from a process that has changed its root to the container's. Whatever is
 * here can be swapped at any moment by the container, so nothing is looked at twice by name: open,
 * fstat, use. Symlinks can lead no further than this process's root and rights, which are the
 * container's own; magic links (/proc/PID/fd/N, ...) are never followed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"

enum fs_scope {
	FS_IN_ROOT, /* dirfd is the root: "/", ".." and absolute links stay in it */
	FS_FOLLOW,  /* dirfd is where a relative path starts; absolute links start at this process's
		       root */
	FS_NAME,    /* path is one name in dirfd, and what it names is no symlink */
	FS_SAME,    /* the same, and it is on dirfd's mount: -EXDEV if not */
};

/* openat2(2). Never blocks on a FIFO or a lease, never makes a terminal ours. Returns a descriptor
 * (close-on-exec) or -errno; -ELOOP for a symlink with FS_NAME. */
int fs_open(int dirfd, const char *path, int flags, mode_t mode, enum fs_scope scope);

/* Which mount a file was reached through, and of what kind that is. */
struct fs_mount {
	uint64_t id;
	bool top;    /* the file is what is mounted, not something below it */
	bool pseudo; /* proc, sysfs, cgroup, devpts, ...: no files that anybody stored */
	bool memory; /* tmpfs, ramfs */
	bool read_only;
};
int fs_mount(int fd, struct fs_mount *ret);

/*
 * Opens (O_PATH) a path as a client wrote it: made absolute and clean, its tail kept ("/", "/.":
 * then a final symlink is followed, else it is not). text gets that absolute form. What lies below
 * a pseudo file system's mount point is not there, as for moby, which does not mount them to copy.
 * Returns a descriptor, or -errno with moby's text.
 */
int fs_open_client(int root, const char *path, struct buf *text, struct err *err);

/* Where a symlink finally leads, as text inside the root, parts that are not there included (moby's
 * FollowSymlinkInScope). path is absolute. 0 or -errno. */
int fs_follow(int root, const char *path, struct buf *ret);

/* Names of a directory, without "." and "..", sorted by their bytes. */
struct fs_names {
	char *text;	    /* owned; one NUL-terminated name after the other */
	const char **names; /* owned */
	size_t n;
};
int fs_names_read(int dirfd, struct fs_names *ret);
void fs_names_done(struct fs_names *n);
static inline void fs_names_done_p(struct fs_names *n)
{
	fs_names_done(n);
}

/* Removes name, and if it is a directory all that it has: never through a symlink, nor what is
 * mounted below it (-EBUSY). 0 or -errno. */
int fs_remove(int dirfd, const char *name);

#define FS_DEPTH_MAX 2100 /* directories below one another: more than PATH_MAX has room for */
