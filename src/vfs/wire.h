/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the kernel to a FUSE server (linux/fuse.h), checked before anything looks at them. */
#pragma once

#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct wire {
	const struct fuse_in_header *head;
	const void *arg;   /* the request's own structure, complete; NULL where it has none */
	struct slice rest; /* of LOOKUP the name, of WRITE the data; without the NUL of a name */
};

enum wire_result {
	WIRE_OK = 0,
	WIRE_OTHER,  /* a request that we do not know: head only */
	WIRE_CHANGE, /* wants to make, remove or rename something: head only */
	WIRE_SILENT, /* one that has no answer and asks for nothing that we keep */
};

/* p: 8-byte aligned, `room` bytes of which the request is the first ones. -EINVAL when it is none;
 * then *ret has the head if there is one, else NULL. Borrows. */
int wire_parse(const void *p, size_t room, struct wire *ret);
