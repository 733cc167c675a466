/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: one JSON object a line for every denial and every privileged grant, written by
 * gabiond to lib/audit.log (docs/json-output.md has the members). No request waits for it. What
 * could not be handed over, because too many lines are on their way, is counted, and the next line
 * says how many were lost ("lost"), so that none is lost silently.
 */
#pragma once

#include "gate/ask.h"

struct conn;
struct gate;

struct audit {
	struct gate *gate;
	size_t open;	  /* lines on their way */
	uint64_t lost;	  /* lines that are not in the log, nor told of there */
	uint64_t telling; /* of these, how many lines on their way tell of */
	bool complained;  /* gabiond could not write; said once until it can again */
};

struct audit_event {
	const char *verdict; /* "deny", "grant", "report" (it would have been denied) */
	const char *rule;    /* which rule said so */
	const char *message; /* what the client was told, or what was granted */
	const char *hint;    /* the way out; NULL: none */
	const char *reason;  /* NULL: none */
	const char *mark;    /* "report": class that the target does not show; NULL: none */
	const char *entry;   /* "report": image entry whose own list it is; NULL: none */
	const char *subject; /* id of the container that it is about; NULL: none */
	struct slice image;  /* of that container; empty: none */
};

void audit_init(struct audit *a, struct gate *g);

/* Something was decided about a client's request. */
void audit_conn(const struct conn *c, const struct audit_event *e);
