/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: Go decodes a value into a variable that may hold something already, because its
 * key came before. So each function here gets a slot: NULL is the zero value, anything else is what
 * was decoded into it so far, which it may change in place.
 *
 * A list keeps its old elements beyond its length, as a Go slice keeps its backing array: a later,
 * longer duplicate is decoded over them. Only null or an empty list lets them go.
 */
#include "json/shape.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "json/fold.h"
#include "json/path.h"

#define DROP_PATH_MAX 1024u
#define KEY_TEXT_MAX 100u

struct canon {
	struct arena *arena;
	const struct shape_options *options;
	struct err *err;
};

const struct shape shape_any = { .kind = SHAPE_ANY };
const struct shape shape_string = { .kind = SHAPE_STRING };
const struct shape shape_bool = { .kind = SHAPE_BOOL };
const struct shape shape_bool_ptr = { .kind = SHAPE_BOOL, .pointer = true };
const struct shape shape_int = { .kind = SHAPE_INT, .bits = 64 };
const struct shape shape_int_ptr = { .kind = SHAPE_INT, .bits = 64, .pointer = true };
const struct shape shape_int32 = { .kind = SHAPE_INT, .bits = 32 };
const struct shape shape_uint = { .kind = SHAPE_UINT, .bits = 64 };
const struct shape shape_uint_ptr = { .kind = SHAPE_UINT, .bits = 64, .pointer = true };
const struct shape shape_uint32 = { .kind = SHAPE_UINT, .bits = 32 };
const struct shape shape_uint32_ptr = { .kind = SHAPE_UINT, .bits = 32, .pointer = true };
const struct shape shape_uint16_ptr = { .kind = SHAPE_UINT, .bits = 16, .pointer = true };
const struct shape shape_float = { .kind = SHAPE_FLOAT, .bits = 64 };
const struct shape shape_strings = { .kind = SHAPE_LIST, .element = &shape_string };
const struct shape shape_string_map = { .kind = SHAPE_MAP, .element = &shape_string };
const struct shape shape_strslice = { .kind = SHAPE_STRSLICE };

static int decode(struct canon *c, const struct path *at, const struct shape *shape,
		  const struct json *src, struct json **slot);

static int fail_memory(struct canon *c, const struct path *at)
{
	return path_fail(c->err, at, -ENOMEM, "the document needs more memory than is allowed");
}

static int fail_kind(struct canon *c, const struct path *at, const char *wanted,
		     const struct json *src)
{
	return path_fail(c->err, at, -EINVAL, "%s where there should be %s",
			 json_kind_name(src->kind), wanted);
}

/* What the element of a list or a map is when its text was null. */
static struct json *zero_value(struct arena *a, const struct shape *shape)
{
	if (shape->pointer)
		return json_new(a, JSON_NULL);
	switch (shape->kind) {
	case SHAPE_STRING:
		return json_new_str(a, "");
	case SHAPE_BOOL:
		return json_new_bool(a, false);
	case SHAPE_INT:
	case SHAPE_UINT:
	case SHAPE_FLOAT:
		return json_new_int(a, 0);
	case SHAPE_STRUCT:
		return json_new(a, JSON_OBJECT);
	case SHAPE_ANY:
	case SHAPE_MAP:
	case SHAPE_LIST:
	case SHAPE_STRSLICE:
		break;
	}
	return json_new(a, JSON_NULL);
}

/* Go's nil: types that a null resets. Others keep what they have. */
static bool is_nilable(const struct shape *shape)
{
	return shape->pointer || shape->kind == SHAPE_ANY || shape->kind == SHAPE_MAP ||
	       shape->kind == SHAPE_LIST || shape->kind == SHAPE_STRSLICE;
}

/* The object's keys, in its order; folded if it is a struct's. */
static int list_keys(struct canon *c, const struct json *obj, bool fold, struct fold_ref **ret)
{
	struct fold_ref *refs = arena_array(c->arena, obj->n, sizeof(*refs));

	if (!refs)
		return -ENOMEM;
	for (size_t i = 0; i < obj->n; i++) {
		refs[i].key = obj->members[i].key;
		refs[i].at = i;
		if (fold)
			refs[i].key = fold_key(c->arena, refs[i].key);
		if (!refs[i].key.p)
			return -ENOMEM;
	}
	*ret = refs;
	return 0;
}

static int fail_twice(struct canon *c, const struct path *at, struct slice key, struct slice other)
{
	CLEANUP_BUF struct buf b = BUF_INIT(KEY_TEXT_MAX);
	struct path here = PATH_KEY(at, key);

	path_quote(other, &b);
	return path_fail(c->err, &here, -EINVAL, "given twice, the other time as %s",
			 buf_ok(&b) ? b.p : "a long key");
}

