/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/mnt-fresh.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"

#define OPTION_MAX 256

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

static int make(struct mnt_fresh *m)
{
	CLEANUP_FD int fs = fsopen(m->type, FSOPEN_CLOEXEC);
	const char *p = m->options;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "source", m->type, 0) < 0)
		return -errno;
	while (p && *p) {
		size_t n = strcspn(p, ",");
		int r = configure(fs, p, n);

		if (r < 0)
			return r;
		p += n + (p[n] == ',');
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	m->fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)m->attr);
	return m->fd < 0 ? -errno : 0;
}

/* In the namespaces: one message, an error number and, where that is 0, all the mounts. */
static void make_all(int to, struct mnt_fresh *mounts, size_t n)
{
	int fds[SOCK_FDS_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = make(&mounts[i]);
		fds[i] = mounts[i].fd;
	}
	_exit(sock_send_fds(to, &r, sizeof(r), fds, r == 0 ? n : 0) == (ssize_t)sizeof(r) ? 0 : 1);
}

/* The namespace of processes is that of the children of who enters it. */
static void enter(int to, int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n)
{
	int status = 0;
	pid_t pid;
	int r = 0;

	(void)prctl(PR_SET_DUMPABLE, 0);
	if (setns(net_ns, CLONE_NEWNET) < 0 || setns(pid_ns, CLONE_NEWPID) < 0)
		r = -errno;
	pid = r == 0 ? fork() : -1;
	if (pid == 0)
		make_all(to, mounts, n);
	if (pid < 0) {
		r = r < 0 ? r : -errno;
		(void)sock_send_fds(to, &r, sizeof(r), NULL, 0);
		_exit(1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(status == 0 ? 0 : 1);
}

int mnt_fresh(int pid_ns, int net_ns, struct mnt_fresh *mounts, size_t n, struct err *err)
{
	int fds[SOCK_FDS_MAX];
	size_t nfds = 0;
	ssize_t got;
	int pair[2];
	pid_t pid;
	int r = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, -errno, "mount in namespaces: socketpair");
	pid = fork();
	if (pid == 0)
		enter(pair[1], pid_ns, net_ns, mounts, n);
	if (pid < 0)
		r = -errno;
	(void)fd_close(pair[1]);
	got = pid < 0 ? 0 : sock_recv_fds(pair[0], &r, sizeof(r), fds, n, &nfds);
	(void)fd_close(pair[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (got < 0)
		r = (int)got;
	else if (r == 0 && (got != (ssize_t)sizeof(r) || nfds != n))
		r = -EPIPE; /* the namespace is gone, or its first process */
	for (size_t i = 0; i < nfds; i++) {
		if (r == 0)
			mounts[i].fd = fds[i];
		else
			(void)fd_close(fds[i]);
	}
	return r < 0 ? err_errno(err, r, "cannot mount %s in the container's namespaces",
				 mounts->type)
		     : 0;
}
