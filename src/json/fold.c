/* SPDX-License-Identifier: Apache-2.0 */
#include "json/fold.h"

#include <stdlib.h>
#include <string.h>

#include "json/utf8.h"

#define LONG_S 0x17fu
#define KELVIN 0x212au

#define PHI UINT64_C(0x9e3779b97f4a7c15) /* 2^64 over the golden ratio: odd, of many ones */
#define BITS_MIN 4u
#define BITS_MAX 24u
#define TRIES_MAX 64u

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

/* Of eight bytes at a time, which is all that a table needs that nobody iterates over. */
static uint64_t mix(struct slice s)
{
	uint64_t h = s.n;
	uint64_t w;

	for (; s.n >= sizeof(w); s = slice_from(s, sizeof(w))) {
		memcpy(&w, s.p, sizeof(w));
		h = (h ^ w) * PHI;
		h ^= h >> 32;
	}
	w = 0;
	if (s.n > 0)
		memcpy(&w, s.p, s.n);
	return (h ^ w) * PHI;
}

/* A table of half as many keys as places. Somebody who makes keys of one place gets the sort. */
bool fold_differ(struct arena *a, const struct fold_ref *refs, size_t n)
{
	unsigned bits = BITS_MIN;
	uint32_t *places;

	while (bits < BITS_MAX && (size_t)1 << bits < 2 * n)
		bits++;
	places = n <= (size_t)1 << (bits - 1) ? arena_array(a, (size_t)1 << bits, sizeof(*places))
					      : NULL;
	if (!places)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t at = mix(refs[i].key) >> (64 - bits);
		unsigned tries = 0;

		for (; places[at]; at = (at + 1) & (((size_t)1 << bits) - 1))
			if (slice_eq(refs[places[at] - 1].key, refs[i].key) || ++tries == TRIES_MAX)
				return false;
		places[at] = (uint32_t)i + 1;
	}
	return true;
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