static int refuse_duplicates(struct canon *c, const struct path *at, const struct json *obj,
			     bool fold)
{
	struct fold_ref *refs;

	if (list_keys(c, obj, fold, &refs) < 0)
		return fail_memory(c, at);
	if (fold_differ(c->arena, refs, obj->n))
		return 0;
	fold_sort(refs, obj->n);
	for (size_t i = 1; i < obj->n; i++)
		if (slice_eq(refs[i - 1].key, refs[i].key))
			return fail_twice(c, at, obj->members[refs[i].at].key,
					  obj->members[refs[i - 1].at].key);
	return 0;
}

/* Stores a decoded value; the key's bytes are borrowed. */
static int store(struct canon *c, struct json *obj, struct slice key, struct json *value)
{
	if (!c->options->merge_duplicates)
		return json_add(c->arena, obj, key, value);
	return json_put(c->arena, obj, key, value);
}

/* Checks that src is an object and makes one in the slot unless there is one to merge with. */
static int open_object(struct canon *c, const struct path *at, const struct json *src, bool fold,
		       struct json **slot)
{
	int r;

	if (src->kind != JSON_OBJECT)
		return fail_kind(c, at, "an object", src);
	if (!c->options->merge_duplicates) {
		r = refuse_duplicates(c, at, src, fold);
		if (r < 0)
			return r;
	}
	if (!*slot)
		*slot = json_new(c->arena, JSON_OBJECT);
	return *slot ? 0 : fail_memory(c, at);
}

/* A member of a map, or of an object that no struct describes: always decoded from nothing. */
static int decode_entry(struct canon *c, const struct path *here, const struct shape *element,
			const struct json *src, struct json *out)
{
	struct json *value = NULL;
	int r = decode(c, here, element, src, &value);

	if (r < 0)
		return r;
	if (!value)
		value = zero_value(c->arena, element);
	return store(c, out, here->key, value) < 0 ? fail_memory(c, here) : 0;
}

static int decode_map(struct canon *c, const struct path *at, const struct shape *element,
		      const struct json *src, struct json **slot)
{
	int r = open_object(c, at, src, false, slot);

	for (size_t i = 0; r == 0 && i < src->n; i++) {
		struct path here = PATH_KEY(at, src->members[i].key);

		r = decode_entry(c, &here, element, src->members[i].value, *slot);
	}
	return r;
}

static int decode_unknown(struct canon *c, const struct path *here, const struct json *src,
			  struct json *out)
{
	CLEANUP_BUF struct buf b = BUF_INIT(DROP_PATH_MAX);

	switch (c->options->unknown) {
	case SHAPE_UNKNOWN_KEEP:
		return decode_entry(c, here, &shape_any, src, out);
	case SHAPE_UNKNOWN_DROP:
		if (!c->options->on_drop)
			return 0;
		path_text(here, &b);
		c->options->on_drop(c->options->ctx, b.p ? b.p : "");
		return 0;
	case SHAPE_UNKNOWN_REFUSE:
		break;
	}
	return path_fail(c->err, here, -EINVAL, "unknown key");
}

static int decode_field(struct canon *c, const struct path *here, const struct shape *shape,
			const struct json *src, struct json *out)
{
	struct json *value = NULL;
	int r;

	if (c->options->merge_duplicates)
		value = json_get(out, here->key.p);
	r = decode(c, here, shape, src, &value);
	if (r < 0)
		return r;
	if (!value) {
		(void)json_del(out, here->key.p);
		return 0;
	}
	return store(c, out, here->key, value) < 0 ? fail_memory(c, here) : 0;
}

static int decode_struct(struct canon *c, const struct path *at, const struct shape *shape,
			 const struct json *src, struct json **slot)
{
	int r = open_object(c, at, src, true, slot);

	for (size_t i = 0; r == 0 && i < src->n; i++) {
		const struct json_member *m = &src->members[i];
		const struct shape_member *field = shape_find(shape, m->key);
		struct path here = PATH_KEY(at, field ? slice_str(field->name) : m->key);

		if (field)
			r = decode_field(c, &here, field->shape, m->value, *slot);
		else
			r = decode_unknown(c, &here, m->value, *slot);
	}
	return r;
}

/* Puts the element at place i, over an old one if there is one. */
static int store_item(struct canon *c, struct json *list, size_t i, struct json *value)
{
	if (!value)
		return -ENOMEM;
	list->n = i;
	if (i >= list->size)
		return json_append(c->arena, list, value);
	list->items[i] = value;
	list->n = i + 1;
	return 0;
}

static int decode_list(struct canon *c, const struct path *at, const struct shape *element,
		       const struct json *src, struct json **slot)
{
	if (src->kind != JSON_ARRAY)
		return fail_kind(c, at, "a list", src);
	if (!*slot || src->n == 0)
		*slot = json_new(c->arena, JSON_ARRAY);
	if (!*slot)
		return fail_memory(c, at);
	for (size_t i = 0; i < src->n; i++) {
		struct json *value = i < (*slot)->size ? (*slot)->items[i] : NULL;
		struct path here = PATH_INDEX(at, i);
		int r = decode(c, &here, element, src->items[i], &value);

		if (r < 0)
			return r;
		if (!value)
			value = zero_value(c->arena, element);
		if (store_item(c, *slot, i, value) < 0)
			return fail_memory(c, &here);
	}
	return 0;
}

