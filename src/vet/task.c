/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/task.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "base/sock.h"
#include "linux/userns.h"
#include "vet/stuck.h"

#define STATUS_MAX 65536
#define DEPTH_MAX 33 /* of user namespaces (user_namespaces(7)) */
#define PAGE 4096u   /* the smallest there is */

static int open_part(int proc, const char *name, int flags)
{
	int fd = openat(proc, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The rest of the line that begins with this key. */
static const char *line_of(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? at + strlen(key) : NULL;
}

/* "Uid:\treal\teffective\tsaved\tfs". */
static int read_fs_id(const char *status, const char *key, unsigned *ret)
{
	const char *at = line_of(status, key);
	char *end = NULL;

	for (int i = 0; at && i < 4; i++) {
		*ret = (unsigned)strtoul(at, &end, 10);
		at = end == at ? NULL : end;
	}
	return at ? 0 : -EPROTO;
}

static int read_groups(const char *status, struct task *t)
{
	const char *at = line_of(status, "\nGroups:");

	if (!at)
		return -EPROTO;
	for (;;) {
		char *end;

		while (*at == ' ' || *at == '\t')
			at++;
		if (*at == '\n' || *at == '\0')
			return 0;
		if (t->ngroups == TASK_GROUPS_MAX)
			return -E2BIG;
		t->groups[t->ngroups++] = (gid_t)strtoul(at, &end, 10);
		if (end == at)
			return -EPROTO;
		at = end;
	}
}

static int read_status(int proc, struct task *t)
{
	CLEANUP_FREE char *text = malloc(STATUS_MAX);
	CLEANUP_FD int fd = open_part(proc, "status", O_RDONLY);
	const char *caps;
	ssize_t n;
	int r;

	if (!text || fd < 0)
		return text ? fd : -ENOMEM;
	n = fd_read_full(fd, text, STATUS_MAX - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	r = read_fs_id(text, "\nUid:", &t->fsuid);
	if (r == 0)
		r = read_fs_id(text, "\nGid:", &t->fsgid);
	if (r == 0)
		r = read_groups(text, t);
	caps = line_of(text, "\nCapEff:");
	if (r == 0 && !caps)
		r = -EPROTO;
	if (r == 0)
		t->effective = strtoull(caps, NULL, 16);
	return r;
}

int task_open(pid_t tid, struct task *ret)
{
	static const struct {
		const char *name;
		size_t at;
		int flags;
	} parts[] = {
		{ "root", offsetof(struct task, root), O_PATH },
		{ "cwd", offsetof(struct task, cwd), O_PATH },
		{ "ns/user", offsetof(struct task, user_ns), O_RDONLY },
		{ "ns/mnt", offsetof(struct task, mnt_ns), O_RDONLY },
		{ "ns/pid", offsetof(struct task, pid_ns), O_RDONLY },
		{ "ns/net", offsetof(struct task, net_ns), O_RDONLY },
	};
	char path[64];
	int r;

	*ret = TASK_INIT;
	ret->tid = tid;
	(void)snprintf(path, sizeof(path), "/proc/%d", tid);
	ret->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret->proc < 0)
		return -errno;
	r = read_status(ret->proc, ret);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		int fd = open_part(ret->proc, parts[i].name, parts[i].flags);

		if (fd < 0)
			r = fd;
		else
			*(int *)((char *)ret + parts[i].at) = fd;
	}
	if (r < 0)
		task_close(ret);
	return r;
}

void task_close(struct task *t)
{
	int *const fds[] = { &t->proc,	 &t->root,   &t->cwd,	&t->user_ns,
			     &t->mnt_ns, &t->pid_ns, &t->net_ns };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		*fds[i] = fd_close(*fds[i]);
}

bool task_rules(const struct task *t, int ns)
{
	CLEANUP_FD int owner = userns_owner_of(ns);

	if (!(t->effective & (1ull << CAP_SYS_ADMIN)))
		return false;
	for (int depth = 0; owner >= 0 && depth < DEPTH_MAX; depth++) {
		int parent;

		if (userns_same(owner, t->user_ns) == 1)
			return true;
		parent = ioctl(owner, NS_GET_PARENT);
		(void)fd_close(owner);
		owner = parent < 0 ? -errno : parent;
	}
	return false;
}

int task_read_str(pid_t tid, uint64_t addr, char *ret, size_t size)
{
	size_t got = 0;

	while (got < size) {
		uint64_t at = addr + got;
		/* Page by page: what comes after the string may not be there. */
		struct iovec theirs = { (void *)(uintptr_t)at, MIN(PAGE - at % PAGE, size - got) };
		struct iovec ours = { ret + got, theirs.iov_len };
		ssize_t n = process_vm_readv(tid, &ours, 1, &theirs, 1, 0);

		if (n <= 0)
			return -EFAULT;
		if (memchr(ret + got, '\0', (size_t)n))
			return 0;
		got += (size_t)n;
	}
	return -ENAMETOOLONG;
}

/* The thread's ids, then its user namespace, where that leaves every capability, then its mounts,
 * then the capabilities that it has. */
static int become(const struct task *t)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0 ||
	    setgroups(t->ngroups, t->groups) < 0 || setresgid(t->fsgid, t->fsgid, t->fsgid) < 0 ||
	    setresuid(t->fsuid, t->fsuid, t->fsuid) < 0 || setns(t->user_ns, CLONE_NEWUSER) < 0 ||
	    setns(t->mnt_ns, CLONE_NEWNS) < 0 || fchdir(t->root) < 0 || chroot(".") < 0 ||
	    fchdir(t->cwd) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		caps[i].effective = caps[i].permitted = (uint32_t)(t->effective >> (32 * i));
	return syscall(SYS_capset, &head, caps) < 0 ? -errno : 0;
}

