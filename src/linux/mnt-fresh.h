/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs and sysfs of another process's namespaces. Which namespaces such a mount shows is decided
 * when it is made: the pid namespace of the process that makes it, and its network namespace.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct mnt_fresh {
	const char *type; /* "proc", "sysfs" */
	uint64_t attr;	  /* MOUNT_ATTR_* of the mount */
	int fd;		  /* set: the detached mount */
};

/* Makes each of them in these namespaces. The caller, which must have one thread, keeps its own,
 * and may not be dumpable afterwards (PR_SET_DUMPABLE). On failure none is left. */
int mnt_fresh(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n, struct err *err);

/*
 * How it does that. 0 or -errno; what was made stays with the caller.
 * here: since Linux 6.17 procfs takes the namespace as an option; -EOPNOTSUPP before.
 * apart: through a process that exists for that long in pid_ns and that nothing in there can trace
 * or kill. It takes longer, above all while others start and end processes.
 */
int mnt_fresh_here(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n);
int mnt_fresh_apart(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n);

/* Gives a file system, of which root is an attached mount, options of its own, comma-separated:
 * "hidepid=2". The caller vouches for them: some are names of files, which are opened. */
int mnt_configure(int root, const char *options);