/* The document's own: nothing about it depends on the shape. */
static int decode_scalar(const struct json *src, struct json **slot)
{
	*slot = (struct json *)src;
	return 0;
}

static int decode_any(struct canon *c, const struct path *at, const struct json *src,
		      struct json **slot)
{
	*slot = NULL;
	switch (src->kind) {
	case JSON_OBJECT:
		return decode_map(c, at, &shape_any, src, slot);
	case JSON_ARRAY:
		return decode_list(c, at, &shape_any, src, slot);
	case JSON_NULL:
	case JSON_BOOL:
	case JSON_NUMBER:
	case JSON_STRING:
		break;
	}
	return decode_scalar(src, slot);
}

static int decode_strslice(struct canon *c, const struct path *at, const struct json *src,
			   struct json **slot)
{
	struct json *one = NULL;

	*slot = NULL;
	if (src->kind != JSON_STRING)
		return decode_list(c, at, &shape_string, src, slot);
	*slot = json_new(c->arena, JSON_ARRAY);
	if (!*slot || decode_scalar(src, &one) < 0 || json_append(c->arena, *slot, one) < 0)
		return fail_memory(c, at);
	return 0;
}

static bool fits_integer(const struct shape *shape, struct slice text)
{
	bool is_signed = shape->kind == SHAPE_INT;
	bool negative = is_signed && slice_starts(text, SLICE_LIT("-"));
	uint64_t max = UINT64_MAX >> (64 - shape->bits) >> is_signed;
	uint64_t v;

	return num_parse_u64(slice_from(text, negative), max + negative, &v) == 0;
}

static bool fits_float(const struct shape *shape, struct slice text)
{
	return isfinite(shape->bits == 32 ? (double)strtof(text.p, NULL) : strtod(text.p, NULL));
}

static int decode_number(struct canon *c, const struct path *at, const struct shape *shape,
			 const struct json *src, struct json **slot)
{
	bool fits;

	if (src->kind != JSON_NUMBER)
		return fail_kind(c, at, "a number", src);
	fits = shape->kind == SHAPE_FLOAT ? fits_float(shape, src->text)
					  : fits_integer(shape, src->text);
	if (!fits)
		return path_fail(c->err, at, -EINVAL, "%.*s is not %s of %u bits",
				 (int)MIN(src->text.n, (size_t)40), src->text.p,
				 shape->kind == SHAPE_FLOAT ? "a number"
				 : shape->kind == SHAPE_INT ? "a whole number"
							    : "a whole number from 0 up",
				 shape->bits);
	return decode_scalar(src, slot);
}

static int decode_value(struct canon *c, const struct path *at, const struct shape *shape,
			const struct json *src, struct json **slot)
{
	switch (shape->kind) {
	case SHAPE_ANY:
		return decode_any(c, at, src, slot);
	case SHAPE_STRING:
		if (src->kind != JSON_STRING)
			return fail_kind(c, at, "a string", src);
		return decode_scalar(src, slot);
	case SHAPE_BOOL:
		if (src->kind != JSON_BOOL)
			return fail_kind(c, at, "true or false", src);
		return decode_scalar(src, slot);
	case SHAPE_INT:
	case SHAPE_UINT:
	case SHAPE_FLOAT:
		return decode_number(c, at, shape, src, slot);
	case SHAPE_STRUCT:
		return decode_struct(c, at, shape, src, slot);
	case SHAPE_MAP:
		return decode_map(c, at, shape->element, src, slot);
	case SHAPE_LIST:
		return decode_list(c, at, shape->element, src, slot);
	case SHAPE_STRSLICE:
		return decode_strslice(c, at, src, slot);
	}
	return -EINVAL;
}

/* Decodes src over what is in the slot; see the top of the file. */
static int decode(struct canon *c, const struct path *at, const struct shape *shape,
		  const struct json *src, struct json **slot)
{
	if (json_is(*slot, JSON_NULL))
		*slot = NULL;
	if (src->kind != JSON_NULL)
		return decode_value(c, at, shape, src, slot);
	if (is_nilable(shape))
		*slot = NULL;
	return 0;
}

int json_canon(struct arena *a, const struct json *doc, const struct shape *shape,
	       const struct shape_options *options, struct json **ret, struct err *err)
{
	struct canon c = { .arena = a, .options = options, .err = err };
	struct json *v = NULL;
	int r = decode(&c, NULL, shape, doc, &v);

	if (r < 0)
		return r;
	if (!v)
		v = zero_value(a, shape);
	if (!v)
		return fail_memory(&c, NULL);
	*ret = v;
	return 0;
}

const struct shape_member *shape_find(const struct shape *shape, struct slice key)
{
	const struct shape_member *folded = NULL;

	for (size_t i = 0; i < shape->n; i++) {
		const struct shape_member *m = &shape->members[i];

		if (slice_eq_str(key, m->name))
			return m;
		if (!folded && fold_match(m->name, key))
			folded = m;
	}
	return folded;
}
