/* SPDX-License-Identifier: Apache-2.0 */
/* Starting programs, and knowing a process again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "daemon/memory.h"
#include "daemon/space.h"

#define PROCESS_FDS_MAX 4

struct process_start {
	const char *path; /* absolute */
	char *const *argv;
	char *const *env;
	const char *cwd;
	int log;		     /* becomes standard output and error */
	const struct space *leave;   /* start it where gabiond came from; NULL: where gabiond is */
	const struct memory *memory; /* whose group it is in; NULL: that of gabiond */
	size_t nfds;
	int fds[PROCESS_FDS_MAX]; /* become 3, 4, … */
};

/* Starts a program in a session of its own, with no signal blocked or ignored, umask 022, standard
 * input from /dev/null and as many descriptors as may be had. Returns 0 once it runs; the pidfd is
 * the caller's. */
int process_start(const struct process_start *p, pid_t *ret_pid, int *ret_pidfd, struct err *err);

/* Runs a program and collects what it prints on standard output and error, at most a few seconds.
 * Returns its exit status, or -errno. */
int process_capture(const char *path, char *const *argv, struct buf *out, struct err *err);

/* When process pid started (clock ticks since boot): with the pid, its identity within one boot.
 * Returns 0 or -ESRCH. */
int process_birth(pid_t pid, uint64_t *ret);

/* Whether it has gone, or is a zombie without any living thread. */
bool process_dead(pid_t pid);

/* A pidfd of the process pid that was born then, or -ESRCH. */
int process_open(pid_t pid, uint64_t birth);

#define PROCESS_EXE_MAX 1024 /* bytes of a path that are worth keeping */

struct process_exe {
	/* As the kernel has it: with " (deleted)" behind one that has no name any more. Any bytes,
	 * whoever runs it chose them; "…" stands for what is beyond PROCESS_EXE_MAX. */
	char path[PROCESS_EXE_MAX + sizeof("…")];
	bool elsewhere; /* it is not known to be a path of the mount namespace in question */
};

/* Which file the process behind pidfd executes now; mnt: a descriptor of the mount namespace whose
 * paths are expected. Returns 0, or -ESRCH: it has ended, so that its number may be another's, or
 * this may not be known. */
int process_exe(int pidfd, int mnt, struct process_exe *ret);

/* Waits until the process behind pidfd has gone. 0, or -ETIMEDOUT. */
int process_wait(int pidfd, uint64_t timeout_ns);

/* Path and arguments as one number: whether a process was started in this way. */
uint64_t process_hash(const struct process_start *p);

/* Absolute path of a program on PATH and in the system's folders; 0 or -ENOENT. */
int process_find(const char *name, char *ret);
