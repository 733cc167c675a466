/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

#define EVENTS_MAX 16384u
#define TRIES 8 /* against somebody who makes folders meanwhile */
#define THERE (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD)
#define ANYTHING (THERE | IN_DELETE | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB)

/* Watches a folder for one name in it, or for all (""). 0 or -errno. */
static int add(struct watch *w, const char *folder, const char *name, uint32_t mask)
{
	struct watch_folder *f = &w->folders[w->nfolders];

	if (w->nfolders == ARRAY_SIZE(w->folders) || strlen(name) >= sizeof(f->name))
		return -E2BIG;
	f->wd = inotify_add_watch(w->fd, *folder ? folder : "/", mask);
	if (f->wd < 0)
		return -errno;
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	w->nfolders++;
	return 0;
}

/* The nearest folder above `path` that is there, for what leads down to it. Cuts path short. */
static int add_above(struct watch *w, char *path)
{
	int r;

	do {
		char *slash = strrchr(path, '/');

		*slash = '\0';
		r = add(w, path, slash + 1, THERE);
		*slash = '/';
		/* Made in this moment: then it is the one to watch. */
		if (r == 0 && faccessat(AT_FDCWD, path, F_OK, 0) == 0)
			return -EAGAIN;
		*slash = '\0';
	} while ((r == -ENOENT || r == -ENOTDIR) && *path);
	return r;
}

/* The folder of a file, or what leads to it. */
static int add_folder(struct watch *w, const char *file)
{
	char path[PATH_MAX];
	char *slash;
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		(void)snprintf(path, sizeof(path), "%s", file);
		slash = strrchr(path, '/');
		if (!slash)
			return -EINVAL;
		*slash = '\0';
		r = add(w, path, "", ANYTHING);
		if (r == -ENOENT || r == -ENOTDIR)
			r = add_above(w, path);
	}
	return r;
}

/* Where a symlink leads. */
static int add_target(struct watch *w, const char *file)
{
	char path[PATH_MAX];
	struct stat st;
	char *slash;

	if (lstat(file, &st) < 0 || !S_ISLNK(st.st_mode) || !realpath(file, path))
		return 0;
	slash = strrchr(path, '/');
	*slash = '\0';
	return add(w, path, slash + 1, ANYTHING);
}

static void on_time(struct loop_timer *t);

static void arm(struct watch *w)
{
	uint64_t now = loop_clock();

	if (!w->timer.armed)
		w->since_ns = now;
	loop_timer_at(w->loop, &w->timer, MIN(now + WATCH_QUIET_NS, w->since_ns + WATCH_LONGEST_NS),
		      on_time);
}

static bool matters(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return true;
	for (size_t i = 0; i < w->nfolders; i++)
		if (w->folders[i].wd == e->wd &&
		    (!*w->folders[i].name ||
		     (e->len > 0 && strcmp(w->folders[i].name, e->name) == 0)))
			return true;
	return false;
}

static void on_ready(struct loop_fd *f, uint32_t events)
{
	struct watch *w = CONTAINER_OF(f, struct watch, ready);
	_Alignas(struct inotify_event) char buf[EVENTS_MAX];
	ssize_t n = read(w->fd, buf, sizeof(buf));
	bool any = false;

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf + at);

		any = any || matters(w, e);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	if (any)
		arm(w);
}

static void end(struct watch *w)
{
	loop_fd_stop(&w->ready);
	w->fd = fd_close(w->fd);
	w->nfolders = 0;
}

/* Folders come and go, so all watches are made anew each time. */
static int begin(struct watch *w)
{
	int r = 0;

	end(w);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < w->nfiles; i++) {
		if (!*w->files[i])
			continue;
		r = add_folder(w, w->files[i]);
		if (r == 0)
			r = add_target(w, w->files[i]);
	}
	return r < 0 ? r : loop_fd_start(w->loop, &w->ready, w->fd, EPOLLIN, on_ready);
}

static void begin_or_poll(struct watch *w)
{
	w->polling = begin(w) < 0;
	if (!w->polling)
		return;
	end(w);
	loop_timer_in(w->loop, &w->timer, WATCH_POLL_NS, on_time);
}

static void on_time(struct loop_timer *t)
{
	struct watch *w = CONTAINER_OF(t, struct watch, timer);

	begin_or_poll(w);
	w->changed(w);
}

void watch_start(struct watch *w, struct loop *l, const char *const *files, size_t n,
		 void (*changed)(struct watch *w))
{
	*w = WATCH_INIT;
	w->loop = l;
	w->files = files;
	w->nfiles = MIN(n, (size_t)WATCH_FILES_MAX);
	w->changed = changed;
	begin_or_poll(w);
}

void watch_stop(struct watch *w)
{
	if (!w->loop)
		return;
	end(w);
	loop_timer_stop(w->loop, &w->timer);
}
