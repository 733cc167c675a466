/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors. An unset descriptor is -EBADF (any negative value is "unset"); zero is a valid
 * one. All are close-on-exec from birth.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Closes fd if it is set, keeps errno, never retries on EINTR (the descriptor is gone on Linux);
 * EBADF is our own bug and aborts. Returns -EBADF, so that `fd = fd_close(fd)`. */
int fd_close(int fd);

/* Writes all n bytes. Returns 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t n);

/* Reads up to n bytes until end of file. Returns the count or -errno. */
ssize_t fd_read_full(int fd, void *data, size_t n);

/* Sets or clears close-on-exec. Returns 0 or -errno. */
int fd_cloexec(int fd, bool on);

/* Sets or clears O_NONBLOCK. Returns 0 or -errno. */
int fd_nonblock(int fd, bool on);

/* Duplicates fd, close-on-exec, at 3 or above. Returns the new descriptor or -errno. */
int fd_copy(int fd);

/* Closes all descriptors but these n, which are in any order and may be unset. */
void fd_close_but(const int *keep, size_t n);
