/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when one of some files may have changed: written, replaced by rename, removed, made; also
 * when its folder is made later, and when it is a symlink whose target changes.
 *
 * Folders are watched (inotify(7)), never the files, which editors and administrators replace. What
 * happens is gathered for a moment, so that a file that is being written is looked at when it is
 * complete; but never for long. Where the kernel gives no watch, the owner is asked to look every
 * second instead.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"

#define WATCH_FILES_MAX 5
#define WATCH_QUIET_NS (150 * LOOP_NSEC_PER_MSEC) /* without an event, before the owner looks */
#define WATCH_LONGEST_NS (600 * LOOP_NSEC_PER_MSEC)
#define WATCH_POLL_NS LOOP_NSEC_PER_SEC

/* A folder, and the name in it that matters. */
struct watch_folder {
	int wd;
	char name[NAME_MAX + 1]; /* "": every name */
};

struct watch {
	struct loop *loop;
	const char *const *files; /* borrowed; absolute paths; "" ones are passed over */
	size_t nfiles;
	/* One of them may have changed since the last call, or since watch_start(). Watching has
	 * begun anew already, so what the owner reads now is never too old. */
	void (*changed)(struct watch *w);
	int fd;
	struct loop_fd ready;
	struct loop_timer timer;
	uint64_t since_ns; /* of the first event that has not been told */
	bool polling;	   /* no watches are to be had */
	size_t nfolders;
	struct watch_folder folders[4 * WATCH_FILES_MAX];
};

#define WATCH_INIT ((struct watch){ .fd = -EBADF })

/* Never fails: without watches it polls, and w->polling says so. */
void watch_start(struct watch *w, struct loop *l, const char *const *files, size_t n,
		 void (*changed)(struct watch *w));
void watch_stop(struct watch *w);
