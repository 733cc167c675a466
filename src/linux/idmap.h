/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ID maps as user_namespaces(7) writes them: extents of (id inside, id outside, count). For an
 * ID-mapped mount "inside" is the id on disk and "outside" the id that the mount shows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define IDMAP_EXTENTS_MAX 340 /* UID_GID_MAP_MAX_EXTENTS, Linux 4.15 */

struct idmap_extent {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

struct idmap {
	size_t n;
	struct idmap_extent e[IDMAP_EXTENTS_MAX];
};

/* Adds an extent; count 0 adds nothing. -E2BIG: too many; -ERANGE: over the end of the id space;
 * -EEXIST: overlaps one that is there, inside or outside. */
int idmap_add(struct idmap *m, uint32_t inside, uint32_t outside, uint32_t count);

/* Maps every id below `limit` that has no extent yet to ghost + id. */
int idmap_fill_ghost(struct idmap *m, uint32_t limit, uint32_t ghost);

/* The text for uid_map or gid_map. */
void idmap_print(const struct idmap *m, struct buf *b);

/* Reads uid_map text. -EINVAL when it is none. */
int idmap_parse(struct slice text, struct idmap *ret);

/* Id outside of an id inside. False when there is none. */
bool idmap_outside(const struct idmap *m, uint32_t inside, uint32_t *ret);

bool idmap_equal(const struct idmap *a, const struct idmap *b);
