/* SPDX-License-Identifier: Apache-2.0 */
/* Between a frontend and BuildKit: bytes both ways, read as they go by (grpc.h). */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct relay_fds {
	int to_engine, from_engine;
	int to_frontend, from_frontend;
};

/* What was refused, and what the frontend is told. */
typedef void relay_refused_fn(void *data, const char *text);

/* Until the frontend has closed its side and all it said is passed on, or the engine listens no
 * more: 0. Takes the descriptors, and makes them non-blocking. -EPROTO: what the frontend sent is
 * not what gRPC clients send; -errno. */
int relay_run(const struct relay_fds *fds, relay_refused_fn *refused, void *data);
