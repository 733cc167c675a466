/* SPDX-License-Identifier: Apache-2.0 */
/* What an image is and what it calls itself, taken apart once for a decision. */
#pragma once

#include "policy/imagelist.h"

/* Names and digests beyond these do not count; an image that really has so many is not allowed by
 * them. The name that was asked for comes first and always counts. */
#define VIEW_NAMES 64
#define VIEW_DIGESTS 64

struct view {
	const struct imagelist_image *image;
	const struct reference *names; /* claims, expanded; the one asked for first */
	size_t nnames;
	struct slice digests[VIEW_DIGESTS]; /* that cover its content, each once */
	size_t ndigests;
	size_t nask; /* the first so many may be a registry's, and it can be asked about them */
	struct reference space[VIEW_NAMES]; /* of `names` */
};

/* asked: what the user called it; empty for other images. */
void view_init(const struct profile *p, const struct imagelist_image *image, struct slice asked,
	       struct view *ret);

bool view_has_digest(const struct view *v, struct slice digest);

/* Does one of its names fit the entry? EVERYTHING and ID: never. */
bool view_claims(const struct view *v, const struct imagelist_entry *e);

/* Is this image, as far as its store tells, of this machine only? */
enum imagelist_origin view_origin(const struct view *v);

/* It has layers, and each of them is a digest. */
bool view_has_chain(const struct imagelist_image *image);

/* The image's layers begin with all layers of the base, which are some and not all empty ones. */
bool view_is_base(const struct imagelist_image *base, const struct imagelist_image *image);
