/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine reads filters as map[string]map[string]bool, and if they are none, as
 * map[string][]string.
 */
#include <errno.h>

#include "gate/edit.h"
#include "json/shape.h"

static int bad(struct err *err, const char *why)
{
	(void)err_set(err, -EINVAL, "filters: %s", why);
	return EDIT_BAD;
}

/* {"NAME":true} or ["NAME"]; null is none. */
static int take_names(struct json *v, const struct edit_how *how, struct edit *e, struct err *err)
{
	bool map = json_is(v, JSON_OBJECT);
	int r = EDIT_OK;

	if (!map && !json_is(v, JSON_ARRAY))
		return json_is(v, JSON_NULL) ? EDIT_OK : bad(err, "no list of containers");
	for (size_t i = 0; i < v->n && r == EDIT_OK; i++) {
		if (!map && !json_is(v->items[i], JSON_STRING))
			return bad(err, "a container has a name or an id");
		r = edit_other(e, how, map ? &v->members[i].key : &v->items[i]->text, err);
	}
	return r;
}

int edit_filters(struct arena *a, struct slice text, const struct edit_how *how, struct edit *ret,
		 struct buf *out, struct err *err)
{
	static const struct shape map = SHAPE_MAP_OF(&shape_any);
	static const struct json_limits limits = {
		.depth = 8, .one_value = true, .no_nul = true, .valid_utf8 = true
	};
	static const char *const keys[] = { "before", "since" };
	struct json *raw;
	struct json *doc;
	int r = EDIT_OK;

	*ret = (struct edit){ 0 };
	if (text.n == 0)
		return EDIT_OK;
	if (json_parse(a, text, &limits, &raw, NULL, err) < 0 ||
	    json_canon(a, raw, &map, &(struct shape_options){ 0 }, &doc, err) < 0)
		return EDIT_BAD;
	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == EDIT_OK; i++) {
		struct json *v = json_get(doc, keys[i]);

		if (v)
			r = take_names(v, how, ret, err);
	}
	if (r == EDIT_OK && out) {
		json_emit(doc, out);
		if (!buf_ok(out))
			return bad(err, "too large");
	}
	return r;
}
