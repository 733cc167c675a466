/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/cdi.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "json/shape.h"

/* --- CDI's specs-go/config.go --- */

static const struct shape_member node_members[] = {
	{ "path", &shape_string },	  { "hostPath", &shape_string },
	{ "type", &shape_string },	  { "major", &shape_int },
	{ "minor", &shape_int },	  { "fileMode", &shape_uint32_ptr },
	{ "permissions", &shape_string }, { "uid", &shape_uint32_ptr },
	{ "gid", &shape_uint32_ptr },
};
static const struct shape node = SHAPE_POINTER_TO(node_members);
static const struct shape nodes = SHAPE_LIST_OF(&node);

static const struct shape_member mount_members[] = {
	{ "hostPath", &shape_string },
	{ "containerPath", &shape_string },
	{ "options", &shape_strings },
	{ "type", &shape_string },
};
static const struct shape mount = SHAPE_POINTER_TO(mount_members);
static const struct shape mounts = SHAPE_LIST_OF(&mount);

static const struct shape_member hook_members[] = {
	{ "hookName", &shape_string }, { "path", &shape_string },     { "args", &shape_strings },
	{ "env", &shape_strings },     { "timeout", &shape_int_ptr },
};
static const struct shape hook = SHAPE_POINTER_TO(hook_members);
static const struct shape hooks = SHAPE_LIST_OF(&hook);

static const struct shape_member edits_members[] = {
	{ "deviceNodes", &nodes },
	{ "mounts", &mounts },
	{ "hooks", &hooks },
};
static const struct shape edits = SHAPE_STRUCT_OF(edits_members);

static const struct shape_member device_members[] = {
	{ "name", &shape_string },
	{ "containerEdits", &edits },
};
static const struct shape device = SHAPE_STRUCT_OF(device_members);
static const struct shape devices = SHAPE_LIST_OF(&device);

static const struct shape_member file_members[] = {
	{ "cdiVersion", &shape_string },
	{ "kind", &shape_string },
	{ "devices", &devices },
	{ "containerEdits", &edits },
};
static const struct shape file = SHAPE_STRUCT_OF(file_members);

int cdi_file_parse(struct arena *a, struct slice text, struct cdi_file *ret, struct err *err)
{
	static const struct json_limits limits = {
		.depth = 64, .one_value = true, .no_nul = true, .valid_utf8 = true
	};
	static const struct shape_options drop = { .unknown = SHAPE_UNKNOWN_DROP };
	const struct json *kind;
	struct json *raw;
	struct json *doc;
	int r;

	r = json_parse(a, text, &limits, &raw, NULL, err);
	if (r == 0)
		r = json_canon(a, raw, &file, &drop, &doc, err);
	if (r < 0)
		return r;
	kind = json_get(doc, "kind");
	if (!kind || kind->text.n == 0)
		return err_set(err, -EINVAL, "\"kind\" is missing");
	*ret = (struct cdi_file){ .kind = kind->text,
				  .edits = json_get(doc, "containerEdits"),
				  .devices = json_get(doc, "devices") };
	return 0;
}

const struct json *cdi_file_device(const struct cdi_file *f, struct slice name)
{
	for (size_t i = 0; f->devices && i < f->devices->n; i++) {
		const struct json *own = json_get(f->devices->items[i], "name");

		if (own && slice_eq(own->text, name))
			return f->devices->items[i];
	}
	return NULL;
}

static int append_all(struct arena *a, struct json **to, const struct json *list)
{
	int r = 0;

	if (!list || list->n == 0)
		return 0;
	if (!*to)
		*to = json_new(a, JSON_ARRAY);
	for (size_t i = 0; *to && i < list->n && r == 0; i++)
		if (json_is(list->items[i], JSON_OBJECT))
			r = json_append(a, *to, json_clone(a, list->items[i]));
	return *to ? r : -ENOMEM;
}

int cdi_edits_add(struct arena *a, struct cdi_edits *e, const struct json *from)
{
	int r = append_all(a, &e->nodes, json_get(from, "deviceNodes"));

	if (r == 0)
		r = append_all(a, &e->mounts, json_get(from, "mounts"));
	return r == 0 ? append_all(a, &e->hooks, json_get(from, "hooks")) : r;
}

/* Go leaves out what is empty. */
static bool same_text(const struct json *a, const char *key_a, const struct json *b,
		      const char *key_b)
{
	const char *one = json_get_str(a, key_a);
	const char *two = json_get_str(b, key_b);

	return strcmp(one ? one : "", two ? two : "") == 0;
}

static bool same_list(const struct json *a, const struct json *b, const char *key)
{
	const struct json *one = json_get(a, key);
	const struct json *two = json_get(b, key);
	size_t n = json_is(one, JSON_ARRAY) ? one->n : 0;

	if (n != (json_is(two, JSON_ARRAY) ? two->n : 0))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_is(one->items[i], JSON_STRING) || !json_is(two->items[i], JSON_STRING) ||
		    !slice_eq(one->items[i]->text, two->items[i]->text))
			return false;
	return true;
}

static bool same_number(const struct json *a, const struct json *b, const char *key)
{
	int64_t one = 0;
	int64_t two = 0;
	int has_one = json_get_i64(a, key, &one);
	int has_two = json_get_i64(b, key, &two);

	return has_one >= 0 && has_one == has_two && one == two;
}

bool cdi_edits_have_mount(const struct cdi_edits *e, const struct json *m)
{
	for (size_t i = 0; e->mounts && i < e->mounts->n; i++) {
		const struct json *own = e->mounts->items[i];

		if (same_text(own, "hostPath", m, "source") &&
		    same_text(own, "containerPath", m, "destination") &&
		    same_text(own, "type", m, "type") && same_list(own, m, "options"))
			return true;
	}
	return false;
}

bool cdi_edits_have_hook(const struct cdi_edits *e, const char *list, const struct json *h)
{
	for (size_t i = 0; e->hooks && i < e->hooks->n; i++) {
		const struct json *own = e->hooks->items[i];
		const char *name = json_get_str(own, "hookName");

		if (name && strcmp(name, list) == 0 && same_text(own, "path", h, "path") &&
		    same_list(own, h, "args") && same_list(own, h, "env") &&
		    same_number(own, h, "timeout"))
			return true;
	}
	return false;
}
