/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our side of tests/differential: decodes documents with src/json and prints them as a Go program
 * would that holds them in its types, zero values and all. Protocol: README.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "json/fold.h"
#include "json/shape.h"
#include "json/test-mini.h"

#define REQUEST_MAX (16u << 20)
#define ARENA_MAX (512u << 20)

static void print(const struct shape *shape, const struct json *v, struct buf *b);

static void print_float(const struct shape *shape, const struct json *v, struct buf *b)
{
	double d = 0;
	uint64_t bits;

	if (v)
		d = shape->bits == 32 ? (double)strtof(v->text.p, NULL) : strtod(v->text.p, NULL);
	memcpy(&bits, &d, sizeof(bits));
	buf_printf(b, "\"0x%016llx\"", (unsigned long long)bits);
}

static void print_key(struct slice key, struct buf *b)
{
	const struct json text = { .kind = JSON_STRING, .text = key };

	json_emit(&text, b);
	buf_add_char(b, ':');
}

static void print_struct(const struct shape *shape, const struct json *v, struct buf *b)
{
	buf_add_char(b, '{');
	for (size_t i = 0; i < shape->n; i++) {
		if (i)
			buf_add_char(b, ',');
		print_key(slice_str(shape->members[i].name), b);
		print(shape->members[i].shape, json_get(v, shape->members[i].name), b);
	}
	buf_add_char(b, '}');
}

/* In the order of the keys' bytes, as Go prints maps. */
static void print_map(const struct shape *element, const struct json *v, struct buf *b)
{
	CLEANUP_FREE struct fold_ref *refs = calloc(v->n + 1, sizeof(*refs));

	if (!refs)
		abort();
	for (size_t i = 0; i < v->n; i++)
		refs[i] = (struct fold_ref){ .key = v->members[i].key, .at = i };
	fold_sort(refs, v->n);
	buf_add_char(b, '{');
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_add_char(b, ',');
		print_key(refs[i].key, b);
		print(element, v->members[refs[i].at].value, b);
	}
	buf_add_char(b, '}');
}

static void print_list(const struct shape *element, const struct json *v, struct buf *b)
{
	buf_add_char(b, '[');
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_add_char(b, ',');
		print(element, v->items[i], b);
	}
	buf_add_char(b, ']');
}

static void print_any(const struct json *v, struct buf *b)
{
	if (v->kind == JSON_OBJECT)
		print_map(&shape_any, v, b);
	else if (v->kind == JSON_ARRAY)
		print_list(&shape_any, v, b);
	else
		json_emit(v, b);
}

/* v is NULL for the zero value. */
static void print_scalar(const struct shape *shape, const struct json *v, struct buf *b)
{
	if (shape->kind == SHAPE_FLOAT)
		print_float(shape, v, b);
	else if (!v)
		buf_add_str(b, shape->kind == SHAPE_STRING ? "\"\""
			       : shape->kind == SHAPE_BOOL ? "false"
							   : "0");
	else if (v->kind == JSON_NUMBER && slice_eq_str(v->text, "-0"))
		buf_add_str(b, "0");
	else
		json_emit(v, b);
}

static void print(const struct shape *shape, const struct json *v, struct buf *b)
{
	bool nilable = shape->pointer || shape->kind == SHAPE_ANY || shape->kind == SHAPE_MAP ||
		       shape->kind == SHAPE_LIST || shape->kind == SHAPE_STRSLICE;

	if (nilable && (!v || v->kind == JSON_NULL)) {
		buf_add_str(b, "null");
		return;
	}
	switch (shape->kind) {
	case SHAPE_ANY:
		print_any(v, b);
		return;
	case SHAPE_STRUCT:
		print_struct(shape, v, b);
		return;
	case SHAPE_MAP:
		print_map(shape->element, v, b);
		return;
	case SHAPE_LIST:
		print_list(shape->element, v, b);
		return;
	case SHAPE_STRSLICE:
		print_list(&shape_string, v, b);
		return;
	case SHAPE_STRING:
	case SHAPE_BOOL:
	case SHAPE_INT:
	case SHAPE_UINT:
	case SHAPE_FLOAT:
		print_scalar(shape, v, b);
		return;
	}
}

/* Modes: a: interface{}; m: the mini shape as Go merges; s: the mini shape, duplicates refused. */
static int answer(char mode, struct slice text, struct buf *b, struct err *err)
{
	struct json_limits limits = { .depth = SIZE_MAX, .one_value = true };
	struct shape_options options = { .unknown = SHAPE_UNKNOWN_DROP,
					 .merge_duplicates = mode != 's' };
	const struct shape *shape = mode == 'a' ? &shape_any : &mini_shape;
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct json *v;
	int r;

	r = json_parse(&a, text, &limits, &v, NULL, err);
	if (r == 0)
		r = json_canon(&a, v, shape, &options, &v, err);
	if (r < 0)
		return r;
	print(shape, v, b);
	return 0;
}

static void reply(struct slice request)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8 * REQUEST_MAX);
	struct err err = ERR_INIT;
	uint32_t n;

	buf_add_char(&b, '+');
	if (answer(request.p[0], slice_from(request, 1), &b, &err) < 0) {
		buf_reset(&b);
		buf_printf(&b, "-%s", err.text);
	}
	if (!buf_ok(&b))
		abort();
	n = htonl((uint32_t)b.n);
	(void)fwrite(&n, sizeof(n), 1, stdout);
	(void)fwrite(b.p, 1, b.n, stdout);
}

int main(void)
{
	uint32_t n;

	while (fread(&n, sizeof(n), 1, stdin) == 1) {
		CLEANUP_FREE char *request = NULL;

		n = ntohl(n);
		if (n == 0 || n > REQUEST_MAX)
			return 2;
		request = malloc(n);
		if (!request || fread(request, 1, n, stdin) != n)
			return 2;
		reply((struct slice){ request, n });
	}
	return fflush(stdout) == 0 && feof(stdin) ? 0 : 1;
}
