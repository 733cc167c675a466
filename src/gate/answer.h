/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the gate gives itself, in the engine's own form. */
#pragma once

#include "base/util.h"
#include "gate/conn.h"

struct answer {
	unsigned status;
	const char *rule;    /* which rule of ours said so; NULL: none did */
	const char *hint;    /* the way out; NULL: none */
	const char *reason;  /* why the rule said so here; NULL: none */
	const char *subject; /* id of the container or network that it is about; NULL: none */
	bool quiet;	     /* the client is not told of rule, hint and reason */
};

/* The way out where there is none. */
#define ANSWER_NEVER "no setting allows it"

/* {"message":…} and, in members of their own, rule and hint; the message must be exactly what a
 * client shall print. Then the next request, or the end where the request's body is unread. */
void answer_text(struct conn *c, const struct answer *a, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* 502: what the engine answered is not what it answers to that. */
void answer_nonsense(struct conn *c);

/* A document of the gate's own (own.h, explain.h). */
struct json;
void answer_json(struct conn *c, unsigned status, const struct json *doc);

/* Status and fields (complete lines, or ""), without a body. */
void answer_empty(struct conn *c, unsigned status, const char *fields);

/* A head for a body that follows in chunks. */
void answer_begin_chunks(struct conn *c, const char *content_type, const char *fields);

/* Whether the client's connection must end after this request. */
bool answer_is_last(const struct conn *c);
