/* SPDX-License-Identifier: Apache-2.0 */
#include "http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/util.h"

static void test_canonical(void **state)
{
	/* What a client may write, and what the engine gets to see. */
	static const char *const cases[][2] = {
		{ "/_ping", "/_ping" },
		{ "/images/docker.io/library/alpine:3.19/json",
		  "/images/docker.io/library/alpine:3.19/json" },
		{ "/images/docker.io%2Flibrary%2falpine%3A3.19/json",
		  "/images/docker.io/library/alpine:3.19/json" },
		{ "/images/a@sha256:00/json", "/images/a@sha256:00/json" },
		{ "/%63ontainers/json", "/containers/json" },
		{ "/networks/b%C3%A4r%20x", "/networks/b%C3%A4r%20x" },
		{ "/networks/a%25b", "/networks/a%25b" },
		{ "/networks/", "/networks/" },
		{ "/a?b=c&d=e", "/a?b=c&d=e" },
		{ "/a?b", "/a?b=" },
		{ "/a?b=c=d", "/a?b=c%3Dd" },
		{ "/a?&&b=1&", "/a?b=1" },
		{ "/a?", "/a" },
		{ "/a?t=x+y&t=%2B", "/a?t=x%20y&t=%2B" },
		{ "/a?filters={\"label\":[\"a=b\"]}",
		  "/a?filters=%7B%22label%22:%5B%22a%3Db%22%5D%7D" },
		{ "/a?x=%00%0d%0a", "/a?x=%00%0D%0A" },
		{ "/a?p=../../b//c", "/a?p=../../b//c" },
		{ "/a?q=a%26b%3Bc%23d", "/a?q=a%26b%3Bc%23d" },
		{ "/a?q=?", "/a?q=%3F" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena a = ARENA_INIT(65536);
		struct buf b = BUF_INIT(4096);
		struct http_refusal why = { 0, "" };
		struct http_target t;

		if (http_target_parse(&a, slice_str(cases[i][0]), &t, &why) != HTTP_OK)
			fail_msg("%s: %s", cases[i][0], why.why);
		http_path_emit(t.path, &b);
		http_query_emit(&t, &b);
		assert_string_equal(b.p, cases[i][1]);
		buf_done(&b);
		arena_done(&a);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"/a%",	   "/a%2",	    "/a%zz",	   "/a%0",	 "/a%00b",  "/a%0ab",
		"/a%7f",   "//a",	    "/a//b",	   "/a/./b",	 "/a/../b", "/..",
		"/.",	   "/a/..",	    "/a/%2e%2e/b", "/a/%2e/b",	 "/%2fa",   "/a%2f%2fb",
		"/a%2f/b", "/a%2f..%2fb",   "/a?b;c",	   "/a?b=c;d=e", "/a?%",    "/a?b=%4",
		"/a?b=%",  "/a/%2e%2e?b=c", "/a/.%2e",	   "a",		 "",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena a = ARENA_INIT(65536);
		struct http_refusal why;
		struct http_target t;

		if (http_target_parse(&a, slice_str(cases[i]), &t, &why) != HTTP_REFUSED)
			fail_msg("%s was accepted", cases[i]);
		assert_int_equal(why.status, 400);
		arena_done(&a);
	}
}

static void test_params(void **state)
{
	struct arena a = ARENA_INIT(65536);
	struct http_refusal why;
	struct http_target t;
	size_t n;

	(void)state;
	assert_int_equal(http_target_parse(&a, SLICE_LIT("/a?x=1&y=2&x=3&force=1&no=False&e="), &t,
					   &why),
			 HTTP_OK);
	assert_true(slice_eq_str(*http_target_param(&t, "x", &n), "1"));
	assert_int_equal(n, 2);
	assert_null(http_target_param(&t, "X", &n));
	assert_int_equal(n, 0);
	assert_true(http_target_bool(&t, "force"));
	assert_false(http_target_bool(&t, "no"));
	assert_false(http_target_bool(&t, "e"));
	assert_false(http_target_bool(&t, "missing"));
	arena_done(&a);
}

static void test_limits(void **state)
{
	struct arena a = ARENA_INIT(1u << 20);
	struct buf b = BUF_INIT(65536);
	struct http_refusal why;
	struct http_target t;

	(void)state;
	buf_add_str(&b, "/a?");
	for (size_t i = 0; i <= HTTP_PARAMS_MAX; i++)
		buf_add_str(&b, "a&");
	assert_int_equal(http_target_parse(&a, buf_slice(&b), &t, &why), HTTP_REFUSED);
	arena_done(&a);
	a = ARENA_INIT(64);
	assert_int_equal(http_target_parse(&a, buf_slice(&b), &t, &why), HTTP_REFUSED);
	arena_done(&a);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
