/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a string that stand for themselves in every literal: nearly all of a usual text do. */
#pragma once

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

/* Whether eight bytes are. */
static inline bool json_are_plain(uint64_t w)
{
	uint64_t control = (w - JSON_EACH(' ')) & JSON_EACH(0x80);
	uint64_t beyond = w & JSON_EACH(0x80);

	return (control | beyond | json_bytes_like(w, '"') | json_bytes_like(w, '\\')) == 0;
}

static inline uint64_t json_word(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* How many of the first n bytes are, up to the first that is not. */
static inline size_t json_plain_run(const char *p, size_t n)
{
	size_t at = 0;

	while (n - at >= sizeof(uint64_t) && json_are_plain(json_word(p + at)))
		at += sizeof(uint64_t);
	while (at < n && json_is_plain(p[at]))
		at++;
	return at;
}
