/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MAP_TEXT_MAX (IDMAP_EXTENTS_MAX * 34)

/* A child that only exists: killed and reaped by the caller. It shares nothing but its creator. */
static pid_t spawn_idle(unsigned long flags)
{
	pid_t parent = getpid();
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) /* it died before the line above */
			_exit(1);
		for (;;)
			(void)pause();
	}
	return pid < 0 ? (pid_t)-errno : (pid_t)pid;
}

static void reap(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* clone(2) with CLONE_NEWUSER as effective user `owner`, keeping every capability meanwhile. */
static pid_t spawn_owned(uid_t owner)
{
	int bits = prctl(PR_GET_SECUREBITS);
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t pid;

	if (bits < 0 || prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NO_SETUID_FIXUP) < 0)
		return (pid_t)-errno;
	if (setresgid((gid_t)-1, (gid_t)owner, (gid_t)-1) < 0 ||
	    setresuid((uid_t)-1, owner, (uid_t)-1) < 0)
		pid = (pid_t)-errno;
	else
		pid = spawn_idle(CLONE_NEWUSER);
	if (setresuid((uid_t)-1, uid, (uid_t)-1) < 0 || setresgid((gid_t)-1, gid, (gid_t)-1) < 0 ||
	    prctl(PR_SET_SECUREBITS, (unsigned long)bits) < 0) {
		int r = -errno;

		if (pid > 0)
			reap(pid);
		return (pid_t)r;
	}
	return pid;
}

static int write_map(pid_t pid, const char *file, const struct idmap *m, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MAP_TEXT_MAX);
	char path[64];
	int r;

	idmap_print(m, &text);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	r = buf_ok(&text) ? file_write_once(path, buf_slice(&text)) : -ENOMEM;
	return r < 0 ? err_errno(err, r, "user namespace: %s (%zu extents)", file, m->n) : 0;
}

int userns_create(const struct idmap *uids, const struct idmap *gids, uid_t owner, struct err *err)
{
	char path[64];
	pid_t pid = spawn_owned(owner);
	int r;

	if (pid < 0)
		return err_errno(
			err, pid,
			"cannot create a user namespace (sysctl user.max_user_namespaces?)");
	r = write_map(pid, "uid_map", uids, err);
	if (r == 0)
		r = write_map(pid, "gid_map", gids, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		r = open(path, O_RDONLY | O_CLOEXEC);
		if (r < 0)
			r = err_errno(err, -errno, "user namespace: %s", path);
	}
	reap(pid);
	return r;
}

int userns_owner_of(int nsfd)
{
	int fd = ioctl(nsfd, NS_GET_USERNS);

	return fd < 0 ? -errno : fd;
}

int userns_same(int a, int b)
{
	struct stat sa;
	struct stat sb;

	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0)
		return -errno;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int read_map(pid_t pid, const char *file, struct idmap *ret, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MAP_TEXT_MAX);
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	r = file_read(path, &text);
	if (r == 0)
		r = idmap_parse(buf_slice(&text), ret);
	return r < 0 ? err_errno(err, r, "user namespace: reading %s", file) : 0;
}

/* A child inside the namespace, so that its maps can be read from here through /proc. */
static pid_t spawn_inside(int userns)
{
	int ready[2];
	char ok = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return (pid_t)-errno;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		ok = setns(userns, CLONE_NEWUSER) == 0 ? 1 : 0;
		(void)!write(ready[1], &ok, 1);
		for (;;)
			(void)pause();
	}
	(void)fd_close(ready[1]);
	if (pid > 0 && (read(ready[0], &ok, 1) != 1 || !ok)) {
		reap(pid);
		pid = -EPERM;
	}
	(void)fd_close(ready[0]);
	return pid < 0 ? (pid_t)-EPERM : pid;
}

int userns_read_maps(int userns, struct idmap *uids, struct idmap *gids, struct err *err)
{
	pid_t pid = spawn_inside(userns);
	int r;

	if (pid < 0)
		return err_errno(err, pid, "cannot enter the user namespace");
	r = read_map(pid, "uid_map", uids, err);
	if (r == 0)
		r = read_map(pid, "gid_map", gids, err);
	reap(pid);
	return r;
}
