/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Go's encoding/json reads it, written back in one canonical form.
 *
 * The document is a tree in an arena: nothing is freed one by one, and a tree lives as long as its
 * arena. Parsing keeps what Go would still know afterwards: order, duplicate keys, numbers as their
 * source text, strings as bytes with invalid UTF-8 replaced by U+FFFD. What depends on the Go type
 * that a value is decoded into (folded keys, merged duplicates) is json/shape.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* "a string", "null", …: for messages. */
const char *json_kind_name(enum json_kind kind);

struct json_member {
	struct slice key; /* decoded bytes; may hold NUL */
	struct json *value;
};

struct json {
	enum json_kind kind : 8;
	bool boolean;	   /* JSON_BOOL */
	uint32_t at;	   /* where its first byte stands in the text that it was parsed from; 0 in
			      values that were made otherwise */
	struct slice text; /* JSON_NUMBER: source text; JSON_STRING: decoded bytes; both are
			      NUL-terminated one past n */
	size_t n;	   /* JSON_ARRAY, JSON_OBJECT: how many */
	size_t size;	   /* how many fit before the array below must move */
	union {
		struct json **items;
		struct json_member *members;
	};
};

struct json_limits {
	size_t depth;	 /* deepest nesting of arrays and objects; never more than Go's own 10000 */
	bool one_value;	 /* refuse anything but white space after the value */
	bool no_nul;	 /* refuse U+0000 in strings and keys */
	bool valid_utf8; /* refuse invalid UTF-8 and lone surrogates instead of replacing them */
};

#define JSON_LIMITS ((struct json_limits){ .depth = 64, .one_value = true })

/* Parses one value. The error says line and column. -EINVAL: not JSON; -E2BIG: a limit; -ENOMEM:
 * the arena's cap. Without one_value, *used (may be NULL) says where the value ended. */
int json_parse(struct arena *a, struct slice text, const struct json_limits *limits,
	       struct json **ret, size_t *used, struct err *err);

/* Line and column of a byte of a text, both from 1, columns counted in bytes as editors' "byte"
 * columns and compilers do. */
struct json_place {
	size_t line;
	size_t column;
};
struct json_place json_place(struct slice text, size_t at);

/* The same as json_parse(), but where it fails, *ret_wrong is the place and the error's text has
 * none. err must not be NULL. */
int json_parse_place(struct arena *a, struct slice text, const struct json_limits *limits,
		     struct json **ret, struct json_place *ret_wrong, struct err *err);

/* Where the key stands of a member whose value was parsed from this text: the offset of its opening
 * quote; the value's own offset when it is no member. */
size_t json_key_at(struct slice text, const struct json *value);

/* Canonical text: members in order, shortest escapes, valid UTF-8, no white space. Also escapes
 * U+2028, U+2029, <, >, & as Go's Marshal does. Failure is b's sticky failure. */
void json_emit(const struct json *v, struct buf *b);

/* The same, indented by two spaces a level and ending in a newline, for people. */
void json_emit_pretty(const struct json *v, struct buf *b);

/* New values. NULL when the arena's cap is reached. Strings are copied. */
struct json *json_new(struct arena *a, enum json_kind kind);
struct json *json_new_bool(struct arena *a, bool v);
struct json *json_new_int(struct arena *a, int64_t v);
struct json *json_new_uint(struct arena *a, uint64_t v);
struct json *json_new_str(struct arena *a, const char *s);
struct json *json_new_slice(struct arena *a, struct slice s);
struct json *json_clone(struct arena *a, const struct json *v);

/* Member with exactly this key (the last one, if there are several), or NULL; obj may be NULL or of
 * another kind: then NULL. */
struct json *json_get(const struct json *obj, const char *key);
/* Member of a member: keys separated by '.', e.g. "linux.resources.devices". */
struct json *json_at(const struct json *obj, const char *path);

/* Text of a string member; NULL when missing, not a string, or holding a NUL byte. */
const char *json_get_str(const struct json *obj, const char *key);
bool json_get_bool(const struct json *obj, const char *key, bool otherwise);
/* Returns 0; 1 when missing or null (*ret unchanged); -EINVAL when not an integer of that range. */
int json_get_u64(const struct json *obj, const char *key, uint64_t *ret);
int json_get_i64(const struct json *obj, const char *key, int64_t *ret);

/* A string value's text for the kernel: NULL when v is not a string or holds a NUL byte. */
const char *json_str(const struct json *v);
bool json_is(const struct json *v, enum json_kind kind);

/* Changes. value may be NULL: then -ENOMEM, so that constructors need no check of their own.
 * json_set replaces every member with that key, keeping the place of the first, or appends. */
int json_set(struct arena *a, struct json *obj, const char *key, struct json *value);
/* The same for a key of any bytes, which are borrowed. */
int json_put(struct arena *a, struct json *obj, struct slice key, struct json *value);
/* Removes every member with that key; true when there was one. */
bool json_del(struct json *obj, const char *key);
/* Appends a member without looking for others of that key; the key's bytes are borrowed. */
int json_add(struct arena *a, struct json *obj, struct slice key, struct json *value);
int json_append(struct arena *a, struct json *arr, struct json *value);
int json_insert(struct arena *a, struct json *arr, size_t at, struct json *value);
void json_remove(struct json *arr, size_t at);

/* Like json_get, but makes and adds an empty value of that kind where there is none (or null).
 * NULL when out of memory or when there is one of another kind. */
struct json *json_need(struct arena *a, struct json *obj, const char *key, enum json_kind kind);
