/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose is a mount source? What the engine itself puts into a container keeps root's mapping;
 * anything else is a path of the host and acts with the asker's rights.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct runtime;

enum source_kind {
	SOURCE_ENGINE,	/* the engine's own file or volume */
	SOURCE_OVERLAY, /* an overlay that BuildKit mounted for this step */
	SOURCE_IMAGE,	/* an image for this container: only to be read; maybe an overlay */
	SOURCE_CGROUP,	/* /sys/fs/cgroup: the container's own instead */
	SOURCE_CDI,	/* of a CDI device (never by source_classify()): root's mapping */
	SOURCE_HOST,	/* a path of the host */
};

/* Classifies the object behind fd, which the spec calls `asked` and wants at `dest`. */
int source_classify(struct runtime *rt, int fd, const char *asked, const char *dest,
		    enum source_kind *ret, struct err *err);

/* What follows an engine's root in a path, or NULL; the root, in the arena. */
const char *source_below_root(struct runtime *rt, const char *path, const char **ret_root);

/* Folders under which engines keep their data, for this instance; NULL-terminated, in the arena. */
const char *const *source_engine_roots(struct runtime *rt);

/* Whether this is a step of a build by the engine's BuildKit. */
bool source_is_build(struct runtime *rt);
