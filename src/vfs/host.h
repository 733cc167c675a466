/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of the host: files that are opened once, before privileges go. */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "vfs/cg.h"
#include "vfs/nodes.h"
#include "vfs/parse.h"

struct host {
	struct cg_host cg;
	int meminfo;
	int cpuinfo;
	int diskstats;
	int online;	      /* /sys/devices/system/cpu/online */
	int knobs[NODES_MAX]; /* the host's own file of each row of the table; -EBADF: none */
	char *knob_first[NODES_MAX]; /* owned; what was in it at the start, where only root reads */

	/* The kernel asks every CPU for its clock, so this is kept for a second. */
	pthread_mutex_t cpuinfo_lock;
	uint64_t cpuinfo_at_ns;
	struct buf cpuinfo_text;
};

int host_open(struct host *h, struct err *err);
void host_done(struct host *h);

/* Reads from the beginning. Returns the length or -errno. */
ssize_t host_read(int fd, char *buf, size_t size);

/* Appends /proc/cpuinfo of the host. */
int host_cpuinfo(struct host *h, struct buf *out);

/* CLOCK_BOOTTIME in nanoseconds. */
uint64_t host_boottime(void);
