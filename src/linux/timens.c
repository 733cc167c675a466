/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/timens.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define OFFSETS_MAX 4096u
#define NSEC_PER_SEC 1000000000u

bool timens_there(void)
{
	return access("/proc/self/ns/time", F_OK) == 0;
}

/* The new namespace is that of children that will be (time_namespaces(7)): there, its clock is set
 * back. */
static int make(uint64_t born_ns)
{
	uint64_t over = born_ns % NSEC_PER_SEC;
	long long secs = (long long)(born_ns / NSEC_PER_SEC) + (over > 0);
	char text[64];
	int n = snprintf(text, sizeof(text), "boottime %lld %llu\n", -secs,
			 (unsigned long long)(over > 0 ? NSEC_PER_SEC - over : 0));
	int r;
	int fd;

	if (unshare(CLONE_NEWTIME) < 0)
		return -errno;
	r = file_write_once("/proc/self/timens_offsets", (struct slice){ text, (size_t)n });
	if (r < 0)
		return r;
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int timens_create(uint64_t born_ns, struct err *err)
{
	CLEANUP_FD int own = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int made = own < 0 ? -errno : make(born_ns);

	if (own >= 0 && setns(own, CLONE_NEWTIME) < 0)
		return err_errno(err, -errno, "cannot return to the host's time");
	return made < 0 ? err_errno(err, made, "cannot make a time namespace") : TAKE_FD(made);
}

uint64_t timens_born(const char *offsets)
{
	static const struct slice name = SLICE_LIT("boottime ");
	CLEANUP_BUF struct buf text = BUF_INIT(OFFSETS_MAX);
	struct slice rest;
	struct slice line;

	if (file_read(offsets, &text) < 0)
		return 0;
	rest = buf_slice(&text);
	while (slice_split(&rest, '\n', &line)) {
		long long secs;
		char *end;

		if (!slice_starts(line, name))
			continue;
		secs = strtoll(line.p + name.n, &end, 10);
		if (secs < 0)
			return (uint64_t)-secs * NSEC_PER_SEC - strtoull(end, NULL, 10);
	}
	return 0;
}
