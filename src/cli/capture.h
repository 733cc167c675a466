/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the host for what it prints. */
#pragma once

#include <stddef.h>

#include "base/buf.h"

/* Finds `name` on PATH, and in the sbin folders, which a user's PATH may lack. ret has room for
 * PATH_MAX bytes. 0 or -ENOENT. */
int capture_find(const char *name, char *ret);

/* Runs argv[0] (a path) with standard output into `out`, other descriptors at /dev/null, for at
 * most timeout_ms; then it is killed. Returns its exit status, or -errno (-ETIMEDOUT, -ENOEXEC). */
int capture(const char *const argv[], int timeout_ms, struct buf *out);
