/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/fifo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/util.h"
#include "linux/at.h"

#define LINE_MAX_BYTES 512u
#define LINK_MAX 128
#define CHILDREN_MAX 65536u

/* A call that opens a file by name, as /proc/PID/task/TID/syscall has it. */
struct opening {
	pid_t tid;
	int dir;       /* AT_FDCWD, or a descriptor of the thread's */
	uint64_t path; /* where in its memory */
};

/* "0x1f" */
static int parse_hex(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!slice_starts(s, SLICE_LIT("0x")) || s.n > 2 + 16)
		return -EINVAL;
	s = slice_from(s, 2);
	if (s.n == 0 || !slice_is_lower_hex(s))
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++)
		v = v << 4 | (uint64_t)(s.p[i] <= '9' ? s.p[i] - '0' : s.p[i] - 'a' + 10);
	*ret = v;
	return 0;
}

/* "257 0xffffffffffffff9c 0xc00012a000 0x80000 …", "running", "-1 0x7f… 0x7f…". False: no opening
 * by name. */
static bool parse_call(struct slice line, struct opening *ret)
{
	struct slice word;
	uint64_t number;
	uint64_t dir = (uint64_t)AT_FDCWD;

	if (!slice_split(&line, ' ', &word) || num_parse_u64(word, INT_MAX, &number) < 0)
		return false;
	if (number == SYS_openat || number == SYS_openat2) {
		if (!slice_split(&line, ' ', &word) || parse_hex(word, &dir) < 0)
			return false;
#ifdef SYS_open
	} else if (number == SYS_open) {
		;
#endif
	} else {
		return false;
	}
	ret->dir = (int)(uint32_t)dir;
	return slice_split(&line, ' ', &word) && parse_hex(word, &ret->path) == 0;
}

/* The name in the thread's memory. */
static int read_name(int tasks, const struct opening *o, char ret[PATH_MAX])
{
	CLEANUP_FD int mem = -EBADF;
	char name[LINK_MAX];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "%d/mem", o->tid);
	mem = openat(tasks, name, O_RDONLY | O_CLOEXEC);
	if (mem < 0)
		return -errno;
	n = pread(mem, ret, PATH_MAX, (off_t)o->path);
	if (n < 0)
		return -errno;
	return memchr(ret, '\0', (size_t)n) ? 0 : -ENAMETOOLONG;
}

/* Where its names begin: dockerd works in a root of its own, or has a process that does, where it
 * packs and unpacks. Nothing but what images and containers have is in such a one. */
static int open_root(int tasks, pid_t tid, bool *ret_caged)
{
	CLEANUP_FD int root = -EBADF;
	char name[LINK_MAX];
	struct stat theirs;
	struct stat ours;

	(void)snprintf(name, sizeof(name), "%d/root", tid);
	root = openat(tasks, name, O_PATH | O_CLOEXEC);
	if (root < 0 || fstat(root, &theirs) < 0 || stat("/", &ours) < 0)
		return -errno;
	*ret_caged = theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino;
	return TAKE_FD(root);
}

/* Where a relative name begins. */
static int open_dir(int tasks, const struct opening *o)
{
	char name[LINK_MAX];
	int fd;

	if (o->dir == AT_FDCWD)
		(void)snprintf(name, sizeof(name), "%d/cwd", o->tid);
	else
		(void)snprintf(name, sizeof(name), "%d/fd/%d", o->tid, o->dir);
	fd = openat(tasks, name, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Where that name leads from the thread. It may be on a file system that answers nobody any more,
 * which is then what the thread waits for. */
static int find(int tasks, const struct opening *o, const char *name, bool *ret_caged)
{
	CLEANUP_FD int root = open_root(tasks, o->tid, ret_caged);
	CLEANUP_FD int dir = -EBADF;

	if (root < 0)
		return root;
	if (name[0] != '/') {
		dir = open_dir(tasks, o);
		if (dir < 0)
			return dir;
	}
	return at_find_cached(dir < 0 ? root : dir, name, *ret_caged);
}

/* Among what the engine keeps, or where it puts together what it needs for a moment. */
static bool is_kept(const struct instance *inst, const char *path)
{
	const struct {
		const char *folder;
		const char *below;
	} places[] = {
		{ inst->lib, "/engine/" },
		{ inst->lib, "/containerd/" },
		{ inst->run, "/tmp/" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = strlen(places[i].folder);

		if (strncmp(path, places[i].folder, n) == 0 &&
		    strncmp(path + n, places[i].below, strlen(places[i].below)) == 0)
			return true;
	}
	return false;
}

/* Both ends at once, which waits for nobody; also on a file system that is read-only. */
static int open_and_close(int fd)
{
	char link[AT_FD_PATH_MAX];
	int ends;

	at_fd_path(fd, link);
	ends = open(link, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (ends < 0)
		return -errno;
	(void)close(ends);
	return 0;
}

static bool look(const struct fifo_look *l, int tasks, pid_t tid)
{
	CLEANUP_BUF struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct opening o = { .tid = tid };
	CLEANUP_FD int fd = -EBADF;
	char name[PATH_MAX];
	char path[PATH_MAX];
	bool caged = false;
	struct stat st;
	int r;

	(void)snprintf(name, sizeof(name), "%d/syscall", tid);
	if (file_read_at(tasks, name, &line) < 0 || !parse_call(buf_slice(&line), &o) ||
	    read_name(tasks, &o, name) < 0)
		return false;
	fd = find(tasks, &o, name, &caged);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) ||
	    (!caged && (at_path_of(fd, path, sizeof(path)) < 0 || !is_kept(l->inst, path))))
		return false;
	r = open_and_close(fd);
	if (!l->quiet)
		log_warning("the engine was opening the named pipe %s%s: %s", name,
			    caged ? " of a container's" : "",
			    r < 0 ? strerror(-r) : "it gets an end of file");
	return r == 0;
}

static size_t look_at_process(const struct fifo_look *l, pid_t pid, bool children);

/* A process that a thread started, and none that those start: "12 34 ". */
static size_t look_at_children(const struct fifo_look *l, int tasks, pid_t tid)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CHILDREN_MAX);
	char name[LINK_MAX];
	struct slice rest;
	struct slice word;
	uint32_t pid;
	size_t n = 0;

	(void)snprintf(name, sizeof(name), "%d/children", tid);
	if (file_read_at(tasks, name, &text) < 0)
		return 0;
	rest = buf_slice(&text);
	while (slice_split(&rest, ' ', &word))
		if (num_parse_u32(word, &pid) == 0)
			n += look_at_process(l, (pid_t)pid, false);
	return n;
}

static size_t look_at_process(const struct fifo_look *l, pid_t pid, bool children)
{
	CLEANUP_DIR DIR *d = NULL;
	char path[LINK_MAX];
	struct dirent *e;
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	for (e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		uint32_t tid;

		if (num_parse_u32(slice_str(e->d_name), &tid) < 0)
			continue;
		n += look(l, dirfd(d), (pid_t)tid);
		if (children)
			n += look_at_children(l, dirfd(d), (pid_t)tid);
	}
	return n;
}

size_t fifo_release(const struct fifo_look *l, pid_t pid)
{
	return look_at_process(l, pid, true);
}
