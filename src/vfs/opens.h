/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files. A text changes from one moment to the next, so who reads it in pieces gets pieces of
 * what it was at the first one, and its end where that one ended. Nothing here outlives gabion-vfs,
 * and there is not always room: then pieces are cut from the text as it is now.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define OPENS_MAX 65535u
#define OPENS_BYTES_MAX (16u * 1024u * 1024u) /* of all texts */
#define OPENS_BYTES_EACH (1024u * 1024u)      /* of those of one container */

struct open_file {
	uint64_t owner; /* number of the container; 0: free */
	uint32_t turn;	/* how often this place was used */
	uint32_t next;	/* free one after this one */
	size_t length;	/* of the text at the first read; SIZE_MAX: there was none yet */
	char *text;	/* owned; NULL where all of it was read at once */
};

struct opens {
	pthread_mutex_t lock;
	uint32_t nonce; /* of this process: what a former one gave away means nothing */
	uint32_t free;	/* first free place; n when there is none */
	uint32_t n;
	uint32_t size;
	size_t bytes;
	struct open_file *v; /* owned */
};

void opens_init(struct opens *o);
void opens_done(struct opens *o);

/* A handle for the kernel, or 0 where there is no room. */
uint64_t opens_add(struct opens *o, uint64_t owner);
void opens_drop(struct opens *o, uint64_t handle);

/* Text of a first read; all: the reader took all of it. */
void opens_begin(struct opens *o, uint64_t handle, struct slice text, bool all);

enum opens_piece {
	OPENS_PIECE,   /* appended, nothing when it is the end */
	OPENS_UNKNOWN, /* nothing is known of this file */
	OPENS_REST,    /* not kept, and the end is not reached: cut from the text as it is now */
};
enum opens_piece opens_read(struct opens *o, uint64_t handle, uint64_t offset, size_t size,
			    struct buf *out);
