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
	{ "POST", "/containers//start", "/containers/{*}/start", "" },
	{ "GET", "/containers/a/attach/ws", "/containers/{*}/attach/ws", "a" },
	{ "POST", "/containers/a/attach", "/containers/{*}/attach", "a" },
	{ "GET", "/containers/a/attach", NULL, NULL },
	{ "DELETE", "/containers/a", "/containers/{*}", "a" },
	{ "DELETE", "/containers/a/b/", "/containers/{*}", "a/b/" },
	{ "HEAD", "/containers/a/archive", "/containers/{*}/archive", "a" },
	{ "PUT", "/containers/a/archive", "/containers/{*}/archive", "a" },
	{ "PATCH", "/containers/a/archive", NULL, NULL },
	{ "POST", "/containers/a/checkpoints", "/containers/{*}/checkpoints", "a" },
	{ "DELETE", "/containers/a/checkpoints/c", "/containers/{*}/checkpoints/{id}", "a" },
	{ "DELETE", "/containers/a/b/checkpoints/c", "/containers/{*}/checkpoints/{id}", "a/b" },
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
	{ "POST", "/plugins/pull", "/plugins/{*}", "pull" },
	{ "GET", "/plugins/privileges", "/plugins/privileges", NULL },
	{ "GET", "/plugins/privileges/json", "/plugins/{*}/json", "privileges" },
	{ "GET", "/swarm/unlockkey", "/swarm{*}", "/unlockkey" },
	{ "GET", "/swarm", "/swarm{*}", "" },
	{ "OPTIONS", "/anything/at/all", "/{*}", "anything/at/all" },
	{ "GET", "/debug/pprof/heap", "/debug{*}", "/pprof/heap" },
	{ "POST", "/grpc", "/grpc", NULL },
	{ "GET", "/grpc", NULL, NULL },
	{ "get", "/_ping", NULL, NULL },
	{ "GET", "/Containers/json", NULL, NULL },
	{ "GET", "/containers", NULL, NULL },
	{ "GET", "/", NULL, NULL },
};

static void test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		struct route_match m;
		int r = route_find(slice_str(choices[i].method), slice_str(choices[i].path), &m);

		if (!choices[i].pattern) {
			assert_int_equal(r, ROUTE_UNKNOWN);
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

static void test_versions(void **state)
{
	static const struct {
		const char *path;
		int want;
		const char *version;
	} cases[] = {
		{ "/v1.24/_ping", ROUTE_FOUND, "1.24" },
		{ "/v1.41/_ping", ROUTE_FOUND, "1.41" },
		{ "/v1.9999/_ping", ROUTE_FOUND, "1.9999" },
		{ "/_ping", ROUTE_FOUND, NULL },
		{ "/v1.23/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1.0/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1./_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v.41/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v01.41/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1.041/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1.41.0/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1.10000/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v2.41/_ping", ROUTE_BAD_VERSION, NULL },
		{ "/v1.41_ping", ROUTE_UNKNOWN, NULL },
		{ "/v1.41", ROUTE_UNKNOWN, NULL },
		{ "/v/_ping", ROUTE_UNKNOWN, NULL },
		{ "/V1.41/_ping", ROUTE_UNKNOWN, NULL },
		{ "/v", ROUTE_UNKNOWN, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct route_match m;
		int r = route_find(SLICE_LIT("GET"), slice_str(cases[i].path), &m);

		if (r != cases[i].want)
			fail_msg("%s: %d", cases[i].path, r);
		if (cases[i].version)
			assert_true(slice_eq_str(m.version, cases[i].version));
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
		assert_int_equal(route_find(slice_str(row->method), slice_str(path), &m),
				 ROUTE_FOUND);
		if (m.route != row)
			fail_msg("%s %s is hidden by %s", row->method, row->pattern,
				 m.route->pattern);
		assert_true((row->kind == ROUTE_REFUSE) == (row->reason != NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
