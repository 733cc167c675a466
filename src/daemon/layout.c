/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "daemon/process.h"
#include "linux/at.h"
#include "linux/mountinfo.h"

#define LOCK_POLL_NS (20 * LOOP_NSEC_PER_MSEC)
#define RACE_NS LOOP_NSEC_PER_SEC
#define SWEEP_DEPTH 64
#define LOG_MAX (16 * 1024 * 1024) /* a log longer than this is cut down to */
#define LOG_KEEP (1024 * 1024)
#define MOUNTINFO_MAX (16u * 1024u * 1024u)
#define MOUNTS_MAX 4096

enum below {
	BELOW_RUN,
	BELOW_LIB,
	BELOW_DIR,
};

/* Folders of an instance and who may enter them: the gate's user and everybody's clients have to
 * reach the sockets in DIR/run, containers their root file systems. */
static const struct {
	enum below below;
	const char *name;
	mode_t mode;
} folders[] = {
	{ BELOW_DIR, "etc", 0755 },	   { BELOW_DIR, "lib", 0711 },
	{ BELOW_RUN, "log", 0750 },	   { BELOW_RUN, "tmp", 0700 },
	{ BELOW_RUN, "bin", 0755 },	   { BELOW_RUN, "exec", 0711 },
	{ BELOW_RUN, "containerd", 0711 }, { BELOW_RUN, "containers", 0700 },
	{ BELOW_RUN, "views", 0700 },	   { BELOW_RUN, "vet", 0700 },
	{ BELOW_LIB, "engine", 0710 },	   { BELOW_LIB, "containerd", 0711 },
	{ BELOW_LIB, "askers", 0700 },
};

static const char *base_of(const struct instance *inst, enum below below)
{
	switch (below) {
	case BELOW_RUN:
		return inst->run;
	case BELOW_LIB:
		return inst->lib;
	case BELOW_DIR:
		break;
	}
	return inst->dir;
}

static int make(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return chmod(path, mode) < 0 ? err_errno(err, -errno, "%s", path) : 0; /* umask */
	if (errno != EEXIST)
		return err_errno(err, -errno, "making %s", path);
	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s is there and is no folder", path);
	if (st.st_uid != 0 && faccessat(AT_FDCWD, path, W_OK, 0) < 0)
		return err_errno(err, -errno, "%s", path);
	return 0;
}

int layout_make_run(struct daemon *d, struct err *err)
{
	struct sockaddr_un addr;
	int r;

	/* Overlay mounts, containerd's configuration and our own records have no way to quote. */
	for (const char *p = d->inst.dir; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~' || strchr(":,\"'\\", *p))
			return err_set(err, -EINVAL,
				       "the engine cannot live in %s: only printable ASCII without "
				       "colon, comma, quotes and backslash is possible",
				       d->inst.dir);
	if (strlen(d->inst.dir) + strlen(LAYOUT_LONGEST_SOCKET) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG,
			       "%s is too long a path: sockets in it could not be connected to "
			       "(at most %zu bytes)",
			       d->inst.dir,
			       sizeof(addr.sun_path) - strlen(LAYOUT_LONGEST_SOCKET) - 1);
	r = make(d->inst.dir, 0755, err);
	return r < 0 ? r : make(d->inst.run, 0755, err);
}

int layout_make(struct daemon *d, struct err *err)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		int r;

		(void)snprintf(path, sizeof(path), "%s/%s", base_of(&d->inst, folders[i].below),
			       folders[i].name);
		r = make(path, folders[i].mode, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether the lock at path is still the one that is open as fd: its holder before us may have
 * removed it. */
static bool is_current(const char *path, int fd)
{
	struct stat a;
	struct stat b;

	return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void write_holder(int fd)
{
	uint64_t birth = 0;
	char text[64];
	int n;

	(void)process_birth(getpid(), &birth);
	n = snprintf(text, sizeof(text), "%ld %llu", (long)getpid(), (unsigned long long)birth);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
		log_warning("gabiond.lock: %s", strerror(errno)); /* it is locked all the same */
}

int layout_lock(struct daemon *d, bool make_run, uint64_t timeout_ns, struct err *err)
{
	uint64_t end = loop_clock() + timeout_ns;
	struct timespec pause = { .tv_nsec = (long)LOCK_POLL_NS };
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/gabiond.lock", d->inst.run);
	for (;;) {
		CLEANUP_FD int fd = -EBADF;

		r = make_run ? layout_make_run(d, err) : 0;
		if (r < 0)
			return r;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0 && errno == ENOENT && make_run && loop_clock() <= end + RACE_NS)
			continue; /* its holder before us is just removing the folder */
		if (fd < 0 && errno == ENOENT)
			return LAYOUT_NONE;
		if (fd < 0)
			return err_errno(err, -errno, "%s", path);
		while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK)
				return err_errno(err, -errno, "locking %s", path);
			if (loop_clock() >= end)
				return LAYOUT_BUSY;
			(void)nanosleep(&pause, NULL);
		}
		if (!is_current(path, fd))
			continue;
		write_holder(fd);
		d->lock = TAKE_FD(fd);
		return 0;
	}
}

