/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the doors of containers that were given the engine's socket before this gate began: gabiond
 * knows them (lib/grants), who asked for them, and has their listening sockets. Before the first
 * one opens it is known which containers were made by which others.
 */
#pragma once

#include "base/arena.h"
#include "gate/ask.h"
#include "settings/grant.h"

struct gate;

struct doorman {
	struct gate *gate;
	struct ask_call call;	/* one question at a time */
	struct control_id *ids; /* owned; sorted */
	size_t n;
	size_t at;
	bool done;		    /* all that could be opened are open */
	struct control_asker asker; /* of ids[at] */
	struct arena arena;
	struct grant grant; /* of ids[at], in the arena */
};

void doorman_init(struct doorman *m, struct gate *g);
void doorman_start(struct doorman *m);
void doorman_done(struct doorman *m);
