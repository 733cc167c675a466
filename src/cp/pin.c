/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/util.h"

#define ID_MAP_MAX 65536u

static int gone(struct err *err)
{
	return err_set(err, -ESRCH, "the container is not running");
}

static int fail(struct err *err, int r, const char *what)
{
	return r == -ESRCH || r == -ENOENT ? gone(err) : err_errno(err, r, "container's %s", what);
}

/* "   0   BASE   SIZE": the first line of uid_map or gid_map is the container's whole range. */
static int check_map(int proc, const char *name, const struct job *job, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(ID_MAP_MAX);
	uint32_t want[3] = { 0, job->base, job->size };
	int r = file_read_at(proc, name, &text);
	struct slice rest = buf_slice(&text);
	struct slice line;
	struct slice word;
	size_t n = 0;

	if (r < 0)
		return fail(err, r, name);
	if (!slice_split(&rest, '\n', &line))
		line = SLICE_NULL;
	while (slice_split(&line, ' ', &word)) {
		uint32_t v;

		if (word.n == 0)
			continue;
		if (n == ARRAY_SIZE(want) || num_parse_u32(word, &v) < 0 || v != want[n])
			break;
		n++;
	}
	if (n != ARRAY_SIZE(want) || line.p)
		return err_set(err, -EPERM, "process %d is not of the container with ids %u to %u",
			       (int)job->pid, job->base, job->base + job->size - 1);
	return 0;
}

static int open_one(int proc, const char *name, int flags, int *ret, struct err *err)
{
	*ret = openat(proc, name, flags | O_CLOEXEC);
	return *ret < 0 ? fail(err, -errno, name) : 0;
}

/* Is it still in the user namespace p->user? A process can leave one only for one below it, so if
 * it is there before and after its maps were read, they were the maps of that one. */
static int check_same_user(int proc, const struct pin *p, struct err *err)
{
	struct stat now;
	struct stat then;

	if (fstatat(proc, "ns/user", &now, 0) < 0 || fstat(p->user, &then) < 0)
		return fail(err, -errno, "ns/user");
	if (now.st_dev != then.st_dev || now.st_ino != then.st_ino)
		return err_set(err, -EPERM, "the container's process changed its user namespace");
	return 0;
}

static int open_all(struct pin *p, const struct job *job, struct err *err)
{
	CLEANUP_FD int proc = -EBADF;
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)job->pid);
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return fail(err, -errno, "process");
	/* The same process: /proc/PID can still be read after this, so its number was not given
	 * away. */
	p->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	if (p->pidfd < 0)
		return fail(err, -errno, "process");
	r = open_one(proc, "ns/user", O_RDONLY, &p->user, err);
	if (r == 0)
		r = check_map(proc, "uid_map", job, err);
	if (r == 0)
		r = check_map(proc, "gid_map", job, err);
	if (r == 0)
		r = check_same_user(proc, p, err);
	if (r == 0)
		r = open_one(proc, "ns/mnt", O_RDONLY, &p->mnt, err);
	if (r == 0)
		r = open_one(proc, "ns/pid", O_RDONLY, &p->pid, err);
	if (r == 0)
		r = open_one(proc, "root", O_PATH | O_DIRECTORY, &p->root, err);
	if (r == 0 && job->mode == JOB_GET) {
		r = file_read_at(proc, "mountinfo", &p->mountinfo);
		r = r == -EFBIG ? 0 : r; /* what is missing counts as made by the container */
		r = r < 0 ? fail(err, r, "mountinfo") : 0;
	}
	return r;
}

int pin_open(struct pin *ret, const struct job *job, struct err *err)
{
	int r;

	*ret = PIN_INIT;
	r = open_all(ret, job, err);
	if (r < 0)
		pin_done(ret);
	return r;
}

void pin_done(struct pin *p)
{
	p->pidfd = fd_close(p->pidfd);
	p->user = fd_close(p->user);
	p->mnt = fd_close(p->mnt);
	p->pid = fd_close(p->pid);
	p->root = fd_close(p->root);
	buf_done(&p->mountinfo);
}