int layout_holder(const struct daemon *d)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);
	char path[PATH_MAX];
	struct slice rest;
	struct slice pid;
	uint32_t number;
	uint64_t birth;

	(void)snprintf(path, sizeof(path), "%s/gabiond.lock", d->inst.run);
	if (file_read(path, &b) < 0)
		return -ESRCH;
	rest = buf_slice(&b);
	if (!slice_split(&rest, ' ', &pid) || num_parse_u32(pid, &number) < 0 ||
	    num_parse_u64(rest, UINT64_MAX, &birth) < 0)
		return -ESRCH;
	return process_open((pid_t)number, birth);
}

int layout_cgroup_name(const struct daemon *d, char ret[CGROUP_NAME_MAX], struct err *err)
{
	uint64_t h = hash_add(HASH_INIT, d->inst.dir, strlen(d->inst.dir));
	struct stat st;
	uint64_t id[2];

	if (stat(d->inst.dir, &st) < 0)
		return err_errno(err, -errno, "%s", d->inst.dir);
	id[0] = (uint64_t)st.st_dev;
	id[1] = (uint64_t)st.st_ino;
	h = hash_add(h, id, sizeof(id));
	(void)snprintf(ret, CGROUP_NAME_MAX, "gabion-%08x", (uint32_t)(h ^ h >> 32));
	return 0;
}

/* Removes what is in the directory `take_fd` but `keep`. Never leaves its file system. */
static int sweep(int take_fd, const char *keep, dev_t dev, unsigned int depth)
{
	CLEANUP_DIR DIR *dir = fdopendir(take_fd);
	struct dirent *e;
	int failed = 0;

	if (!dir) {
		(void)fd_close(take_fd);
		return -errno;
	}
	for (e = readdir(dir); e; e = readdir(dir)) {
		struct stat st;
		int fd;
		int r;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    (keep && strcmp(e->d_name, keep) == 0))
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		fd = at_open_plain(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != dev || depth == 0) {
			failed = fd < 0 ? fd : -EBUSY;
			(void)fd_close(fd);
			continue;
		}
		r = sweep(fd, NULL, dev, depth - 1);
		if (r == 0 && unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) < 0)
			r = -errno;
		failed = r < 0 ? r : failed;
	}
	return failed;
}

int layout_sweep(const struct daemon *d, bool all, struct err *err)
{
	CLEANUP_FD int fd = open(d->inst.run, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, -errno, "%s", d->inst.run);
	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "%s", d->inst.run);
	r = sweep(TAKE_FD(fd), "gabiond.lock", st.st_dev, SWEEP_DEPTH);
	if (r < 0)
		return err_errno(err, r, "emptying %s", d->inst.run);
	if (!all)
		return 0;
	/* From here on another gabiond may make them anew. */
	(void)snprintf(path, sizeof(path), "%s/gabiond.lock", d->inst.run);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, -errno, "removing %s", path);
	if (rmdir(d->inst.run) < 0 && errno != ENOTEMPTY && errno != ENOENT)
		return err_errno(err, -errno, "removing %s", d->inst.run);
	return 0;
}

