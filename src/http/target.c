/* SPDX-License-Identifier: Apache-2.0 */
#include "http/target.h"

static int refuse(struct http_refusal *why, const char *text)
{
	*why = (struct http_refusal){ 400, text };
	return HTTP_REFUSED;
}

static int out_of_memory(struct http_refusal *why)
{
	*why = (struct http_refusal){ 431, "the request target is too large" };
	return HTTP_REFUSED;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes into the arena; '+' is a space in a query only. NULL slice: bad escape or no memory. */
static struct slice decode(struct arena *a, struct slice s, bool query)
{
	char *to = arena_alloc(a, s.n + 1);
	size_t n = 0;

	if (!to)
		return SLICE_NULL;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			int high = s.n - i > 2 ? hex(s.p[i + 1]) : -1;
			int low = s.n - i > 2 ? hex(s.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return SLICE_NULL;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && query) {
			c = ' ';
		}
		to[n++] = c;
	}
	return (struct slice){ to, n };
}

/* Nothing but the path's own bytes: no control bytes, no empty or dot segment. */
static int path_check(struct slice path, struct http_refusal *why)
{
	struct slice rest = slice_from(path, 1);
	struct slice segment;

	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f)
			return refuse(why, "control bytes in the path");
	while (slice_split(&rest, '/', &segment)) {
		if (segment.n == 0 && rest.p)
			return refuse(why, "an empty segment in the path");
		if (slice_eq_str(segment, ".") || slice_eq_str(segment, ".."))
			return refuse(why, "a dot segment in the path");
	}
	return HTTP_OK;
}

static int query_parse(struct arena *a, struct slice query, struct http_target *ret,
		       struct http_refusal *why)
{
	struct slice pair;
	size_t n = 1;

	for (size_t i = 0; i < query.n; i++)
		n += query.p[i] == '&';
	if (n > HTTP_PARAMS_MAX)
		return refuse(why, "too many parameters in the query");
	ret->params = arena_array(a, n, sizeof(*ret->params));
	if (!ret->params)
		return out_of_memory(why);
	while (slice_split(&query, '&', &pair)) {
		struct slice_pair *p = &ret->params[ret->nparams];
		size_t eq = slice_find(pair, '=');

		if (pair.n == 0)
			continue;
		if (slice_find(pair, ';') < pair.n)
			return refuse(why, "a semicolon in the query");
		p->key = decode(a, (struct slice){ pair.p, eq }, true);
		p->value = decode(a, slice_from(pair, eq + 1), true);
		if (!p->key.p || !p->value.p)
			return refuse(why, "a bad escape in the query");
		ret->nparams++;
	}
	return HTTP_OK;
}

int http_target_parse(struct arena *a, struct slice raw, struct http_target *ret,
		      struct http_refusal *why)
{
	size_t mark = slice_find(raw, '?');
	int r;

	*ret = (struct http_target){ 0 };
	if (raw.n == 0 || raw.p[0] != '/')
		return refuse(why, "the request target is not a plain path");
	ret->path = decode(a, (struct slice){ raw.p, mark }, false);
	if (!ret->path.p)
		return refuse(why, "a bad escape in the path");
	r = path_check(ret->path, why);
	if (r != HTTP_OK || mark == raw.n)
		return r;
	return query_parse(a, slice_from(raw, mark + 1), ret, why);
}

const struct slice *http_target_param(const struct http_target *t, const char *key, size_t *count)
{
	const struct slice *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < t->nparams; i++) {
		if (!slice_eq_str(t->params[i].key, key))
			continue;
		if (n++ == 0)
			first = &t->params[i].value;
	}
	if (count)
		*count = n;
	return first;
}

bool http_target_bool(const struct http_target *t, const char *key)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	const struct slice *v = http_target_param(t, key, NULL);

	if (!v)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (slice_eq_nocase(*v, slice_str(no[i])))
			return false;
	return true;
}

static void escape(struct slice s, const char *also, struct buf *b)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
			     c == '~' || (c && strchr(also, c));

		if (plain) {
			buf_add_char(b, (char)c);
		} else {
			buf_add_char(b, '%');
			buf_add_char(b, digits[c >> 4]);
			buf_add_char(b, digits[c & 15]);
		}
	}
}

void http_path_emit(struct slice path, struct buf *b)
{
	escape(path, "/:@,=+", b);
}

void http_query_emit(const struct http_target *t, struct buf *b)
{
	for (size_t i = 0; i < t->nparams; i++) {
		buf_add_char(b, i ? '&' : '?');
		escape(t->params[i].key, "/:,", b);
		buf_add_char(b, '=');
		escape(t->params[i].value, "/:,", b);
	}
}
