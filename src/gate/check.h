/* SPDX-License-Identifier: Apache-2.0 */
/* Steps 3 to 8 of a request (request.h): whom it acts on, whether the asker may, paths of the host,
 * the engine's socket, a fresh view, go. */
#pragma once

#include "gate/conn.h"

/* The body, if it is read whole, has been read and decided on. */
void check_begin(struct conn *c);

/* go.c: everything has been checked. */
void go(struct conn *c);

/* Writes the request's target as the engine will see it: path (with the subject's id in place of
 * its name where that has been resolved) and query. */
void go_target(const struct conn *c, struct buf *b);

/* Who is at the other end, but for the container's id. */
void go_asker(struct conn *c, struct control_asker *a);
