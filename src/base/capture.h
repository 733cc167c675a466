/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the host for what it prints. */
#pragma once

#include "base/buf.h"

/* Runs argv[0] (a path) with standard output into `out`, other descriptors at /dev/null, for at
 * most timeout_ms; then it is killed. Returns its exit status, or -errno (-ETIMEDOUT, -ENOEXEC). */
int capture(const char *const argv[], int timeout_ms, struct buf *out);

/* Reads until end of file, for at most timeout_ms. 0, -ETIMEDOUT, -EFBIG (the buffer's cap),
 * -errno. */
int capture_drain(int fd, int timeout_ms, struct buf *out);
