/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ownChildrenOnly: what a container asks over its socket is about itself and what has been made
 * over that socket, or over those of what was made so (kin.h). Other containers do not exist for
 * it: requests that name one get what the engine says of a name that nobody has, and lists, events
 * and networks are shown without them (sift.h). Only the audit log tells the two apart.
 *
 * Users of the host are not concerned, and nobody is while the setting is off.
 */
#pragma once

#include "gate/conn.h"
#include "gate/maker.h" /* FAMILY_RULE */

/* The request of a container's door, as the policy is now: sets c->req->whose if it is limited. */
void family_begin(struct conn *c, const struct door *d);

/* True when the request is refused because it acts on containers that it does not name, and the
 * client has been told. */
bool family_refused(struct conn *c);

/* The containers that its query names, into c->req->edit. False: the client has been told. */
bool family_query(struct conn *c);

/* Is it one that the request may be about? Also where it is not limited. */
bool family_own(const struct conn *c, const char id[CONTROL_ID_LEN]);

/* As kin_prefix(), of a limited request's own ones. */
size_t family_prefix(const struct conn *c, struct slice prefix, char ret[CONTROL_ID_LEN + 1]);

/* Before it is sent: its query with ids in place of names, and how its answer is sifted (into
 * c->req->sift). Returns 0, or -errno when there is no memory or no room. */
int family_prepare(struct conn *c);

/* A creation by a container is on its way to the engine: events of what it makes may come before it
 * is known whose that is, and wait. Ends with the request. */
void family_making(struct conn *c);
void family_made(struct conn *c);

/* The container c->req->created is on record. Returns 0 or -ENOMEM. */
int family_add(struct conn *c);

/* The request is over. */
void family_stop(struct conn *c);
