/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/gate/api-routes.tsv, and a naive router made of it: one POSIX regular expression a row and
 * a loop. It shares nothing with route.c, and is what route.c is compared with. API_ROUTES is the
 * file's path.
 */
#pragma once

#include <fcntl.h>
#include <regex.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/util.h"

#define API_ROUTES_MAX 256

struct api_route {
	struct slice method; /* "*": any */
	struct slice path;
	uint32_t first; /* 24 of 1.24 */
	uint32_t last;
	struct slice class;
	regex_t regex; /* of a path, with or without a version */
};

struct api_routes {
	struct buf text;
	size_t n;
	struct api_route rows[API_ROUTES_MAX];
};

struct api_match {
	const struct api_route *route; /* NULL: none */
	struct slice version;
	struct slice holes[2];
};

static inline void api_must(bool ok, const char *what, struct slice line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "%s: %s: %.*s\n", API_ROUTES, what, SLICE_ARG(line));
	abort();
}

/* {name} is [^/]+ and {name:x} is x, whose dot means what it means to Go: no newline. */
static inline void api_regex(struct slice path, struct buf *b)
{
	buf_add_str(b, "^(/v([0-9.]+))?");
	while (path.n > 0) {
		struct slice hole = { path.p, slice_find(path, '}') + 1 };
		struct slice name = { hole.p, slice_find(hole, ':') };

		if (path.p[0] != '{') {
			if (strchr(".[]()*+?^$|\\", path.p[0]))
				buf_add_char(b, '\\');
			buf_add_char(b, path.p[0]);
			path = slice_from(path, 1);
			continue;
		}
		if (name.n == hole.n)
			buf_add_str(b, "([^/]+)");
		else
			buf_printf(b, "([^\n]%c)", hole.p[name.n + 2]);
		path = slice_from(path, hole.n);
	}
	buf_add_char(b, '$');
}

static inline uint32_t api_minor(struct slice s, struct slice line)
{
	uint32_t minor = 0;

	api_must(slice_starts(s, SLICE_LIT("1.")) && num_parse_u32(slice_from(s, 2), &minor) == 0,
		 "bad version", line);
	return minor;
}

static inline void api_row(struct slice line, struct api_route *ret)
{
	struct buf b = BUF_INIT(4096);
	struct slice rest = line;
	struct slice first = SLICE_NULL;
	struct slice last = SLICE_NULL;
	int r;

	api_must(slice_split(&rest, '\t', &ret->method) && slice_split(&rest, '\t', &ret->path) &&
			 slice_split(&rest, '\t', &first) && slice_split(&rest, '\t', &last) &&
			 slice_split(&rest, '\t', &ret->class) && !rest.p,
		 "not five columns", line);
	ret->first = api_minor(first, line);
	ret->last = api_minor(last, line);
	api_regex(ret->path, &b);
	r = regcomp(&ret->regex, b.p, REG_EXTENDED);
	api_must(r == 0, "bad pattern", line);
	buf_done(&b);
}

static inline void api_routes_read(struct api_routes *ret)
{
	struct slice rest;
	struct slice line;
	int r;

	ret->n = 0;
	ret->text = BUF_INIT(1u << 20);
	r = file_read_at(AT_FDCWD, API_ROUTES, &ret->text);
	api_must(r == 0, "cannot be read", SLICE_LIT(""));
	rest = buf_slice(&ret->text);
	while (slice_split(&rest, '\n', &line)) {
		if (line.n == 0 || line.p[0] == '#')
			continue;
		api_must(ret->n < API_ROUTES_MAX, "too many", line);
		api_row(line, &ret->rows[ret->n++]);
	}
}

static inline void api_routes_done(struct api_routes *a)
{
	for (size_t i = 0; i < a->n; i++)
		regfree(&a->rows[i].regex);
	buf_done(&a->text);
}

static inline struct slice api_group(struct slice path, const regmatch_t *m)
{
	if (m->rm_so < 0)
		return SLICE_NULL;
	return (struct slice){ path.p + m->rm_so, (size_t)(m->rm_eo - m->rm_so) };
}

/* path: clean. */
static inline struct api_match api_find(const struct api_routes *a, struct slice method,
					struct slice path)
{
	struct api_match ret = { NULL, SLICE_NULL, { SLICE_NULL, SLICE_NULL } };
	struct buf text = BUF_INIT(1u << 20); /* sanitizers want a NUL behind it all the same */

	buf_add_slice(&text, path);
	buf_add_char(&text, '\0');
	for (size_t i = 0; i < a->n; i++) {
		const struct api_route *row = &a->rows[i];
		regmatch_t m[5] = { { .rm_so = 0, .rm_eo = (regoff_t)path.n } };

		if (!slice_eq_str(row->method, "*") && !slice_eq(row->method, method))
			continue;
		if (regexec(&row->regex, text.p, ARRAY_SIZE(m), m, REG_STARTEND) != 0)
			continue;
		ret.route = row;
		ret.version = api_group(path, &m[2]);
		ret.holes[0] = api_group(path, &m[3]);
		ret.holes[1] = api_group(path, &m[4]);
		break;
	}
	buf_done(&text);
	return ret;
}
