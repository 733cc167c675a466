/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/json.h"

static void test_line_and_column(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		size_t line;
		size_t column;
	} cases[] = {
		{ "", 0, 1, 1 },       { "abc", 0, 1, 1 },	 { "abc", 2, 1, 3 },
		{ "a\nbc", 1, 1, 2 },  { "a\nbc", 2, 2, 1 },	 { "a\n\n\tbc", 4, 3, 2 },
		{ "a\r\nb", 3, 2, 1 }, { "\xc3\xa9x", 2, 1, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_place got = json_place(slice_str(cases[i].text), cases[i].at);

		if (got.line != cases[i].line || got.column != cases[i].column)
			fail_msg("%zu of %s: line %zu, column %zu", cases[i].at, cases[i].text,
				 got.line, got.column);
	}
}

static struct json *parse(struct arena *a, struct slice text)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v = NULL;

	if (json_parse(a, text, &limits, &v, NULL, NULL) < 0)
		fail_msg("%s", text.p);
	return v;
}

static void test_values(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct slice text = slice_str(" {\"a\" : [ true,\n-1, \"x\" ],\"b\":null,\"c\":{} }");
	struct json *v = parse(&a, text);

	(void)state;
	assert_int_equal(v->at, 1);
	assert_int_equal(json_get(v, "a")->at, 8);
	assert_int_equal(json_get(v, "a")->items[0]->at, 10);
	assert_int_equal(json_get(v, "a")->items[1]->at, 16);
	assert_int_equal(json_get(v, "a")->items[2]->at, 20);
	assert_int_equal(json_get(v, "b")->at, 30);
	assert_int_equal(json_get(v, "c")->at, 39);
	assert_int_equal(json_new_bool(&a, true)->at, 0);
	assert_int_equal(json_clone(&a, json_get(v, "b"))->at, 0);
}

/* Keys are found from their values, whatever is in them. */
static void test_keys(void **state)
{
	static const struct {
		const char *text;
		size_t want;
	} cases[] = {
		{ "{\"a\":1}", 1 },
		{ "{ \"a\" :\n 1 }", 2 },
		{ "{\"\":1}", 1 },
		{ "{\"\\\"\":1}", 1 },
		{ "{\"a\\\\\":1}", 1 },
		{ "{\"\\\\\\\"b\":1}", 1 },
		{ "{\"a:\":1}", 1 },
		{ "{\"x\":[\"y\"],\"a\":1}", 11 },
		{ "{\"x\":\"\\\\\",\"a\":1}", 10 },
	};
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice text = slice_str(cases[i].text);
		struct json *v = parse(&a, text);
		size_t got = json_key_at(text, v->members[v->n - 1].value);

		if (got != cases[i].want)
			fail_msg("%s: %zu", cases[i].text, got);
	}
}

static void test_no_member(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct slice text = slice_str("[1, {\"a\": [2, \"b\"]}]");
	struct json *v = parse(&a, text);
	struct json *list = json_get(v->items[1], "a");

	(void)state;
	assert_int_equal(json_key_at(text, v), 0);
	assert_int_equal(json_key_at(text, v->items[1]), v->items[1]->at);
	assert_int_equal(json_key_at(text, list->items[1]), list->items[1]->at);
	/* Of another text: no harm. */
	assert_int_equal(json_key_at(slice_str("x"), list->items[1]), list->items[1]->at);
	assert_int_equal(json_key_at(slice_str(""), list), list->at);
}

/* A failure's place apart from its text. */
static void test_failures(void **state)
{
	static const struct {
		const char *text;
		size_t line;
		size_t column;
	} cases[] = {
		{ "", 1, 1 },	  { "{\n  \"a\": tru\n}", 2, 11 }, { "[1,\n2,\n]", 3, 1 },
		{ "{} x", 1, 4 }, { "{\"a\":1\n\n,}", 3, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
		struct json_limits limits = JSON_LIMITS;
		struct json_place place = { 0 };
		struct err err = ERR_INIT;
		struct err same = ERR_INIT;
		char text[ERR_TEXT_MAX + 64];
		struct json *v;

		assert_int_equal(json_parse_place(&a, slice_str(cases[i].text), &limits, &v, &place,
						  &err),
				 -EINVAL);
		if (place.line != cases[i].line || place.column != cases[i].column)
			fail_msg("%s: line %zu, column %zu", cases[i].text, place.line,
				 place.column);
		assert_int_equal(json_parse(&a, slice_str(cases[i].text), &limits, &v, NULL, &same),
				 -EINVAL);
		(void)snprintf(text, sizeof(text), "line %zu, column %zu: %s", place.line,
			       place.column, err.text);
		assert_string_equal(text, same.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_and_column),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_member),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
