/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/netns.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* In the child: into the user namespace, whose root may make others; then it only exists. */
static void hold(int userns, int ready)
{
	char ok;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	ok = setns(userns, CLONE_NEWUSER) == 0 && unshare(CLONE_NEWNET) == 0;
	if (write(ready, &ok, 1) != 1 || !ok)
		_exit(1);
	for (;;)
		(void)pause();
}

int netns_create(int userns, struct err *err)
{
	char path[64];
	int ready[2];
	char ok = 0;
	pid_t pid;
	int fd;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "network namespace: pipe");
	pid = fork();
	if (pid == 0)
		hold(userns, ready[1]);
	(void)fd_close(ready[1]);
	if (pid > 0 && read(ready[0], &ok, 1) == 1 && ok) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		fd = fd < 0 ? err_errno(err, -errno, "network namespace: %s", path) : fd;
	} else {
		fd = err_set(err, -EPERM,
			     "cannot create a network namespace (sysctl user.max_net_namespaces?)");
	}
	(void)fd_close(ready[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return fd;
}

static bool is_ns(int dirfd, const char *path, const struct stat *ns)
{
	struct stat st;

	return fstatat(dirfd, path, &st, 0) == 0 && st.st_ino == ns->st_ino &&
	       st.st_dev == ns->st_dev;
}

/* All threads of a process. Engines in Go leave a thread behind in a namespace that they made. */
static bool lives_in(int proc, const char *pid, const struct stat *ns)
{
	char path[NAME_MAX + 32];
	CLEANUP_FD int fd = -EBADF;
	CLEANUP_DIR DIR *tasks = NULL;
	struct dirent *e;

	(void)snprintf(path, sizeof(path), "%s/ns/net", pid);
	if (!is_ns(proc, path, ns))
		return false;
	(void)snprintf(path, sizeof(path), "%s/task", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tasks = fd < 0 ? NULL : fdopendir(fd);
	if (!tasks)
		return errno != ENOENT && errno != ESRCH; /* it is gone: nobody */
	(void)TAKE_FD(fd);
	while ((e = readdir(tasks))) {
		(void)snprintf(path, sizeof(path), "%s/ns/net", e->d_name);
		if (isdigit((unsigned char)e->d_name[0]) && !is_ns(dirfd(tasks), path, ns))
			return false;
	}
	return true;
}

int netns_in_use(int ns, struct err *err)
{
	CLEANUP_DIR DIR *proc = opendir("/proc");
	struct dirent *e;
	struct stat wanted;

	if (!proc || fstat(ns, &wanted) < 0)
		return err_errno(err, -errno, "network namespace");
	while ((e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) &&
		    lives_in(dirfd(proc), e->d_name, &wanted))
			return 1;
	return 0;
}
