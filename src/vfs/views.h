/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of nodes that follow a container's cgroup. All as struct node's read(). */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "vfs/box.h"
#include "vfs/host.h"
#include "vfs/nodes.h"
#include "vfs/parse.h"

/* Large arrays that are filled before they are read: clearing them first, as everything else here
 * is, would cost more than the rest of an answer. */
#define UNCLEARED __attribute__((uninitialized))

/* cpu.c */

/* The CPUs that the container sees: of its cpuset the lowest, as many as its quota pays for. */
int view_cpus(struct host *h, struct box *box, struct cpus *ret);
/* Nanoseconds of CPU time that it has used. */
uint64_t view_busy(struct host *h, struct box *box);
/* Nanoseconds since it was started. */
uint64_t view_uptime(const struct box *box);
/* And how long its CPUs have been idle in that time, all together; never less than before. */
uint64_t view_idle(struct box *box, uint64_t uptime_ns, unsigned int cpus, uint64_t busy);

int view_cpuinfo(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_stat(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_uptime_file(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_loadavg(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_cpu_list(const struct node *n, struct host *h, struct box *box, struct buf *out);

/* memory.c */
int view_meminfo(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_swaps(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_slabinfo(const struct node *n, struct host *h, struct box *box, struct buf *out);

/* disks.c */
int view_diskstats(const struct node *n, struct host *h, struct box *box, struct buf *out);

/* knobs.c */
int view_knob(const struct node *n, struct host *h, struct box *box, struct buf *out);
int view_uuid(const struct node *n, struct host *h, struct box *box, struct buf *out);
