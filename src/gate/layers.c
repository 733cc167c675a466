/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/layers.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct layers_row {
	size_t size; /* of the text */
	size_t n;
	char text[]; /* the id, then the layers, each with a NUL at its end */
};

void layers_done(struct layers *l)
{
	for (size_t i = 0; i < LAYERS_SETS; i++)
		for (size_t k = 0; k < LAYERS_WAYS; k++)
			free(l->sets[i].rows[k]);
	*l = (struct layers){ 0 };
}

/* FNV-1a. */
static size_t set_of(struct slice id)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 16777619u;
	return (h ^ h >> 16) % LAYERS_SETS;
}

static const struct layers_row *row_of(const struct layers *l, struct slice id)
{
	size_t set = set_of(id);

	for (size_t k = 0; k < LAYERS_WAYS; k++) {
		const struct layers_row *r = l->sets[set].rows[k];

		if (r && slice_eq_str(id, r->text))
			return r;
	}
	return NULL;
}

/* NULL: an id or a layer is no digest, or there is no memory. */
static struct layers_row *row_new(const struct imagelist_image *image)
{
	size_t size = image->id.n + 1;
	struct layers_row *r;
	char *p;

	if (!reference_is_id(image->id))
		return NULL;
	for (size_t i = 0; i < image->nlayers; i++) {
		if (!reference_is_digest(image->layers[i]))
			return NULL;
		size += image->layers[i].n + 1;
	}
	r = calloc(1, sizeof(*r) + size);
	if (!r)
		return NULL;
	r->size = size;
	r->n = image->nlayers;
	p = r->text;
	memcpy(p, image->id.p, image->id.n);
	p += image->id.n + 1;
	for (size_t i = 0; i < image->nlayers; i++) {
		memcpy(p, image->layers[i].p, image->layers[i].n);
		p += image->layers[i].n + 1;
	}
	return r;
}

static void row_place(struct layers *l, size_t set, struct layers_row *take_r)
{
	size_t k = 0;

	while (k < LAYERS_WAYS && l->sets[set].rows[k])
		k++;
	if (k == LAYERS_WAYS) {
		k = l->sets[set].next++ % LAYERS_WAYS;
		l->bytes -= l->sets[set].rows[k]->size;
		free(l->sets[set].rows[k]);
	}
	l->bytes += take_r->size;
	l->sets[set].rows[k] = take_r;
}

void layers_add(struct layers *l, const struct imagelist_image *image)
{
	struct layers_row *r = row_of(l, image->id) ? NULL : row_new(image);

	if (!r)
		return;
	if (l->bytes + r->size > LAYERS_BYTES_MAX)
		layers_done(l);
	row_place(l, set_of(image->id), r);
}

bool layers_find(const struct layers *l, struct arena *a, struct imagelist_image *image)
{
	const struct layers_row *r = row_of(l, image->id);
	struct slice *layers;
	const char *p;

	if (!r)
		return false;
	layers = arena_array(a, MAX(r->n, (size_t)1), sizeof(*layers));
	p = arena_dup(a, r->text, r->size);
	if (!layers || !p)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		p += strlen(p) + 1;
		layers[i] = slice_str(p);
	}
	image->layers = layers;
	image->nlayers = r->n;
	image->has_layers = true;
	return true;
}
