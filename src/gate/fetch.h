/* SPDX-License-Identifier: Apache-2.0 */
/* One GET of the gate's own on a connection of its own, whose body is digested as it comes. */
#pragma once

#include "gate/gate.h"
#include "gate/side.h"
#include "http/body.h"

struct fetch {
	struct gate *gate;
	struct side side; /* open while it runs */
	size_t scanned;
	bool in_body;
	unsigned status; /* of the answer; 0: there was none */
	bool any;	 /* bodies of other answers, too; set after fetch_start() */
	struct http_decoder down;
	/* A part of the body of a 200 answer, cut anywhere. */
	void (*piece)(struct fetch *f, struct slice piece);
	/* Once, when it is over; ok: a 200 answer was read to its end, else `status` says what came
	 * instead. The side is closed. Not called after fetch_stop(). */
	void (*ended)(struct fetch *f, bool ok);
};

#define FETCH_INIT ((struct fetch){ .side = SIDE_INIT })

/* target: path and query, escaped; auth: the value of a field X-Registry-Auth, which is wiped
 * after use, or NULL. Returns 0, or -errno when the engine is not there. */
int fetch_start(struct fetch *f, struct gate *g, const char *target, const char *auth,
		void (*piece)(struct fetch *f, struct slice piece),
		void (*ended)(struct fetch *f, bool ok));
void fetch_stop(struct fetch *f);
