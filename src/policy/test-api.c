/* SPDX-License-Identifier: Apache-2.0 */
/* The tables against the engine's API: each endpoint of each version is known and has its class,
 * and nothing else is. */
#include "policy/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/test-api-routes.h"

#define VERSION_FIRST 24u
#define VERSION_LAST 56u

static struct api_routes api;

static int read_api(void **state)
{
	(void)state;
	api_routes_read(&api);
	return 0;
}

static int drop_api(void **state)
{
	(void)state;
	api_routes_done(&api);
	return 0;
}

/* Writes the row's path with `name` in its holes. */
static void fill(struct slice pattern, const char *name, struct buf *b)
{
	while (pattern.n > 0) {
		if (pattern.p[0] == '{') {
			buf_add_str(b, name);
			pattern = slice_from(pattern, slice_find(pattern, '}') + 1);
		} else {
			buf_add_char(b, pattern.p[0]);
			pattern = slice_from(pattern, 1);
		}
	}
}

static void expect_class(struct slice method, struct slice path, struct slice class)
{
	struct route_match m;

	if (route_find(method, path, NULL, 0, &m) != ROUTE_FOUND)
		fail_msg("%.*s %.*s is not known", SLICE_ARG(method), SLICE_ARG(path));
	if (!slice_eq_str(class, route_class_name(m.route->class)))
		fail_msg("%.*s %.*s is %s, not %.*s", SLICE_ARG(method), SLICE_ARG(path),
			 route_class_name(m.route->class), SLICE_ARG(class));
}

/* Whatever the version says: the engine, too, looks at it only afterwards. */
static void test_each_endpoint_has_its_class(void **state)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "HEAD", "BREW" };

	(void)state;
	assert_true(api.n > 100);
	for (size_t i = 0; i < api.n; i++) {
		const struct api_route *row = &api.rows[i];
		bool any = slice_eq_str(row->method, "*");

		assert_true(row->first >= VERSION_FIRST && row->last <= VERSION_LAST &&
			    row->first <= row->last);
		for (uint32_t v = VERSION_FIRST - 1; v <= VERSION_LAST + 1; v++) {
			CLEANUP_BUF struct buf b = BUF_INIT(4096);

			if (v >= VERSION_FIRST)
				buf_printf(&b, "/v1.%u", v);
			fill(row->path, "x", &b);
			for (size_t j = 0; any && j < ARRAY_SIZE(methods); j++)
				expect_class(slice_str(methods[j]), buf_slice(&b), row->class);
			if (!any)
				expect_class(row->method, buf_slice(&b), row->class);
		}
	}
}

/* Names that look like endpoints: the naive router says which row is meant. */
static void test_names_that_look_like_endpoints(void **state)
{
	static const char *const names[] = { "create",	    "json",	  "prune", "search",
					     "get",	    "load",	  "a/b",   "push",
					     "x/json",	    "archive",	  "start", "a@b:c",
					     "checkpoints", "privileges", "pull" };

	(void)state;
	for (size_t i = 0; i < api.n * ARRAY_SIZE(names); i++) {
		const struct api_route *row = &api.rows[i / ARRAY_SIZE(names)];
		CLEANUP_BUF struct buf b = BUF_INIT(4096);
		struct slice method = row->method;
		struct api_match want;
		struct route_match m;

		if (slice_eq_str(method, "*"))
			continue;
		buf_add_str(&b, "/v1.41");
		fill(row->path, names[i % ARRAY_SIZE(names)], &b);
		want = api_find(&api, method, buf_slice(&b));
		if (route_find(method, buf_slice(&b), NULL, 0, &m) != ROUTE_FOUND) {
			if (want.route)
				fail_msg("%.*s %s is not known", SLICE_ARG(method), b.p);
			continue;
		}
		if (!want.route ||
		    !slice_eq_str(want.route->class, route_class_name(m.route->class)))
			fail_msg("%.*s %s is %s", SLICE_ARG(method), b.p,
				 route_class_name(m.route->class));
		assert_true(slice_eq(m.name, want.holes[0]));
		assert_true(slice_eq(m.last, want.holes[1]));
	}
}

/* {name:.*} as {*}, {name:.+} as {+}, {name} as {id}. */
static void in_our_words(struct slice pattern, struct buf *b)
{
	while (pattern.n > 0) {
		struct slice hole = { pattern.p, slice_find(pattern, '}') + 1 };

		if (pattern.p[0] != '{') {
			buf_add_char(b, pattern.p[0]);
			pattern = slice_from(pattern, 1);
			continue;
		}
		buf_add_str(b, slice_find(hole, ':') == hole.n ? "{id}"
			       : hole.p[hole.n - 2] == '*'     ? "{*}"
							       : "{+}");
		pattern = slice_from(pattern, hole.n);
	}
}

static bool is_in_api(const struct route *route)
{
	for (size_t i = 0; i < api.n; i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(4096);

		in_our_words(api.rows[i].path, &b);
		if (slice_eq_str(api.rows[i].method, route->method) &&
		    slice_eq_str(buf_slice(&b), route->pattern) &&
		    slice_eq_str(api.rows[i].class, route_class_name(route->class)))
			return true;
	}
	return false;
}

/* But for what is refused whatever the API may call it. */
static void test_each_route_is_in_the_api(void **state)
{
	size_t n;
	const struct route *table = route_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		if (!is_in_api(&table[i]) && table[i].class != ROUTE_CLASS_HTTP2 &&
		    table[i].class != ROUTE_CLASS_DEBUG)
			fail_msg("%s %s is no endpoint", table[i].method, table[i].pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_endpoint_has_its_class),
		cmocka_unit_test(test_names_that_look_like_endpoints),
		cmocka_unit_test(test_each_route_is_in_the_api),
	};

	return cmocka_run_group_tests(tests, read_api, drop_api);
}
