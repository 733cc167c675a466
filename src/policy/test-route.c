/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

/* What moby's router does with the same method and path (reference, "How moby routes"), with its
 * traps: names that look like endpoints, greedy holes, trailing slashes. */
static const struct {
	const char *method, *path;
	const char *pattern; /* NULL: unknown */
	const char *name;
} choices[] = {
	{ "GET", "/_ping", "/_ping", NULL },
	{ "HEAD", "/_ping", "/_ping", NULL },
	{ "GET", "/v1.41/_ping", "/_ping", NULL },
	{ "GET", "/containers/json", "/containers/json", NULL },
	{ "GET", "/containers/json/json", "/containers/{*}/json", "json" },
	{ "POST", "/containers/create", "/containers/create", NULL },
	{ "POST", "/containers/create/exec", "/containers/{*}/exec", "create" },
	{ "POST", "/containers/prune", "/containers/prune", NULL },
	{ "POST", "/containers/a/start", "/containers/{*}/start", "a" },
	{ "POST", "/containers/a/b/start", "/containers/{*}/start", "a/b" },
	{ "POST", "/containers/start/start", "/containers/{*}/start", "start" },
	{ "POST", "/containers/a/start/", NULL, NULL },
	{ "POST", "/containers/a/b/kill", "/containers/{*}/kill", "a/b" },
	{ "POST", "/containers//start", NULL, NULL },
	{ "POST", "/containers/a\nb/start", NULL, NULL },
	{ "GET", "/containers/create/json", "/containers/{*}/json", "create" },
	{ "POST", "/containers/prune/start", "/containers/{*}/start", "prune" },
	{ "DELETE", "/containers/prune", "/containers/{*}", "prune" },
	{ "DELETE", "/containers/", "/containers/{*}", "" },
	{ "GET", "/containers/a/attach/ws", "/containers/{*}/attach/ws", "a" },
	{ "POST", "/containers/a/attach", "/containers/{*}/attach", "a" },
	{ "GET", "/containers/a/attach", NULL, NULL },
	{ "DELETE", "/containers/a", "/containers/{*}", "a" },
	{ "DELETE", "/containers/a/b/", "/containers/{*}", "a/b/" },
	{ "HEAD", "/containers/a/archive", "/containers/{*}/archive", "a" },
	{ "PUT", "/containers/a/archive", "/containers/{*}/archive", "a" },
	{ "PATCH", "/containers/a/archive", NULL, NULL },
	{ "POST", "/containers/a/checkpoints", "/containers/{*}/checkpoints", "a" },
	{ "DELETE", "/containers/a/checkpoints/c", "/containers/{id}/checkpoints/{id}", "a" },
	{ "DELETE", "/containers/a/b/checkpoints/c", "/containers/{*}", "a/b/checkpoints/c" },
	{ "DELETE", "/containers/a/checkpoints/c/d", "/containers/{*}", "a/checkpoints/c/d" },
	{ "DELETE", "/containers/a/checkpoints/", "/containers/{*}", "a/checkpoints/" },
	{ "DELETE", "/containers/checkpoints/checkpoints/checkpoints",
	  "/containers/{id}/checkpoints/{id}", "checkpoints" },
	{ "POST", "/images/create", "/images/create", NULL },
	{ "POST", "/images/create/push", "/images/{*}/push", "create" },
	{ "POST", "/images/docker.io/library/alpine/tag", "/images/{*}/tag",
	  "docker.io/library/alpine" },
	{ "GET", "/images/search", "/images/search", NULL },
	{ "GET", "/images/search/json", "/images/{*}/json", "search" },
	{ "GET", "/images/get", "/images/get", NULL },
	{ "GET", "/images/a/get", "/images/{*}/get", "a" },
	{ "DELETE", "/images/a/b", "/images/{*}", "a/b" },
	{ "POST", "/exec/e/start", "/exec/{*}/start", "e" },
	{ "GET", "/networks", "/networks", NULL },
	{ "GET", "/networks/", "/networks/", NULL },
	{ "GET", "/networks/a/b", "/networks/{+}", "a/b" },
	{ "DELETE", "/networks/", "/networks/{*}", "" },
	{ "POST", "/networks/create", "/networks/create", NULL },
	{ "POST", "/networks/create/connect", "/networks/{*}/connect", "create" },
	{ "POST", "/plugins/x/disable", "/plugins/{*}/disable", "x" },
	{ "POST", "/plugins/pull", "/plugins/pull", NULL },
	{ "POST", "/plugins/pull/set", "/plugins/{*}/set", "pull" },
	{ "POST", "/plugins/x", NULL, NULL },
	{ "GET", "/plugins/x", NULL, NULL },
	{ "GET", "/services/create", "/services/{id}", "create" },
	{ "GET", "/services/a/b", NULL, NULL },
	{ "GET", "/services/", NULL, NULL },
	{ "GET", "/volumes/", "/volumes/{*}", "" },
	{ "GET", "/distribution/a/b/json", "/distribution/{*}/json", "a/b" },
	{ "HEAD", "/containers/json", NULL, NULL },
	{ "HEAD", "/info", NULL, NULL },
	{ "PRI", "*", "*", NULL },
	{ "OPTIONS", "*", NULL, NULL },
	{ "GET", "*", NULL, NULL },
	{ "GET", "/plugins/privileges", "/plugins/privileges", NULL },
	{ "GET", "/plugins/privileges/json", "/plugins/{*}/json", "privileges" },
	{ "GET", "/swarm/unlockkey", "/swarm/unlockkey", NULL },
	{ "GET", "/swarm", "/swarm", NULL },
	{ "GET", "/swarm/", NULL, NULL },
	{ "OPTIONS", "/anything/at/all", "/{*}", "anything/at/all" },
	{ "OPTIONS", "/", "/{*}", "" },
	{ "OPTIONS", "/v1.41/", "/{*}", "" },
	{ "OPTIONS", "/v1.41", "/{*}", "v1.41" },
	{ "OPTIONS", "/v1.41x", "/{*}", "v1.41x" },
	{ "GET", "/debug/pprof/heap", "/debug/{*}", "pprof/heap" },
	{ "BREW", "/v1.41/debug/pprof/", "/debug/{*}", "pprof/" },
	{ "GET", "/debug/nosuch", "/debug/{*}", "nosuch" },
	{ "GET", "/debug", NULL, NULL },
	{ "OPTIONS", "/debug/vars", "/{*}", "debug/vars" },
	{ "POST", "/grpc", "/grpc", NULL },
	{ "GET", "/grpc", NULL, NULL },
	{ "get", "/_ping", NULL, NULL },
	{ "GET", "/Containers/json", NULL, NULL },
	{ "GET", "/containers", NULL, NULL },
	{ "GET", "/", NULL, NULL },
	{ "GET", "", NULL, NULL },
	{ "GET", "_ping", NULL, NULL },
	{ "GET", "//_ping", NULL, NULL },
	{ "GET", "/./_ping", NULL, NULL },
	{ "GET", "/x/../_ping", NULL, NULL },
	{ "GET", "/v1.41/../_ping", NULL, NULL },
	{ "OPTIONS", "/a/..", NULL, NULL },
	{ "OPTIONS", "/a/.", NULL, NULL },
	{ "OPTIONS", "/a//", NULL, NULL },
	{ "OPTIONS", "/a/...", "/{*}", "a/..." },
};

