/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/learn.h"

#include "gate/images.h"
#include "gate/request.h"

#define ARENA_MAX (8u * REGISTRYAUTH_HEADER_MAX)

/* The image that is meant, or null where the request has nothing to do with a registry. */
static struct slice image_of(const struct request *r)
{
	const struct slice *from;

	if (r->match.nclasses != 1)
		return SLICE_NULL;
	if (r->match.classes[0] == ROUTE_CLASS_IMAGE_PUSH ||
	    r->match.classes[0] == ROUTE_CLASS_DISTRIBUTION)
		return r->match.name;
	if (r->match.classes[0] != ROUTE_CLASS_IMAGE_PULL)
		return SLICE_NULL;
	from = http_target_param(&r->target, "fromImage", NULL);
	return from ? *from : SLICE_NULL;
}

void learn_credentials(const struct conn *c)
{
	CLEANUP_ARENA_WIPE struct arena a = ARENA_INIT(ARENA_MAX);
	const struct http_field *field = http_head_field(&c->req->head, "X-Registry-Auth");
	struct images *m = c->gate->images;
	struct registryauth found;
	struct reference ref;

	if (!field || door_is_container(c->door) ||
	    reference_parse(m->policy.profile, image_of(c->req), &ref, NULL) < 0 ||
	    ref.kind != REFERENCE_NAME || !images_wants(m, ref.domain) ||
	    registryauth_from_field(&a, field->value, &found) < 0)
		return;
	found.host = ref.domain;
	images_learn(m, &found);
}
