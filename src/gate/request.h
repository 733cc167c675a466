/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request, from its head to "go" or "no".
 *
 *   1. the head is copied and parsed; method and path choose a row of the route table; what can be
 *      refused without asking anybody is refused
 *   2. a JSON body is read whole, and edit.h says what it asks for
 *   3. names of containers that the request acts on become ids: the engine is asked; those that do
 *      not exist for whoever asks are told apart from what does not exist by nobody (family.h);
 *      volumes that a creation mounts are looked at, and where a request is limited, whose they
 *      and networks are (things.h)
 *   4. who asked for those containers: gabiond is asked; others may not act on them
 *   5. paths of the host that a creation asks for: gabiond judges and makes them as the asker
 *   6. where one of those is the engine's socket, whatever it is called: may the image have it? And
 *      before a start: may it still?
 *   7. where the engine is about to read a running container's view: gabiond refreshes it
 *   8. go: the request is written afresh and relayed; what a creation made is read back and judged,
 *      and recorded before its answer is passed on; an archive of a running container is
 * gabion-cp's work
 *
 * Root skips 4, and 3 where nothing else needs it: whatever it asks, it may.
 */
#pragma once

#include "gate/conn.h"
#include "gate/edit.h"
#include "gate/exchange.h"
#include "http/target.h"
#include "policy/route.h"

enum subject_kind {
	SUBJECT_CONTAINER,
	SUBJECT_VOLUME,	 /* of a creation, or a request that is limited (things.h) */
	SUBJECT_NETWORK, /* of a request that is limited */
	SUBJECT_KINDS,
};

/* What the request acts on. */
struct subject {
	enum subject_kind kind;
	struct slice name;	/* as the client wrote it, or an id */
	struct slice make;	/* of a volume: JSON that makes it; null: the request itself does */
	bool missing;		/* a volume: it is not there yet */
	bool labelled;		/* a volume: one of its own, by the label */
	bool lent;		/* a volume that came with --volumes-from (volumes.h) */
	const char *everybodys; /* name of a network that the engine has itself: no `id` counts */
	const char *by;		/* the id that the engine is asked for instead; NULL: the name */
	char id[CONTROL_ID_LEN + 1];
	bool own;    /* the request is limited: it has to be one of its own */
	bool owner;  /* who asked for it has to be known, and root or this client */
	bool mounts; /* the new container gets what this one has mounted */
	bool running;
	const char *user; /* its Config.User, "" if none */
};

struct explain;
struct own_work;
struct sift;
struct socket_work;

struct request {
	struct http_head head; /* slices of `raw` */
	struct slice raw;      /* the head's bytes, in the connection's arena */
	struct http_target target;
	struct route_match match;

	bool holding;		/* the body is being read whole */
	struct http_decoder up; /* of that body */
	struct buf body;	/* the body, as it came */
	struct buf whole;	/* the body, as it will be sent */
	bool body_read;		/* nothing of the body is left on the client's connection */

	const char *whose; /* only that container's own ones exist (family.h); NULL: all do */
	bool making;	   /* a creation by a container is on its way */
	struct sift *sift; /* the answer is sifted by it; NULL: it is not */

	struct edit_how how; /* as the policy was when the head was read */
	struct edit edit;
	size_t nsubjects;
	size_t at;	/* the subject in question */
	size_t source;	/* the first path of the host that has not been judged */
	size_t asked;	/* gabiond is judging those before this one */
	size_t sockets; /* how many of them are the engine's socket */
	struct subject *subjects;
	bool path_subject;		   /* subjects[0] is what the path or the query names */
	void (*next)(struct conn *c);	   /* volumes or networks have been looked at (things.c) */
	void (*forbidden)(struct conn *c); /* volumes_confirm() */
	bool volumes_singly;		   /* a list of all of them does not do */
	struct exchange_kept kept;	   /* meanwhile */
	bool refresh;			   /* its view has to be fresh */
	bool by_engine;			   /* ROUTE_ARCHIVE: with paths of the host, so as root */
	const char *exec_id;		   /* ROUTE_EXEC_ID: its container is not known yet */
	const char *created;		   /* ROUTE_CREATE: id in the engine's answer */
	const char *image;		   /* ROUTE_CREATE: id of the image that it has */
	const char *effect;		   /* ROUTE_CREATE: what it has and may not (effect.h) */
	bool own_number;		   /* ROUTE_CREATE: of its asker's files (number.h) */
	struct socket_work *socket;	   /* it asks for the engine's socket (socket.h) */
	bool judged;			   /* it may have it */
	struct explain *explain;	   /* only the verdict is wanted (explain.h) */
	struct own_work *own;		   /* for one of the gate's own endpoints (own.h) */
	const char *trouble;		   /* ROUTE_CREATE: why it must not stay */
	bool plain; /* it runs without isolation: copies are the engine's own */
};

/* Copies and parses a head. HTTP_OK: request_proceed() comes next; HTTP_REFUSED. */
int request_begin(struct conn *c, struct slice head, struct http_refusal *why);
void request_proceed(struct conn *c);
void request_done(struct request *r);

/* More of a body that is read whole may have come. */
void request_pump_body(struct conn *c);
bool request_wants_body(const struct request *r);
void request_timed_out(struct conn *c);

/* "/v1.43", as the client asked for; nothing where it did not. */
void request_print_version(const struct request *r, struct buf *b);

/* For answers. */
bool request_keeps_alive(const struct request *r);
bool request_is_head(const struct request *r);
bool request_takes_interim(const struct request *r, unsigned status);
