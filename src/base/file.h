/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read with a cap, replace atomically. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* Appends the whole of an open file to b. Returns 0, -errno, or -EFBIG when it is over b's max. */
int file_read_fd(int fd, struct buf *b);

/* Opens path (relative to dirfd, AT_FDCWD for the current directory) and reads all of it. */
int file_read_at(int dirfd, const char *path, struct buf *b);
int file_read(const char *path, struct buf *b);

/* Replaces path by a new file with these bytes: written beside it, renamed over it. With `durable`
 * file and directory are synced first, so that the new contents survive a power cut. 0 or -errno;
 * on failure the old file is as it was. */
int file_replace_at(int dirfd, const char *path, struct slice data, mode_t mode, bool durable);

/* Writes to an existing file (a kernel file like uid_map) in one write(2). Returns 0 or -errno. */
int file_write_once(const char *path, struct slice data);

/* mkdir -p; directories that are there stay as they are. Returns 0 or -errno. */
int file_mkdirs(const char *path, mode_t mode);
