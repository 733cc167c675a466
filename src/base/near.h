/* SPDX-License-Identifier: Apache-2.0 */
/* Which of some known words a mistyped one was meant to be. */
#pragma once

#include <stddef.h>

#include "base/slice.h"

/* Words that are longer are like nothing. */
#define NEAR_WORD_MAX 96u

/* How many letters have to be changed, added, left out or swapped with their neighbour to make the
 * one of the other; letters of the other case count as equal. SIZE_MAX for a word that is too long.
 */
size_t near_distance(struct slice a, struct slice b);

/* Offers one more known word: makes it the best so far when it is nearer than that one, and near
 * enough for a hint (a third of its letters). Begin with NEAR_NONE. */
struct near {
	struct slice word; /* as it was offered; null: none is near */
	size_t distance;
};
#define NEAR_NONE ((struct near){ .word = SLICE_NULL })
void near_offer(struct near *best, struct slice typed, struct slice known);
