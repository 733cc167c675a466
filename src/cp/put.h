/* SPDX-License-Identifier: Apache-2.0 */
/* Extraction: what its files share. */
#pragma once

#include <sys/stat.h>

#include "cp/fs.h"
#include "cp/owner.h"
#include "cp/tar.h"
#include "cp/work.h"

struct put {
	const struct work *w;
	int dest;	  /* the directory that is extracted to */
	struct buf where; /* its path in the container, for messages */
	struct owner owner;
	struct tar_reader tar;
	/* The parent of the last entry, kept for the next one. */
	struct buf parent_name; /* relative to dest, "" is dest itself */
	int parent;
	struct buf dirs;  /* struct put_dir, one after the other */
	struct buf names; /* their names */
};

/* Where an entry goes. */
struct place {
	int dir;	  /* O_PATH; borrowed */
	const char *base; /* its name there */
	const char *name; /* its path relative to dest */
	const char *full; /* its path in the container, for messages */
};

/* Makes what e says at a place that is free, or a directory that is one already, and gives it
 * owner, attributes, mode and times. 0, or a negative code with the text. */
int entry_make(struct put *p, const struct place *at, const struct tar_entry *e, struct err *err);

/* Opens the directory that has the last part of path (relative to dest, clean), which *ret_base
 * gets. Missing directories are made if `make`: the root's, 0755. Returns a descriptor or -errno.
 */
int put_open_parent(struct put *p, const char *path, bool make, const char **ret_base);

/* Times of a directory, to be set when nothing more is made in it. */
int put_later(struct put *p, const char *name, const struct timespec times[2]);
