/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers, as run/views/ID.json says what they are, and what their nodes follow.
 *
 * A container has a number: a hash of its name and of which file ID.json is (inode and time). It is
 * the upper part of every inode number below run/vfs/ID, so gabion-vfs keeps no table of who has
 * which number: after a restart it finds the container of a number by looking through run/views.
 * A container that is started again has another ID.json, so it has other numbers, and what was
 * looked up before is stale (ESTALE).
 *
 * Locks: the table's own while it is searched or changed, a box's own while it is used. The table's
 * is never waited for with a box's held.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/slice.h"
#include "vfs/cg.h"
#include "vfs/load.h"
#include "vfs/values.h"

#define BOX_ID_MAX 64
#define BOX_BUCKETS 1024u
#define BOX_HASH_BITS 48

struct box {
	struct box *next; /* in its bucket */
	uint64_t hash;	  /* BOX_HASH_BITS wide, not 0 */
	unsigned int refs;
	bool gone; /* not in the table any more: freed with the last reference */
	char id[BOX_ID_MAX + 1];
	uint32_t base;	   /* user and group 0 of the container, as the host counts */
	uint64_t start_ns; /* CLOCK_BOOTTIME */
	struct cg_box cg;

	pthread_mutex_t lock; /* all below, and the descriptors of cg */
	struct values values;
	struct load load;
	uint64_t idle_ns; /* the most that /proc/stat has ever said */
};

struct boxes {
	pthread_mutex_t lock;
	int views; /* run/views */
	struct cg_host *cg;
	size_t n;
	size_t trimmed;	 /* bucket where containers that lost their descriptors end */
	size_t sweep_at; /* how many there are when those whose file has gone are looked for */
	struct box *buckets[BOX_BUCKETS];
};

/* Names of containers: what engines use, and nothing that means something in a path. */
bool box_is_id(struct slice s);

/* views is borrowed, and so is cg. */
void boxes_init(struct boxes *b, int views, struct cg_host *cg);
void boxes_done(struct boxes *b);

/* The container of that name, or of that number; NULL: there is none (any more). Give it back with
 * boxes_put(). */
struct box *boxes_find(struct boxes *b, struct slice id);
struct box *boxes_of(struct boxes *b, uint64_t hash);
void boxes_put(struct boxes *b, struct box *box);

/* Reads ID.json's text into a new box without number; the caller's. For tests. */
int box_parse(struct cg_host *cg, struct slice id, struct slice text, struct box **ret,
	      struct err *err);
void box_free(struct cg_host *cg, struct box *box);

/* Saves box->values. The box is locked. */
int boxes_save_values(struct boxes *b, struct box *box);
