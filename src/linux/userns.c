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

/* A process that only exists: until the other end of its pipe is closed, by idle_end() or because
 * its maker is gone. */
struct idle {
	pid_t pid;
	int keep; /* write end; nothing is written */
};

#define IDLE_INIT ((struct idle){ .pid = -1, .keep = -EBADF })

static NORETURN void idle_wait(const int ends[2])
{
	char c;

	(void)close(ends[1]);
	while (read(ends[0], &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static int idle_main(void *ends)
{
	idle_wait(ends);
}

/* It shares our memory, on a stack of its own: all it does is to wait, and copying page tables
 * would be half of what a user namespace costs. */
static int idle_start(struct idle *i, int flags)
{
	static _Alignas(16) char stack[16384];
	int ends[2];
	int pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = clone(idle_main, stack + sizeof(stack), flags | CLONE_VM | SIGCHLD, ends);
	if (pid < 0)
		pid = -errno;
	(void)fd_close(ends[0]);
	if (pid < 0) {
		(void)fd_close(ends[1]);
		return pid;
	}
	*i = (struct idle){ .pid = pid, .keep = ends[1] };
	return 0;
}

static void idle_end(struct idle *i)
{
	i->keep = fd_close(i->keep);
	while (i->pid > 0 && waitpid(i->pid, NULL, 0) < 0 && errno == EINTR)
		;
	i->pid = -1;
}

/* clone(2) with CLONE_NEWUSER as effective user `owner`, keeping every capability meanwhile. */
static int idle_start_owned(struct idle *i, uid_t owner)
{
	int bits = prctl(PR_GET_SECUREBITS);
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (bits < 0 || prctl(PR_SET_SECUREBITS, (unsigned long)bits | SECBIT_NO_SETUID_FIXUP) < 0)
		return -errno;
	if (setresgid((gid_t)-1, (gid_t)owner, (gid_t)-1) < 0 ||
	    setresuid((uid_t)-1, owner, (uid_t)-1) < 0)
		r = -errno;
	else
		r = idle_start(i, CLONE_NEWUSER);
	if (setresuid((uid_t)-1, uid, (uid_t)-1) < 0 || setresgid((gid_t)-1, gid, (gid_t)-1) < 0 ||
	    prctl(PR_SET_SECUREBITS, (unsigned long)bits) < 0) {
		r = -errno;
		idle_end(i);
	}
	return r;
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
	struct idle idle = IDLE_INIT;
	char path[64];
	int r = idle_start_owned(&idle, owner);

	if (r < 0)
		return err_errno(err, r,
				 "cannot create a user namespace (sysctl user.max_user_namespaces? "
				 "a chroot?)");
	r = write_map(idle.pid, "uid_map", uids, err);
	if (r == 0)
		r = write_map(idle.pid, "gid_map", gids, err);
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", idle.pid);
		r = open(path, O_RDONLY | O_CLOEXEC);
		if (r < 0)
			r = err_errno(err, -errno, "user namespace: %s", path);
	}
	idle_end(&idle);
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

/* Such a process inside the namespace, so that its maps can be read from here through /proc. */
static int idle_start_inside(struct idle *i, int userns)
{
	int ready[2];
	int ends[2];
	int code = -EPIPE;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		code = -errno;
		(void)fd_close(ready[0]);
		(void)fd_close(ready[1]);
		return code;
	}
	pid = fork();
	if (pid == 0) {
		code = setns(userns, CLONE_NEWUSER) == 0 ? 0 : -errno;
		(void)!write(ready[1], &code, sizeof(code));
		idle_wait(ends);
	}
	if (pid < 0)
		code = -errno;
	(void)fd_close(ends[0]);
	(void)fd_close(ready[1]);
	*i = (struct idle){ .pid = pid, .keep = ends[1] };
	if (pid > 0 && read(ready[0], &code, sizeof(code)) != (ssize_t)sizeof(code))
		code = -EPIPE;
	(void)fd_close(ready[0]);
	if (code < 0)
		idle_end(i);
	return code;
}

int userns_read_maps(int userns, struct idmap *uids, struct idmap *gids, struct err *err)
{
	struct idle idle = IDLE_INIT;
	int r = idle_start_inside(&idle, userns);

	if (r < 0)
		return err_errno(err, r, "cannot enter the user namespace");
	r = read_map(idle.pid, "uid_map", uids, err);
	if (r == 0)
		r = read_map(idle.pid, "gid_map", gids, err);
	idle_end(&idle);
	return r;
}
