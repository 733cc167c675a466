/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "json/json.h"

#define FIRST_SIZE 4u

struct json *json_new(struct arena *a, enum json_kind kind)
{
	struct json *v = arena_alloc(a, sizeof(*v));

	if (v)
		v->kind = kind;
	return v;
}

struct json *json_new_bool(struct arena *a, bool value)
{
	struct json *v = json_new(a, JSON_BOOL);

	if (v)
		v->boolean = value;
	return v;
}

static struct json *new_text(struct arena *a, enum json_kind kind, struct slice s)
{
	struct json *v = json_new(a, kind);
	char *copy = v ? arena_dup(a, s.p, s.n) : NULL;

	if (!copy)
		return NULL;
	v->text = (struct slice){ copy, s.n };
	return v;
}

struct json *json_new_int(struct arena *a, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return new_text(a, JSON_NUMBER, slice_str(text));
}

struct json *json_new_uint(struct arena *a, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return new_text(a, JSON_NUMBER, slice_str(text));
}

struct json *json_new_slice(struct arena *a, struct slice s)
{
	return new_text(a, JSON_STRING, s);
}

struct json *json_new_str(struct arena *a, const char *s)
{
	return new_text(a, JSON_STRING, slice_str(s));
}

/* Makes room for `more` further elements. */
static int reserve(struct arena *a, struct json *v, size_t more)
{
	size_t each = v->kind == JSON_OBJECT ? sizeof(v->members[0]) : sizeof(v->items[0]);
	size_t size = MAX(v->size * 2, v->n + more);
	void *to;

	if (v->size - v->n >= more)
		return 0;
	size = MAX(size, (size_t)FIRST_SIZE);
	to = arena_array(a, size, each);
	if (!to)
		return -ENOMEM;
	if (v->n)
		memcpy(to, v->items, v->n * each);
	v->items = to; /* the union: members too */
	v->size = size;
	return 0;
}

int json_add(struct arena *a, struct json *obj, struct slice key, struct json *value)
{
	if (!value)
		return -ENOMEM;
	if (!json_is(obj, JSON_OBJECT))
		return -EINVAL;
	if (reserve(a, obj, 1) < 0)
		return -ENOMEM;
	obj->members[obj->n++] = (struct json_member){ .key = key, .value = value };
	return 0;
}

static struct json *clone_object(struct arena *a, const struct json *v, struct json *to)
{
	for (size_t i = 0; i < v->n; i++) {
		struct slice key = v->members[i].key;

		key.p = arena_dup(a, key.p, key.n);
		if (!key.p || json_add(a, to, key, json_clone(a, v->members[i].value)) < 0)
			return NULL;
	}
	return to;
}

static struct json *clone_array(struct arena *a, const struct json *v, struct json *to)
{
	for (size_t i = 0; i < v->n; i++)
		if (json_append(a, to, json_clone(a, v->items[i])) < 0)
			return NULL;
	return to;
}

struct json *json_clone(struct arena *a, const struct json *v)
{
	struct json *to;

	switch (v->kind) {
	case JSON_NULL:
		return json_new(a, JSON_NULL);
	case JSON_BOOL:
		return json_new_bool(a, v->boolean);
	case JSON_NUMBER:
	case JSON_STRING:
		return new_text(a, v->kind, v->text);
	case JSON_ARRAY:
		to = json_new(a, v->kind);
		return to ? clone_array(a, v, to) : NULL;
	case JSON_OBJECT:
		to = json_new(a, v->kind);
		return to ? clone_object(a, v, to) : NULL;
	}
	return NULL;
}

const char *json_kind_name(enum json_kind kind)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string", [JSON_ARRAY] = "a list",   [JSON_OBJECT] = "an object",
	};

	return names[kind];
}

bool json_is(const struct json *v, enum json_kind kind)
{
	return v && v->kind == kind;
}

static struct json *get_slice(const struct json *obj, struct slice key)
{
	if (!json_is(obj, JSON_OBJECT))
		return NULL;
	for (size_t i = obj->n; i > 0; i--)
		if (slice_eq(obj->members[i - 1].key, key))
			return obj->members[i - 1].value;
	return NULL;
}

struct json *json_get(const struct json *obj, const char *key)
{
	return get_slice(obj, slice_str(key));
}

