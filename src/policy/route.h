/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's endpoints as one ordered table: the first row that matches a method and a decoded
 * path is what the engine's own router would choose, because the rows have its patterns in its
 * order. What no row matches is not known here and does not reach the engine.
 *
 * Patterns: literal text and at most one hole, {id} = one segment, {*} = anything (also with
 * slashes, also nothing), {+} = at least one byte.
 */
#pragma once

#include <stddef.h>

#include "base/slice.h"

enum route_kind {
	ROUTE_RELAY,   /* as it is, after the checks that the flags ask for */
	ROUTE_REFUSE,  /* never; `reason` says why */
	ROUTE_CREATE,  /* POST /containers/create */
	ROUTE_EXEC,    /* POST /containers/{}/exec */
	ROUTE_EXEC_ID, /* something with an exec's id */
	ROUTE_COMMIT,  /* POST /commit: the container is a parameter */
	ROUTE_ARCHIVE, /* docker cp */
	ROUTE_BUILD,   /* POST /build */
	ROUTE_VOLUME,  /* POST /volumes/create */
};

enum route_flags {
	ROUTE_JSON = 1u << 0,	 /* a body is JSON: read whole, checked, written afresh */
	ROUTE_HIJACK = 1u << 1,	 /* may become a tunnel when the engine says so */
	ROUTE_OWNER = 1u << 2,	 /* acts on a container: root and who asked for it only */
	ROUTE_REFRESH = 1u << 3, /* the engine reads the container's view */
};

struct route {
	const char *method;
	const char *pattern;
	enum route_kind kind;
	unsigned flags;
	const char *command; /* as a command list knows it; NULL: none of its own */
	const char *reason;  /* ROUTE_REFUSE: what the client is told */
};

enum route_result {
	ROUTE_FOUND = 0,
	ROUTE_UNKNOWN = 1,
	ROUTE_BAD_VERSION = 2, /* "/v…/" that is not 1.24 or later */
};

struct route_match {
	const struct route *route;
	struct slice version; /* "1.41", or null when the path has none */
	struct slice path;    /* without the version */
	struct slice name;    /* what stands in the hole; null when there is none */
};

/* path: percent-decoded. Result: enum route_result. */
int route_find(struct slice method, struct slice path, struct route_match *ret);

/* The table, for tests and for `gabion explain`. */
const struct route *route_table(size_t *ret_n);
