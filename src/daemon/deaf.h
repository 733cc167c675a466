/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that do not hear their stop signal: the first process of a pid namespace gets only
 * signals that it handles, so one that does not is waited for in vain, ten seconds by default. The
 * engine stops such a container by SIGKILL in the end, and so may we, at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"
#include "daemon/daemon.h"

/* Whether pid is the first process of a container and cannot hear the container's stop signal. */
bool deaf_init(const struct daemon *d, pid_t pid);

/* The pure part: /proc/PID/status, and the stop signal or 0 where it is not known. */
bool deaf_by_status(struct slice status, int signal);

/* Number of "SIGTERM", "TERM", "15" or "SIGRTMIN+3"; 0 for what is none; SIGTERM for "" (the
 * engine's default). */
int deaf_signal(const char *name);
