/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/perform.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/util.h"
#include "linux/at.h"
#include "linux/cgroup.h"
#include "linux/mnt.h"
#include "vet/stuck.h"

#define PATIENCE_MS 5000

static const char *work;

struct job {
	int (*run)(const struct job *j);
	struct outcome *outcome;
	const struct task *t;
	const struct view *v;
	enum view_tree tree;
	const char *source;
	const char *target;
	bool follow;
	bool read_only;
};

void perform_init(const char *folder)
{
	work = folder;
}

void outcome_set(struct outcome *o, int result)
{
	o->result = result;
	__atomic_store_n(&o->done, 1, __ATOMIC_RELEASE);
}

bool outcome_get(const struct outcome *o, int *ret)
{
	if (!__atomic_load_n(&o->done, __ATOMIC_ACQUIRE))
		return false;
	*ret = o->result;
	return true;
}

/* Whether the call has been made already, in part or as a whole. */
static int was_tried(const struct job *j, int target)
{
	struct at_ident ident;
	int r = at_identify(target, &ident);

	if (r < 0)
		return r;
	if (j->outcome->mark == 0)
		j->outcome->mark = ident.mnt_id;
	return ident.mnt_id != j->outcome->mark;
}

static bool is_tree(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (st.f_type == PROC_SUPER_MAGIC || st.f_type == SYSFS_MAGIC);
}

/* The empty folder on which a tree came into the container (view/show.c): nothing in there could
 * make one that looks like it, for it belongs to the host's root. */
static bool is_stub(int fd)
{
	const unsigned long flags = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
	struct statvfs vfs;
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC && fstatvfs(fd, &vfs) == 0 &&
	       (vfs.f_flag & flags) == flags && fstat(fd, &st) == 0 && st.st_uid == 0 &&
	       st.st_gid == 0 && S_ISDIR(st.st_mode);
}

/* In the thread's mount namespace: what is mounted there, by what its root is. */
static int detach(int fd)
{
	return fchdir(fd) < 0 || umount2(".", MNT_DETACH) < 0 ? -errno : 0;
}

/* Where a mount that was tried before left the place for it (view/show.c) and nothing on it, takes
 * that away. Returns 1 when the mount is there. */
static int take_up(const struct job *j, int *target)
{
	CLEANUP_FD int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r = was_tried(j, *target);

	if (r <= 0)
		return r;
	if (!is_stub(*target))
		return 1;
	if (own < 0 || setns(j->t->mnt_ns, CLONE_NEWNS) < 0)
		return -errno;
	r = detach(*target);
	if (setns(own, CLONE_NEWNS) < 0)
		return -errno;
	(void)fd_close(*target);
	*target = task_resolve(j->t, j->target, 0);
	return r < 0 ? r : MIN(*target, 0);
}

/* Runs the job in a process and returns what it returned. */
static int run(const struct job *j)
{
	struct pollfd p = { .events = POLLIN };
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;
	int r = -EIO;

	if (stuck_full(j->t->stuck))
		return -EIO;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) /* it died before that */
			_exit(1);
		r = j->run(j);
		outcome_set(j->outcome, r);
		_exit(write(ends[1], &r, sizeof(r)) != (ssize_t)sizeof(r));
	}
	if (pid < 0)
		r = -errno;
	(void)fd_close(ends[1]);
	p.fd = ends[0];
	if (pid > 0 && poll(&p, 1, PATIENCE_MS) == 1 &&
	    fd_read_full(ends[0], &r, sizeof(r)) != (ssize_t)sizeof(r))
		r = -EIO;
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	stuck_add(j->t->stuck, ends[0], 0); /* what it started, task_resolve() */
	return r;
}

/* A mount namespace of this process's own, with an empty folder of which nothing stays. */
static int make_room(void)
{
	CLEANUP_FD int tmp = -EBADF;
	CLEANUP_FD int place = -EBADF;
	int r;

	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	tmp = mnt_tmpfs("0711");
	place = open(work, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tmp < 0 || place < 0)
		return tmp < 0 ? tmp : -errno;
	r = mnt_attach(tmp, place);
	return r < 0 ? r : TAKE_FD(tmp);
}