static int find(const char *method, const char *path, struct route_match *m)
{
	return route_find(slice_str(method), slice_str(path), NULL, 0, m);
}

static void test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		struct route_match m;
		int r = find(choices[i].method, choices[i].path, &m);

		if (!choices[i].pattern) {
			if (r != ROUTE_UNKNOWN || m.route || m.nclasses != 0)
				fail_msg("%s %s: %d", choices[i].method, choices[i].path, r);
			continue;
		}
		if (r != ROUTE_FOUND || strcmp(m.route->pattern, choices[i].pattern) != 0)
			fail_msg("%s %s: %d %s", choices[i].method, choices[i].path, r,
				 r == ROUTE_FOUND ? m.route->pattern : "");
		assert_true(!m.name.p == !choices[i].name);
		if (choices[i].name)
			assert_true(slice_eq_str(m.name, choices[i].name));
	}
}

static void test_two_holes(void **state)
{
	struct route_match m;

	(void)state;
	assert_int_equal(find("DELETE", "/v1.41/containers/a/checkpoints/c", &m), ROUTE_FOUND);
	assert_true(slice_eq_str(m.path, "/containers/a/checkpoints/c"));
	assert_true(slice_eq_str(m.name, "a"));
	assert_true(slice_eq_str(m.last, "c"));
	assert_int_equal(find("GET", "/containers/a/json", &m), ROUTE_FOUND);
	assert_null(m.last.p);
}

/* Any of them is found; the gate takes those that are ok. The numbers are what the engine compares
 * (strconv.Atoi of each part; what is no number is 0, what is too large the largest). */
