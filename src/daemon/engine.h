/* SPDX-License-Identifier: Apache-2.0 */
/* What each service of an instance is: program, arguments, environment, configuration. */
#pragma once

#include <limits.h>

#include "base/arena.h"
#include "base/err.h"
#include "daemon/daemon.h"
#include "daemon/process.h"

/* How to start one service; strings live in the arena. */
struct engine_launch {
	char path[PATH_MAX];
	struct process_start start; /* path and log are filled by service_start() */
	const char *socket;	    /* what to probe */
	int type;		    /* of that socket */
	const char *get;	    /* with this request; NULL: connecting is enough */
	uint64_t timeout_ns;	    /* for it to answer */
	int mine;		    /* a descriptor to close after the start, or -EBADF */
};

/* Finds the programs and learns what they are. Names the Debian package of one that is missing. */
int engine_check(struct daemon *d, struct err *err);

/* Writes the configuration of containerd and dockerd and the links DIR/run/bin. */
int engine_configure(struct daemon *d, struct err *err);

/* Fills *ret. The program has to be there. */
int engine_launch(struct daemon *d, enum service_id id, struct arena *a, struct engine_launch *ret,
		  struct err *err);

/* What has to be done right before a start: removes files of a dead predecessor that would stand in
 * the way. */
void engine_make_way(struct daemon *d, enum service_id id);

/* Whether this service is wanted in this instance. */
bool engine_wants(const struct daemon *d, enum service_id id);

/* Has the engine do what the policy says: while isolation is off its default runtime is called
 * "runc". Done when it is up, and whenever there is another policy; nothing otherwise. */
void engine_obey(struct daemon *d);

/* Rewrites dockerd's configuration so that it stops its containers when it goes; it has to be told
 * to read it (SIGHUP). Returns 0 or -errno. */
int engine_no_live_restore(struct daemon *d);
