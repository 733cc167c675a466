/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runc does beyond the runtime specification and crun does not, or not in all versions that
 * are met: images and scripts rely on it, and with Docker it is runc that people know.
 *
 *   - HOME=/ for a user without an entry in /etc/passwd
 *   - a tmpfs without a mode has that of the folder which it covers
 *   - no group stands among the supplementary ones twice
 */
#pragma once

#include "base/err.h"

struct runtime;

/* root: the container's root with its binds in place. */
int habits_keep(struct runtime *rt, int root, struct err *err);

/* The same for exec, after record_lower(): another file takes the place of the one that says what
 * is to run, where that is needed. */
int habits_keep_exec(struct runtime *rt, struct err *err);
