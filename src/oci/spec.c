/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <errno.h>

static const struct json_limits spec_limits = { .depth = 64, .one_value = true, .no_nul = true };

int oci_load_as(struct arena *a, struct slice text, const struct shape *shape, struct json **ret,
		struct err *err)
{
	static const struct shape_options options = { .unknown = SHAPE_UNKNOWN_KEEP };
	struct json *doc;
	int r;

	r = json_parse(a, text, &spec_limits, &doc, NULL, err);
	if (r < 0)
		return r;
	if (!json_is(doc, JSON_OBJECT))
		return err_set(err, -EINVAL, "not a JSON object");
	return json_canon(a, doc, shape, &options, ret, err);
}

int oci_spec_load(struct arena *a, struct slice text, struct json **ret, struct err *err)
{
	return oci_load_as(a, text, &oci_spec_shape, ret, err);
}

struct json *oci_namespace_find(const struct json *spec, const char *type)
{
	const struct json *list = json_at(spec, "linux.namespaces");

	if (!json_is(list, JSON_ARRAY))
		return NULL;
	for (size_t i = list->n; i > 0; i--) {
		const struct json *have = json_get(list->items[i - 1], "type");

		if (json_is(have, JSON_STRING) && slice_eq_str(have->text, type))
			return list->items[i - 1];
	}
	return NULL;
}

size_t oci_mount_count(const struct json *spec)
{
	const struct json *list = json_get(spec, "mounts");

	return json_is(list, JSON_ARRAY) ? list->n : 0;
}

struct json *oci_mount_get(const struct json *spec, size_t at)
{
	return at < oci_mount_count(spec) ? json_get(spec, "mounts")->items[at] : NULL;
}

/* Takes the next component off the front of *rest; false at the end. */
static bool next_component(struct slice *rest, struct slice *ret)
{
	while (slice_split(rest, '/', ret))
		if (ret->n > 0 && !slice_eq_str(*ret, "."))
			return true;
	return false;
}

static bool same_path(struct slice a, struct slice b)
{
	struct slice x, y;
	bool more;

	do {
		more = next_component(&a, &x);
		if (more != next_component(&b, &y))
			return false;
	} while (more && slice_eq(x, y));
	return !more;
}

struct json *oci_mount_find(const struct json *spec, const char *destination)
{
	for (size_t i = oci_mount_count(spec); i > 0; i--) {
		struct json *mount = oci_mount_get(spec, i - 1);
		const struct json *have = json_get(mount, "destination");

		if (json_is(have, JSON_STRING) && same_path(have->text, slice_str(destination)))
			return mount;
	}
	return NULL;
}

/* Index of the first element that is this string, or list->n. */
static size_t find_string(const struct json *list, const char *s)
{
	size_t i = 0;

	while (i < list->n &&
	       !(json_is(list->items[i], JSON_STRING) && slice_eq_str(list->items[i]->text, s)))
		i++;
	return i;
}

static bool has_string(const struct json *list, const char *s)
{
	return json_is(list, JSON_ARRAY) && find_string(list, s) < list->n;
}

bool oci_mount_has_option(const struct json *mount, const char *option)
{
	return has_string(json_get(mount, "options"), option);
}

int oci_mount_add_option(struct arena *a, struct json *mount, const char *option)
{
	struct json *list = json_need(a, mount, "options", JSON_ARRAY);

	if (!list)
		return -ENOMEM;
	return has_string(list, option) ? 0 : json_append(a, list, json_new_str(a, option));
}

bool oci_mount_del_option(struct json *mount, const char *option)
{
	struct json *list = json_get(mount, "options");
	bool gone = false;

	while (has_string(list, option)) {
		json_remove(list, find_string(list, option));
		gone = true;
	}
	return gone;
}

bool oci_process_has_cap(const struct json *spec, const char *cap)
{
	const struct json *sets = json_at(spec, "process.capabilities");

	if (!json_is(sets, JSON_OBJECT))
		return false;
	for (size_t i = 0; i < sets->n; i++)
		if (has_string(sets->members[i].value, cap))
			return true;
	return false;
}
