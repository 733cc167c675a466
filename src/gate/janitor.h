/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of containers that are gone are forgotten.
 *
 * The engine says when a container is destroyed, by whatever way (rm, prune, --rm): the janitor
 * listens to its events. What went while nobody listened is found by a sweep after each
 * (re)connect: first the records are listed, then the containers, so that a container which is
 * being created is in both lists or in none.
 *
 * By the same stream it hears what is done to images, and that the engine has ended (images.h).
 */
#pragma once

#include "gate/ask.h"
#include "gate/fetch.h"

struct janitor {
	struct gate *gate;
	struct fetch events;
	struct buf line; /* an event that has not come to its end */
	struct fetch containers;
	char tail[CONTROL_ID_LEN + 8]; /* the end of what has been searched */
	size_t tail_n;
	struct loop_timer again;
	unsigned failures;

	struct ask_call call;	/* LIST or FORGET; one at a time */
	struct control_id *ids; /* sweep: records, sorted; then: which to forget */
	bool *alive;		/* sweep: seen among the containers */
	size_t n;
	struct buf gone; /* ids waiting to be forgotten, one after the other */
};

void janitor_init(struct janitor *j, struct gate *g);
/* Begins to listen; tries again for ever where the engine is not there. */
void janitor_start(struct janitor *j);
void janitor_done(struct janitor *j);
