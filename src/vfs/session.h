/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is answered to the kernel.
 *
 * Number of an inode: the container's number (box.h) in the upper 48 bits, the node's (nodes.h) in
 * the lower 16; 1 is the folder of all containers. Both are computed from what does not change, so
 * nothing has to be remembered for the kernel, across restarts or else.
 *
 * Names below a container and what is known of its nodes do not change either, and the kernel may
 * keep them; but the container itself is looked up each time, since it may have been started anew.
 */
#pragma once

#include "base/buf.h"
#include "vfs/box.h"
#include "vfs/host.h"
#include "vfs/nodes.h"
#include "vfs/opens.h"
#include "vfs/wire.h"

#define SESSION_ANSWER_MAX (1024u * 1024u)
#define SESSION_WRITE_MAX 4096u

struct session {
	struct host host;
	struct boxes boxes;
	struct opens opens;
	struct tree tree;
};

/* views: run/views, borrowed. host has been opened. */
void session_init(struct session *s, int views);
void session_done(struct session *s);

/* Appends what follows the answer's head. Returns 0 or a negative errno to answer with. */
int session_handle(struct session *s, const struct wire *q, struct buf *out);

/* What follows the head of an answer to a WRITE that has been done. */
void session_written(const struct wire *q, struct buf *out);
