/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/trees.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/slice.h"
#include "base/util.h"

/* One bit for all containers of one hash: two that share it only look more often than they need. */
#define BITS 8192u
#define WORD_BITS 64u

static uint64_t noted[BITS / WORD_BITS];

static uint32_t bit_of(const char *container)
{
	return (uint32_t)(hash_add(HASH_INIT, container, strlen(container)) % BITS);
}

void trees_note(const char *container)
{
	uint32_t bit = bit_of(container);

	__atomic_fetch_or(&noted[bit / WORD_BITS], 1ull << (bit % WORD_BITS), __ATOMIC_RELAXED);
}

void trees_note_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(noted); i++)
		__atomic_store_n(&noted[i], UINT64_MAX, __ATOMIC_RELAXED);
}

bool trees_may_be_at(const char *container, const char *path)
{
	uint32_t bit = bit_of(container);
	size_t n = strlen(path);

	if (__atomic_load_n(&noted[bit / WORD_BITS], __ATOMIC_RELAXED) >> (bit % WORD_BITS) & 1)
		return true;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return slice_ends((struct slice){ path, n }, SLICE_LIT("proc")) ||
	       slice_ends((struct slice){ path, n }, SLICE_LIT("sys"));
}
