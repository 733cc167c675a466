/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/layers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define MOST 125u /* layers of an image */

static char texts[MOST + 1][72];
static struct slice slices[MOST];

/* The image with that number, and so many layers. */
static struct imagelist_image image(unsigned number, size_t nlayers)
{
	(void)snprintf(texts[MOST], sizeof(texts[MOST]), "sha256:%064x", number);
	for (size_t i = 0; i < nlayers; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "sha256:%032x%032zx", number, i);
		slices[i] = slice_str(texts[i]);
	}
	return (struct imagelist_image){ .id = slice_str(texts[MOST]),
					 .has_layers = true,
					 .layers = slices,
					 .nlayers = nlayers };
}

static bool knows(const struct layers *l, unsigned number, size_t nlayers)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct imagelist_image want = image(number, nlayers);
	struct imagelist_image got = { .id = want.id };

	if (!layers_find(l, &a, &got))
		return false;
	assert_true(got.has_layers);
	assert_int_equal(got.nlayers, nlayers);
	for (size_t i = 0; i < nlayers; i++)
		assert_true(slice_eq(got.layers[i], want.layers[i]));
	return true;
}

static void add(struct layers *l, unsigned number, size_t nlayers)
{
	struct imagelist_image i = image(number, nlayers);

	layers_add(l, &i);
}

static void test_find(void **state)
{
	struct layers *l = calloc(1, sizeof(*l));

	(void)state;
	assert_non_null(l);
	assert_false(knows(l, 1, 3));
	add(l, 1, 3);
	add(l, 2, 0);
	add(l, 1, 3);
	assert_true(knows(l, 1, 3) && knows(l, 2, 0) && !knows(l, 3, 1));
	layers_done(l);
	assert_false(knows(l, 1, 3));
	free(l);
}

/* All images that the gate looks at have room; what there is more takes the place of others. */
static void test_room(void **state)
{
	struct layers *l = calloc(1, sizeof(*l));
	size_t known = 0;

	(void)state;
	assert_non_null(l);
	for (unsigned i = 0; i < 4096; i++)
		add(l, i, 10);
	for (unsigned i = 0; i < 4096; i++)
		known += knows(l, i, 10);
	assert_true(known > 4000);
	for (unsigned i = 4096; i < 40000; i++)
		add(l, i, MOST);
	assert_true(l->bytes <= LAYERS_BYTES_MAX && knows(l, 39999, MOST));
	layers_done(l);
	free(l);
}

/* What is no digest is not kept: it could be cut. */
static void test_no_digest(void **state)
{
	struct layers *l = calloc(1, sizeof(*l));
	struct imagelist_image i = image(1, 2);

	(void)state;
	assert_non_null(l);
	slices[1] = SLICE_LIT("x");
	layers_add(l, &i);
	assert_false(knows(l, 1, 2));
	i = image(1, 2);
	i.id = SLICE_LIT("x");
	layers_add(l, &i);
	assert_int_equal(l->bytes, 0);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_no_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
