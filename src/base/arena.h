/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator with a cap: everything that belongs to one request or one document is freed at
 * once. One-shot tools abort when it is used up (arena_must); daemons refuse the request.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/util.h"

struct arena {
	struct arena_block *head; /* newest block first */
	size_t used;		  /* bytes handed out */
	size_t max;		  /* most bytes that may be handed out */
};

#define ARENA_INIT(cap) ((struct arena){ .head = NULL, .used = 0, .max = (cap) })

void arena_done(struct arena *a);
/* The same for what held secrets: they are zeroed first. */
void arena_wipe(struct arena *a);

/* Zeroed, aligned for any type; NULL when the cap or memory is used up. */
void *arena_alloc(struct arena *a, size_t n);

/* Array of n elements of size each; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t each);

/* NUL-terminated copy of n bytes. */
char *arena_dup(struct arena *a, const char *p, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For one-shot tools: p, or a message and abort() when p is NULL. */
void *arena_must(void *p);

static inline void arena_done_p(struct arena *a)
{
	arena_done(a);
}
static inline void arena_wipe_p(struct arena *a)
{
	arena_wipe(a);
}
#define CLEANUP_ARENA_WIPE __attribute__((cleanup(arena_wipe_p)))
#define CLEANUP_ARENA __attribute__((cleanup(arena_done_p)))
