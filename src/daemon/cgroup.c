/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works
 *
 * Members are found in /proc/PID/cgroup rather than by walking the hierarchies: a container may own
 * its part of them and make it as deep and as wide as it likes. Where there is a version 2
 * hierarchy its cgroup.kill (5.14) does the killing at once; in a hybrid host containers do not see
 * that hierarchy, so all of them are in NAME/engine there. The walk that removes directories keeps
 * one descriptor, whatever the depth.
 */
#include "daemon/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/loop.h"
#include "daemon/process.h"
#include "linux/mountinfo.h"
#include "policy/cgroup.h"

#define MAGIC_V1 0x27e0eb   /* CGROUP_SUPER_MAGIC */
#define MAGIC_V2 0x63677270 /* CGROUP2_SUPER_MAGIC */
#define POLL_NS (10 * LOOP_NSEC_PER_MSEC)
#define MOUNTINFO_MAX (16u * 1024u * 1024u)
#define THAW_DEPTH 16
#define PROC_FILE_MAX 65536u

static void sleep_ns(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / LOOP_NSEC_PER_SEC),
			      .tv_nsec = (long)(ns % LOOP_NSEC_PER_SEC) };

	(void)nanosleep(&t, NULL);
}

int cgroups_write(int dirfd, const char *path, const char *text)
{
	CLEANUP_FD int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Whether `word` is one of the comma-separated words of `list`. */
static bool has_word(struct slice list, struct slice word)
{
	struct slice one;

	while (slice_split(&list, ',', &one))
		if (slice_eq(one, word))
			return true;
	return false;
}

/* The path of /proc/self/cgroup in the hierarchy mounted as m. */
static bool home_path(struct slice text, const struct mountinfo_entry *m, bool v2,
		      struct slice *ret)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		struct slice number;
		struct slice controllers;
		struct slice first;

		if (!slice_split(&line, ':', &number) || !slice_split(&line, ':', &controllers))
			continue;
		if (v2 ? !slice_eq_str(number, "0") : controllers.n == 0)
			continue;
		first = controllers;
		if (!v2 && (!slice_split(&controllers, ',', &first) || !has_word(m->super, first)))
			continue;
		*ret = line;
		return true;
	}
	return false;
}

/* The directory of this process's own cgroup below a mount whose root is `mount_root`. */
static int open_home(int root, const char *mount_root, struct slice path)
{
	char rel[PATH_MAX];
	struct slice prefix = slice_str(strcmp(mount_root, "/") == 0 ? "" : mount_root);
	int fd;

	if (!slice_starts(path, prefix))
		return -ENOENT;
	(void)snprintf(rel, sizeof(rel), ".%.*s", SLICE_ARG(slice_from(path, prefix.n)));
	fd = openat(root, rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct finding {
	struct cgroups *c;
	struct slice self; /* /proc/self/cgroup */
};

static int find_one(const struct mountinfo_entry *m, void *data)
{
	struct finding *f = data;
	struct cgroups *c = f->c;
	struct cgroup_hierarchy h = { .root = -EBADF, .home = -EBADF };
	CLEANUP_FD int root = -EBADF;
	struct statfs fs;
	struct stat st;
	struct slice path;

	if (strcmp(m->type, "cgroup") != 0 && strcmp(m->type, "cgroup2") != 0)
		return 0;
	root = open(m->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fstatfs(root, &fs) < 0 || fstat(root, &st) < 0)
		return 0; /* covered by another mount, or not for us */
	if (fs.f_type != MAGIC_V1 && fs.f_type != MAGIC_V2)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->h[i].dev == st.st_dev)
			return 0;
	if (c->n == CGROUP_HIERARCHIES_MAX)
		return -E2BIG;
	h.v2 = fs.f_type == MAGIC_V2;
	h.dev = st.st_dev;
	h.label = strdup(m->point);
	if (!h.label)
		return -ENOMEM;
	if (home_path(f->self, m, h.v2, &path))
		h.home = open_home(root, m->root, path);
	h.root = TAKE_FD(root);
	c->h[c->n++] = h;
	return 0;
}

int cgroups_open(struct cgroups *c, const char *name, struct err *err)
{
	CLEANUP_BUF struct buf self = BUF_INIT(PROC_FILE_MAX);
	CLEANUP_BUF struct buf mounts = BUF_INIT(MOUNTINFO_MAX);
	struct finding f = { .c = c };
	int r;

	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	r = file_read("/proc/self/cgroup", &self);
	if (r < 0)
		return err_errno(err, r, "/proc/self/cgroup");
	f.self = buf_slice(&self);
	r = mountinfo_read(&mounts, err);
	if (r < 0)
		return r;
	r = mountinfo_each(buf_slice(&mounts), find_one, &f, err);
	if (r < 0)
		return err_errno(err, r, "looking for cgroup hierarchies");
	if (c->n == 0)
		return err_set(err, -ENOENT, "no cgroup hierarchy is mounted on /sys/fs/cgroup");
	return 0;
}

void cgroups_done(struct cgroups *c)
{
	for (size_t i = 0; i < c->n; i++) {
		(void)fd_close(c->h[i].root);
		(void)fd_close(c->h[i].home);
		free(c->h[i].label);
	}
	c->n = 0;
}

/* A new cpuset of version 1 has no processors and no memory until it is told. */
static void inherit_cpuset(int dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP_BUF struct buf own = BUF_INIT(PROC_FILE_MAX);
		CLEANUP_BUF struct buf parents = BUF_INIT(PROC_FILE_MAX);
		char up[32];

		(void)snprintf(up, sizeof(up), "../%s", files[i]);
		if (file_read_at(dir, files[i], &own) < 0 || own.n > 1 ||
		    file_read_at(dir, up, &parents) < 0 || parents.n == 0)
			continue;
		(void)cgroups_write(dir, files[i], parents.p);
	}
}

