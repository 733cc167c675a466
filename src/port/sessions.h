/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks to whom by datagrams: a table of sessions, each known by the client's address, the
 * address that it sent to, and the socket that took it. No I/O.
 *
 * A session ends when it has been silent for SESSIONS_SILENT_NS, or, while nothing has come back,
 * SESSIONS_UNANSWERED_NS; the engine's own proxy waits as long as the latter. When the table is
 * full the one that has been silent longest goes, those that never got an answer first: senders of
 * made up addresses push out each other. Chains are hashed with a secret key, so nobody can choose
 * addresses that make long ones.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define SESSIONS_UNANSWERED_NS (90 * LOOP_NSEC_PER_SEC)
#define SESSIONS_SILENT_NS (180 * LOOP_NSEC_PER_SEC)
#define SESSIONS_KEY_SIZE 16

/* No padding: compared and hashed as bytes. IPv4 as ::ffff:a.b.c.d. */
struct session_key {
	struct in6_addr client;
	struct in6_addr local; /* what it sent to */
	uint32_t scope;	       /* of a link-local client: the interface */
	uint16_t port;	       /* the client's, in network order */
	uint16_t listener;     /* which socket */
};

/* Embedded in its owner. */
struct session {
	struct session_key key;
	struct session *chain;	     /* same bucket */
	struct session *prev, *next; /* longest silent first */
	uint64_t used_ns;
	bool answered;
};

struct session_list {
	struct session *first, *last;
};

struct sessions {
	unsigned char secret[SESSIONS_KEY_SIZE];
	struct session **buckets; /* owned */
	size_t nbuckets;	  /* a power of two */
	size_t count, max;
	struct session_list lists[2]; /* unanswered, answered */
};

/* 0 or -ENOMEM. */
int sessions_init(struct sessions *t, size_t max, const unsigned char secret[SESSIONS_KEY_SIZE]);
/* Sessions that are left are their owners'. */
void sessions_done(struct sessions *t);

struct session *sessions_find(const struct sessions *t, const struct session_key *key);
/* The table must not be full, and have none with s->key. */
void sessions_add(struct sessions *t, struct session *s, uint64_t now_ns);
/* A datagram has come from the client or, with `answer`, for it. */
void sessions_touch(struct sessions *t, struct session *s, uint64_t now_ns, bool answer);
void sessions_remove(struct sessions *t, struct session *s);

static inline bool sessions_full(const struct sessions *t)
{
	return t->count >= t->max;
}
/* The one to give up when another is wanted, or NULL. */
struct session *sessions_oldest(const struct sessions *t);
/* One whose time is up, or NULL. */
struct session *sessions_expired(const struct sessions *t, uint64_t now_ns);
/* When sessions_expired() will have one, or UINT64_MAX. */
uint64_t sessions_next_ns(const struct sessions *t);

/* SipHash-2-4, of "SipHash: a fast short-input PRF" (Aumasson, Bernstein). */
uint64_t sessions_hash(const unsigned char secret[SESSIONS_KEY_SIZE], const void *data, size_t n);
