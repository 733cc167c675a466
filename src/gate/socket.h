/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers that are to have the engine's socket.
 *
 *   before the creation   may its image? (images.h)
 *   after it              what the engine really made is looked at; the facts of its image are kept
 *                         (CONTROL_GRANT), its own socket is made and its door opened, and only
 * then does the client hear of it before each start     what registries say is brought up to date,
 * so that gabion-runc, which decides at the very end, decides by it
 */
#pragma once

#include "gate/conn.h"

/* May the creation go on? yes(c) runs if so, else the client has been told. */
void socket_judge(struct conn *c, void (*yes)(struct conn *c));

/* The container c->req->created is there and recorded: makes its socket. yes(c) runs when it is;
 * no(c, why) when it cannot be had, and denied(c) when it may not. */
void socket_grant(struct conn *c, void (*yes)(struct conn *c),
		  void (*no)(struct conn *c, struct slice why), void (*denied)(struct conn *c));

/* The subject is about to be started. yes(c) runs unless the client has been told no. */
void socket_recheck(struct conn *c, void (*yes)(struct conn *c));

/* The request ends, whatever is going on. */
void socket_stop(struct conn *c);

/* Tells the client that the image may not have it. */
void socket_refuse(struct conn *c);
