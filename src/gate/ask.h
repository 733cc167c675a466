/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's questions to gabiond (control/proto.h), without ever waiting: a question is sent or
 * queued, its answer comes by callback. When gabiond hangs up, every open question is answered with
 * -EPIPE and `lost` is called: a gate without gabiond has nobody to work for.
 */
#pragma once

#include "base/loop.h"
#include "control/proto.h"

struct ask_call {
	struct ask_call *next, **prev; /* in ask.calls while it is open; prev NULL otherwise */
	uint64_t serial;
	struct control_request *unsent; /* owned, until the socket takes it */
	int fd;				/* owned, to be sent with it */
	/* result and body as in struct control_answer; -EPIPE, -ETIMEDOUT: there was none. After
	 * CONTROL_MORE the call stays open, else it is closed when this runs. */
	void (*answered)(struct ask_call *c, int result, struct slice body);
};

struct ask {
	struct loop *loop;
	struct loop_fd watch;
	int fd; /* owned; -EBADF: there is no gabiond (tests) */
	uint64_t serial;
	struct ask_call *calls;
	char *body; /* CONTROL_ANSWER_MAX bytes for the answer being read */
	int got;    /* while answered() runs: the descriptor that came along, for it to take; else
		       -EBADF */
	void (*lost)(struct ask *a);
	/* gabiond says something of its own; may be NULL. */
	void (*told)(struct ask *a, enum control_op op);
};

/* take_fd: non-blocking SOCK_SEQPACKET, or -EBADF. Returns 0 or -errno. */
int ask_init(struct ask *a, struct loop *l, int take_fd, void (*lost)(struct ask *a));
/* What is still open is answered with -ECANCELED. */
void ask_done(struct ask *a);

/* A zeroed request for op, or NULL. */
struct control_request *ask_new(enum control_op op);

/* Asks. take_q (from ask_new, may be NULL: then -ENOMEM) and take_fd (or -EBADF) are taken over
 * in any case. Returns 0, and answered() will be called unless ask_cancel() comes first; or -errno,
 * and it will not. */
int ask_start(struct ask *a, struct ask_call *c, struct control_request *take_q, int take_fd,
	      void (*answered)(struct ask_call *c, int result, struct slice body));

/* Forgets the question; a late answer is dropped. Harmless when it is not open. */
void ask_cancel(struct ask_call *c);

static inline bool ask_is_open(const struct ask_call *c)
{
	return c->prev != NULL;
}
