/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of what the gate relays: a non-blocking stream socket with what has been read and not yet
 * understood (in), and what is to be written and did not fit (out).
 *
 * Back-pressure: bytes are read only while the other end's `out` is empty, so `out` holds at most
 * what one read brought, and `in` only a head or framing that is not complete. An idle side holds
 * no memory: reads go to a scratch buffer that all sides share, and what is left of it is kept.
 *
 * side_move() takes whatever comes, unseen. Large reads make it fast: then bytes go through a pipe
 * of the receiving side by splice(2) and are not copied; small ones (a terminal, log lines) make it
 * slow again, because one read takes many of them and a splice does not.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/util.h"

#define SIDE_SCRATCH_SIZE (128u * 1024u)
#define SIDE_PARTS_MAX 4

struct side {
	struct loop_fd watch;
	int fd; /* owned */
	struct buf in;
	struct buf out;
	bool eof;    /* the peer has said its last */
	bool shut;   /* we have said ours (after `out` has gone) */
	bool broken; /* writing failed: nobody reads there any more; what is sent is dropped */
	bool gone;   /* the kernel reported that both directions are closed */
	bool corked; /* small parts wait for side_uncork() */
	bool fast;   /* side_move() from here goes by splice */
	unsigned char small; /* how many splices in a row brought little */
	int pipe[2];	     /* owned, or -EBADF: what is spliced to here */
	size_t piped;	     /* bytes in it */
};

#define SIDE_INIT ((struct side){ .fd = -EBADF, .pipe = { -EBADF, -EBADF } })

enum side_result {
	SIDE_DATA = 0,
	SIDE_AGAIN = 1, /* nothing there now */
	SIDE_EOF = 2,
};

/* take_fd is a connected, non-blocking socket; it is closed also on failure. in_max: most bytes
 * that may wait to be understood. */
int side_open(struct side *s, struct loop *l, int take_fd, size_t in_max, size_t out_max,
	      void (*ready)(struct loop_fd *f, uint32_t events));
void side_close(struct side *s);
static inline bool side_is_open(const struct side *s)
{
	return s->fd >= 0;
}

/* Reads once. *ret is everything that has not been consumed; it stays valid until side_keep(). With
 * SIDE_AGAIN and SIDE_EOF that is what was there before. -ENOBUFS: `in` is full; -errno. */
int side_fill(struct side *s, char *scratch, struct slice *ret);
/* What is there without reading. */
struct slice side_waiting(const struct side *s);
/* Of what side_fill() or side_waiting() gave, `rest` (its tail) has not been consumed. */
int side_keep(struct side *s, struct slice rest);

/* Sends the parts in order, queueing what does not fit now. -ENOBUFS when `out` is full. A broken
 * pipe is no error here: it sets `broken`. */
int side_send(struct side *s, const struct slice *parts, size_t n);
int side_send_buf(struct side *s, const struct buf *b);
/* Between the two, small parts are put together in one write. */
static inline void side_cork(struct side *s)
{
	s->corked = true;
}
void side_uncork(struct side *s);
/* Writes what is queued as far as it goes. */
void side_flush(struct side *s);
/* One read's worth from one side to the other, which is not blocked, without looking at it. Result
 * as of side_fill(), without its slice; -ENOBUFS. */
int side_move(struct side *from, struct side *to, char *scratch);
/* Says end of file once everything queued has gone. */
void side_shut(struct side *s);

static inline bool side_blocked(const struct side *s)
{
	return s->out.n > 0 || s->piped > 0;
}