static void test_versions(void **state)
{
	static const struct {
		const char *path;
		const char *version; /* NULL: none */
		uint32_t major, minor;
		bool plain;
		bool ok;
		bool old;
	} cases[] = {
		{ "/_ping", NULL, 0, 0, false, true, false },
		{ "/v1.24/_ping", "1.24", 1, 24, true, true, false },
		{ "/v1.41/_ping", "1.41", 1, 41, true, true, false },
		{ "/v1.9999/_ping", "1.9999", 1, 9999, true, true, false },
		{ "/v1.23/_ping", "1.23", 1, 23, true, false, true },
		{ "/v1.0/_ping", "1.0", 1, 0, true, false, true },
		{ "/v2.41/_ping", "2.41", 2, 41, true, false, false },
		{ "/v1./_ping", "1.", 1, 0, false, false, true },
		{ "/v1/_ping", "1", 1, 0, false, false, true },
		{ "/v.41/_ping", ".41", 0, 41, false, false, true },
		{ "/v01.41/_ping", "01.41", 1, 41, false, false, false },
		{ "/v1.041/_ping", "1.041", 1, 41, false, false, false },
		{ "/v00001.0000041/_ping", "00001.0000041", 1, 41, false, false, false },
		{ "/v1.41.0/_ping", "1.41.0", 1, 41, false, false, false },
		{ "/v01.23/_ping", "01.23", 1, 23, false, false, true },
		{ "/v1.23.99/_ping", "1.23.99", 1, 23, false, false, true },
		{ "/v1.41./_ping", "1.41.", 1, 41, false, false, false },
		{ "/v./_ping", ".", 0, 0, false, false, true },
		{ "/v.../_ping", "...", 0, 0, false, false, true },
		{ "/v1.99999999999999999999/_ping", "1.99999999999999999999", 1, UINT32_MAX, true,
		  true, false },
	};
	static const char *const none[] = { "/v1.41_ping",  "/v1.41",
					    "/v/_ping",	    "/V1.41/_ping",
					    "/v1.4a/_ping", "/v",
					    "/vx/_ping",    "/v1.41/v1.41/_ping" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct route_match m;

		if (find("GET", cases[i].path, &m) != ROUTE_FOUND)
			fail_msg("%s", cases[i].path);
		assert_true(slice_eq_str(m.path, "/_ping"));
		assert_true(!m.version.text.p == !cases[i].version);
		if (cases[i].version)
			assert_true(slice_eq_str(m.version.text, cases[i].version));
		if (m.version.major != cases[i].major || m.version.minor != cases[i].minor ||
		    m.version.plain != cases[i].plain)
			fail_msg("%s: %u.%u %d", cases[i].path, m.version.major, m.version.minor,
				 m.version.plain);
		assert_int_equal(route_version_ok(&m.version), cases[i].ok);
		assert_int_equal(route_version_is_old(&m.version), cases[i].old);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct route_match m;

		assert_int_equal(find("GET", none[i], &m), ROUTE_UNKNOWN);
	}
}

/* Every row can be reached, and says what it has to say. */
static void test_table(void **state)
{
	size_t n;
	const struct route *table = route_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct route *row = &table[i];
		char path[128];
		struct route_match m;
		size_t to = 0;

		for (const char *p = row->pattern; *p; p++) {
			if (*p != '{') {
				path[to++] = *p;
				continue;
			}
			path[to++] = 'x';
			p = strchr(p, '}');
		}
		path[to] = '\0';
		assert_int_equal(find(row->method, path, &m), ROUTE_FOUND);
		if (m.route != row)
			fail_msg("%s %s is hidden by %s", row->method, row->pattern,
				 m.route->pattern);
		assert_true((row->kind == ROUTE_REFUSE) == (row->reason != NULL));
		assert_true(row->class > ROUTE_CLASS_NONE && row->class < ROUTE_CLASS_COUNT);
		assert_int_equal((row->flags & ROUTE_CONTAINER) != 0,
				 strncmp(row->pattern, "/containers/{", 13) == 0);
		assert_false((row->flags & ROUTE_JSON) && (row->flags & ROUTE_STREAM));
	}
}

/* What the matcher relies on: it never has to go back. */
static void test_patterns(void **state)
{
	size_t n;
	const struct route *table = route_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char *open = strchr(table[i].pattern, '{');
		unsigned holes = 0;

		for (; open; open = strchr(open, '{')) {
			const char *close = strchr(open, '}');

			assert_non_null(close);
			assert_true(++holes <= 2);
			if (strncmp(open, "{id}", 4) == 0)
				assert_true(close[1] == '/' || close[1] == '\0');
			else if (strncmp(open, "{*}", 3) == 0 || strncmp(open, "{+}", 3) == 0)
				assert_null(strchr(close, '{'));
			else
				fail_msg("%s: %s", table[i].pattern, open);
			open = close;
		}
	}
}

static void test_class_names(void **state)
{
	(void)state;
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++) {
		assert_non_null(route_class_name(c));
		if (route_class_find(slice_str(route_class_name(c))) != c)
			fail_msg("%s is the name of two classes", route_class_name(c));
	}
	assert_int_equal(route_class_find(SLICE_LIT("nosuch")), ROUTE_CLASS_NONE);
	assert_int_equal(route_class_find(SLICE_LIT("none")), ROUTE_CLASS_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),	 cmocka_unit_test(test_two_holes),
		cmocka_unit_test(test_versions), cmocka_unit_test(test_table),
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_class_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
