/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/timens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define OFFSETS "/proc/self/timens_offsets"
#define OFFSETS_MAX 4096u
#define NSEC_PER_SEC 1000000000

bool timens_there(void)
{
	return access("/proc/self/ns/time", F_OK) == 0;
}

/* Nanoseconds that the clock of a process's children is ahead of the host's, by its file. */
static int read_offset(const char *path, int64_t *ret)
{
	static const struct slice name = SLICE_LIT("boottime ");
	CLEANUP_BUF struct buf text = BUF_INIT(OFFSETS_MAX);
	struct slice rest;
	struct slice line;
	int r = file_read(path, &text);

	if (r < 0)
		return r;
	rest = buf_slice(&text);
	while (slice_split(&rest, '\n', &line)) {
		long long secs;
		char *end;

		if (!slice_starts(line, name))
			continue;
		secs = strtoll(line.p + name.n, &end, 10);
		if (__builtin_mul_overflow(secs, (int64_t)NSEC_PER_SEC, ret) ||
		    __builtin_add_overflow(*ret, strtoll(end, NULL, 10), ret))
			return -ERANGE;
		return 0;
	}
	return -EPROTO;
}

/* The new namespace is that of children that will be (time_namespaces(7)): there, its clock is set.
 */
static int make(int64_t offset)
{
	int64_t secs = offset / NSEC_PER_SEC - (offset % NSEC_PER_SEC < 0);
	char text[64];
	int n = snprintf(text, sizeof(text), "boottime %lld %lld\n", (long long)secs,
			 (long long)(offset - secs * NSEC_PER_SEC));
	int r;
	int fd;

	if (unshare(CLONE_NEWTIME) < 0)
		return -errno;
	r = file_write_once(OFFSETS, (struct slice){ text, (size_t)n });
	if (r < 0)
		return r;
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int timens_create(uint64_t born_ns, struct err *err)
{
	CLEANUP_FD int own = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int made = -EBADF;
	int64_t offset;
	int r = own < 0 ? -errno : read_offset(OFFSETS, &offset);

	if (r == 0 && __builtin_sub_overflow(offset, born_ns, &offset))
		r = -ERANGE;
	/* EPERM where one could leave one's namespace and not return: it is another owner's. */
	if (r == 0 && setns(own, CLONE_NEWTIME) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot make a time namespace");
	made = make(offset);
	if (setns(own, CLONE_NEWTIME) < 0) /* not EPERM, which is nothing made */
		return err_set(err, -ENOTRECOVERABLE, "cannot return to the host's time: %s",
			       strerror(errno));
	return made < 0 ? err_errno(err, made, "cannot make a time namespace") : TAKE_FD(made);
}

/* Whether the children of the process get the namespace that it is in, which its file tells about.
 */
static bool keeps_its_own(const char *proc)
{
	char path[PATH_MAX];
	struct stat now;
	struct stat then;

	(void)snprintf(path, sizeof(path), "%s/ns/time", proc);
	if (stat(path, &now) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/ns/time_for_children", proc);
	return stat(path, &then) == 0 && then.st_dev == now.st_dev && then.st_ino == now.st_ino;
}

uint64_t timens_born(const char *proc)
{
	char path[PATH_MAX];
	int64_t own;
	int64_t theirs;

	(void)snprintf(path, sizeof(path), "%s/timens_offsets", proc);
	if (!keeps_its_own(proc) || read_offset(path, &theirs) < 0 ||
	    read_offset(OFFSETS, &own) < 0 || __builtin_sub_overflow(own, theirs, &own))
		return 0;
	return own > 0 ? (uint64_t)own : 0;
}
