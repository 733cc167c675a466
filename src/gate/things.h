/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ownChildrenOnly, of volumes and networks: those that a limited request names are its container's
 * own by the label that they were made with (maker.h), or it ends here. Volumes: volumes.h. A
 * network is told from others by its id, which goes on (edit-things.c).
 */
#pragma once

#include "gate/conn.h"

struct subject;

/* The subject in question; and on to what is next, after it has been judged. For volumes.c, too. */
struct subject *things_current(struct conn *c);
void things_go_on(struct conn *c);

/* next() runs when it is one's own, or will be; else the client has been told. */
void things_resolve(struct conn *c, const struct subject *s, void (*next)(struct conn *c));
