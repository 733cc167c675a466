/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups of a process, on every hierarchy of the host (cgroups(7)). */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * Makes uid:gid the owner of the process's cgroup where that means nothing but what happens below
 * it: the folder, and the files that move processes and switch controllers for children (kernel
 * documentation, cgroup-v2.rst "Delegation"; on version 1 cgroup.procs and tasks). The limits' own
 * files stay root's. Hierarchies that are not mounted, or whose root cgroup the process is in, are
 * left alone.
 */
int cgroup_delegate(pid_t pid, uid_t uid, gid_t gid, struct err *err);

/* Moves the calling process into the process's cgroup of the memory controller, so that what it
 * makes in the kernel is charged there. 0, also where there is no such controller, or -errno. */
int cgroup_share_memory(pid_t pid);
