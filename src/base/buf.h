/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a mandatory maximum and sticky failure: writers need not be checked
 * one by one, buf_ok() is asked once before the bytes are used.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/util.h"

struct buf {
	char *p;     /* owned; NUL-terminated one past n whenever it is not NULL */
	size_t n;    /* bytes in use */
	size_t size; /* bytes allocated; never more than max + 1 */
	size_t max;  /* most bytes that may be in use */
	bool failed; /* out of memory or over max, once true always true */
};

#define BUF_INIT(cap) ((struct buf){ .max = (cap) })

void buf_done(struct buf *b);
/* The same for what held secrets: they are zeroed first. Such a buffer must not move while it
 * grows: buf_reserve() makes room for all of it at once. */
void buf_wipe(struct buf *b);
/* Forgets the contents (and a failure), keeps the memory. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Makes room for n more bytes and returns where they go, or NULL; buf_commit() says how many came.
 */
static inline char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* The same where there is no room yet. */
char *buf_grow(struct buf *b, size_t n);

static inline char *buf_reserve(struct buf *b, size_t n)
{
	return !b->failed && n < b->size - b->n ? b->p + b->n : buf_grow(b, n);
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

static inline void buf_done_p(struct buf *b)
{
	buf_done(b);
}
static inline void buf_wipe_p(struct buf *b)
{
	buf_wipe(b);
}
#define CLEANUP_BUF_WIPE __attribute__((cleanup(buf_wipe_p)))
#define CLEANUP_BUF __attribute__((cleanup(buf_done_p)))
