/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: what the matcher calls X is what a naive router of regular expressions, made of the
 * engine's own patterns (tests/gate/api-routes.tsv), calls X; a path that the engine would clean
 * matches nothing; every request that is known has classes, each once. Input: "METHOD PATH", and a
 * line "key=value" for each parameter. */
#include <assert.h>
#include <stdlib.h>

#include "policy/route.h"
#include "policy/test-api-routes.h"

#define INPUT_MAX 1024u
#define PARAMS_MAX 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct api_routes *naive(void)
{
	static struct api_routes api; /* a harness has nobody to hand it to */

	if (api.n == 0)
		api_routes_read(&api);
	return &api;
}

/* Go's path.Clean() the long way: every segment is put on a stack or takes one off it. */
static bool naive_is_clean(struct slice path)
{
	struct slice stack[INPUT_MAX];
	struct buf b = BUF_INIT(2u * INPUT_MAX);
	struct slice rest = path;
	struct slice segment;
	size_t depth = 0;
	bool same;

	while (slice_split(&rest, '/', &segment)) {
		if (slice_eq_str(segment, "..") && depth > 0)
			depth--;
		else if (segment.n > 0 && !slice_eq_str(segment, ".") &&
			 !slice_eq_str(segment, ".."))
			stack[depth++] = segment;
	}
	for (size_t i = 0; i < depth; i++) {
		buf_add_char(&b, '/');
		buf_add_slice(&b, stack[i]);
	}
	if (depth == 0 || (path.n > 0 && path.p[path.n - 1] == '/'))
		buf_add_char(&b, '/');
	same = slice_eq(path, buf_slice(&b));
	buf_done(&b);
	return same;
}

static void check_classes(const struct route_match *m)
{
	struct route_class_set seen = { { 0, 0 } };

	assert(m->nclasses >= 1 && m->nclasses <= ROUTE_CLASSES_MAX);
	for (size_t i = 0; i < m->nclasses; i++) {
		assert(m->classes[i] > ROUTE_CLASS_NONE && m->classes[i] < ROUTE_CLASS_COUNT);
		assert(!route_class_has(&seen, m->classes[i]));
		route_class_add(&seen, m->classes[i]);
	}
}

static void check(struct slice method, struct slice path, const struct slice_pair *params, size_t n)
{
	struct route_match m;
	struct api_match want = { 0 };
	int r = route_find(method, path, params, n, &m);

	assert(r == ROUTE_FOUND || r == ROUTE_UNKNOWN);
	assert((r == ROUTE_FOUND) == (m.route != NULL));
	if (r == ROUTE_FOUND)
		check_classes(&m);
	else
		assert(m.nclasses == 0);
	if (r == ROUTE_FOUND && m.route->class == ROUTE_CLASS_HTTP2) {
		assert(slice_eq_str(method, "PRI") && slice_eq_str(path, "*"));
		return;
	}
	if (naive_is_clean(path))
		want = api_find(naive(), method, path);
	/* All of /debug/ is refused, also what is no endpoint. */
	if (r == ROUTE_FOUND && m.route->class == ROUTE_CLASS_DEBUG) {
		assert(slice_starts(m.path, SLICE_LIT("/debug/")));
		assert(!want.route || slice_eq_str(want.route->class, "debug"));
		return;
	}
	/* Its dot is Go's, which is no newline: such a path is one that nobody knows, refused as
	 * well. */
	if (r == ROUTE_UNKNOWN && want.route && slice_eq_str(want.route->class, "debug")) {
		assert(slice_find(path, '\n') < path.n);
		return;
	}
	assert((want.route != NULL) == (r == ROUTE_FOUND));
	if (!want.route)
		return;
	assert(slice_eq_str(want.route->class, route_class_name(m.route->class)));
	assert(slice_eq(want.version, m.version.text));
	assert(slice_eq(want.holes[0], m.name) && slice_eq(want.holes[1], m.last));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice rest = { (const char *)data, n };
	struct slice_pair params[PARAMS_MAX];
	struct slice method;
	struct slice path;
	struct slice line;
	size_t nparams = 0;

	if (n == 0 || n > INPUT_MAX || !slice_split(&rest, ' ', &method) || !rest.p)
		return 0;
	(void)slice_split(&rest, '\n', &path);
	while (nparams < PARAMS_MAX && slice_split(&rest, '\n', &line)) {
		size_t eq = slice_find(line, '=');

		params[nparams++] = (struct slice_pair){ { line.p, eq }, slice_from(line, eq + 1) };
	}
	check(method, path, params, nparams);
	/* And without a border, so that a path can hold anything. */
	check(method, slice_from((struct slice){ (const char *)data, n }, method.n + 1), NULL, 0);
	return 0;
}
