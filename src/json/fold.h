/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that Go's encoding/json takes for the same field of a struct. */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

/* A spelling that two keys share exactly when a field with an ASCII name would match both: ASCII
 * letters lower, U+017F as s, U+212A as k. The p of the result is NULL when out of memory. */
struct slice fold_key(struct arena *a, struct slice key);

/* Does a field of this ASCII name match the key? */
bool fold_match(const char *name, struct slice key);

/* A key of an object, for finding equal ones. */
struct fold_ref {
	struct slice key;
	size_t at; /* which member */
};

/* Whether no two of these keys are equal, in time that grows with their number; false also when it
 * cannot be told that way. */
bool fold_differ(struct arena *a, const struct fold_ref *refs, size_t n);

/* Sorts by key, equal ones in the order of the object. */
void fold_sort(struct fold_ref *refs, size_t n);
