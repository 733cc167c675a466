/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from outside are (pointer, length); NUL-terminated strings are for the kernel and for us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* A parameter, a field, an option. */
struct slice_pair {
	struct slice key;
	struct slice value;
};

#define SLICE_NULL ((struct slice){ NULL, 0 })
#define SLICE_LIT(s) ((struct slice){ "" s, sizeof(s) - 1 })
/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).n, (s).p

static inline struct slice slice_str(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

static inline bool slice_ends(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0;
}

static inline struct slice slice_from(struct slice s, size_t at)
{
	if (at > s.n)
		at = s.n;
	return (struct slice){ at ? s.p + at : s.p, s.n - at }; /* NULL + 0 is undefined in C17 */
}

/* Takes what stands before the next `sep` off the front of *rest (all of it if there is none) and
 * steps over the separator. Returns false when *rest was already used up (its p is NULL). */
bool slice_split(struct slice *rest, char sep, struct slice *ret);

/* ASCII letters compared without case; every other byte exactly. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Only digits and the letters a to f; also the empty one. */
bool slice_is_lower_hex(struct slice s);

/* Index of c, or s.n. */
size_t slice_find(struct slice s, char c);

/* Whole-string decimal without sign, spaces or leading '+'. Returns 0, -EINVAL or -ERANGE. */
int num_parse_u64(struct slice s, uint64_t max, uint64_t *ret);
int num_parse_u32(struct slice s, uint32_t *ret);
/* Whole-string octal. */
int num_parse_octal(struct slice s, uint32_t max, uint32_t *ret);
