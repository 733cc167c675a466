/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/grant.h"

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "policy/image.h"

#define TEXT_MAX 65536u
#define ARENA_LIMIT (1u << 20)
#define VERSION 1

int grant_print(const struct grant *g, struct buf *b)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct json *o = json_new(&a, JSON_OBJECT);
	int r = o ? json_set(&a, o, "version", json_new_int(&a, VERSION)) : -ENOMEM;

	if (r == 0)
		r = json_set(&a, o, "asked", json_new_slice(&a, g->asked));
	if (r == 0)
		r = json_set(&a, o, "image", image_to_json(&a, &g->image));
	if (r == 0 && g->derived)
		r = json_set(&a, o, "parent", image_to_json(&a, &g->parent));
	if (r < 0)
		return r;
	json_emit(o, b);
	return buf_ok(b) ? 0 : -ENOMEM;
}

int grant_parse(struct arena *a, struct slice text, struct grant *ret, struct err *err)
{
	struct json_limits limits = JSON_LIMITS;
	const struct json *parent;
	struct json *doc;
	uint64_t version;
	int r = json_parse(a, text, &limits, &doc, NULL, err);

	if (r < 0)
		return r;
	*ret = (struct grant){ .asked = slice_str("") };
	if (json_get_u64(doc, "version", &version) != 0 || version != VERSION ||
	    !json_get_str(doc, "asked"))
		return err_set(err, -EINVAL, "it is not what gabion writes there");
	ret->asked = slice_str(json_get_str(doc, "asked"));
	parent = json_get(doc, "parent");
	r = image_from_json(a, json_get(doc, "image"), &ret->image);
	if (r == 0 && parent) {
		ret->derived = true;
		r = image_from_json(a, parent, &ret->parent);
	}
	return r < 0 ? err_set(err, r, "it has no facts of an image") : 0;
}

int grant_load(struct arena *a, const char *lib, const char *id, struct grant *ret, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(TEXT_MAX);
	char path[PATH_MAX];
	char *kept;
	int r = records_path(lib, RECORDS_GRANTS, id, path, err);

	if (r < 0)
		return r;
	r = file_read(path, &text);
	if (r == -ENOENT)
		return GRANT_NONE;
	if (r < 0)
		return err_errno(err, r, "%s", path);
	kept = arena_dup(a, text.p, text.n);
	if (!kept)
		return err_errno(err, -ENOMEM, "%s", path);
	r = grant_parse(a, (struct slice){ kept, text.n }, ret, err);
	if (r < 0)
		(void)err_wrap(err, "%s", path);
	return r;
}

void grant_facts(const struct grant *g, struct imagelist_facts *ret)
{
	*ret = (struct imagelist_facts){ .asked = g->asked,
					 .image = &g->image,
					 .has_locals = true,
					 .locals = &g->parent,
					 .nlocals = g->derived ? 1 : 0,
					 .was_local = g->derived };
}