/* Lets children of `dir` have every controller that it has itself (version 2). A controller that
 * cannot be had is one that containers cannot be limited by; the engine says so. */
static void delegate(int dir)
{
	CLEANUP_BUF struct buf have = BUF_INIT(PROC_FILE_MAX);
	struct slice rest;
	struct slice one;
	char text[64];

	if (file_read_at(dir, "cgroup.controllers", &have) < 0)
		return;
	rest = buf_slice(&have);
	while (slice_split(&rest, ' ', &one)) {
		if (one.n > 0 && one.p[one.n - 1] == '\n')
			one.n--;
		(void)snprintf(text, sizeof(text), "+%.*s", SLICE_ARG(one));
		if (one.n > 0)
			(void)cgroups_write(dir, "cgroup.subtree_control", text);
	}
}

static int make_in(const struct cgroup_hierarchy *h, const char *name)
{
	CLEANUP_FD int top = -EBADF;
	CLEANUP_FD int engine = -EBADF;

	if (mkdirat(h->root, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	top = openat(h->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return -errno;
	if (h->v2)
		delegate(top);
	else
		inherit_cpuset(top);
	if (mkdirat(top, CGROUP_SERVICES, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (h->v2)
		return 0;
	engine = openat(top, CGROUP_SERVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (engine < 0)
		return -errno;
	inherit_cpuset(engine);
	return 0;
}

int cgroups_make(const struct cgroups *c, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		int r = make_in(&c->h[i], c->name);

		if (r < 0)
			return err_errno(err, r, "making cgroup %s/%s", c->h[i].label, c->name);
	}
	return 0;
}

int cgroups_enter(const struct cgroups *c, struct err *err)
{
	char path[CGROUP_NAME_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/" CGROUP_SERVICES "/cgroup.procs", c->name);
	for (size_t i = 0; i < c->n; i++) {
		int r = cgroups_write(c->h[i].root, path, "0");

		if (r < 0)
			return err_errno(err, r, "entering cgroup %s/%s", c->h[i].label, c->name);
	}
	return 0;
}

int cgroups_leave(const struct cgroups *c, struct err *err)
{
	int failed = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct cgroup_hierarchy *h = &c->h[i];
		int r = h->home < 0 ? -ENOENT : cgroups_write(h->home, "cgroup.procs", "0");

		if (r < 0)
			r = cgroups_write(h->root, "cgroup.procs", "0");
		if (r < 0)
			failed = err_errno(err, r, "leaving cgroup %s/%s", h->label, c->name);
	}
	return failed;
}

/* In how many hierarchies a process is in NAME or below, and in how many of them in NAME/engine. */
static void membership(const struct cgroups *c, pid_t pid, size_t *ret_all, size_t *ret_engine)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PROC_FILE_MAX);
	char path[64];
	struct slice rest;
	struct slice line;

	*ret_all = 0;
	*ret_engine = 0;
	(void)snprintf(path, sizeof(path), "/proc/%ld/cgroup", (long)pid);
	if (file_read(path, &text) < 0)
		return;
	rest = buf_slice(&text);
	while (slice_split(&rest, '\n', &line)) {
		struct slice skip;
		struct slice part;

		if (!slice_split(&line, ':', &skip) || !slice_split(&line, ':', &skip))
			continue;
		line = slice_from(line, 1); /* the path's leading slash */
		if (!slice_split(&line, '/', &part) || !slice_eq_str(part, c->name))
			continue;
		(*ret_all)++;
		*ret_engine +=
			slice_eq_str(line, CGROUP_SERVICES) || slice_eq_str(line, CGROUP_DOCKERD);
	}
}

bool cgroups_member(const struct cgroups *c, pid_t pid)
{
	size_t all;
	size_t engine;

	membership(c, pid, &all, &engine);
	return all > 0 && !process_dead(pid); /* version 2 keeps a zombie's membership */
}

bool cgroups_daemon(const struct cgroups *c, pid_t pid)
{
	size_t all;
	size_t engine;

	membership(c, pid, &all, &engine);
	return all > 0 && all == engine;
}

int cgroups_each(const struct cgroups *c, int (*fn)(pid_t pid, void *data), void *data)
{
	CLEANUP_DIR DIR *proc = opendir("/proc");
	struct dirent *e;
	int r;

	if (!proc)
		return -errno;
	for (e = readdir(proc); e; e = readdir(proc)) {
		uint32_t pid;

		if (num_parse_u32(slice_str(e->d_name), &pid) < 0 || !cgroups_member(c, (pid_t)pid))
			continue;
		r = fn((pid_t)pid, data);
		if (r != 0)
			return r;
	}
	return 0;
}

static int found_one(pid_t pid, void *data)
{
	return 1;
}

bool cgroups_busy(const struct cgroups *c)
{
	return cgroups_each(c, found_one, NULL) == 1;
}

/* A pid can be another process by now: the descriptor pins it, then it is asked again. */
static int kill_one(pid_t pid, void *data)
{
	const struct cgroups *c = data;
	CLEANUP_FD int pidfd = pidfd_open(pid, 0);

	if (pidfd >= 0 && cgroups_member(c, pid))
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	return 0;
}

/* Version 1: a frozen task dies only when it is thawed. */
static void thaw(int dir, unsigned int depth)
{
	CLEANUP_DIR DIR *d = NULL;
	struct dirent *e;
	int fd;

	(void)cgroups_write(dir, "freezer.state", "THAWED");
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		(void)fd_close(fd);
		return;
	}
	for (e = readdir(d); e && depth > 0; e = readdir(d)) {
		CLEANUP_FD int sub = -EBADF;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub >= 0)
			thaw(sub, depth - 1);
	}
}

static void kill_all(const struct cgroups *c)
{
	char path[CGROUP_NAME_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/cgroup.kill", c->name);
	for (size_t i = 0; i < c->n; i++)
		if (c->h[i].v2)
			(void)cgroups_write(c->h[i].root, path, "1");
	(void)cgroups_each(c, kill_one, (void *)c);
	(void)snprintf(path, sizeof(path), "%s/freezer.state", c->name);
	for (size_t i = 0; i < c->n; i++) {
		CLEANUP_FD int top = -EBADF;

		if (c->h[i].v2 || faccessat(c->h[i].root, path, F_OK, 0) < 0)
			continue;
		top = openat(c->h[i].root, c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (top >= 0)
			thaw(top, THAW_DEPTH);
	}
}

int cgroups_kill(const struct cgroups *c, uint64_t timeout_ns, struct err *err)
{
	uint64_t end = loop_clock() + timeout_ns;

	while (cgroups_busy(c)) {
		if (loop_clock() > end)
			return err_set(err, -ETIMEDOUT, "processes in cgroup %s do not die",
				       c->name);
		kill_all(c);
		sleep_ns(POLL_NS);
	}
	return 0;
}

/* Removes the empty children of `dir`. Returns how many, or -errno; *left says whether others are
 * there, one of which is `name`. */
static int prune(int dir, char name[NAME_MAX + 1], bool *left)
{
	CLEANUP_FD int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int removed = 0;

	*left = false;
	if (!d)
		return -errno;
	fd = -EBADF; /* d's now */
	for (e = readdir(d); e; e = readdir(d)) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
			removed++;
			continue;
		}
		(void)snprintf(name, NAME_MAX + 1, "%s", e->d_name);
		*left = true;
	}
	return removed;
}

/* Removes everything below the cgroup `take_dir`. A level that was come back to must have got rid
 * of the child that was visited; if not, something is in there. */
static int remove_below(int take_dir)
{
	CLEANUP_FD int dir = take_dir;
	char name[NAME_MAX + 1];
	bool ascended = false;
	size_t depth = 0;

	for (;;) {
		bool left;
		int next;
		int r = prune(dir, name, &left);

		if (r < 0)
			return r;
		if (r == 0 && ascended)
			return -EBUSY;
		if (!left && depth == 0)
			return 0;
		next = openat(dir, left ? name : "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -errno;
		ascended = !left;
		depth = left ? depth + 1 : depth - 1;
		(void)fd_close(dir);
		dir = next;
	}
}

static int remove_in(const struct cgroup_hierarchy *h, const char *name)
{
	int top;
	int r;

	if (unlinkat(h->root, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	top = openat(h->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return errno == ENOENT ? 0 : -errno;
	r = remove_below(top);
	if (r < 0)
		return r;
	return unlinkat(h->root, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroups_remove(const struct cgroups *c, uint64_t timeout_ns, struct err *err)
{
	uint64_t end = loop_clock() + timeout_ns;
	int failed = 0;

	for (size_t i = 0; i < c->n; i++) {
		int r = remove_in(&c->h[i], c->name);

		while (r < 0 && loop_clock() < end) {
			sleep_ns(POLL_NS);
			r = remove_in(&c->h[i], c->name);
		}
		if (r < 0)
			failed = err_errno(err, r, "removing cgroup %s/%s", c->h[i].label, c->name);
	}
	return failed;
}
