/* SPDX-License-Identifier: Apache-2.0 */
/* docker cp of a running container: HEAD, GET and PUT of its archive, served by gabion-cp inside
 * the container's own namespaces; gabiond starts it. */
#pragma once

#include "gate/conn.h"

/* Whether the path is one; otherwise the client has been told. */
bool archive_path_ok(struct conn *c);
/* The request's subject is resolved, runs and is isolated; its path is one. */
void archive_begin(struct conn *c);
void archive_pump(struct conn *c);
void archive_timed_out(struct conn *c);
bool archive_wants_body(const struct conn *c);
uint32_t archive_worker_wants(const struct conn *c);
