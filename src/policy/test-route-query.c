/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/util.h"

#define PARAMS_MAX 8

/* "key=value" by "key=value"; the classes by their names, in order. */
static const struct {
	const char *method, *path;
	const char *params[PARAMS_MAX];
	const char *classes;
} cases[] = {
	{ "GET", "/info", { "x=y" }, "info" },

	{ "POST", "/images/create", { "fromImage=a" }, "image-pull" },
	{ "POST", "/images/create", { "fromImage=a", "tag=b", "fromSrc=" }, "image-pull" },
	{ "POST", "/images/create", { "fromSrc=-" }, "image-import" },
	{ "POST", "/images/create", { "fromSrc=-", "fromImage=" }, "image-import" },
	{ "POST", "/images/create", { "repo=a" }, "image-import" },
	{ "POST", "/images/create", { "FromImage=a" }, "image-import" },
	{ "POST", "/images/create", { NULL }, "image-import" },
	{ "POST", "/images/create", { "fromImage=a", "fromSrc=-" }, "image-pull image-import" },
	{ "POST", "/images/create", { "fromImage=a", "fromImage=" }, "image-pull image-import" },
	{ "POST", "/images/create", { "fromImage=", "fromImage=a" }, "image-pull image-import" },
	{ "POST", "/images/create", { "fromImage=a", "fromImage=b" }, "image-pull image-import" },
	{ "POST", "/images/create", { "fromSrc=-", "fromSrc=-" }, "image-pull image-import" },
	{ "POST", "/images/create/push", { "fromSrc=-" }, "image-push" },

	{ "GET", "/events", { NULL }, "events" },
	{ "GET", "/events", { "filters=" }, "events" },
	{ "GET", "/events", { "filters={}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":{\"container\":true}}" }, "events-container" },
	{ "GET", "/events", { "filters={\"type\":[\"container\"]}" }, "events-container" },
	{ "GET",
	  "/events",
	  { "since=1", "filters={\"event\":[\"die\"],\"type\":[\"container\"]}" },
	  "events-container" },
	{ "GET", "/events", { "filters={\"type\":[\"container\",\"image\"]}" }, "events" },
	{ "GET",
	  "/events",
	  { "filters={\"type\":{\"container\":true,\"image\":true}}" },
	  "events" },
	{ "GET", "/events", { "filters={\"type\":{\"container\":false}}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":{\"container\":1}}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":{}}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":[]}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":null}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":\"container\"}" }, "events" },
	{ "GET", "/events", { "filters={\"Type\":[\"container\"]}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":[\"container\"],\"type\":[]}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":[],\"type\":[\"container\"]}" }, "events" },
	{ "GET", "/events", { "filters={\"type\":[\"container\"]} {}" }, "events compose" },
	{ "GET", "/events", { "filters={\"type\":[\"container\"]" }, "events compose" },
	{ "GET", "/events", { "filters=[\"container\"]" }, "events compose" },
	{ "GET",
	  "/events",
	  { "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "events compose" },
	{ "GET",
	  "/events",
	  { "filters={\"type\":[\"container\"],\"label\":[\"com.docker.compose.project=x\"]}" },
	  "events-container compose" },
	{ "GET",
	  "/events",
	  { "filters={\"type\":[\"container\"]}", "filters={\"type\":[\"container\"]}" },
	  "events" },

	{ "GET", "/containers/json", { "all=1" }, "container-list" },
	{ "GET", "/containers/json", { "filters={\"label\":[\"a=b\"]}" }, "container-list" },
	{ "GET",
	  "/containers/json",
	  { "filters={\"name\":[\"com.docker.compose.x\"]}" },
	  "container-list" },
	{ "GET",
	  "/containers/json",
	  { "filters={\"label\":{\"a\":true,\"com.docker.compose.project=x\":true}}" },
	  "container-list compose" },
	{ "GET",
	  "/networks",
	  { "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "network-list compose" },
	{ "GET",
	  "/networks/",
	  { "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "network-list compose" },
	{ "GET",
	  "/volumes",
	  { "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "volume-list compose" },
	{ "GET",
	  "/images/json",
	  { "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "image-list compose" },
	{ "GET",
	  "/volumes/x",
	  { "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "volume-inspect" },
	{ "GET",
	  "/volumes",
	  { "filters={}", "filters={\"label\":[\"com.docker.compose.project=x\"]}" },
	  "volume-list compose" },
	{ "GET", "/volumes", { "filters={" }, "volume-list compose" },
	{ "GET", "/volumes", { "filters=" }, "volume-list" },

	{ "POST", "/build", { NULL }, "build-classic" },
	{ "POST", "/build", { "version=" }, "build-classic" },
	{ "POST", "/build", { "version=1", "session=x" }, "build-classic" },
	{ "POST", "/build", { "version=1", "outputs=[{\"Type\":\"registry\"}]" }, "build-classic" },
	{ "POST", "/build", { "version=2", "session=x" }, "build-kit" },
	{ "POST", "/build", { "Version=2" }, "build-classic" },
	{ "POST", "/build", { "version=3" }, "build-classic build-kit" },
	{ "POST", "/build", { "version=1", "version=2" }, "build-classic build-kit" },
	{ "POST", "/build", { "version=", "version=2" }, "build-classic build-kit" },
	{ "POST",
	  "/build",
	  { "version=1", "version=2", "outputs=x" },
	  "build-classic build-kit build-push" },
	{ "POST", "/build", { "version=2", "outputs=" }, "build-kit" },
	{ "POST", "/build", { "version=2", "outputs=[]" }, "build-kit" },
	{ "POST", "/build", { "version=2", "outputs=null" }, "build-kit" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"Type\":\"tar\",\"Attrs\":{}}]" },
	  "build-kit" },
	{ "POST", "/build", { "version=2", "outputs=[{\"Type\":\"image\"}]" }, "build-kit" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"Type\":\"image\",\"Attrs\":{\"push\":\"false\"}}]" },
	  "build-kit" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"Type\":\"image\",\"Attrs\":{\"push\":\"true\"}}]" },
	  "build-kit build-push" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"type\":\"image\",\"attrs\":{\"push\":\"\"}}]" },
	  "build-kit build-push" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"Type\":\"moby\",\"Attrs\":{\"push-by-digest\":\"1\"}}]" },
	  "build-kit build-push" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"Type\":\"tar\"},{\"Type\":\"registry\"}]" },
	  "build-kit build-push" },
	{ "POST", "/build", { "version=2", "outputs=[{}]" }, "build-kit build-push" },
	{ "POST", "/build", { "version=2", "outputs=[null]" }, "build-kit build-push" },
	{ "POST", "/build", { "version=2", "outputs={\"Type\":\"tar\"}" }, "build-kit build-push" },
	{ "POST",
	  "/build",
	  { "version=2", "outputs=[{\"Type\":\"tar\",\"type\":\"image\"}]" },
	  "build-kit build-push" },
	{ "POST", "/build", { "version=2", "outputs=[]", "outputs=[]" }, "build-kit build-push" },

	{ "POST", "/grpc", { NULL }, "build-grpc build-push" },
	{ "POST", "/session", { NULL }, "build-session" },
};

static void test_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_BUF struct buf got = BUF_INIT(4096);
		struct slice_pair params[PARAMS_MAX];
		struct route_match m;
		size_t n = 0;
		int r;

		for (; n < PARAMS_MAX && cases[i].params[n]; n++) {
			struct slice p = slice_str(cases[i].params[n]);
			size_t eq = slice_find(p, '=');

			params[n] = (struct slice_pair){ { p.p, eq }, slice_from(p, eq + 1) };
		}
		r = route_find(slice_str(cases[i].method), slice_str(cases[i].path), params, n, &m);
		assert_int_equal(r, ROUTE_FOUND);
		for (size_t j = 0; j < m.nclasses; j++)
			buf_printf(&got, "%s%s", j ? " " : "", route_class_name(m.classes[j]));
		if (!slice_eq_str(buf_slice(&got), cases[i].classes))
			fail_msg("%s %s %s: %s, not %s", cases[i].method, cases[i].path,
				 n ? cases[i].params[n - 1] : "", got.p, cases[i].classes);
	}
}

/* What is too deep or too large to look at is everything that it could be. */
static void test_limits(void **state)
{
	struct slice_pair p = { SLICE_LIT("filters"), SLICE_NULL };
	CLEANUP_BUF struct buf b = BUF_INIT(64u << 20);
	struct route_match m;

	(void)state;
	buf_add_str(&b, "{\"type\":[\"container\"],\"x\":[");
	for (size_t i = 0; i < 2000000; i++)
		buf_add_str(&b, "\"\",");
	buf_add_str(&b, "\"\"]}");
	assert_true(buf_ok(&b));
	p.value = buf_slice(&b);
	assert_int_equal(route_find(SLICE_LIT("GET"), SLICE_LIT("/events"), &p, 1, &m),
			 ROUTE_FOUND);
	assert_int_equal(m.classes[0], ROUTE_CLASS_EVENTS);
	assert_int_equal(route_find(SLICE_LIT("GET"), SLICE_LIT("/volumes"), &p, 1, &m),
			 ROUTE_FOUND);
	assert_int_equal(m.nclasses, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