struct json *json_at(const struct json *obj, const char *path)
{
	struct slice rest = slice_str(path), key;
	struct json *v = NULL;

	while (slice_split(&rest, '.', &key)) {
		v = get_slice(obj, key);
		obj = v;
	}
	return v;
}

const char *json_str(const struct json *v)
{
	if (!json_is(v, JSON_STRING) || slice_find(v->text, '\0') != v->text.n)
		return NULL;
	return v->text.p;
}

const char *json_get_str(const struct json *obj, const char *key)
{
	return json_str(json_get(obj, key));
}

bool json_get_bool(const struct json *obj, const char *key, bool otherwise)
{
	const struct json *v = json_get(obj, key);

	return json_is(v, JSON_BOOL) ? v->boolean : otherwise;
}

int json_get_u64(const struct json *obj, const char *key, uint64_t *ret)
{
	const struct json *v = json_get(obj, key);

	if (!v || v->kind == JSON_NULL)
		return 1;
	if (v->kind != JSON_NUMBER)
		return -EINVAL;
	return num_parse_u64(v->text, UINT64_MAX, ret) < 0 ? -EINVAL : 0;
}

int json_get_i64(const struct json *obj, const char *key, int64_t *ret)
{
	const struct json *v = json_get(obj, key);
	bool negative;
	uint64_t u;

	if (!v || v->kind == JSON_NULL)
		return 1;
	if (v->kind != JSON_NUMBER)
		return -EINVAL;
	negative = slice_starts(v->text, SLICE_LIT("-"));
	if (num_parse_u64(slice_from(v->text, negative), (uint64_t)INT64_MAX + negative, &u) < 0)
		return -EINVAL;
	*ret = negative ? (int64_t)(0 - u) : (int64_t)u;
	return 0;
}

/* Removes the members with that key from place `from` on; returns how many. */
static size_t del_from(struct json *obj, struct slice key, size_t from)
{
	size_t to = from, gone;

	for (size_t i = from; i < obj->n; i++)
		if (!slice_eq(obj->members[i].key, key))
			obj->members[to++] = obj->members[i];
	gone = obj->n - to;
	obj->n = to;
	return gone;
}

int json_put(struct arena *a, struct json *obj, struct slice key, struct json *value)
{
	if (!value)
		return -ENOMEM;
	if (!json_is(obj, JSON_OBJECT))
		return -EINVAL;
	for (size_t i = 0; i < obj->n; i++) {
		if (!slice_eq(obj->members[i].key, key))
			continue;
		obj->members[i].value = value;
		(void)del_from(obj, key, i + 1);
		return 0;
	}
	return json_add(a, obj, key, value);
}

int json_set(struct arena *a, struct json *obj, const char *key, struct json *value)
{
	char *copy = arena_strdup(a, key);

	if (!copy)
		return -ENOMEM;
	return json_put(a, obj, slice_str(copy), value);
}

bool json_del(struct json *obj, const char *key)
{
	return json_is(obj, JSON_OBJECT) && del_from(obj, slice_str(key), 0) > 0;
}

int json_append(struct arena *a, struct json *arr, struct json *value)
{
	return json_insert(a, arr, json_is(arr, JSON_ARRAY) ? arr->n : 0, value);
}

int json_insert(struct arena *a, struct json *arr, size_t at, struct json *value)
{
	if (!value)
		return -ENOMEM;
	if (!json_is(arr, JSON_ARRAY) || at > arr->n)
		return -EINVAL;
	if (reserve(a, arr, 1) < 0)
		return -ENOMEM;
	memmove(arr->items + at + 1, arr->items + at, (arr->n - at) * sizeof(arr->items[0]));
	arr->items[at] = value;
	arr->n++;
	return 0;
}

void json_remove(struct json *arr, size_t at)
{
	if (!json_is(arr, JSON_ARRAY) || at >= arr->n)
		return;
	arr->n--;
	memmove(arr->items + at, arr->items + at + 1, (arr->n - at) * sizeof(arr->items[0]));
}

struct json *json_need(struct arena *a, struct json *obj, const char *key, enum json_kind kind)
{
	struct json *v = json_get(obj, key);

	if (v && v->kind != JSON_NULL)
		return v->kind == kind ? v : NULL;
	v = json_new(a, kind);
	return json_set(a, obj, key, v) == 0 ? v : NULL;
}
