/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of id ranges: which container has which ids, for the whole host, without a daemon.
 *
 * One table of fixed records, /var/lib/gabion-ids/table, tied to the boot. Taking a lease holds an
 * open-file-description lock (fcntl(2), F_OFD_SETLK) on the table's first byte for some
 * microseconds, writes the record in one pwrite(2), and keeps such a lock on the record's own byte:
 * the descriptor goes through execve to the lower runtime, so whoever is still making the container
 * holds the lock, and the kernel drops it when the last of them is gone, however that happens.
 *
 * A record without that lock is live as long as any process of the host has ids of its range
 * (/proc/PID/uid_map, whose outer ids are the reader's, nested namespaces included). Nobody looks
 * until records have piled up or the range is used up; then one pass over /proc frees all dead
 * ones. So a start costs the same however many containers run, a range is handed out again as late
 * as can be, and there is nothing to release: a crash leaves no lease behind.
 *
 * A free record whose byte is locked all the same (by whoever inherited a lease that was given
 * back) is stepped over. A table that another version of gabion wrote says nothing: whose process
 * has ids of the pool gets a record, after the starts that are under way. Only root may open the
 * table, since who can read it can lock it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "settings/ranges.h"

#define LEASE_ID_MAX 80

struct lease {
	int fd;		/* the table, holding this record's lock; -EBADF: none */
	uint32_t index; /* which record */
	uint32_t base;
	uint32_t size;
};

#define LEASE_INIT ((struct lease){ .fd = -EBADF })

/* Takes `size` ids nobody else has. `id` is the container's, for people. -ENOSPC: all are in use;
 * the text says how many, and the way out. */
int lease_take(const char *dir, const struct ranges *pool, const struct ranges *taken,
	       uint32_t size, const char *id, struct lease *ret, struct err *err);

/* Gives a lease back whose user namespace was never used. */
void lease_drop(struct lease *l);

/* Lets go of the descriptor only; the record stays. Same as its end by exit. */
void lease_done(struct lease *l);

struct lease_info {
	uint32_t base;
	uint32_t size;
	bool starting; /* its lock is held */
	char id[LEASE_ID_MAX];
};

/* Calls fn for every record of this boot, live or not; stops when it returns non-zero, returns
 * that. */
int lease_each(const char *dir, int (*fn)(const struct lease_info *l, void *data), void *data,
	       struct err *err);
