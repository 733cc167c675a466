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
	const char *type;    /* "proc", "sysfs" */
	const char *options; /* its own, comma-separated: "hidepid=2"; NULL: none */
	uint64_t attr;	     /* MOUNT_ATTR_* of the mount */
	int fd;		     /* set: the detached mount */
};

/* Makes each of them in these namespaces, through a process that exists for that long in pid_ns and
 * that nothing in there can trace or kill. The caller, which must have one thread, keeps its own
 * namespaces and is not dumpable afterwards (PR_SET_DUMPABLE). On failure none is left. */
int mnt_fresh(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n, struct err *err);