void layout_forget_askers(const struct daemon *d)
{
	CLEANUP_FD int fd = -EBADF;
	CLEANUP_DIR DIR *dir = NULL;
	CLEANUP_FD int containers = -EBADF;
	struct dirent *e;
	char path[PATH_MAX];

	for (char **a = d->engine_args; *a; a++)
		if (strncmp(*a, "--data-root", 11) == 0 || strncmp(*a, "--graph", 7) == 0 ||
		    strcmp(*a, "-g") == 0)
			return; /* its containers are somewhere else */
	(void)snprintf(path, sizeof(path), "%s/engine/containers", d->inst.lib);
	containers = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/askers", d->inst.lib);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return;
	fd = -EBADF; /* dir's now */
	if (containers < 0)
		return;
	for (e = readdir(dir); e; e = readdir(dir))
		if (e->d_name[0] != '.' &&
		    faccessat(containers, e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno == ENOENT)
			(void)unlinkat(dirfd(dir), e->d_name, 0);
}

void layout_save_record(struct daemon *d)
{
	struct record *rec = &d->record;
	char path[PATH_MAX];
	int r;

	rec->mnt = d->space.mnt;
	rec->net = d->space.net;
	for (enum service_id i = 0; i < SERVICE_COUNT; i++) {
		const struct service *s = &d->services[i];

		rec->services[i] = (struct record_service){
			.pid = s->pid, .birth = s->birth, .config = s->config, .state = s->state
		};
	}
	(void)snprintf(path, sizeof(path), "%s/instance.json", d->inst.run);
	r = record_write(path, rec);
	if (r < 0 && d->phase != DAEMON_STOPPING)
		log_error("%s: %s", path, strerror(-r));
}

/* Its writers append, so what follows is written at the new end. */
static void trim(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP_FREE char *tail = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= LOG_MAX)
		return;
	tail = malloc(LOG_KEEP);
	if (!tail)
		return;
	n = pread(fd, tail, LOG_KEEP, st.st_size - LOG_KEEP);
	if (n > 0 && ftruncate(fd, 0) == 0)
		(void)fd_write_all(fd, tail, (size_t)n);
}

void layout_trim_logs(const struct daemon *d)
{
	char path[PATH_MAX];

	for (enum service_id i = 0; i < SERVICE_COUNT; i++) {
		service_log_path(&d->services[i], path);
		trim(path);
	}
	(void)snprintf(path, sizeof(path), "%s/log/gabiond.log", d->inst.run);
	trim(path);
}

struct mounts {
	const struct daemon *d;
	size_t n;
	char *points[MOUNTS_MAX]; /* owned */
};

static int find_mount(const struct mountinfo_entry *m, void *data)
{
	struct mounts *all = data;
	const struct instance *inst = &all->d->inst;
	char engine[PATH_MAX];
	char containerd[PATH_MAX];
	const char *const below[] = { inst->run, engine, containerd };

	(void)snprintf(engine, sizeof(engine), "%s/engine", inst->lib);
	(void)snprintf(containerd, sizeof(containerd), "%s/containerd", inst->lib);
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		size_t n = strlen(below[i]);

		if (strncmp(m->point, below[i], n) != 0 || m->point[n] != '/')
			continue;
		all->points[all->n] = strdup(m->point);
		if (all->points[all->n])
			all->n++;
		return all->n == MOUNTS_MAX ? 1 : 0;
	}
	return 0;
}

void layout_unmount(const struct daemon *d)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);
	CLEANUP_FREE struct mounts *all = calloc(1, sizeof(*all));

	if (!all || mountinfo_read(&text, NULL) < 0)
		return;
	all->d = d;
	(void)mountinfo_each(buf_slice(&text), find_mount, all, NULL);
	while (all->n > 0) {
		char *point = all->points[--all->n];

		if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			log_warning("unmounting %s: %s", point, strerror(errno));
		free(point);
	}
}
