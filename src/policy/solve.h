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
/* What a client asks for that is its own frontend, as buildx is. */
#define SOLVE_BRIDGE_PATH "/moby.buildkit.v1.frontend.LLBBridge/Solve"

struct solve {
	const char *pushes;  /* static: what pushes; NULL: nothing does */
	const char *reaches; /* static: what could reach the host (llb.h); NULL: nothing */
};

/* -EPROTO: that is no such message. */
int solve_read(struct slice message, struct solve *ret);
int solve_read_bridge(struct slice message, struct solve *ret);

/* An exporter of that type with none of the attributes below. */
bool solve_exporter_known(struct slice type);
/* "push" and what begins so ("push-by-digest") are about registries, in whatever exporter. */
bool solve_attribute_pushes(struct slice key, struct slice value);
