/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which layers local images have, by their ids: an image never changes, so what the engine said
 * once need not be asked again. Limited in number and in bytes; what has no place any more is asked
 * for anew.
 */
#pragma once

#include "base/arena.h"
#include "policy/imagelist.h"

#define LAYERS_SETS 2048u
#define LAYERS_WAYS 8u
#define LAYERS_BYTES_MAX (16u << 20)

struct layers_row;

struct layers {
	/* An id has its place in one of the sets, by its hash. */
	struct {
		struct layers_row *rows[LAYERS_WAYS];
		unsigned next; /* to go when all are taken */
	} sets[LAYERS_SETS];
	size_t bytes;
};

void layers_done(struct layers *l);

/* What cannot be kept is not. */
void layers_add(struct layers *l, const struct imagelist_image *image);

/* Gives the image its layers, copied into the arena; false: they are not known. */
bool layers_find(const struct layers *l, struct arena *a, struct imagelist_image *image);
