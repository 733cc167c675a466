/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/decide.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "linux/at.h"
#include "vet/calls.h"
#include "vet/perform.h"
#include "vet/task.h"
#include "vet/trees.h"
#include "view/record.h"

#define TYPE_MAX 16
#define OPTIONS_MAX 256
#define RECORD_MAX (1u << 20)

/* Any of these and the call makes no new mount (path_mount() in Linux' fs/namespace.c). */
#define NOT_NEW (MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* A file system that one of these calls names: procfs, sysfs, or neither. */
static bool tree_of(const char *type, enum view_tree *ret)
{
	for (*ret = 0; *ret < VIEW_TREES; (*ret)++)
		if (strcmp(type, view_tree_type(*ret)) == 0)
			return true;
	return false;
}

static uint64_t attr_of(unsigned long flags)
{
	static const struct {
		unsigned long flag;
		uint64_t attr;
	} map[] = {
		{ MS_RDONLY, MOUNT_ATTR_RDONLY },   { MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ MS_NODEV, MOUNT_ATTR_NODEV },	    { MS_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ MS_NOATIME, MOUNT_ATTR_NOATIME }, { MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
	};
	uint64_t attr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		attr |= flags & map[i].flag ? map[i].attr : 0;
	return attr;
}

/* Root of a procfs or sysfs? A look without the thread's namespaces, good enough to let go on what
 * is none: who is let go on gets the kernel's own answer. What cannot be told this way may be one.
 */
static bool may_be_tree(pid_t tid, const char *path)
{
	bool absolute = path[0] == '/';
	char name[64];
	CLEANUP_FD int base = -EBADF;
	CLEANUP_FD int fd = -EBADF;
	struct statfs st;

	/* What depends on the thread is looked at as the thread only. */
	if (task_is_own(path))
		return true;
	(void)snprintf(name, sizeof(name), "/proc/%d/%s", tid, absolute ? "root" : "cwd");
	base = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return true;
	fd = absolute ? at_open_in_root(base, path, O_PATH, 0)
		      : at_open_plain(base, path, O_PATH, 0); /* no links, nothing above it */
	return fd < 0 || fstatfs(fd, &st) < 0 || st.f_type == PROC_SUPER_MAGIC ||
	       st.f_type == SYSFS_MAGIC;
}

/* Whether path names the root of a mount of one of these file systems (PROC_SUPER_MAGIC,
 * SYSFS_MAGIC or the same twice), for the thread. 1, 0, or -errno. */
static int names_one(const struct task *t, const char *path, bool follow, long a, long b)
{
	CLEANUP_FD int fd = task_resolve(t, path, follow ? 0 : O_NOFOLLOW);
	struct statx sx;
	struct statfs st;

	if (fd < 0)
		return fd;
	if (fstatfs(fd, &st) < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) < 0)
		return -errno;
	/* STATX_ATTR_MOUNT_ROOT (Linux 5.8), and the file system's own root: inode 1 of both. */
	return (st.f_type == a || st.f_type == b) && (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) &&
	       S_ISDIR(sx.stx_mode);
}

static int names_tree(const struct task *t, const char *path, bool follow)
{
	return names_one(t, path, follow, PROC_SUPER_MAGIC, SYSFS_MAGIC);
}

static int load_view(const struct decide_asked *q, struct arena *a, struct view *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct json *doc;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s.json", q->views, q->container);
	r = file_read(path, &text);
	if (r == 0)
		r = json_parse(a, buf_slice(&text), &limits, &doc, NULL, &err);
	if (r == 0)
		r = view_of_record(a, doc, ret, &err);
	if (r < 0)
		log_warning("%s: %s", path, err.code ? err.text : strerror(-r));
	return r;
}

/* Opens the thread and makes sure that it is the one that asks. */
static int open_task(const struct decide_asked *q, struct task *t)
{
	int r = task_open(q->tid, t);

	t->stuck = q->stuck;
	if (r == 0 && !q->valid(q->data)) {
		task_close(t);
		r = -ESRCH;
	}
	return r;
}

static int new_mount(const struct decide_asked *q, enum view_tree tree, unsigned long flags)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(4 * RECORD_MAX);
	char target[PATH_MAX];
	char options[OPTIONS_MAX] = "";
	struct view view;
	struct task t;
	int r = task_read_str(q->tid, q->args[1], target, sizeof(target));

	if (r == 0 && tree == VIEW_PROC && q->args[4])
		r = task_read_str(q->tid, q->args[4], options, sizeof(options));
	if (r == 0)
		r = open_task(q, &t);
	if (r < 0)
		return r;
	if (!task_rules(&t, t.mnt_ns) || !task_rules(&t, tree == VIEW_PROC ? t.pid_ns : t.net_ns))
		r = DECIDE_CONTINUE; /* the kernel refuses it, in its own words */
	else if (!view_options_ok(options))
		r = -EINVAL;
	else
		r = load_view(q, &a, &view);
	if (r == 0) {
		trees_note(q->container);
		r = perform_mount(q->outcome, &t, &view, tree, attr_of(flags), options, target);
	}
	task_close(&t);
	return r;
}

