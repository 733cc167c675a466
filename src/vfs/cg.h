/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a container's cgroup, version 1, 2 or both at once (a controller is in one of them).
 * They are opened once a container and read again and again from their beginning. A container that
 * has not been read for a while may lose its descriptors, and gets new ones when it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/slice.h"

enum cg_controller {
	CG_MEMORY,
	CG_CPU,
	CG_CPUACCT,
	CG_CPUSET,
	CG_PIDS,
	CG_BLKIO,
	CG_UNIFIED, /* version 2 */
	CG_CONTROLLERS,
};

enum cg_file {
	CG_MEMORY_LIMIT,
	CG_MEMORY_USAGE,
	CG_MEMORY_STAT,
	CG_SWAP_LIMIT, /* version 1: of memory and swap together */
	CG_SWAP_USAGE, /* so, too */
	CG_CPU_MAX,    /* version 2 only */
	CG_CPU_QUOTA,  /* version 1 only */
	CG_CPU_PERIOD, /* version 1 only */
	CG_CPU_USED,   /* cpu.stat; cpuacct.usage_all */
	CG_CPU_BUSY,   /* cpu.stat; cpuacct.usage */
	CG_CPUS,
	CG_PIDS_CURRENT,
	CG_IO,	   /* io.stat; bytes */
	CG_IO_OPS, /* version 1 only */
	CG_FILES,
};

/* Where this host has its hierarchies. */
struct cg_host {
	size_t open;		      /* files of all containers; changed atomically */
	size_t most;		      /* how many there should be */
	int root[CG_CONTROLLERS];     /* -EBADF: not there */
	char *prefix[CG_CONTROLLERS]; /* of their roots, as /proc/PID/cgroup would print it; owned
				       */
};

#define CG_LEVELS_MAX 32
#define CG_OPEN_MAX 96

struct cg_open {
	uint8_t file; /* enum cg_file */
	uint8_t level;
	int fd;
};

struct cg_box {
	char *path[CG_CONTROLLERS]; /* owned; NULL: not in that one */
	size_t n;
	struct cg_open open[CG_OPEN_MAX];
};

/* The key of ID.json for a controller: "memory", "unified", … */
const char *cg_name(enum cg_controller c);

/* Finds the hierarchies in this mount namespace. Those that are not mounted are left out. */
int cg_host_open(struct cg_host *h, struct err *err);
/* Whether some containers should lose their descriptors. */
bool cg_crowded(const struct cg_host *h);
void cg_host_done(struct cg_host *h);

/* 1, 2, or 0 when the container is in no hierarchy with that controller. */
int cg_version(const struct cg_host *h, const struct cg_box *b, enum cg_controller c);

/* How many cgroups from the container's own up to, and without, the root. */
unsigned int cg_levels(const struct cg_host *h, const struct cg_box *b, enum cg_controller c);

/* Reads a file of the cgroup that many levels above the container's own into buf. Returns the
 * length, or -errno: -ENOENT when there is none. */
ssize_t cg_read(struct cg_host *h, struct cg_box *b, enum cg_file file, unsigned int level,
		char *buf, size_t size);

/* Closes what is open. */
void cg_close(struct cg_host *h, struct cg_box *b);
/* The same, and frees what b has. */
void cg_done(struct cg_host *h, struct cg_box *b);
