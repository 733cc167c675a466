/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of a container that waits in a system call: what it passed and what it may do. All of it
 * is read by its thread id, so it is that thread's only if the notification is valid afterwards
 * (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ID_VALID).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stuck;

#define TASK_GROUPS_MAX 1024
#define TASK_PATIENCE_S 5

/* Descriptors of what it sees, and its credentials. */
struct task {
	pid_t tid;
	int proc;			     /* its folder in /proc, O_PATH */
	int root, cwd;			     /* O_PATH */
	int user_ns, mnt_ns, pid_ns, net_ns; /* pid_ns: the one it is in */
	uid_t fsuid;
	gid_t fsgid;
	uint64_t effective;  /* capabilities, in its own user namespace */
	struct stuck *stuck; /* of its listener; the caller's to set before task_resolve() */
	size_t ngroups;
	gid_t groups[TASK_GROUPS_MAX];
};

#define TASK_INIT                          \
	((struct task){ .proc = -EBADF,    \
			.root = -EBADF,    \
			.cwd = -EBADF,     \
			.user_ns = -EBADF, \
			.mnt_ns = -EBADF,  \
			.pid_ns = -EBADF,  \
			.net_ns = -EBADF })

/* 0 or -errno. */
int task_open(pid_t tid, struct task *ret);
void task_close(struct task *t);

/* Whether it has CAP_SYS_ADMIN over the owner of this namespace (user_namespaces(7),
 * "Capabilities"): its own user namespace, or one below it. */
bool task_rules(const struct task *t, int ns);

/* The string at this address of its memory, NUL-terminated in ret[size]. -EFAULT: it cannot be
 * read; -ENAMETOOLONG: it is longer. */
int task_read_str(pid_t tid, uint64_t addr, char *ret, size_t size);

/* Whether the path begins with what is another thing for every thread: /proc/self/fd/7, /dev/fd/7,
 * /proc/thread-self/root. */
bool task_is_own(const char *path);

/* What the path means to the thread: opened with its root, current directory, ids and capabilities,
 * by a process of its own, which ends after TASK_PATIENCE_S. flags as open(2), O_PATH always.
 * Returns a descriptor or the error that the thread would have got; -EIO when there was no answer
 * in that time, or too many others have got none either (stuck.h). */
int task_resolve(const struct task *t, const char *path, int flags);