/* Where links of the kernel lead that depend on who follows them, and what they are in the folder
 * of the thread. */
static const struct {
	const char *prefix;
	const char *part;
} own[] = {
	{ "/proc/self/fd/", "fd/" },
	{ "/proc/thread-self/fd/", "fd/" },
	{ "/dev/fd/", "fd/" },
	{ "/proc/self/root", "root" },
	{ "/proc/self/cwd", "cwd" },
	{ "/proc/thread-self/root", "root" },
	{ "/proc/thread-self/cwd", "cwd" },
};

/* The part of the thread's folder that the path begins with, in ret[64]; and the rest of the path.
 * False when it begins with none. */
static bool split_own(const char *path, char ret[64], const char **rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		size_t n = strlen(own[i].prefix);
		size_t digits = 0;

		if (strncmp(path, own[i].prefix, n) != 0)
			continue;
		if (own[i].part[strlen(own[i].part) - 1] == '/')
			digits = strspn(path + n, "0123456789");
		*rest = path + n + digits;
		if (((*rest)[0] != '/' && (*rest)[0] != '\0') || digits > 10)
			return false;
		(void)snprintf(ret, 64, "%s%.*s", own[i].part, (int)digits, path + n);
		return true;
	}
	return false;
}

bool task_is_own(const char *path)
{
	char part[64];
	const char *rest;

	return split_own(path, part, &rest);
}

/* Whoever it has become by then, nobody may kill it: that would take CAP_KILL over the container's
 * ids, also for the signal at the parent's end. Its own alarm needs no right. */
static void end_in_time(void)
{
	const struct itimerval end = { .it_value.tv_sec = TASK_PATIENCE_S };

	(void)setitimer(ITIMER_REAL, &end, NULL);
}

/* base: what the path begins with, for this thread alone; -EBADF: nothing. */
static void resolve(const struct task *t, int base, const char *path, int flags, int to)
{
	int fd = -EBADF;
	int r;

	end_in_time();
	r = become(t);
	if (r == 0) {
		while (base >= 0 && *path == '/')
			path++;
		fd = base < 0 ? open(path, flags | O_PATH | O_CLOEXEC)
		     : *path  ? openat(base, path, flags | O_PATH | O_CLOEXEC)
			      : fcntl(base, F_DUPFD_CLOEXEC, 0);
		r = fd < 0 ? -errno : 0;
	}
	_exit(sock_send_fds(to, &r, sizeof(r), &fd, fd >= 0 ? 1 : 0) < 0);
}

/* What the process sent. */
static int receive(int from)
{
	struct pollfd p = { .fd = from, .events = POLLIN };
	size_t nfds = 0;
	int fd = -EBADF;
	int r = 0;

	if (poll(&p, 1, TASK_PATIENCE_S * 1000) != 1 ||
	    sock_recv_fds(from, &r, sizeof(r), &fd, 1, &nfds) != (ssize_t)sizeof(r))
		return -EIO;
	return r < 0 ? r : nfds == 1 ? fd : -EIO;
}

int task_resolve(const struct task *t, const char *path, int flags)
{
	CLEANUP_FD int base = -EBADF;
	const char *rest = path;
	char part[64];
	int pair[2];
	pid_t pid;
	int r;

	if (stuck_full(t->stuck))
		return -EIO;

	if (split_own(path, part, &rest)) {
		base = open_part(t->proc, part, O_PATH);
		if (base < 0)
			return base;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		resolve(t, base, rest, flags, pair[1]);
	r = pid < 0 ? -errno : 0;
	(void)fd_close(pair[1]);
	if (pid > 0)
		r = receive(pair[0]);
	if (pid > 0)
		stuck_add(t->stuck, pair[0], pid);
	else
		(void)fd_close(pair[0]);
	return r;
}
