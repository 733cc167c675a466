/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a document a value stands, as a chain of frames on the stack, for messages. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct path {
	const struct path *up; /* NULL: a member of the document itself */
	struct slice key;      /* p is NULL: an element of a list */
	size_t index;
};

#define PATH_KEY(up_, key_) ((struct path){ .up = (up_), .key = (key_) })
#define PATH_INDEX(up_, index_) ((struct path){ .up = (up_), .index = (index_) })

/* Appends `HostConfig.Binds[2]`; keys that are not words as `["a b"]`. at may be NULL: nothing. */
void path_text(const struct path *at, struct buf *b);

/* Appends a key as a JSON string. */
void path_quote(struct slice key, struct buf *b);

/* err_set() with the path before the text; returns code. */
int path_fail(struct err *err, const struct path *at, int code, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
