/* SPDX-License-Identifier: Apache-2.0 */
/* docker cp of a running container: HEAD, GET and PUT of its archive, served by gabion-cp inside
 * the container's own namespaces; gabiond starts it. Those of a container that does not run are the
 * engine's, which mounts what is bound in it by name and follows links there, as root of the host.
 */
#pragma once

#include "gate/conn.h"

struct json;

/* Notes the paths of the host in a container that does not run: r->edit.sources. */
void archive_look(struct conn *c, const struct json *container);
/* Whether the engine must not copy there: root of the host may have it copy, once the paths have
 * been judged again; for others it would do what they cannot, and they have been told so. */
bool archive_refused(struct conn *c);
/* Whether the path is one; otherwise the client has been told. */
bool archive_path_ok(struct conn *c);
/* The request's subject is resolved, runs and is isolated; its path is one. */
void archive_begin(struct conn *c);
void archive_pump(struct conn *c);
void archive_timed_out(struct conn *c);
bool archive_wants_body(const struct conn *c);
uint32_t archive_worker_wants(const struct conn *c);
