/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay taken apart into its layers, each cloned and ID-mapped, and put together again. The
 * kernel cannot ID-map an overlay mount (EINVAL up to Linux 6.18), only what it is made of (5.19).
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct runtime;

#define OVERLAY_LAYERS_MAX 500 /* OVL_MAX_STACK */

/* An overlay mount's options, as mountinfo prints them, taken apart. */
struct overlay {
	size_t nlower;
	const char *lower[OVERLAY_LAYERS_MAX]; /* top first, unescaped */
	const char *upper;		       /* NULL: read-only overlay */
	const char *work;
	const char *rest; /* every other option, still escaped: "" or ",name=value…" */
};

/* Parses the super block options of an overlay. -EOPNOTSUPP: data-only layers; -E2BIG: too many. */
int overlay_parse(struct arena *a, struct slice super, struct overlay *ret, struct err *err);

/* Writes a path so that it can stand in lowerdir=, upperdir= or workdir=. */
void overlay_escape(struct buf *b, const char *path);

struct layers {
	bool frozen; /* set before layers_clone: the upper directory becomes the top lower one */
	struct overlay *overlay;
	const char *point;	/* where the original is mounted */
	const char *base;	/* folder that relative paths start from; NULL: all are absolute */
	unsigned long flags;	/* MS_NOSUID, MS_NODEV, MS_NOEXEC of the original */
	int *lower;		/* ID-mapped clones, top first; -EBADF once attached */
	int upper;		/* clone of the folder that holds upper and work, or -EBADF */
	const char *upper_name; /* their names in it */
	const char *work_name;
};

#define LAYERS_INIT ((struct layers){ .upper = -EBADF })

/* Takes the overlay mounted at `point` (with these super block options) apart: clones, maps with
 * rt->userns. Changes nothing that anybody sees. */
int layers_clone(struct runtime *rt, const char *point, struct slice super, struct layers *ret,
		 struct err *err);

/* Mounts the ID-mapped overlay on `target`. In the private namespace, on the stage's "l". */
int layers_mount(struct runtime *rt, struct layers *l, const char *target, struct err *err);

/* The original's options again, for the engine's namespace: as they were, or the read-only view of
 * upper and lower layers. */
void layers_options(const struct layers *l, bool view, struct buf *b);

/* The view keeps what it cannot have as options (upper, work, and the rest) in its mount source,
 * from which the original's options come back. A mount's source and super block options, as
 * mountinfo prints them, to the options of the original: NULL when it is no view of ours. */
void layers_view_source(const struct layers *l, struct buf *b);
const char *layers_of_view(struct arena *a, const char *source, struct slice super,
			   struct err *err);

/* After the original was unmounted: a volatile overlay (Podman) left a mark in its work directory
 * that forbids mounting it again, since it could be what a crash left behind. */
void layers_forget_volatile(const struct layers *l);

void layers_done(struct layers *l);
