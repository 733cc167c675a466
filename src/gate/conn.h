/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a client, and the one connection to the engine that serves it.
 *
 *   HEAD ──► CHECK ──► RELAY ──► HEAD …
 *    │         │         └─────► TUNNEL ──► (closed)
 *    │         ├──► COPY ──► HEAD …
 *    └─────────┴──► LINGER ──► (closed)
 *
 * HEAD    waits for a request. The engine's connection is idle or not there.
 * CHECK   a request is being read and decided on: its body is read (holding), the engine or gabiond
 *         is asked something. The client is not read meanwhile, except for that body.
 * RELAY   head sent to the engine; request body and answer flow.
 * COPY    the archive of a running container flows to or from gabion-cp.
 * TUNNEL  after an upgrade.
 * LINGER  everything has been said; what was queued is flushed, and what the client still sends is
 *         thrown away for a moment, so that it can read the answer.
 *
 * Invariants: one request at a time; what a client pipelines waits unparsed. conn_kill() may be
 * called anywhere; the struct stays valid until the loop's round is over, and every function that
 * may have killed the connection is followed by a check of `dead`.
 */
#pragma once

#include <sys/socket.h>

#include "base/arena.h"
#include "gate/door.h"
#include "gate/gate.h"
#include "gate/side.h"
#include "http/body.h"
#include "http/head.h"

enum conn_state {
	CONN_HEAD,
	CONN_CHECK,
	CONN_RELAY,
	CONN_COPY,
	CONN_TUNNEL,
	CONN_LINGER,
};

/* What is said to whatever it asks: */
enum conn_place {
	CONN_SERVED,
	CONN_OVER,	  /* there are too many */
	CONN_SUBORDINATE, /* connect as the account whose subordinate id this is */
};

/* One request to the engine and its answer (exchange.c). */
struct exchange {
	bool sent;	   /* the request's head has gone; an answer is due */
	bool up_done;	   /* nothing more of the request's body will come */
	bool for_us;	   /* the answer is collected for `done`, not relayed */
	bool may_be_large; /* and where it is too large, `done` is told: status 0 */
	bool hijack;	   /* the engine may turn this into a tunnel */
	bool upgrade;	   /* it has been asked to, with an Upgrade field */
	bool last;	   /* the client's connection ends after this answer */
	bool in_body;	   /* the answer's head has been read */
	bool complete;	   /* the answer has been read to its end */
	bool engine_ends;  /* the engine's connection ends after this answer */
	bool sifting;	   /* the answer goes through c->req->sift */
	bool stalled;	   /* which waits to hear of a creation; exchange_resume() */
	size_t sift_held;  /* what it holds has been counted as this */
	struct slice method;
	struct http_decoder up;
	enum http_body_kind up_as; /* framing towards the engine */
	struct http_decoder down;
	enum http_body_kind down_as; /* framing towards the client */
	size_t scanned;		     /* of the answer's head */
	/* With for_us: */
	unsigned status;
	struct buf head; /* the answer's head as it would be relayed, without framing and end */
	struct buf body;
	void (*done)(struct conn *c);
	/* What waits for a place in the engine's queue: */
	struct buf unsent;
	uint64_t give_up_ns;
};

struct grpc;
struct request;

struct conn {
	struct gate *gate;
	struct conn *next, **prev;
	struct door *door; /* by which it came in */
	struct gate_user *user;
	uint64_t serial; /* "client 7: …" */
	pid_t pid;	 /* SO_PEERCRED: who connected */
	int process;	 /* its pidfd, where the connection itself would not say; else -EBADF */
	uid_t uid;	 /* for whom it asks: whoever connected, or asked for the container */
	gid_t gid;

	enum conn_state state;
	enum conn_place place;
	bool dead;
	struct side client;
	struct side engine;
	struct side worker; /* COPY: gabion-cp's end of the tar stream */
	size_t scanned;	    /* of the request's head */
	struct loop_timer timer;
	struct loop_deferred later; /* frees it */

	struct request *req; /* in arena; NULL between requests */
	struct arena arena;  /* everything of one request */
	struct exchange x;
	struct grpc *grpc; /* TUNNEL: it is read (grpc.h); NULL: it is not */
	struct ask_call call;
	size_t held; /* counted in gate->held */
};

/* take_fd: accepted at d, non-blocking; place: if it is not served, it has a moment. Returns 0 or
 * -errno; take_fd is closed on failure. */
int conn_new(struct door *d, int take_fd, struct gate_user *user, const struct ucred *cred,
	     enum conn_place place);

/* Closes everything now; memory goes when the round is over. */
void conn_kill(struct conn *c);

/* Nothing more will be done for this client: LINGER. */
void conn_finish(struct conn *c);

/* The request is over and has been answered: the next one. */
void conn_next_request(struct conn *c);

/* Reading and writing interests follow from the state; called after whatever may have changed it.
 */
void conn_update(struct conn *c);

/* The engine's connection may be idle, half used or broken: closes it. */
void conn_drop_engine(struct conn *c);

/* Arms the connection's one timer; expiry is handled by state. */
void conn_timer(struct conn *c, unsigned seconds);
void conn_timer_ms(struct conn *c, unsigned ms);
void conn_timer_stop(struct conn *c);

/* Counts n bytes that the gate holds for this request; false: everybody together holds too much, or
 * this user or container alone. What was counted ends with the request, or before. */
bool conn_hold(struct conn *c, size_t n);

/* Whose bytes were too many, after conn_hold(c, n) said no: "user 1000's have 64 MiB". */
#define CONN_WHY_MAX 64
void conn_why_not_held(const struct conn *c, size_t n, char ret[static CONN_WHY_MAX]);

void conn_release(struct conn *c, size_t n);

/* Logs that this client did something wrong or was denied. */
void conn_log(const struct conn *c, const char *what, const char *why);
