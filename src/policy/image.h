/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of one image (policy/imagelist.h), out of what the engine says of it and in the form in
 * which gabion keeps them with a container that has the engine's socket.
 */
#pragma once

#include "base/arena.h"
#include "policy/imagelist.h"
#include "json/json.h"

/* Of the engine's answer to GET /images/NAME/json or of an element of GET /images/json, which has
 * no layers. The result borrows from the document. -EINVAL: that is not one. */
int image_from_engine(struct arena *a, const struct json *doc, enum imagelist_store store,
		      struct imagelist_image *ret);

/* Our own form, and back. image_to_json() borrows from the image; NULL: out of memory. */
struct json *image_to_json(struct arena *a, const struct imagelist_image *image);
int image_from_json(struct arena *a, const struct json *doc, struct imagelist_image *ret);
