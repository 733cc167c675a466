/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which local image was the base that allowed a derived one, so that the next judgement of the same
 * image looks at that base instead of at all local images. A hint and no verdict: what it names is
 * looked up and judged like any other base, and where that does not allow, all images are. So what
 * is wrong or out of date here can cost time, and choose another base than the nearest; it allows
 * nothing.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "policy/imagelist.h"

#define BASES_MAX 256u
#define BASES_TEXT_MAX 16384u

struct bases_row;

struct bases {
	struct bases_row *rows[BASES_MAX]; /* by a hash of the image's facts; the latest stays */
};

void bases_done(struct bases *b);

/* image: all facts that the image was judged by, as text; serial: of what else the judgement rested
 * on. What cannot be kept is not. */
void bases_add(struct bases *b, struct slice image, uint64_t serial, struct slice base);

/* The base's id, copied into the arena, if exactly these facts were kept with that serial;
 * SLICE_NULL: nothing is known. */
struct slice bases_find(const struct bases *b, struct arena *a, struct slice image,
			uint64_t serial);
