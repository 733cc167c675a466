/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of emulated nodes: path below run/vfs/ID, mode, who makes its text, who takes what is
 * written, what it means. And the tree that their paths make.
 *
 * A node's number is a hash of its path, so that it is the same in every version of gabion-vfs: a
 * new one answers for what was looked up with the old one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/slice.h"

struct box;
struct host;

#define KNOB_NUMBERS_MAX 4

/* What may be written. */
struct knob {
	unsigned int numbers; /* how many; 0: one of `words` */
	int64_t min;
	int64_t max;
	const char *const *words; /* ended by NULL */
	const char *otherwise;	  /* first value where this host has none that can be read */
};

struct node {
	const char *path;
	mode_t mode;
	const char *means;
	/* Appends the node's text. The box is locked. Returns 0 or -errno. */
	int (*read)(const struct node *n, struct host *h, struct box *box, struct buf *out);
	const struct knob *knob; /* NULL: cannot be written */
	bool large;		 /* its text may be longer than a page: its size is computed */
};

#define NODES_MAX 64u
#define TREE_MAX 128u
#define TREE_TOP 0u /* index of the folder of a container */
/* Index of its folder "all", which is not listed: every node once more, with colons for the slashes
 * of its path. Who needs them all has them with one request. */
#define TREE_ALL 1u

struct tree_node {
	uint16_t number;
	uint16_t parent;	/* index */
	const struct node *row; /* NULL: a folder */
	struct slice path;	/* without slashes at its ends */
	struct slice name;	/* the last part of it */
};

struct tree {
	size_t n;
	struct tree_node v[TREE_MAX];
};

extern const struct node nodes[];
size_t nodes_count(void);

/* The static path of a node that may have this value, or NULL. */
const char *nodes_known(struct slice path, struct slice value);

/* Whether text may be written to it; what is kept then: without white space around it, its parts
 * separated by tabs as the kernel prints them. Returns 0 or -EINVAL. */
int knob_check(const struct knob *k, struct slice text, char *ret, size_t size);

void tree_make(struct tree *t);
/* Index of a number or of a name in a folder; -1 without one. */
int tree_find(const struct tree *t, uint16_t number);
int tree_child(const struct tree *t, size_t folder, struct slice name);
/* Appends the name that the entry has in a listing of the folder; false when it is not listed. */
bool tree_name(const struct tree *t, size_t folder, size_t i, struct buf *ret);
