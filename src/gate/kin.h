/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: which containers were made by which others over the engine's socket.
 *
 * Each that was made so has its line: who made it, who made that one, and so on. A container's own
 * ones are itself and all that have it in their lines. A line does not change, so a container that
 * goes takes nothing with it: what it made stays its own maker's.
 *
 * What is gone is remembered for a while, because its last events come after it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "control/proto.h"

#define KIN_GONE_MAX 4096u

struct kin_entry;

struct kin {
	struct kin_entry **buckets; /* owned, and what is in them */
	size_t size;		    /* of buckets: a power of two, or 0 */
	size_t n;
	struct kin_entry *gone; /* those that are gone, first the oldest */
	struct kin_entry **last_gone;
	size_t ngone;
};

void kin_init(struct kin *k);
void kin_done(struct kin *k);

/* line: of n ids, at least one. One that is there already stays. Returns 0 or -ENOMEM. */
int kin_add(struct kin *k, const char id[CONTROL_ID_LEN], const char (*line)[CONTROL_ID_LEN],
	    size_t n);
/* It is gone. */
void kin_bury(struct kin *k, const char id[CONTROL_ID_LEN]);

/* The line of what that container makes. Returns how many ids. */
size_t kin_line(const struct kin *k, const char maker[CONTROL_ID_LEN],
		char ret[CONTROL_LINE_MAX][CONTROL_ID_LEN]);

/* Is it one of who's own? */
bool kin_own(const struct kin *k, const char who[CONTROL_ID_LEN], const char id[CONTROL_ID_LEN]);
/* The same, or was it before it was gone? */
bool kin_was_own(const struct kin *k, const char who[CONTROL_ID_LEN],
		 const char id[CONTROL_ID_LEN]);

/* How many of who's own ids begin so; *ret is one of them if there are any. */
size_t kin_prefix(const struct kin *k, const char who[CONTROL_ID_LEN], struct slice prefix,
		  char ret[CONTROL_ID_LEN + 1]);
