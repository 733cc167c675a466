/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/bases.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct bases_row {
	uint64_t serial;
	size_t nimage;
	size_t nbase;
	char text[]; /* the image's facts, then the base's id */
};

void bases_done(struct bases *b)
{
	for (size_t i = 0; i < BASES_MAX; i++)
		free(b->rows[i]);
	*b = (struct bases){ 0 };
}

static size_t place_of(struct slice image)
{
	return hash_add(HASH_INIT, image.p, image.n) % BASES_MAX;
}

void bases_add(struct bases *b, struct slice image, uint64_t serial, struct slice base)
{
	struct bases_row **place = &b->rows[place_of(image)];
	struct bases_row *r;

	if (image.n == 0 || image.n > BASES_TEXT_MAX || !reference_is_id(base))
		return;
	r = malloc(sizeof(*r) + image.n + base.n);
	if (!r)
		return;
	r->serial = serial;
	r->nimage = image.n;
	r->nbase = base.n;
	memcpy(r->text, image.p, image.n);
	memcpy(r->text + image.n, base.p, base.n);
	free(*place);
	*place = r;
}

struct slice bases_find(const struct bases *b, struct arena *a, struct slice image, uint64_t serial)
{
	const struct bases_row *r = b->rows[place_of(image)];
	const char *base;

	if (!r || r->serial != serial || !slice_eq(image, (struct slice){ r->text, r->nimage }))
		return SLICE_NULL;
	base = arena_dup(a, r->text + r->nimage, r->nbase);
	return base ? (struct slice){ base, r->nbase } : SLICE_NULL;
}
