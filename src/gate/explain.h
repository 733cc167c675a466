/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "What would happen?", for `gabion explain`. A request of a user of the host with the field
 *
 *   Gabion-Explain: yes | IMAGE | @ID
 *
 * goes through the same checks as any other. What would be passed on and change something is
 * answered instead, with the verdict and not with an effect; what only looks is passed on, so that
 * a client comes to the request that matters. With the name of an image, the request is one that a
 * container of that image makes over its socket; with the id of a container that has a socket, one
 * that this container makes. That may be asked by root and by whoever asked for the container.
 *
 * The answer is an error (403), so that clients stop there, and its message carries the verdict:
 * {"message":"gabion explain: {…}","explain":{…}}, where {…} has verdict (allow, deny, error),
 * method, target, status, and rule, message, reason, hint where there are any.
 */
#pragma once

#include "gate/conn.h"

struct answer;
struct explain;

/* Takes the field off the request's head. True when the image has to be looked at first: then()
 * runs afterwards, or the request has been answered. */
bool explain_begin(struct conn *c, void (*then)(struct conn *c));

/* Is this such a request? */
bool explain_wanted(const struct conn *c);

/* As which container it is asked; with an image, one that has no id and nobody asked for. NULL:
 * none.
 */
struct door *explain_door(const struct conn *c);

/* Would only have been reported. */
void explain_report(struct conn *c, const char *message);

/* The verdict: this answer; or that it would be passed on. False, and nothing happens, where the
 * request only looks. */
void explain_denied(struct conn *c, const struct answer *a, const char *message);
bool explain_allowed(struct conn *c);

/* The request is over. */
void explain_stop(struct conn *c);
