/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a connection: bytes from one non-blocking stream socket to another, unseen.
 *
 * Back-pressure: nothing is read while something waits to be written, so a direction holds at most
 * what one read brought, and an idle one holds nothing. Small reads are copied through a buffer
 * that all directions share; large ones make a direction fast: then bytes move by splice(2)
 * through a pipe, which goes back to a pool as soon as it is empty.
 *
 * Ends: the source's end of file is passed on (shutdown) once all before it has gone, and the other
 * direction does not care. A source that was cut off (`cut`, set by the owner or by an error)
 * passes no end on: whoever owns the connection lets the sink see that it was cut.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define FLOW_SCRATCH_SIZE (128u * 1024u)
#define FLOW_PIPES_IDLE 16

enum flow_wants {
	FLOW_BYTES,   /* from the source */
	FLOW_ROOM,    /* in the sink */
	FLOW_NOTHING, /* it is over */
};

/* Results of flow_run() beside 0. */
enum {
	FLOW_SOURCE_DEAD = 1, /* broke off: what it had sent has been read or will be */
	FLOW_SINK_DEAD = 2,   /* takes no more */
};

struct flow {
	enum flow_wants wants;
	bool eof;	/* nothing more comes */
	bool cut;	/* and that was no orderly end */
	bool broken;	/* the sink takes nothing: what comes is left unread */
	bool fast;	/* by splice */
	unsigned small; /* splices in a row that brought little */
	char *rest;	/* owned: what was read and did not fit; NULL: nothing */
	size_t at, n;	/* of it: bytes gone, bytes in all */
	int pipe[2];	/* owned while it holds something, else -EBADF */
	size_t piped;	/* bytes in it */
};

#define FLOW_INIT ((struct flow){ .pipe = { -EBADF, -EBADF } })

/* What all flows of a program share. */
struct flow_tools {
	char *scratch;	/* FLOW_SCRATCH_SIZE bytes */
	bool copy_only; /* these sockets have messages, which splice(2) would glue together */
	size_t npipes;
	int pipes[FLOW_PIPES_IDLE][2]; /* empty ones */
};

int flow_tools_init(struct flow_tools *t, bool copy_only); /* 0 or -ENOMEM */
void flow_tools_done(struct flow_tools *t);

/* Moves what can be moved now, but not for ever, and sets f->wants. Returns 0, FLOW_SOURCE_DEAD,
 * FLOW_SINK_DEAD, or -ENOMEM. */
int flow_run(struct flow *f, int source, int sink, struct flow_tools *t);
void flow_done(struct flow *f);
