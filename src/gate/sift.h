/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure: an answer of the engine that is a list of objects or objects one after the other, as it
 * comes, and each of them passed on, changed or left out.
 *
 *   SIFT_LIST       [{…},{…}]: one array, then nothing more
 *   SIFT_SEQUENCE   {…} {…}: lines (JSON lines), RFC 7464 records, or a single object
 *
 * What is held is one object at most, and what has come after it while nobody can say yet what is
 * to become of it. Objects are cut out by their braces and strings alone; whoever judges parses
 * them. Anything else than objects is not what the engine says: -EPROTO.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

enum sift_kind {
	SIFT_LIST,
	SIFT_SEQUENCE,
};

enum sift_verdict {
	SIFT_KEEP,
	SIFT_DROP,
	SIFT_CHANGE, /* `changed` has what stands for it */
	SIFT_WAIT,   /* ask again: sift_push() with nothing */
	SIFT_BAD,    /* it makes no sense */
};

typedef enum sift_verdict sift_judge_fn(void *data, struct slice object, struct buf *changed);

struct sift {
	enum sift_kind kind;
	bool drop_large; /* an object of more than `max` bytes is left out; else -ENOBUFS */
	size_t max;
	sift_judge_fn *judge;
	void *data;

	struct buf in; /* what has not been passed on or dropped */
	size_t at;     /* of it, so much has been looked at */
	enum {
		SIFT_BEFORE,  /* the list, or any object */
		SIFT_FIRST,   /* after "[": an object, or the end */
		SIFT_NEXT,    /* after ",": an object */
		SIFT_OBJECT,  /* in one */
		SIFT_BETWEEN, /* after one */
		SIFT_ENDED,   /* after the list, or after null */
	} state;
	size_t depth;
	bool in_string;
	bool escaped;
	bool large;   /* this object is too large: it is read and not kept */
	bool kept;    /* the one before was passed on */
	bool some;    /* so was any */
	bool waiting; /* for the verdict on a whole object */
	bool record;  /* an RS stands before this one */
};

void sift_init(struct sift *s, enum sift_kind kind, size_t max, sift_judge_fn *judge, void *data);
void sift_done(struct sift *s);

/* More of the answer; what is passed on is added to out. Returns 0, -EPROTO, -ENOBUFS. While
 * `waiting` nothing more should be pushed than has been read already. */
int sift_push(struct sift *s, struct slice piece, struct buf *out);

/* Could the answer end here? */
bool sift_may_end(const struct sift *s);

/* Bytes that it holds. */
static inline size_t sift_held(const struct sift *s)
{
	return s->in.size;
}
