/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-gate: what stands between the clients and the engine.
 *
 *   main.c       command line, sandbox, loop
 *   gate.c       listening, quotas
 *   conn.c       one client's connection: states, who is read when, closing
 *   request.c    a request from its head to "go" or "no": an ordered list of checks
 *   exchange.c   a request to the engine and its answer, relayed or collected
 *   tunnel.c     after an upgrade: bytes both ways
 *   archive.c    docker cp of running containers, by gabiond and gabion-cp
 *   edit.c       pure: what a JSON body asks for, and how it is written afresh
 *   route.c      pure: method and path to a row of the table
 *   side.c, ask.c, answer.c   a socket; a question to gabiond; answers of our own
 *   janitor.c    records of containers that are gone are forgotten
 *
 * Parse, decide, re-emit: no byte of a head or of a JSON body reaches the engine as a client wrote
 * it. The gate has no privilege; what needs one it asks of gabiond.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/loop.h"
#include "gate/ask.h"

/* What one peer can make the gate hold. */
#define GATE_CONNS_MAX 8192u		     /* connections of everybody */
#define GATE_CONNS_PER_USER 2048u	     /* of one uid; root has no limit of its own */
#define GATE_BODY_MAX (8u * 1024u * 1024u)   /* a JSON body, an answer that is read whole */
#define GATE_HELD_MAX (256u * 1024u * 1024u) /* such bodies of everybody together */
#define GATE_HEAD_SECONDS 60u		     /* from the first byte of a head to its last */
#define GATE_BODY_SECONDS 60u		     /* between two parts of a body that is read whole */
#define GATE_ASK_SECONDS 60u		     /* for an answer of gabiond */
#define GATE_CONNECT_SECONDS 10u	     /* while the engine's queue is full */
#define GATE_LINGER_SECONDS 5u		     /* for the rest of a request that was refused */

struct conn;
struct janitor;

struct gate_user {
	struct gate_user *next;
	uid_t uid;
	size_t conns;
};

struct gate {
	struct loop loop;
	struct loop_signals signals; /* SIGTERM, SIGINT: the end */
	struct loop_fd listen;
	int listen_fd; /* owned */
	struct loop_timer listen_again;
	struct ask ask;
	struct janitor *janitor;   /* NULL without gabiond */
	struct sockaddr_un engine; /* where the engine listens, resolved at start */
	int engine_dir;		   /* keeps that address valid where the path is long */

	char *scratch; /* SIDE_SCRATCH_SIZE bytes that all sides read into */
	struct conn *conns;
	size_t nconns;
	struct gate_user *users;
	size_t held; /* bytes of bodies that are read whole */
	uint64_t serial;
};

struct gate_options {
	int take_listen;  /* listening socket */
	int take_control; /* -EBADF: none */
	const char *engine;
};

/* Everything that needs the file system; afterwards the process may be sandboxed. */
int gate_init(struct gate *g, struct gate_options *options, struct err *err);
/* Begins to accept; returns when told to stop. */
int gate_run(struct gate *g, struct err *err);
void gate_done(struct gate *g);

/* A new connection to the engine: its descriptor, -EAGAIN where the engine's queue is full, -errno.
 */
int gate_connect_engine(const struct gate *g);

/* A connection has gone: its place is free again. Called by conn.c. */
void gate_conn_gone(struct gate *g, struct gate_user *user);

/* Room for n more bytes of bodies? Counts them if so; give them back with gate_release(). */
bool gate_hold(struct gate *g, size_t n);
void gate_release(struct gate *g, size_t n);
