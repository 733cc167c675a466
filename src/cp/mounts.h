/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/PID/mountinfo (proc_pid_mountinfo(5)) says of one mount. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Whether a tmpfs, by the id of its mount, is one that was made for this container (--tmpfs, /dev,
 * /dev/shm) and not a volume or a host's folder: those are ID-mapped mounts, or show a part of
 * theirs. True also for a mount that the text does not know: it is younger than the text, so the
 * container made it.
 */
bool mounts_scratch(struct slice mountinfo, uint64_t mnt_id);
