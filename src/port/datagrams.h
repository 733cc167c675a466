/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams: each client (sessions.h) gets a socket of its own towards the container, so that
 * answers find their way back; they go out from the address that the client had sent to.
 * What does not fit into a socket is dropped, as the network does.
 */
#pragma once

#include "base/loop.h"
#include "port/addr.h"
#include "port/sessions.h"

#define DATAGRAMS_LISTENERS_MAX 2
#define DATAGRAMS_SIZE 65536

struct datagrams_listener {
	struct datagrams *owner;
	struct loop_fd watch;
	sa_family_t family;
};

struct datagrams {
	struct loop *loop;
	struct addr to; /* the container's */
	struct sessions sessions;
	struct loop_timer expiry;
	size_t nlisteners;
	struct datagrams_listener listeners[DATAGRAMS_LISTENERS_MAX];
	char *buffer; /* DATAGRAMS_SIZE bytes; owned */
};

/* max: sessions at one time. 0 or -errno. */
int datagrams_init(struct datagrams *d, struct loop *l, const struct addr *to, size_t max);
/* Receives on fd, a bound socket with IP_PKTINFO or IPV6_RECVPKTINFO, non-blocking, borrowed. */
int datagrams_listen(struct datagrams *d, int fd);
/* Ends all sessions; the loop has to turn once more before it is done. */
void datagrams_done(struct datagrams *d);
