/* SPDX-License-Identifier: Apache-2.0 */
/* After an upgrade: bytes both ways, each direction with an end of its own. They are not looked at,
 * but for a container's builds (grpc.h). */
#pragma once

#include "gate/conn.h"

/* The engine has said so. `rest` is what came from it after the head. */
void tunnel_begin(struct conn *c, struct slice rest);
/* Is it that side's turn? Who is told that a build was denied has to listen before it goes on. */
bool tunnel_may_read(const struct conn *c, const struct side *from);
/* Bytes of that side may have come, or the other side may take more. */
void tunnel_pump(struct conn *c, struct side *from);
/* The connection goes. */
void tunnel_end(struct conn *c);
