/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"
#include "cli/suggest.h"
#include "http/target.h"
#include "settings/entries.h"

#define ENTRIES_MAX 4
#define REQUESTS_MAX 8

struct request {
	const char *method;
	const char *target;
};

static void make(struct arena *a, const struct suggest *s, bool allow, const char *const *entries,
		 const char *want, size_t missed)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct suggest_list list;
	size_t n = 0;

	while (n < ENTRIES_MAX && entries[n])
		n++;
	assert_int_equal(
		suggest_make(a, s, profile_find(SLICE_LIT("docker")), allow, entries, n, &list), 0);
	for (size_t i = 0; i < list.n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", list.names[i]);
	assert_string_equal(b.p ? b.p : "", want);
	assert_int_equal(list.missed, missed);
	assert_true(list.allow == allow);
}

static const struct {
	bool allow;
	const char *entries[ENTRIES_MAX];
	struct request requests[REQUESTS_MAX];
	const char *want;
} cases[] = {
	{ true, { NULL }, { { NULL, NULL } }, "" },
	{ true, { NULL }, { { "GET", "/v1.43/containers/json?all=1" } }, "ps" },
	{ true,
	  { NULL },
	  { { "POST", "/v1.43/containers/create?name=a" },
	    { "POST", "/v1.43/containers/a/start" },
	    { "GET", "/v1.43/containers/json" } },
	  "ps, run" },
	/* what is there stays, with the name that it has, and is not suggested again */
	{ true,
	  { "container ls", "pull" },
	  { { "POST", "/v1.43/images/x/push?tag=latest" } },
	  "container ls, pull, push" },
	{ true, { "image*" }, { { "POST", "/v1.43/images/x/tag?repo=y" } }, "image*" },
	/* a deny list loses what was asked for */
	{ false, { "push", "build" }, { { "POST", "/v1.43/images/x/push" } }, "build" },
	{ false, { "push" }, { { "GET", "/v1.43/containers/json" } }, "push" },
	/* who is in a group of which another goes is named */
	{ false,
	  { "volume*", "push" },
	  { { "DELETE", "/v1.43/volumes/x" } },
	  "push, volume create, volume inspect, volume ls, volume prune, volume update" },
};

/* The suggested list, made as the gate makes it, lets each of the requests through. */
static void check_passes(struct arena *a, const struct suggest *s, size_t at)
{
	const struct profile *profile = profile_find(SLICE_LIT("docker"));
	struct command_problems problems;
	struct slice texts[128];
	struct suggest_list made;
	struct command_list list = entries_command_list(profile, cases[at].allow, false);
	size_t n = 0;

	while (n < ENTRIES_MAX && cases[at].entries[n])
		n++;
	assert_int_equal(suggest_make(a, s, profile, cases[at].allow, cases[at].entries, n, &made),
			 0);
	assert_true(made.n < ARRAY_SIZE(texts));
	for (size_t i = 0; i < made.n; i++)
		texts[i] = slice_str(made.names[i]);
	assert_int_equal(command_list_parse(a, texts, made.n, &list, &problems), COMMAND_OK);
	for (const struct request *q = cases[at].requests; q->method; q++) {
		struct http_refusal why;
		struct http_target t;
		struct route_match m;
		struct verdict v;

		assert_int_equal(http_target_parse(a, slice_str(q->target), &t, &why), HTTP_OK);
		assert_int_equal(route_find(slice_str(q->method), t.path, t.params, t.nparams, &m),
				 0);
		command_list_decide(&list, &m, slice_str(q->target), &v);
		if (v.kind != VERDICT_ALLOW)
			fail_msg("%s %s", q->target, v.message);
	}
}

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
		struct suggest s = { .requests = 0 };

		for (const struct request *q = cases[i].requests; q->method; q++)
			suggest_add(&s, slice_str(q->method), slice_str(q->target), SLICE_NULL);
		assert_int_equal(s.strange, 0);
		make(&a, &s, cases[i].allow, cases[i].entries, cases[i].want, 0);
		check_passes(&a, &s, i);
	}
}

/* A build through the builder's tunnel, and one that pushes what it has built. */
static void test_tunnel(void **state)
{
	static const struct {
		bool allow;
		const char *entries[ENTRIES_MAX];
		const char *mark;
		const char *want;
	} tunnels[] = {
		{ true, { NULL }, "", "bake" },
		{ true, { NULL }, "build-push", "push, bake" },
		{ false, { "push", "build", "tag" }, "", "push, tag" },
		{ false, { "push", "tag" }, "build-push", "tag" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tunnels); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
		struct suggest s = { .requests = 0 };

		suggest_add(&s, SLICE_LIT("POST"), SLICE_LIT("/v1.51/session"), SLICE_NULL);
		suggest_add(&s, SLICE_LIT("POST"), SLICE_LIT("/v1.51/grpc"), SLICE_NULL);
		suggest_add(&s, SLICE_LIT("POST"), SLICE_LIT("/v1.51/grpc"),
			    slice_str(tunnels[i].mark));
		assert_int_equal(s.requests, 3);
		make(&a, &s, tunnels[i].allow, tunnels[i].entries, tunnels[i].want, 0);
	}
}

static void test_strange(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
	struct suggest s = { .requests = 0 };
	static const char *const none[ENTRIES_MAX] = { NULL };
	char cut[2049];

	(void)state;
	memset(cut, 'a', sizeof(cut) - 1);
	memcpy(cut, "/containers/json?x=", strlen("/containers/json?x="));
	cut[sizeof(cut) - 1] = '\0';
	suggest_add(&s, SLICE_LIT("GET"), slice_str(cut), SLICE_NULL);
	suggest_add(&s, SLICE_LIT("GET"), SLICE_LIT("/no/such/thing"), SLICE_NULL);
	suggest_add(&s, SLICE_LIT("GET"), SLICE_LIT("/a%zz"), SLICE_NULL);
	suggest_add(&s, SLICE_LIT("GET"), SLICE_LIT(""), SLICE_NULL);
	suggest_add(&s, SLICE_LIT(""), SLICE_LIT("/version"), SLICE_NULL);
	suggest_add(&s, SLICE_LIT("POST"), SLICE_LIT("/grpc"), SLICE_LIT("no such mark"));
	assert_int_equal(s.strange, 6);
	assert_int_equal(s.requests, 0);
	make(&a, &s, true, none, "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
