/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's endpoints as one ordered table: the first row that matches a method and a decoded
 * path is what the engine's own router (gorilla/mux) would choose, because the rows have its
 * patterns in its order. What no row matches is not known here and does not reach the engine.
 *
 * Patterns: literal text and holes. {id} = one segment, {*} = anything (also with slashes, also
 * nothing), {+} = at least one byte; as in Go's regular expressions, the last two hold no newline.
 * Paths that are not clean ("//", "." and ".." as segments) match nothing: the engine redirects.
 *
 * A version before the path ("/v1.41") is optional and has no say in what matches: the engine
 * compares it only afterwards, and so does the gate.
 */
#pragma once

#include <stddef.h>

#include "base/slice.h"
#include "policy/route-class.h"

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
	ROUTE_LIST,    /* GET /containers/json: filters may name containers */
	ROUTE_NETWORK, /* POST /networks/create */
	ROUTE_JOIN,    /* POST /networks/{}/connect, disconnect: the body names a container */
};

enum route_flags {
	ROUTE_JSON = 1u << 0,	       /* a body is JSON: read whole, checked, written afresh */
	ROUTE_HIJACK = 1u << 1,	       /* may become a tunnel when the engine says so */
	ROUTE_OWNER = 1u << 2,	       /* acts on a container: root and who asked for it only */
	ROUTE_REFRESH = 1u << 3,       /* the engine reads the container's view */
	ROUTE_CONTAINER = 1u << 4,     /* the hole is a container's name or id */
	ROUTE_STREAM = 1u << 5,	       /* the body is a stream, of any length */
	ROUTE_NAMES_VOLUME = 1u << 6,  /* the hole is a volume's name */
	ROUTE_NAMES_NETWORK = 1u << 7, /* the hole is a network's name or id */
};

struct route {
	const char *method; /* "*": any */
	const char *pattern;
	enum route_class class; /* without a query */
	enum route_kind kind;
	unsigned flags;
	const char *reason; /* ROUTE_REFUSE: what the client is told */
};

/* The engine takes any digits and dots, and compares number by number: "1.41", "01.041" and
 * "1.41.0" are one version, "1." is 1.0. */
struct route_version {
	struct slice text; /* "1.41"; null when the path has none */
	uint32_t major;	   /* UINT32_MAX also stands for all that are larger */
	uint32_t minor;
	bool plain; /* written as it is meant: two numbers without leading zeros */
};

#define ROUTE_CLASSES_MAX 4

struct route_match {
	const struct route *route; /* NULL: unknown */
	struct route_version version;
	struct slice path; /* without the version */
	struct slice name; /* what stands in the first hole; null when there is none */
	struct slice last; /* what stands in the second */
	/* Who may do this has to be allowed each of them. */
	size_t nclasses;
	enum route_class classes[ROUTE_CLASSES_MAX];
};

enum route_result {
	ROUTE_FOUND = 0,
	ROUTE_UNKNOWN = 1,
};

/* path: percent-decoded; params: of the query, decoded, in order. The slices of *ret are parts of
 * the path. Result: enum route_result; *ret is written in both cases, version and path also for
 * what is not known. */
int route_find(struct slice method, struct slice path, const struct slice_pair *params, size_t n,
	       struct route_match *ret);

/* The part of route_find() that looks at the query. Where that can be read in several ways, the
 * request is of all the classes that it could be meant as. */
void route_query(struct route_match *m, const struct slice_pair *params, size_t n);

/* Labels whose names begin so are compose's: it gives them to whatever it makes, and finds it by
 * them. */
#define ROUTE_COMPOSE_LABEL "com.docker.compose."

/* Older than 1.24, however it is written: starting a container could still change it. */
bool route_version_is_old(const struct route_version *v);

/* None, or one that gabion knows: 1.24 or later and written plainly. */
bool route_version_ok(const struct route_version *v);

/* The table, for tests and for `gabion explain`. */
const struct route *route_table(size_t *ret_n);
