/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-gate: what stands between the clients and the engine.
 *
 *   main.c       command line, sandbox, loop
 *   gate.c       quotas, life
 *   door.c       listening: users of the host, containers; how many at once
 *   subordinate.c   who may not come in: uids that some user has by /etc/subuid
 *   doorman.c    doors of containers from before this gate
 *   conn.c       one client's connection: states, who is read when, closing
 *   request.c    a request from its head to "go" or "no": an ordered list of checks
 *   check.c, go.c   those checks; the request as it is sent
 *   create.c     what follows a creation
 *   exchange.c, exchange-answer.c   a request to the engine and its answer, relayed or collected
 *   tunnel.c     after an upgrade: bytes both ways
 *   grpc.c       pure: the builder's tunnel, read as it goes by
 *   archive.c    docker cp of running containers, by gabiond and gabion-cp
 *   edit.c, edit-filters.c   pure: what a JSON body asks for, and how it is written afresh
 *   edit-shape.c  pure: which parts of a body the engine would decode
 *   edit-host.c  pure: devices, drivers and security options in it
 *   edit-top.c   pure: arguments of ps(1)
 *   family.c     ownChildrenOnly: which containers exist for a container
 *   kin.c        pure: which containers were made by which others
 *   sift.c       pure: lists and streams of objects, with some of them left out
 *   policy/route.c  pure: method and path to a row of the table
 *   images.c, images-check.c, images-fetch.c   which images may have the engine's socket
 *   layers.c, bases.c   pure: what is remembered of local images
 *   locals.c     pure: which of them matter
 *   credentials.c, learn.c   what registries are asked with
 *   socket.c     containers that are to have it
 *   commands.c   what those may ask over it
 *   explain.c    the verdict instead of the effect
 *   own.c        endpoints of our own, for `gabion images`
 *   side.c, ask.c, answer.c, fetch.c   a socket; a question to gabiond; answers of our own; a GET
 *   audit.c      what was denied and what was granted, for lib/audit.log
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
#include "gate/audit.h"
#include "gate/kin.h"
#include "gate/subordinate.h"

#define GATE_BODY_MAX (8u * 1024u * 1024u) /* a JSON body, an answer that is read whole */

/* What peers can make the gate hold, and for how long it believes registries. The names are those
 * of `--limit NAME=N`. */
struct gate_limits {
	uint32_t conns;		 /* connections of everybody; a sixteenth is root's alone */
	uint32_t conns_per_user; /* of one uid; as many of all the containers it asked for; root has
				    no limit of its own */
	uint32_t conns_per_container;
	uint32_t held_mib;	  /* bodies that are read whole, of everybody together; a user
				     other than root, or a user's containers, have a fourth of
				     it, and a fourth is root's alone */
	uint32_t head_seconds;	  /* from the first byte of a head to its last */
	uint32_t body_seconds;	  /* between two parts of a body that is read whole */
	uint32_t ask_seconds;	  /* for an answer of gabiond */
	uint32_t connect_seconds; /* while the engine's queue is full */
	uint32_t linger_seconds;  /* for the rest of a request that was refused */
	uint32_t refresh_seconds; /* between two looks at registries for the digests of images */
};

#define GATE_LIMITS                                        \
	((struct gate_limits){ .conns = 8192,              \
			       .conns_per_user = 2048,     \
			       .conns_per_container = 512, \
			       .held_mib = 256,            \
			       .head_seconds = 60,         \
			       .body_seconds = 60,         \
			       .ask_seconds = 60,          \
			       .connect_seconds = 10,      \
			       .linger_seconds = 5,        \
			       .refresh_seconds = 600 })

/* Sets the limit with that name ("head-seconds"). Returns 0 or -EINVAL. */
int gate_limit_set(struct gate_limits *l, struct slice name, uint32_t value);

struct conn;
struct door;
struct doorman;
struct images;
struct janitor;

/* A user of the host; or all containers that somebody asked for, which are counted apart, so that
 * neither locks out the other. */
struct gate_user {
	struct gate_user *next;
	uid_t uid;
	bool containers;
	size_t conns;
	size_t held; /* of gate->held */
};

struct gate {
	struct gate_limits limits;
	struct loop loop;
	struct loop_hope answers,
		requests;	     /* of the engine; of clients that have just been answered */
	struct loop_signals signals; /* SIGTERM, SIGINT: the end */
	int clients; /* listening socket of run/docker.sock, owned until its door opens */
	int failed;  /* -errno: it did not */
	struct door *doors;
	struct ask ask;
	struct audit audit;
	struct images *images;	   /* owned */
	struct janitor *janitor;   /* NULL without gabiond */
	struct doorman *doorman;   /* the same */
	struct sockaddr_un engine; /* where the engine listens, resolved at start */
	int engine_dir;		   /* keeps that address valid where the path is long */

	char *scratch;		   /* SIDE_SCRATCH_SIZE bytes that all sides read into */
	struct kin kin;		   /* which containers were made by which others */
	size_t making;		   /* creations by containers that are on their way (family.h) */
	struct loop_deferred wake; /* one of them is over */
	struct conn *conns;
	size_t nconns;	       /* that are served */
	size_t nconns_root;    /* of these, root's own */
	struct gate_user told; /* nobody: connections that are only told that they may not be */
	struct gate_user *users;
	size_t held;	  /* bytes of bodies that are read whole */
	size_t held_root; /* of these, for root's own connections */
	size_t descriptors;
	size_t ndoors;
	struct subordinate subordinate;
	bool has_peer_process; /* sock_peer_process() works here */
	uint64_t serial;
	uint64_t log_ns;   /* what clients make us log is limited: up to here it is paid for */
	uint64_t log_lost; /* lines since then that were not written */
};

#define GATE_DESCRIPTORS_MAX 65536

struct gate_options {
	int take_listen;  /* listening socket */
	int take_control; /* -EBADF: none */
	const char *engine;
	struct gate_limits limits;
};

/* Everything that needs the file system; afterwards the process may be sandboxed. */
int gate_init(struct gate *g, struct gate_options *options, struct err *err);
/* Begins to accept; returns when told to stop. */
int gate_run(struct gate *g, struct err *err);
void gate_done(struct gate *g);

/* A new connection to the engine: its descriptor, -EAGAIN where the engine's queue is full, -errno.
 */
int gate_connect_engine(const struct gate *g);

/* Who is counted by that uid, itself or its containers, made if need be; NULL: out of memory.
 * Forgotten when it has no connections. */
struct gate_user *gate_user(struct gate *g, uid_t uid, bool containers);
void gate_user_drop(struct gate *g, struct gate_user *user);

static inline bool gate_user_is_root(const struct gate_user *u)
{
	return u->uid == 0 && !u->containers;
}

/* How many connections there can be, as it is now: the limit, or what the descriptors do for; and
 * how many of these can be others' than root's. */
size_t gate_conns_max(const struct gate *g);
size_t gate_conns_others(const struct gate *g);

/* May one more line be logged that a client has caused? At length ten a second, fifty at once; says
 * how many were not. */
bool gate_may_log(struct gate *g);
