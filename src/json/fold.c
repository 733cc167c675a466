/* SPDX-License-Identifier: Apache-2.0 */
#include "json/fold.h"

#include <stdlib.h>

#include "json/utf8.h"

#define LONG_S 0x17fu
#define KELVIN 0x212au

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Folds the first character of s into *ret; returns how many bytes it takes. Bytes of characters
 * that fold to no ASCII letter come one by one, as they are. */
static size_t fold_next(struct slice s, char *ret)
{
	uint32_t c;
	size_t used = utf8_decode(s, &c);

	if (c == LONG_S || c == KELVIN) {
		*ret = c == LONG_S ? 's' : 'k';
		return used;
	}
	*ret = lower(s.p[0]);
	return 1;
}

struct slice fold_key(struct arena *a, struct slice key)
{
	char *to = arena_alloc(a, key.n + 1);
	size_t n = 0;

	if (!to)
		return SLICE_NULL;
	for (size_t at = 0; at < key.n;)
		at += fold_next(slice_from(key, at), to + n++);
	return (struct slice){ to, n };
}

bool fold_match(const char *name, struct slice key)
{
	size_t at = 0;

	for (; *name && at < key.n; name++) {
		char c;

		at += fold_next(slice_from(key, at), &c);
		if (c != lower(*name))
			return false;
	}
	return !*name && at == key.n;
}

static int compare(const void *pa, const void *pb)
{
	const struct fold_ref *a = pa, *b = pb;
	size_t n = a->key.n < b->key.n ? a->key.n : b->key.n;
	int r = n ? memcmp(a->key.p, b->key.p, n) : 0;

	if (r == 0)
		r = (a->key.n > b->key.n) - (a->key.n < b->key.n);
	if (r == 0)
		r = (a->at > b->at) - (a->at < b->at);
	return r;
}

void fold_sort(struct fold_ref *refs, size_t n)
{
	if (n > 1)
		qsort(refs, n, sizeof(refs[0]), compare);
}
