/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include <stdint.h>

#include "base/util.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(struct slice a, size_t i, struct slice b, size_t j)
{
	return lower(a.p[i]) == lower(b.p[j]);
}

/* The usual table of distances between all beginnings of both words, three rows of it at a time. */
size_t near_distance(struct slice a, struct slice b)
{
	size_t rows[3][NEAR_WORD_MAX + 1];

	if (a.n > NEAR_WORD_MAX || b.n > NEAR_WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = above[j - 1] + !same(a, i - 1, b, j - 1);

			row[j] = MIN(change, MIN(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1))
				row[j] = MIN(row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a.n % 3][b.n];
}

void near_offer(struct near *best, struct slice typed, struct slice known)
{
	size_t d = near_distance(typed, known);

	if (d > MAX(known.n / 3, (size_t)1) || (best->word.p && d >= best->distance))
		return;
	*best = (struct near){ .word = known, .distance = d };
}
