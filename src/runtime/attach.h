/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the binds that edit-binds.c prepared into their places. In the private namespace. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

struct runtime;

/* Attaches every bind in the mounted root (a descriptor of it) and takes its entry out of the spec;
 * one whose place only the lower runtime can make goes on the stage and stays in the spec. */
int attach_binds(struct runtime *rt, int root, struct err *err);

/* A device node on the stage, its owner in ids of the container. 0 or -errno. */
int attach_own_node(struct runtime *rt, const char *name, mode_t mode, dev_t dev, uid_t uid,
		    gid_t gid);
