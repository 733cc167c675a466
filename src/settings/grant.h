/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container that may have the engine's socket: lib/grants/ID (settings/records.h), one line of
 * JSON,
 *
 *   {"version":1,"asked":"docker:cli","image":{…},"parent":{…}}
 *
 * with the facts of its image (policy/image.h), which never changes, and of the image that it is
 * derived from if that is what allowed it. Written by gabiond at the gate's word before the
 * creation is answered; gabion-runc decides by it again at each start. It grants nothing by itself.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "policy/imagelist.h"
#include "settings/records.h"

struct grant {
	struct slice asked; /* what the image was called at the creation */
	struct imagelist_image image;
	bool derived; /* `parent` is there */
	struct imagelist_image parent;
};

/* The line, without its end. Returns 0 or -ENOMEM. */
int grant_print(const struct grant *g, struct buf *b);
/* The result borrows from the arena. */
int grant_parse(struct arena *a, struct slice text, struct grant *ret, struct err *err);

enum grant_result {
	GRANT_OK = 0,
	GRANT_NONE = 1,
};
int grant_load(struct arena *a, const char *lib, const char *id, struct grant *ret,
	       struct err *err);

/* Facts of it for imagelist_decide(), all but what registries said. Borrows from g. */
void grant_facts(const struct grant *g, struct imagelist_facts *ret);
