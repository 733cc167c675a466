/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a string that stand for themselves in every literal: nearly all of a usual text do. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ASCII without control characters, the quote and the backslash. */
static inline bool json_is_plain(char c)
{
	return (signed char)c >= ' ' && c != '"' && c != '\\';
}

#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of each byte of w that is this one. What a byte borrows from the one above is wrong
 * only above a byte that is. */
static inline uint64_t json_bytes_like(uint64_t w, unsigned char byte)
{
	uint64_t other = w ^ JSON_EACH(byte);

	return (other - JSON_EACH(1)) & ~other & JSON_EACH(0x80);
}

/* The top bit of each byte that is not, with the same reservation: the lowest one is right. */
static inline uint64_t json_not_plain(uint64_t w)
{
	uint64_t control = (w - JSON_EACH(' ')) & JSON_EACH(0x80);
	uint64_t beyond = w & JSON_EACH(0x80);

	return control | beyond | json_bytes_like(w, '"') | json_bytes_like(w, '\\');
}

/* Eight bytes, the first one lowest. */
static inline uint64_t json_word(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return le64toh(w);
}

/* The last `left` (1 to 7) of n bytes, which are eight or more, and then zeros, which are not
 * plain. */
static inline uint64_t json_last_word(const char *p, size_t n, size_t left)
{
	return json_word(p + n - sizeof(uint64_t)) >> (8 * (sizeof(uint64_t) - left));
}

/* Which byte that is, of a mask that is not zero. */
static inline size_t json_first(uint64_t mask)
{
	return (size_t)__builtin_ctzll(mask) / 8;
}

/* How many of the first n bytes are, up to the first that is not. */
static inline size_t json_plain_run(const char *p, size_t n)
{
	size_t at = 0;

	for (; n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
		uint64_t mask = json_not_plain(json_word(p + at));

		if (mask)
			return at + json_first(mask);
	}
	while (at < n && json_is_plain(p[at]))
		at++;
	return at;
}
