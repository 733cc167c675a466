/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when the engine has answered a POST /containers/create (request.h). */
#pragma once

#include "gate/conn.h"

/* The engine's answer has been collected in c->x: done() of exchange_ask(). */
void create_answered(struct conn *c);

/* The container is there and must not stay: takes it away again and tells the client why. */
void create_undo(struct conn *c, struct slice why);
