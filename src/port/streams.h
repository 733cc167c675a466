/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: each one that a listening socket accepts is relayed to one that is made to the
 * container, byte for byte, each direction with an end of its own (flow.h).
 *
 * A connection that breaks off at one end (reset, connection refused) is reset at the other once
 * what came before has arrived, as if there were nobody in between.
 */
#pragma once

#include <stdint.h>

#include "base/loop.h"
#include "port/addr.h"
#include "port/flow.h"

#define STREAMS_LISTENERS_MAX 2
#define STREAMS_FDS 6 /* that one connection can have: two sockets, two pipes */

struct streams_listener {
	struct streams *owner;
	struct loop_fd watch;
};

struct streams {
	struct loop *loop;
	struct addr to;	   /* the container's */
	int protocol;	   /* IPPROTO_TCP or IPPROTO_SCTP */
	size_t count, max; /* connections */
	bool paused;	   /* nothing is accepted for now */
	size_t nlisteners;
	struct streams_listener listeners[STREAMS_LISTENERS_MAX];
	struct loop_timer again; /* ends a pause that has no other end */
	struct flow_tools tools;
};

/* max: connections at one time; further ones wait in the kernel's queue. 0 or -ENOMEM. */
int streams_init(struct streams *s, struct loop *l, const struct addr *to, int protocol,
		 size_t max);
/* Accepts from fd, a listening socket, non-blocking, borrowed. 0 or -errno. */
int streams_listen(struct streams *s, int fd);
/* There has to be no connection any more; those of a program end with it. */
void streams_done(struct streams *s);
