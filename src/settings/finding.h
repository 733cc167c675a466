/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be said about a settings file: not only the first error, but all of them, and what is
 * no error but deserves a word. Each has its place in the file and its place in the document.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/util.h"
#include "json/json.h"
#include "json/path.h"

enum finding_kind {
	FINDING_ERROR,	 /* the file is not taken */
	FINDING_WARNING, /* it is, but hardly as it was meant */
	FINDING_NOTE,	 /* it is, but part of it has no effect here */
};

struct finding {
	enum finding_kind kind;
	const char *file;
	struct json_place place; /* line 0: the file as a whole */
	const char *key;	 /* where in the document, "a.b[2]"; "" for the document itself */
	const char *text;	 /* what is wrong and what is expected */
};

/* More than that many are not kept: a file that is wrong in every line needs no list of them. */
#define FINDINGS_MAX 100u

struct findings {
	struct arena *arena;
	struct finding *list; /* in the order of the file */
	size_t n;
	size_t errors;	/* how many of them are errors; those that were not kept count too */
	size_t lost;	/* how many were not kept */
	bool no_memory; /* then there are errors, too */
};

#define FINDINGS_INIT(arena_) ((struct findings){ .arena = (arena_) })

/* Where a finding is: at a byte of a text. */
struct finding_at {
	const char *file;
	struct slice text;
	const struct path *path; /* NULL: the document */
	size_t at;
};

void finding_add(struct findings *f, enum finding_kind kind, const struct finding_at *at,
		 const char *fmt, ...) PRINTF_LIKE(4, 5);

/* About the file as a whole: it cannot be read, or its place is known from elsewhere. */
void finding_add_file(struct findings *f, enum finding_kind kind, const char *file,
		      struct json_place place, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* "FILE:LINE:COLUMN: KEY: TEXT" without what is not known. */
void finding_print(const struct finding *f, struct buf *b);

/* {"kind":…,"file":…,"line":…,"column":…,"key":…,"text":…}; line and column are 0 for the file as a
 * whole. NULL: out of memory. */
struct json *finding_json(struct arena *a, const struct finding *f);

/* "error", "warning", "note". */
const char *finding_kind_name(enum finding_kind kind);

/* The first error, or NULL. */
const struct finding *finding_first_error(const struct findings *f);
