/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/mnt.h"
#include "runtime/runtime.h"

/* Folders of the Filesystem Hierarchy Standard that an engine needs nothing from. */
static const char *const candidates[] = { "/mnt", "/media", "/srv", "/opt", "/home" };

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return path && strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The lower runtime still has to find its program, its hooks, the bundle, and every path it is
 * given. */
static bool needed(const struct runtime *rt, const char *folder)
{
	static const char *const hook_lists[] = { "prestart",	     "createRuntime",
						  "createContainer", "startContainer",
						  "poststart",	     "poststop" };
	const struct json *hooks = json_get(rt->spec, "hooks");
	char self[PATH_MAX]; /* a hook of our own, edit-cgroup.c */

	if (!realpath("/proc/self/exe", self) || below(self, folder) || below(rt->lower, folder) ||
	    below(rt->bundle, folder) || below(rt->config, folder) || below(rt->inst.run, folder))
		return true;
	for (int i = 1; i < rt->args.argc; i++) {
		const char *value = strchr(rt->args.argv[i], '/');

		if (below(value, folder))
			return true;
	}
	for (size_t h = 0; h < ARRAY_SIZE(hook_lists); h++) {
		const struct json *list = json_get(hooks, hook_lists[h]);

		for (size_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++)
			if (below(json_get_str(list->items[i], "path"), folder))
				return true;
	}
	return false;
}

int stage_choose(struct runtime *rt, struct err *err)
{
	const char **const wanted[] = { &rt->stage.path, &rt->stage.root };
	size_t got = 0;

	for (size_t i = 0; i < ARRAY_SIZE(candidates) && got < ARRAY_SIZE(wanted); i++) {
		struct stat st;

		if (lstat(candidates[i], &st) == 0 && S_ISDIR(st.st_mode) &&
		    !needed(rt, candidates[i]))
			*wanted[got++] = candidates[i];
	}
	if (got == ARRAY_SIZE(wanted))
		return 0;
	return err_set(
		err, -ENOENT,
		"no folders for the container's mounts: two of /mnt, /media, /srv, /opt, /home "
		"must exist and hold neither engine data nor the runtime");
}

int stage_enter(struct runtime *rt, struct err *err)
{
	CLEANUP_FD int tmp = -EBADF;
	CLEANUP_FD int place = -EBADF;
	int r;

	rt->stage.engine_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (rt->stage.engine_ns < 0)
		return err_errno(err, -errno, "/proc/self/ns/mnt");
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, -errno, "cannot make a mount namespace");
	rt->stage.entered = true;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, -errno, "cannot cut the mount namespace off");
	tmp = mnt_tmpfs("0711");
	place = open(rt->stage.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tmp < 0)
		return err_errno(err, tmp, "cannot make a tmpfs for %s", rt->stage.path);
	if (place < 0)
		return err_errno(err, -errno, "%s", rt->stage.path);
	r = mnt_attach(tmp, place);
	if (r < 0)
		return err_errno(err, r, "cannot mount a tmpfs on %s", rt->stage.path);
	rt->stage.dir = TAKE_FD(tmp);
	return 0;
}

int stage_show(struct runtime *rt, int mnt, const char *path)
{
	CLEANUP_FD int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int target = -EBADF;
	int r = 0;

	if (own < 0 || cwd < 0 || setns(rt->stage.engine_ns, CLONE_NEWNS) < 0)
		return -errno;
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		r = -errno;
	target = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r == 0)
		r = target < 0 ? -errno : mnt_attach(mnt, target);
	if (setns(own, CLONE_NEWNS) < 0 || fchdir(cwd) < 0)
		_exit(1); /* in the wrong namespace nothing must run */
	return r;
}

void stage_leave(struct runtime *rt)
{
	if (!rt->stage.entered)
		return;
	rt->stage.dir = fd_close(rt->stage.dir);
	if (setns(rt->stage.engine_ns, CLONE_NEWNS) < 0)
		_exit(1); /* cannot undo anything any more; the engine unmounts what is its own */
	rt->stage.entered = false;
}

const char *stage_path(struct runtime *rt, const char *name)
{
	return arena_must(arena_printf(&rt->arena, "%s/%s", rt->stage.path, name));
}

int stage_place(struct runtime *rt, const char *name, bool dir)
{
	CLEANUP_FD int fd = -EBADF;

	if (dir) {
		if (mkdirat(rt->stage.dir, name, 0755) < 0 && errno != EEXIST)
			return -errno;
	} else {
		fd = openat(rt->stage.dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
		fd = fd_close(fd);
	}
	fd = openat(rt->stage.dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : TAKE_FD(fd);
}
