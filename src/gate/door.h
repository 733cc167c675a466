/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket and who comes in by it: users of the host by run/docker.sock, who are known by
 * SO_PEERCRED; or one container by its own run/sock/ID/docker.sock. What a container asks is asked
 * for whoever asked for the container, with that user's rights and no more, and by policy only.
 */
#pragma once

#include "gate/gate.h"
#include "settings/grant.h"
#include "settings/policy.h"

struct door {
	struct door *next;
	struct gate *gate;
	struct loop_fd watch;
	struct loop_timer again; /* while there is no room */
	struct loop_deferred later;
	int fd;			     /* owned, listening */
	char id[CONTROL_ID_LEN + 1]; /* of the container; "": users of the host */
	struct control_asker *asker; /* owned: who asked for it; NULL: users of the host */
	struct arena arena;	     /* of the grant */
	struct grant grant;	     /* of the container */
	uint64_t generation;	     /* of images.h, when these were looked up: */
	bool allowed;
	size_t entries[POLICY_LAYERS_MAX];
	size_t conns;
};

static inline bool door_is_container(const struct door *d)
{
	return d->asker != NULL;
}

/* Begins to accept. take_fd is closed also on failure; asker and grant are copied, NULL for users
 * of the host. Returns 0 or -errno. */
int door_open(struct gate *g, int take_fd, const struct control_asker *asker,
	      const struct grant *grant);

/* Ends it with all its connections; the struct goes when the round is over. */
void door_close(struct door *d);

/* The container's door, or NULL. */
struct door *door_find(struct gate *g, const char id[CONTROL_ID_LEN]);

/* A connection has gone: its place is free again. */
void door_conn_gone(const struct conn *c);
