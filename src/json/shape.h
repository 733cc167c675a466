/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a JSON value means to the Go type that it is decoded into, as tables.
 *
 * A shape mirrors a Go type; json_canon() decodes a document into it as Go's encoding/json would
 * (or refuses it) and gives back a tree with each known key once, in its exact case. Decide on that
 * tree and pass on that tree: every reader understands it in the same way.
 *
 * A member that is absent from the tree is Go's zero value: a null never stays in a struct.
 */
#pragma once

#include "json/json.h"

enum shape_kind {
	SHAPE_ANY,    /* interface{} or json.RawMessage: whatever it is; the last duplicate wins */
	SHAPE_STRING, /* string */
	SHAPE_BOOL,   /* bool */
	SHAPE_INT,    /* int, int64 …: no fraction, no exponent, in the range of `bits` */
	SHAPE_UINT,   /* uint, uint64 …: also no sign */
	SHAPE_FLOAT,  /* float64, float32 */
	SHAPE_STRUCT, /* struct: keys folded, duplicates merged */
	SHAPE_MAP,    /* map[string]T: exact keys; a duplicate key replaces the value, not merges */
	SHAPE_LIST,   /* []T: a duplicate is decoded over the old elements */
	SHAPE_STRSLICE, /* the engine's strslice.StrSlice: a string stands for a list of one */
};

struct shape {
	enum shape_kind kind;
	bool pointer;		     /* *T: null resets it; otherwise null leaves the value alone */
	unsigned char bits;	     /* SHAPE_INT, UINT, FLOAT: 8 to 64 */
	const struct shape *element; /* SHAPE_MAP, SHAPE_LIST */
	const struct shape_member *members; /* SHAPE_STRUCT */
	size_t n;			    /* how many members */
};

struct shape_member {
	const char *name; /* ASCII, as the Go tag spells it */
	const struct shape *shape;
};

/* Initialisers, of static const tables too. */
#define SHAPE_STRUCT_OF(table)                                                   \
	{                                                                        \
		.kind = SHAPE_STRUCT, .members = (table), .n = ARRAY_SIZE(table) \
	}
#define SHAPE_POINTER_TO(table)                                                                   \
	{                                                                                         \
		.kind = SHAPE_STRUCT, .pointer = true, .members = (table), .n = ARRAY_SIZE(table) \
	}
#define SHAPE_LIST_OF(shape_)                           \
	{                                               \
		.kind = SHAPE_LIST, .element = (shape_) \
	}
#define SHAPE_MAP_OF(shape_)                           \
	{                                              \
		.kind = SHAPE_MAP, .element = (shape_) \
	}

/* Shapes that most tables need. */
extern const struct shape shape_any;
extern const struct shape shape_string;
extern const struct shape shape_bool;
extern const struct shape shape_bool_ptr;
extern const struct shape shape_int; /* 64 bits, as Go's int on the machines we know */
extern const struct shape shape_int_ptr;
extern const struct shape shape_int32;
extern const struct shape shape_uint;
extern const struct shape shape_uint_ptr;
extern const struct shape shape_uint32;
extern const struct shape shape_uint32_ptr;
extern const struct shape shape_uint16_ptr;
extern const struct shape shape_float;
extern const struct shape shape_strings;    /* []string */
extern const struct shape shape_string_map; /* map[string]string */
extern const struct shape shape_strslice;

enum shape_unknown {
	SHAPE_UNKNOWN_REFUSE,
	SHAPE_UNKNOWN_DROP, /* as Go does; on_drop hears of it */
	SHAPE_UNKNOWN_KEEP, /* as SHAPE_ANY under its own key */
};

/* All zero is the strictest. */
struct shape_options {
	enum shape_unknown unknown; /* keys that a struct does not know */
	/* Take duplicate keys as Go takes them. Otherwise they are refused at every depth: in a
	 * struct after folding (unknown keys too), elsewhere when they are equal. Merging takes
	 * time that grows with the square of the keys: for trusted documents and tests. */
	bool merge_duplicates;
	void (*on_drop)(void *ctx, const char *path); /* may be NULL */
	void *ctx;
};

/* Decodes doc, which is in the same arena, into that shape. The new tree has objects and
 * lists of its own and shares what else there is with doc, which is of no other use then. 0;
 * -EINVAL: does not fit, and the error names the place (`HostConfig.Binds[2]: …`); -ENOMEM: the
 * arena's cap. */
int json_canon(struct arena *a, const struct json *doc, const struct shape *shape,
	       const struct shape_options *options, struct json **ret, struct err *err);

/* The member that Go would decode this key into (exact spelling first, else folded: ASCII letters,
 * U+017F as s, U+212A as k), or NULL. */
const struct shape_member *shape_find(const struct shape *shape, struct slice key);
