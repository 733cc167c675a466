/* SPDX-License-Identifier: Apache-2.0 */
/* One of the threads that take requests from the kernel and answer them (control/vfs.h). */
#pragma once

#include "control/vfs.h"
#include "vfs/session.h"

struct worker {
	struct session *session;
	int fuse;
	struct control_vfs_slot *slot; /* its own */
};

/* Deals with what the slot holds, if anything: acts, answers, empties it. Returns 0 or -errno when
 * the connection has ended. */
int worker_serve(struct worker *w);

/* Serves what there is, for ever. Returns -errno: -ENODEV when the file system was unmounted. */
int worker_run(struct worker *w);
