/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a unix socket again and again until it answers, or the time is up. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/loop.h"

#define PROBE_BODY_MAX (1024u * 1024u)

struct probe {
	struct loop *loop; /* NULL while not running */
	const char *path;  /* of the socket; borrowed */
	int type;	   /* of the socket: SOCK_STREAM or SOCK_SEQPACKET */
	const char *get;   /* "/_ping": an HTTP request that must be answered by 200; NULL: to be
			      connected to is enough. Borrowed. */
	uint64_t end_ns;
	int sock;
	struct loop_fd fd;
	struct loop_timer timer;
	struct buf answer;
	/* body: what followed the head; NULL when the time was up. The probe is stopped. */
	void (*done)(struct probe *p, const char *body);
};

#define PROBE_INIT ((struct probe){ .sock = -EBADF, .answer = BUF_INIT(PROBE_BODY_MAX) })

/* p: as PROBE_INIT has it, or stopped. done() is never called from here. */
void probe_start(struct probe *p, struct loop *l, const char *path, int type, const char *get,
		 uint64_t timeout_ns, void (*done)(struct probe *p, const char *body));
void probe_stop(struct probe *p);