static int do_mount(const struct job *j)
{
	CLEANUP_FD int target = task_resolve(j->t, j->target, 0);
	CLEANUP_FD int own = -EBADF;
	CLEANUP_FD int dir = -EBADF;
	struct err err = ERR_INIT;
	struct view_place place;
	int roots[VIEW_TREES]; /* closed with this process */
	struct stat st;
	int r;

	if (target < 0)
		return target;
	if (fstat(target, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	r = take_up(j, &target);
	if (r != 0)
		return MIN(r, 0);
	/* A container that mounts without end uses up its own memory. */
	r = cgroup_share_memory(j->t->tid);
	if (r < 0)
		return r;
	dir = make_room();
	if (dir < 0)
		return dir;
	own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	place = (struct view_place){ .own_ns = own,
				     .dir = dir,
				     .pid_ns = j->t->pid_ns,
				     .net_ns = j->t->net_ns,
				     .mnt_ns = j->t->mnt_ns };
	r = view_fresh(&place, j->v, roots, &err);
	if (r == 0)
		r = view_show(&place, j->v, j->tree, roots[j->tree], target, &err);
	if (r < 0)
		log_warning("mount of %s on %s: %s", view_tree_type(j->tree), j->target, err.text);
	return r;
}

int perform_mount(struct outcome *o, const struct task *t, const struct view *v,
		  enum view_tree tree, uint64_t attr, const char *options, const char *target)
{
	struct view view = *v;
	struct job j = {
		.run = do_mount, .outcome = o, .t = t, .v = &view, .tree = tree, .target = target
	};

	/* What the container has read-only it does not get otherwise by mounting it again
	 * (mount_too_revealing() in Linux' fs/namespace.c). */
	view.attr[tree] = attr | (v->attr[tree] & MOUNT_ATTR_RDONLY);
	view.options[tree] = options;
	for (enum view_tree other = 0; other < VIEW_TREES; other++)
		view.tree[other] = other == tree;
	return run(&j);
}

static int do_bind(const struct job *j)
{
	CLEANUP_FD int source = task_resolve(j->t, j->source, 0);
	CLEANUP_FD int target = source < 0 ? source : task_resolve(j->t, j->target, 0);
	CLEANUP_FD int mnt = -EBADF;

	int r = target < 0 ? target : was_tried(j, target);

	if (r != 0)
		return MIN(r, 0);
	if (setns(j->t->mnt_ns, CLONE_NEWNS) < 0)
		return -errno;
	mnt = mnt_clone(source, true);
	return mnt < 0 ? mnt : mnt_attach(mnt, target);
}

int perform_bind(struct outcome *o, const struct task *t, const char *source, const char *target)
{
	struct job j = { .run = do_bind, .outcome = o, .t = t, .source = source, .target = target };

	return run(&j);
}

static int do_remount(const struct job *j)
{
	const struct mnt_attr attr = {
		.userns = -EBADF,
		.set = j->read_only ? (uint64_t)MOUNT_ATTR_RDONLY : 0,
		.clear = j->read_only ? 0
				      : (uint64_t)MOUNT_ATTR_RDONLY, /* EPERM where it is locked */
	};
	CLEANUP_FD int target = task_resolve(j->t, j->target, 0);

	if (target < 0)
		return target;
	return setns(j->t->mnt_ns, CLONE_NEWNS) < 0 ? -errno : mnt_prepare(target, &attr);
}

int perform_remount(struct outcome *o, const struct task *t, const char *target, bool read_only)
{
	struct job j = {
		.run = do_remount, .outcome = o, .t = t, .target = target, .read_only = read_only
	};

	return run(&j);
}

static int do_umount(const struct job *j)
{
	CLEANUP_FD int fd = task_resolve(j->t, j->target, j->follow ? 0 : O_NOFOLLOW);
	CLEANUP_FD int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0 || own < 0)
		return fd < 0 ? fd : -errno;
	r = was_tried(j, fd);
	if (r < 0)
		return r;
	if (r == 0 && !is_tree(fd))
		return -EINVAL; /* it was one a moment ago */
	if (r == 0) {
		if (setns(j->t->mnt_ns, CLONE_NEWNS) < 0)
			return -errno;
		r = detach(fd);
		if (r < 0 || setns(own, CLONE_NEWNS) < 0)
			return r;
		(void)fd_close(fd);
		fd = task_resolve(j->t, j->target, j->follow ? 0 : O_NOFOLLOW);
	}
	if (fd >= 0 && is_stub(fd) && setns(j->t->mnt_ns, CLONE_NEWNS) == 0)
		(void)detach(fd); /* EINVAL: that path is in it, and no mount */
	return 0;
}

int perform_umount(struct outcome *o, const struct task *t, const char *target, bool follow)
{
	struct job j = {
		.run = do_umount, .outcome = o, .t = t, .target = target, .follow = follow
	};

	return run(&j);
}
