/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 4096u      /* the first one; each is twice as large as the one before */
#define ARENA_BLOCK_MAX 65536u /* until they are this large */
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size; /* bytes in data */
	size_t used;
	_Alignas(max_align_t) char data[];
};

void arena_done(struct arena *a)
{
	struct arena_block *b = a->head;

	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	a->head = NULL;
	a->used = 0;
}

void arena_wipe(struct arena *a)
{
	for (struct arena_block *b = a->head; b; b = b->next)
		explicit_bzero(b->data, b->used);
	arena_done(a);
}

static struct arena_block *arena_grow(struct arena *a, size_t n)
{
	size_t whole = a->head ? 2 * (a->head->size + sizeof(struct arena_block)) : ARENA_BLOCK;
	size_t size = MAX(n, MIN(whole, ARENA_BLOCK_MAX) - sizeof(struct arena_block));
	struct arena_block *b = calloc(1, sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	b->next = a->head;
	a->head = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	void *p;

	if (n > a->max || __builtin_add_overflow(n, ARENA_ALIGN - 1, &n))
		return NULL;
	n &= ~(ARENA_ALIGN - 1);
	if (n == 0)
		n = ARENA_ALIGN;
	if (n > a->max - MIN(a->used, a->max))
		return NULL;
	if (!b || b->size - b->used < n)
		b = arena_grow(a, n);
	if (!b)
		return NULL;
	p = b->data + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t each)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, each, &bytes))
		return NULL;
	return arena_alloc(a, bytes);
}

char *arena_dup(struct arena *a, const char *p, size_t n)
{
	char *s;

	if (n == SIZE_MAX)
		return NULL;
	s = arena_alloc(a, n + 1);
	if (s && n)
		memcpy(s, p, n);
	return s;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_dup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	s = arena_alloc(a, (size_t)n + 1);
	if (!s)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void *arena_must(void *p)
{
	if (!p) {
		(void)fputs("gabion: out of memory\n", stderr);
		abort();
	}
	return p;
}
