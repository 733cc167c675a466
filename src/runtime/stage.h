/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage: a tmpfs in gabion-runc's private mount namespace, on an existing folder that nothing
 * in this start needs, where everyone may pass. It holds what the container is given: r        its
 * root file system           config.json  the edited spec m0, m1…  its binds userns       its user
 * namespace l/0…     ID-mapped overlay layers, gone again once the overlay is mounted
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct runtime;

struct stage {
	int engine_ns;	  /* the engine's mount namespace, to return to on failure */
	bool entered;	  /* in the private namespace */
	const char *path; /* where the tmpfs is */
	const char *root; /* where the root file system is */
	int dir;	  /* its root */
};

#define STAGE_INIT ((struct stage){ .engine_ns = -EBADF, .dir = -EBADF })

/* Picks the folders. Before anything is made, since it can fail. */
int stage_choose(struct runtime *rt, struct err *err);

/* Leaves the engine's mount namespace for a private copy and mounts the tmpfs. */
int stage_enter(struct runtime *rt, struct err *err);

/* Back to the engine's namespace; the private one, and all in it, is gone. */
void stage_leave(struct runtime *rt);

/* Attaches a detached mount on a path of the engine's namespace, in the place of the one that is
 * there, and comes back. 0 or -errno. */
int stage_show(struct runtime *rt, int mnt, const char *path);

/* Path below the stage, in the runtime's arena. */
const char *stage_path(struct runtime *rt, const char *name);

/* Makes an empty file or folder for a mount; returns an O_PATH descriptor of it, or -errno. */
int stage_place(struct runtime *rt, const char *name, bool dir);
