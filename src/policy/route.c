/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/route.h"

#include "base/util.h"

/* What path.Clean() of Go leaves as it is, but for one slash at the end. */
static bool path_is_clean(struct slice path)
{
	struct slice rest = slice_from(path, 1);
	struct slice segment;

	if (path.n == 0 || path.p[0] != '/')
		return false;
	while (slice_split(&rest, '/', &segment))
		if ((segment.n == 0 && rest.p) || slice_eq_str(segment, ".") ||
		    slice_eq_str(segment, ".."))
			return false;
	return true;
}

/* --- version --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint32_t number(struct slice s)
{
	uint32_t v;

	if (s.n == 0)
		return 0;
	return num_parse_u32(s, &v) < 0 ? UINT32_MAX : v;
}

static bool is_plain(struct slice s)
{
	return s.n > 0 && (s.n == 1 || s.p[0] != '0');
}

static void version_parse(struct slice text, struct route_version *ret)
{
	struct slice rest = text;
	struct slice part[2] = { SLICE_NULL, SLICE_NULL };

	(void)slice_split(&rest, '.', &part[0]);
	(void)slice_split(&rest, '.', &part[1]);
	ret->text = text;
	ret->major = number(part[0]);
	ret->minor = number(part[1]);
	ret->plain = is_plain(part[0]) && is_plain(part[1]) && !rest.p;
}

/* Takes "/v1.41" off the path: the engine's pattern for it is "/v[0-9.]+", and a slash follows. */
static void version_take(struct slice path, struct route_match *ret)
{
	size_t n = 2;

	ret->path = path;
	if (!slice_starts(path, SLICE_LIT("/v")))
		return;
	while (n < path.n && (is_digit(path.p[n]) || path.p[n] == '.'))
		n++;
	if (n == 2 || n == path.n || path.p[n] != '/')
		return;
	version_parse((struct slice){ path.p + 2, n - 2 }, &ret->version);
	ret->path = slice_from(path, n);
}

bool route_version_is_old(const struct route_version *v)
{
	return v->text.p && (v->major < 1 || (v->major == 1 && v->minor < 24));
}

bool route_version_ok(const struct route_version *v)
{
	return !v->text.p || (v->plain && v->major == 1 && !route_version_is_old(v));
}

/* --- patterns --- */

/* From left to right without going back: an {id} ends at the next slash, and behind a {*} or {+}
 * stands only literal text, which is the path's end (test-route.c: test_patterns). */
static bool match(struct slice path, const char *pattern, struct slice holes[2])
{
	struct slice p = slice_str(pattern);
	size_t nholes = 0;

	for (;;) {
		struct slice before = { p.p, slice_find(p, '{') };
		struct slice hole;
		char kind;

		if (before.n == p.n)
			return slice_eq(path, before);
		if (!slice_starts(path, before))
			return false;
		path = slice_from(path, before.n);
		kind = p.p[before.n + 1];
		p = slice_from(p, slice_find(p, '}') + 1);
		if (kind == 'i') {
			hole = (struct slice){ path.p, slice_find(path, '/') };
		} else {
			if (!slice_ends(path, p))
				return false;
			hole = (struct slice){ path.p, path.n - p.n };
			if (slice_find(hole, '\n') < hole.n)
				return false;
		}
		if (hole.n == 0 && kind != '*')
			return false;
		path = slice_from(path, hole.n);
		holes[nholes++] = hole;
	}
}

int route_find(struct slice method, struct slice path, const struct slice_pair *params, size_t n,
	       struct route_match *ret)
{
	size_t nroutes;
	const struct route *table = route_table(&nroutes);

	*ret = (struct route_match){ 0 };
	version_take(path, ret);
	if (!path_is_clean(path) && !slice_eq_str(path, "*"))
		return ROUTE_UNKNOWN;
	for (size_t i = 0; i < nroutes; i++) {
		struct slice holes[2] = { SLICE_NULL, SLICE_NULL };

		if (table[i].method[0] != '*' && !slice_eq_str(method, table[i].method))
			continue;
		if (!match(ret->path, table[i].pattern, holes))
			continue;
		ret->route = &table[i];
		ret->name = holes[0];
		ret->last = holes[1];
		route_query(ret, params, n);
		return ROUTE_FOUND;
	}
	return ROUTE_UNKNOWN;
}
