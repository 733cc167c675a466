/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/mnt-fresh.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OPTION_MAX 256
#define STACK (64u << 10)

/* "key" or "key=value". */
static int configure(int fs, const char *option, size_t n)
{
	char text[OPTION_MAX];
	char *value;

	if (n == 0)
		return 0;
	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, option, n);
	text[n] = '\0';
	value = strchr(text, '=');
	if (value)
		*value++ = '\0';
	if (fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, text, value, 0) < 0)
		return -errno;
	return 0;
}

int mnt_configure(int root, const char *options)
{
	CLEANUP_FD int fs = fspick(root, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

	if (fs < 0)
		return -errno;
	while (*options) {
		size_t n = strcspn(options, ",");
		int r = configure(fs, options, n);

		if (r < 0)
			return r;
		options += n + (options[n] == ',');
	}
	return fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* pid_ns: whose processes procfs shows (Linux 6.17); -EBADF: the caller's. */
static int make(struct mnt_fresh *m, int pid_ns)
{
	CLEANUP_FD int fs = fsopen(m->type, FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "source", m->type, 0) < 0)
		return -errno;
	if (pid_ns >= 0 && strcmp(m->type, "proc") == 0 &&
	    fsconfig(fs, FSCONFIG_SET_FD, "pidns", NULL, pid_ns) < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	m->fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)m->attr);
	return m->fd < 0 ? -errno : 0;
}

/* What the processes below work on: it and the descriptors are the caller's own. */
struct work {
	int pid_ns;
	int net_ns;
	struct mnt_fresh *mounts;
	size_t n;
	int result;
};

/*
 * Runs fn in a child that has its namespaces and nothing else for itself, until it is through: as
 * vfork(2), but with shared descriptors, so that what it opens is the caller's. A fork(2) would
 * copy the page tables, and that is most of what a container's start costs here.
 */
static int run_apart(int (*fn)(void *), struct work *w)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t pid;
	int r;

	if (stack == MAP_FAILED)
		return -errno;
	pid = clone(fn, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, w);
	r = pid < 0 ? -errno : 0;
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)munmap(stack, STACK);
	return r;
}

static int make_all(void *data)
{
	struct work *w = data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++)
		r = make(&w->mounts[i], -EBADF);
	w->result = r;
	return 0;
}

/* The namespace of processes is that of the children of who enters it. */
static int enter(void *data)
{
	struct work *w = data;
	int r = 0;

	if (setns(w->net_ns, CLONE_NEWNET) < 0 || setns(w->pid_ns, CLONE_NEWPID) < 0)
		r = -errno;
	if (r == 0)
		r = run_apart(make_all, w);
	if (r < 0)
		w->result = r;
	return 0;
}

int mnt_fresh_apart(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n)
{
	/* who is killed there, with the last process of the namespace, says nothing */
	struct work w = {
		.pid_ns = pid_ns, .net_ns = net_ns, .mounts = mounts, .n = n, .result = -EPIPE
	};
	int r;

	(void)prctl(PR_SET_DUMPABLE, 0);
	r = run_apart(enter, &w);
	return r == 0 ? w.result : r;
}

int mnt_fresh_here(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n)
{
	CLEANUP_FD int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (own < 0 || setns(net_ns, CLONE_NEWNET) < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = make(&mounts[i], pid_ns);
	if (setns(own, CLONE_NEWNET) < 0)
		_exit(1); /* in the wrong namespace nothing must run */
	return r;
}

static void close_all(struct mnt_fresh *mounts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mounts[i].fd = fd_close(mounts[i].fd);
}

int mnt_fresh(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n, struct err *err)
{
	int r;

	for (size_t i = 0; i < n; i++)
		mounts[i].fd = -EBADF;
	r = mnt_fresh_here(pid_ns, net_ns, mounts, n);
	if (r == -EOPNOTSUPP) {
		close_all(mounts, n);
		r = mnt_fresh_apart(pid_ns, net_ns, mounts, n);
	}
	if (r == 0)
		return 0;
	close_all(mounts, n);
	return err_errno(err, r, "cannot mount %s in the container's namespaces", mounts->type);
}
