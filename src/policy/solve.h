/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A build as BuildKit is asked for it: the message of /moby.buildkit.v1.Control/Solve, and the
 * `outputs` of POST /build. Does it push something to a registry by itself? Could it reach the
 * host?
 *
 * The message is protocol buffers. It is read as Go's decoders read it and more strictly: tags over
 * 32 bits and groups are refused, whatever a decoder might make of them. What occurs several times
 * counts each time, so it does not matter which occurrence a decoder keeps. What is not known to be
 * no push is one: exporters, caches and fields that later BuildKits invent.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

#define SOLVE_PATH "/moby.buildkit.v1.Control/Solve"

struct solve {
	const char *pushes;  /* static: what pushes; NULL: nothing does */
	const char *reaches; /* static: what could reach the host (llb.h); NULL: nothing */
};

/* -EPROTO: that is no such message. */
typedef int solve_fn(struct slice message, struct solve *ret);
solve_fn solve_read, solve_read_bridge;

/* How the message of the gRPC call of that path is read; NULL: it has no say. */
solve_fn *solve_reader(struct slice path);

/* An exporter of that type with none of the attributes below. */
bool solve_exporter_known(struct slice type);
/* "push" and what begins so ("push-by-digest") are about registries, in whatever exporter. */
bool solve_attribute_pushes(struct slice key, struct slice value);
