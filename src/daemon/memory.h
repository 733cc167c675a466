/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory dockerd may have, with the processes that it starts: what archives, images and
 * contexts say of themselves it reads into its memory, however large that is (`manifest.json` of
 * some GiB, a node of /dev/urandom in an archive). Without a limit it is the host's memory that
 * ends, and the kernel that chooses who has to go.
 *
 * dockerd is in NAME/dockerd, a group beside our other daemons' in the hierarchy that has the
 * memory controller. Containers are not in it, nor containerd and its shims, and so not what a
 * start of a container takes. Files that dockerd reads and writes are counted, too, but the kernel
 * lets go of those before it kills. A dockerd that was killed is started again; containers go on.
 *
 * Version 1, or version 2 alone: where both are, the containers are in dockerd's group of
 * version 2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "daemon/cgroup.h"

#define MEMORY_MIB_DEFAULT UINT32_MAX
#define MEMORY_MIB_LEAST 128u /* dockerd does not start with much less */

struct memory {
	int group;	/* NAME/dockerd; -EBADF: dockerd is among the other daemons */
	uint32_t mib;	/* 0: no limit */
	uint64_t kills; /* of processes in it, as far as memory_killed() has told */
};

#define MEMORY_INIT ((struct memory){ .group = -EBADF })

/* Limits dockerd's group, which it makes, to so many MiB; 0: takes an earlier limit away.
 * MEMORY_MIB_DEFAULT: half of what this host has (or this container, by its own cgroup); none where
 * that is less than 1 GiB, or where `data`, the engine's folder, is in memory itself (tmpfs).
 * -ENOENT: there is no memory controller. */
int memory_limit(struct memory *m, const struct cgroups *c, uint32_t mib, const char *data,
		 struct err *err);
void memory_done(struct memory *m);

/* Puts process pid into the group, 0: this one. For a child between fork and exec, too. 0, also
 * where there is no group, or -errno. */
int memory_enter(const struct memory *m, pid_t pid);

/* Whether the kernel has killed a process of the group since this was last asked. */
bool memory_killed(struct memory *m);
