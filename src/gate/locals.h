/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which local images can be the base of a derived one: those with a name that an entry is for, and
 * those that have a digest that is good for one. Engines with containerd's image store take some
 * 10 ms an image to list them, so only these are asked for there: the names in one list, the
 * digests, which are ids in that store, one by one.
 */
#pragma once

#include "settings/digests.h"

#define LOCALS_DIGESTS_MAX 64u /* that are asked for one by one */

enum locals_result {
	LOCALS_SOME = 0,
	LOCALS_ALL = 1, /* there is a name that the engine's filter cannot say: list all of them */
};

/* The request for those with the names, as path and query with a NUL at the end. */
int locals_by_name(const struct imagelist *lists, size_t nlists, struct buf *target);

/* A digest that is good for an entry, or its id, and not among those that were looked for; copied
 * into the arena. SLICE_NULL: there is none (or no memory). */
struct slice locals_next_digest(const struct imagelist *lists, size_t nlists,
				const struct digests *d, const struct slice *looked, size_t nlooked,
				struct arena *a);
