/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request targets: the path percent-decoded (that is what the engine's router matches on), the
 * query as decoded pairs in order, and both written afresh.
 *
 * %2F in a path is a plain slash afterwards, as the engine takes it; since the gate writes the path
 * itself, both see the same. Refused: a bad escape, NUL and control bytes, "//" and dot segments
 * (before and after decoding; the engine would answer with a redirect), ';' in the query (Go drops
 * what stands around it), too many parameters.
 */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "http/head.h"

#define HTTP_PARAMS_MAX 4096u

struct http_target {
	struct slice path; /* decoded, begins with '/' */
	size_t nparams;
	struct slice_pair *params; /* in the arena; the value is "" where there was no '=' */
};

/* raw as in struct http_head. HTTP_OK or HTTP_REFUSED (400; 431 when the arena is used up). */
int http_target_parse(struct arena *a, struct slice raw, struct http_target *ret,
		      struct http_refusal *why);

/* Value of the first parameter of that name (keys have case): that is the one which Go's
 * FormValue() returns; NULL when there is none. *count (may be NULL) says how many there are. */
const struct slice *http_target_param(const struct http_target *t, const char *key, size_t *count);

/* Go's notion of a boolean parameter (moby's httputils.BoolValue): not "", 0, no, false, none. */
bool http_target_bool(const struct http_target *t, const char *key);

/* Bytes other than unreserved ones (and '/', ':', '@' and the like in paths) are escaped. */
void http_path_emit(struct slice path, struct buf *b);
void http_query_emit(const struct http_target *t, struct buf *b);
