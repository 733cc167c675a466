/* SPDX-License-Identifier: Apache-2.0 */
/* Files with several names: under which one each stands in the archive. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct inodes {
	struct inodes_slot *slots; /* owned; open addressing, at most half full */
	size_t size;		   /* slots, a power of two */
	size_t n;
	struct buf names;
};

void inodes_init(struct inodes *t);
void inodes_done(struct inodes *t);

/* If (dev, ino) is known, *ret is its first name (valid until the next call), else NULL, and it is
 * known by `name` from now on. 0 or -ENOMEM. */
int inodes_name(struct inodes *t, dev_t dev, ino_t ino, const char *name, const char **ret);
