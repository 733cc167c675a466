/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container wrote into its nodes, run/values/ID: replaced atomically, so that it
 * outlives gabion-vfs.
 *
 *   start 123456789                 of the container that wrote (ID.json); of another start:
 * nothing proc/sys/kernel/panic 10
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define VALUES_MAX 64 /* nodes that can be written are fewer */
#define VALUE_MAX 128 /* bytes of one value, with its NUL */
#define VALUES_FILE_MAX 32768u

struct value {
	const char *path; /* of the node; static */
	char text[VALUE_MAX];
};

struct values {
	size_t n;
	struct value *v; /* owned; room for VALUES_MAX, or NULL while n is 0 */
};

/* What was written to that node, or NULL. */
const char *values_get(const struct values *v, const char *path);
/* path has to live as long as v. -ENOSPC, -ENOMEM. */
int values_set(struct values *v, const char *path, struct slice text);
void values_drop(struct values *v, const char *path);
void values_done(struct values *v);

void values_print(const struct values *v, uint64_t start_ns, struct buf *b);
/* Takes what is there for nodes that `known` has (it returns the node's static path or NULL) and
 * passes over the rest; -EINVAL, and nothing taken, for what is not such a file. A file of another
 * start is empty. */
int values_parse(struct values *v, uint64_t start_ns, struct slice text,
		 const char *(*known)(struct slice path, struct slice value));
