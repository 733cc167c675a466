/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "vfs/values.h"

#define NS 1000000000ull
#define CPUINFO_MAX (4u * 1024u * 1024u)
#define CPUINFO_CHUNK 65536u

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

ssize_t host_read(int fd, char *buf, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, size, 0);

	return fd < 0 ? -ENOENT : n < 0 ? -errno : n;
}

static void open_knobs(struct host *h)
{
	char path[128];
	char text[VALUE_MAX];

	for (size_t i = 0; i < nodes_count(); i++) {
		h->knobs[i] = -EBADF;
		if (!nodes[i].knob)
			continue;
		(void)snprintf(path, sizeof(path), "/%s", nodes[i].path);
		h->knobs[i] = open_file(path);
		if (h->knobs[i] >= 0 && !(nodes[i].mode & 0044)) {
			ssize_t n = host_read(h->knobs[i], text, sizeof(text) - 1);

			h->knob_first[i] = n > 0 ? strndup(text, (size_t)n) : NULL;
		}
	}
}

int host_open(struct host *h, struct err *err)
{
	int r = cg_host_open(&h->cg, err);

	(void)pthread_mutex_init(&h->cpuinfo_lock, NULL);
	h->cpuinfo_text = BUF_INIT(CPUINFO_MAX);
	h->meminfo = open_file("/proc/meminfo");
	h->cpuinfo = open_file("/proc/cpuinfo");
	h->diskstats = open_file("/proc/diskstats");
	h->online = open_file("/sys/devices/system/cpu/online");
	open_knobs(h);
	if (r == 0 && (h->meminfo < 0 || h->cpuinfo < 0 || h->online < 0))
		return err_set(err, -ENOENT, "/proc and /sys of the host are not there");
	return r;
}

void host_done(struct host *h)
{
	h->meminfo = fd_close(h->meminfo);
	h->cpuinfo = fd_close(h->cpuinfo);
	h->diskstats = fd_close(h->diskstats);
	h->online = fd_close(h->online);
	for (size_t i = 0; i < nodes_count(); i++) {
		h->knobs[i] = fd_close(h->knobs[i]);
		free(h->knob_first[i]);
		h->knob_first[i] = NULL;
	}
	cg_host_done(&h->cg);
	buf_done(&h->cpuinfo_text);
	(void)pthread_mutex_destroy(&h->cpuinfo_lock);
}

uint64_t host_boottime(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* The kernel prints one CPU after the other: read to the end. */
static int read_cpuinfo(struct host *h)
{
	off_t at = 0;

	buf_reset(&h->cpuinfo_text);
	for (;;) {
		char *to = buf_reserve(&h->cpuinfo_text, CPUINFO_CHUNK);
		ssize_t n = to ? pread(h->cpuinfo, to, CPUINFO_CHUNK, at) : -1;

		if (!to)
			return -ENOMEM;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_commit(&h->cpuinfo_text, (size_t)n);
		at += n;
	}
}

int host_cpuinfo(struct host *h, struct buf *out)
{
	uint64_t now = host_boottime();
	int r = 0;

	(void)pthread_mutex_lock(&h->cpuinfo_lock);
	if (h->cpuinfo_text.n == 0 || now - h->cpuinfo_at_ns > NS) {
		r = read_cpuinfo(h);
		h->cpuinfo_at_ns = now;
	}
	if (r == 0)
		buf_add_slice(out, buf_slice(&h->cpuinfo_text));
	(void)pthread_mutex_unlock(&h->cpuinfo_lock);
	return r == 0 && !buf_ok(out) ? -ENOMEM : r;
}
