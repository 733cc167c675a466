/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/mountinfo (proc_pid_mountinfo(5)), parsed into an arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct mountinfo_entry {
	uint64_t id;
	uint64_t parent;
	uint32_t dev_major;
	uint32_t dev_minor;
	const char *root;   /* path inside its file system, unescaped */
	const char *point;  /* mount point relative to the reader's root, unescaped */
	const char *type;   /* file system type */
	const char *source; /* unescaped */
	bool read_only;	    /* the mount, whatever its super block is */
	struct slice
		super; /* super block options as printed: still escaped (\054 is part of a value) */
};

/* Parses one line without its newline. -EINVAL when it is not a mountinfo line. */
int mountinfo_parse_line(struct arena *a, struct slice line, struct mountinfo_entry *ret);

/* Reads /proc/self/mountinfo. */
int mountinfo_read(struct buf *b, struct err *err);

/* Finds the mount with this id in a mountinfo text. 0, or 1 when there is none. */
int mountinfo_find(struct arena *a, struct slice text, uint64_t mnt_id, struct mountinfo_entry *ret,
		   struct err *err);

/* Calls fn for every mount of the text until it returns non-zero; returns that. */
int mountinfo_each(struct slice text, int (*fn)(const struct mountinfo_entry *m, void *data),
		   void *data, struct err *err);

/* Replaces \040 and the like by the bytes they stand for. */
char *mountinfo_unescape(struct arena *a, struct slice s);
