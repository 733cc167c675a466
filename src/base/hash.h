/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, 64 bits (RFC 9923): for tables, and to see that something changed; not against somebody
 * who looks for two of the same. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_INIT 0xcbf29ce484222325u

/* h: of what comes before these bytes, or HASH_INIT. */
static inline uint64_t hash_add(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}