static int bind_tree(const struct decide_asked *q)
{
	char source[PATH_MAX];
	char target[PATH_MAX];
	struct task t;
	int r = task_read_str(q->tid, q->args[0], source, sizeof(source));

	if (r == 0)
		r = task_read_str(q->tid, q->args[1], target, sizeof(target));
	if (r < 0 || !may_be_tree(q->tid, source))
		return DECIDE_CONTINUE;
	r = open_task(q, &t);
	if (r < 0)
		return r;
	if (task_rules(&t, t.mnt_ns) && names_tree(&t, source, true) == 1) {
		trees_note(q->container);
		r = perform_bind(q->outcome, &t, source, target);
	} else {
		r = DECIDE_CONTINUE;
	}
	task_close(&t);
	return r;
}

/* procfs the kernel remounts itself: its super block belongs to the container. */
static int remount(const struct decide_asked *q, unsigned long flags)
{
	char target[PATH_MAX];
	struct task t;
	int r = task_read_str(q->tid, q->args[1], target, sizeof(target));

	if (r < 0 || !may_be_tree(q->tid, target))
		return DECIDE_CONTINUE;
	r = open_task(q, &t);
	if (r < 0)
		return r;
	r = task_rules(&t, t.mnt_ns) && names_one(&t, target, true, SYSFS_MAGIC, SYSFS_MAGIC) == 1
		    ? perform_remount(q->outcome, &t, target, flags & MS_RDONLY)
		    : DECIDE_CONTINUE;
	task_close(&t);
	return r;
}

static int on_mount(const struct decide_asked *q)
{
	unsigned long flags = q->args[3];
	char type[TYPE_MAX];
	enum view_tree tree;

	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~MS_MGC_MSK;
	if ((flags & (MS_REMOUNT | MS_BIND)) == MS_REMOUNT)
		return remount(q, flags);
	if ((flags & (NOT_NEW | MS_REC)) == MS_BIND)
		return bind_tree(q);
	if ((flags & (MS_BIND | MS_REMOUNT)) == MS_BIND || (flags & MS_MOVE))
		trees_note(q->container); /* the kernel may take one along */
	if ((flags & NOT_NEW) || task_read_str(q->tid, q->args[2], type, sizeof(type)) < 0 ||
	    !tree_of(type, &tree))
		return DECIDE_CONTINUE;
	return new_mount(q, tree, flags);
}

static int on_umount(const struct decide_asked *q, unsigned long flags)
{
	bool follow = !(flags & UMOUNT_NOFOLLOW);
	bool again = q->outcome->mark != 0; /* it was one when it was tried */
	char target[PATH_MAX];
	struct task t;
	int r;

	/* The kernel does that for a tree as for any mount. */
	if (flags & (MNT_DETACH | MNT_EXPIRE))
		return DECIDE_CONTINUE;
	if (task_read_str(q->tid, q->args[0], target, sizeof(target)) < 0)
		return DECIDE_CONTINUE;
	if (!again && (!trees_may_be_at(q->container, target) || !may_be_tree(q->tid, target)))
		return DECIDE_CONTINUE;
	r = open_task(q, &t);
	if (r < 0)
		return r;
	r = task_rules(&t, t.mnt_ns) && (again || names_tree(&t, target, follow) == 1)
		    ? perform_umount(q->outcome, &t, target, follow)
		    : DECIDE_CONTINUE;
	task_close(&t);
	return r;
}

/* A mount that fsmount(2) makes of it the kernel refuses as it refuses mount(2)'s; a program that
 * hears that there is no fsopen(2) uses mount(2). */
static int on_fsopen(const struct decide_asked *q)
{
	char type[TYPE_MAX];
	enum view_tree tree;

	if (task_read_str(q->tid, q->args[0], type, sizeof(type)) < 0 || !tree_of(type, &tree))
		return DECIDE_CONTINUE;
	return -ENOSYS;
}

int decide(const struct decide_asked *q)
{
	switch (vet_call_of(q->arch, q->nr)) {
	case VET_MOUNT:
		return on_mount(q);
	case VET_UMOUNT:
		return on_umount(q, q->args[1]);
	case VET_OLDUMOUNT:
		return on_umount(q, 0);
	case VET_FSOPEN:
		return on_fsopen(q);
	case VET_OTHER:
		break;
	}
	return DECIDE_CONTINUE;
}
