/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/json.h"
#include "json/plain.h"

#define CAP (1u << 20)

/* Text with NUL bytes in it. */
#define TEXT(s) SLICE_LIT(s)

static int parse(struct arena *a, struct slice text, struct json **ret, struct err *err)
{
	struct json_limits limits = JSON_LIMITS;

	*a = ARENA_INIT(CAP);
	return json_parse(a, text, &limits, ret, NULL, err);
}

static struct json *must_parse(struct arena *a, const char *text)
{
	struct err err = ERR_INIT;
	struct json *v = NULL;

	if (parse(a, slice_str(text), &v, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return v;
}

static void assert_emits(const struct json *v, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	json_emit(v, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

static void test_accepts(void **state)
{
	static const struct {
		struct slice text;
		const char *canonical;
	} cases[] = {
		{ TEXT("null"), "null" },
		{ TEXT(" \t\r\n true \n"), "true" },
		{ TEXT("false"), "false" },
		{ TEXT("0"), "0" },
		{ TEXT("-0"), "-0" },
		{ TEXT("9007199254740993"), "9007199254740993" },
		{ TEXT("123456789012345678901234567890"), "123456789012345678901234567890" },
		{ TEXT("-0.5e+10"), "-0.5e+10" },
		{ TEXT("1E-2"), "1E-2" },
		{ TEXT("1e999"), "1e999" },
		{ TEXT("[]"), "[]" },
		{ TEXT("{ }"), "{}" },
		{ TEXT("[ 1 , [ 2 ] ,\n{ \"a\" : 3 } ]"), "[1,[2],{\"a\":3}]" },
		{ TEXT("{\"a\":1,\"a\":2,\"\":3}"), "{\"a\":1,\"a\":2,\"\":3}" },
		{ TEXT("[1,2,3,4,5,6,7,8,9]"), "[1,2,3,4,5,6,7,8,9]" },
		{ TEXT("\"\""), "\"\"" },
		{ TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
		{ TEXT("\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\""),
		  "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ TEXT("\"\\u0000\\u001f\x7f\""), "\"\\u0000\\u001f\x7f\"" },
		{ TEXT("\"<>&\\u2028\\u2029\""), "\"\\u003c\\u003e\\u0026\\u2028\\u2029\"" },
		{ TEXT("\"\\ud800\""), "\"\xef\xbf\xbd\"" },
		{ TEXT("\"\\udc00x\""), "\"\xef\xbf\xbdx\"" },
		{ TEXT("\"\\ud800\\u0041\""), "\"\xef\xbf\xbd"
					      "A\"" },
		{ TEXT("\"\\ud800\\n\""), "\"\xef\xbf\xbd\\n\"" },
		{ TEXT("\"\\ud800\\ud800\\udc00\""), "\"\xef\xbf\xbd\xf0\x90\x80\x80\"" },
		{ TEXT("\"\\udbff\\udfff\""), "\"\xf4\x8f\xbf\xbf\"" },
		{ TEXT("\"a\xff\xfe"
		       "b\""),
		  "\"a\xef\xbf\xbd\xef\xbf\xbd"
		  "b\"" },
		{ TEXT("\"\xc0\xaf\""), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ TEXT("\"\xe0\x80\xaf\""), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ TEXT("\"\xed\xa0\x80\""), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ TEXT("\"\xf4\x90\x80\x80\""),
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ TEXT("\"\xe2\x82\""), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ TEXT("\"\xf4\x8f\xbf\xbf\xc2\x80\""), "\"\xf4\x8f\xbf\xbf\xc2\x80\"" },
		{ TEXT("{\"\xff\":\"\\ud800\"}"), "{\"\xef\xbf\xbd\":\"\xef\xbf\xbd\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a;
		struct err err = ERR_INIT;
		struct json *v;
		int r = parse(&a, cases[i].text, &v, &err);

		if (r < 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_emits(v, cases[i].canonical);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		struct slice text;
		const char *error;
	} cases[] = {
		{ TEXT(""), "line 1, column 1: the text ends where there should be a value" },
		{ TEXT(" \n "), "line 2, column 2: the text ends" },
		{ TEXT("nul"),
		  "line 1, column 4: the text ends where there should be the rest of null" },
		{ TEXT("nulL"), "line 1, column 4: 'L'" },
		{ TEXT("True"), "line 1, column 1: 'T'" },
		{ TEXT("truefalse"), "line 1, column 5: 'f' where there should be the end" },
		{ TEXT("01"), "line 1, column 2: '1' where there should be the end" },
		{ TEXT("-"), "a digit" },
		{ TEXT("+1"), "'+'" },
		{ TEXT(".5"), "'.'" },
		{ TEXT("1."), "a digit after the decimal point" },
		{ TEXT("1.e3"), "a digit after the decimal point" },
		{ TEXT("1e"), "a digit of the exponent" },
		{ TEXT("1e+"), "a digit of the exponent" },
		{ TEXT("0x10"), "'x'" },
		{ TEXT("NaN"), "'N'" },
		{ TEXT("[1,]"), "line 1, column 4: ']' where there should be a value" },
		{ TEXT("[,1]"), "','" },
		{ TEXT("[1 2]"), "'2' where there should be a comma or ]" },
		{ TEXT("[1"), "a comma or ]" },
		{ TEXT("[1}"), "'}' where there should be a comma or ]" },
		{ TEXT("{\"a\":1,}"), "'}' where there should be a key" },
		{ TEXT("{a:1}"), "'a' where there should be a key" },
		{ TEXT("{\"a\"}"), "'}' where there should be a colon" },
		{ TEXT("{\"a\":}"), "'}' where there should be a value" },
		{ TEXT("{\"a\":1]"), "a comma or }" },
		{ TEXT("{1:1}"), "a key" },
		{ TEXT("{\n  \"a\": 1,\n  b"), "line 3, column 3: 'b'" },
		{ TEXT("{}}"), "line 1, column 3: '}' where there should be the end" },
		{ TEXT("{}{}"), "the end of the text" },
		{ TEXT("\"abc"), "the closing quote" },
		{ TEXT("\"abc\\"), "after a backslash" },
		{ TEXT("\"\\x41\""), "'x' where there should be one of" },
		{ TEXT("\"\\'\""), "after a backslash" },
		{ TEXT("\"\\\0\""), "byte 0x00 where there should be one of" },
		{ TEXT("\"\\u12\""), "line 1, column 6: '\"' where there should be four" },
		{ TEXT("\"\\u12G4\""), "'G'" },
		{ TEXT("\"\\u12"), "the text ends where there should be four" },
		{ TEXT("\"\\U0041\""), "after a backslash" },
		{ TEXT("\"\\ud800\\u12\""), "four hexadecimal" },
		{ TEXT("\"a\nb\""), "byte 0x0a" },
		{ TEXT("\"a\0b\""), "byte 0x00" },
		{ TEXT("\"a\x1f\""), "byte 0x1f" },
		{ TEXT("'a'"), "'''" },
		{ TEXT("\xef\xbb\xbf{}"), "byte 0xef" },
		{ TEXT("{\0}"), "byte 0x00" },
		{ TEXT("\0"), "byte 0x00" },
		{ TEXT("1\0"), "byte 0x00" },
		{ TEXT("/* */ 1"), "'/'" },
		{ TEXT("[1] // x"), "'/'" },
		{ TEXT("\xa0"
		       "1"),
		  "byte 0xa0" },
		{ TEXT("\v1"), "byte 0x0b" },
		{ TEXT("\f1"), "byte 0x0c" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a;
		struct err err = ERR_INIT;
		struct json *v;
		int r = parse(&a, cases[i].text, &v, &err);

		if (r != -EINVAL || err.code != r || !strstr(err.text, cases[i].error))
			fail_msg("case %zu: wanted \"%s\", got %d \"%s\"", i, cases[i].error, r,
				 err.text);
	}
}

/* `depth` opening brackets, then as many closing ones. */
static void nest(struct buf *b, size_t depth, bool objects)
{
	for (size_t i = 0; i < depth; i++)
		buf_add_str(b, objects ? "{\"a\":" : "[");
	buf_add_str(b, "0");
	for (size_t i = 0; i < depth; i++)
		buf_add_str(b, objects ? "}" : "]");
}

static int parse_nested(size_t depth, bool objects, size_t limit, struct err *err)
{
	struct json_limits limits = { .depth = limit, .one_value = true };
	CLEANUP_ARENA struct arena a = ARENA_INIT(16 * CAP);
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct json *v;

	nest(&b, depth, objects);
	assert_true(buf_ok(&b));
	return json_parse(&a, buf_slice(&b), &limits, &v, NULL, err);
}

static void test_depth(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	for (int objects = 0; objects < 2; objects++) {
		assert_int_equal(parse_nested(64, objects, 64, NULL), 0);
		assert_int_equal(parse_nested(65, objects, 64, &err), -E2BIG);
		assert_non_null(strstr(err.text, "deeper than 64 levels"));
		assert_int_equal(parse_nested(10000, objects, SIZE_MAX, NULL), 0);
		assert_int_equal(parse_nested(10001, objects, SIZE_MAX, NULL), -E2BIG);
	}
	assert_int_equal(parse_nested(0, false, 0, NULL), 0);
	assert_int_equal(parse_nested(1, false, 0, NULL), -E2BIG);
}

static void test_limits(void **state)
{
	struct json_limits nul = { .depth = 9, .one_value = true, .no_nul = true };
	struct json_limits utf8 = { .depth = 9, .one_value = true, .valid_utf8 = true };
	static const char *const invalid[] = { "\"\xff\"", "{\"\xc3\":1}", "\"\\ud800\"",
					       "[\"\\udc00\\ud800\"]" };
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct err err = ERR_INIT;
	struct json *v;

	(void)state;
	assert_int_equal(json_parse(&a, TEXT("\"a\\u0000\""), &nul, &v, NULL, &err), -EINVAL);
	assert_string_equal(err.text,
			    "line 1, column 3: a NUL character in a string is not allowed");
	assert_int_equal(json_parse(&a, TEXT("{\"a\\u0000\":1}"), &nul, &v, NULL, NULL), -EINVAL);
	assert_int_equal(json_parse(&a, TEXT("\"\\ud800\""), &nul, &v, NULL, NULL), 0);
	assert_int_equal(json_parse(&a, TEXT("\"\\u0000\""), &utf8, &v, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_int_equal(json_parse(&a, slice_str(invalid[i]), &utf8, &v, NULL, &err),
				 -EINVAL);
	assert_non_null(strstr(err.text, "not valid UTF-8"));
	/* U+FFFD itself is no mistake. */
	assert_int_equal(json_parse(&a, TEXT("\"\\ufffd\xef\xbf\xbd\""), &utf8, &v, NULL, NULL), 0);
}

static void test_several_values(void **state)
{
	struct json_limits limits = { .depth = 9 };
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct slice text = TEXT(" {\"a\":1} [2]x");
	struct json *v;
	size_t used;

	(void)state;
	assert_int_equal(json_parse(&a, text, &limits, &v, &used, NULL), 0);
	assert_int_equal(used, 8);
	assert_emits(v, "{\"a\":1}");
	text = slice_from(text, used);
	assert_int_equal(json_parse(&a, text, &limits, &v, &used, NULL), 0);
	assert_int_equal(used, 4);
	assert_emits(v, "[2]");
	text = slice_from(text, used);
	assert_int_equal(json_parse(&a, text, &limits, &v, &used, NULL), -EINVAL);
}

/* Every cap below what the document needs gives -ENOMEM, whatever it cuts off. */
static void test_memory(void **state)
{
	static const char text[] = "{\"a\":[1,\"two\",{\"three\":null}],\"b\":true,\"c\":-1e5}";
	struct json_limits limits = JSON_LIMITS;
	struct json *v;
	size_t need;

	(void)state;
	{
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);

		assert_int_equal(json_parse(&a, slice_str(text), &limits, &v, NULL, NULL), 0);
		need = a.used;
	}
	for (size_t cap = 0; cap < need; cap++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(cap);
		struct err err = ERR_INIT;

		assert_int_equal(json_parse(&a, slice_str(text), &limits, &v, NULL, &err), -ENOMEM);
		assert_non_null(strstr(err.text, "more memory than is allowed"));
	}
}

static void test_strings_end_in_nul(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct json *v = must_parse(&a, "[\"a\\u0000b\",12345678901234567,\"\"]");

	(void)state;
	assert_int_equal(v->items[0]->text.n, 3);
	assert_memory_equal(v->items[0]->text.p, "a\0b", 4);
	assert_memory_equal(v->items[1]->text.p, "12345678901234567", 18);
	assert_int_equal(v->items[2]->text.n, 0);
	assert_memory_equal(v->items[2]->text.p, "", 1);
	assert_null(json_str(v->items[0]));
	assert_null(json_str(v->items[1]));
	assert_string_equal(json_str(v->items[2]), "");
}

static void test_emit_repairs_utf8(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);

	(void)state;
	assert_emits(json_new_slice(&a, TEXT("\xe2\x82"
					     "a\xff")),
		     "\"\xef\xbf\xbd\xef\xbf\xbd"
		     "a\xef\xbf\xbd\"");
	assert_emits(json_new_slice(&a, SLICE_NULL), "\"\"");
}

/* Any byte at any place of a word of eight, in what is read and in what is written. */
static void test_bytes_of_words(void **state)
{
	(void)state;
	for (size_t at = 0; at < 20; at++)
		for (int byte = 0; byte < 256; byte++)
			for (int above = 0; above < 256; above += above == '!' ? 1 : 17) {
				CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
				CLEANUP_BUF struct buf b = BUF_INIT(4096);
				struct json_limits limits = JSON_LIMITS;
				char text[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
				size_t n = sizeof(text) - 1, plain = 0;
				struct json *v;

				text[at] = (char)byte;
				text[at + 1] = (char)above;
				while (plain < n && json_is_plain(text[plain]))
					plain++;
				assert_int_equal(json_plain_run(text, n), plain);
				if (byte >= 0x80 || above >= 0x80)
					continue;
				json_emit(json_new_slice(&a, (struct slice){ text, n }), &b);
				assert_null(memchr(b.p, '<', b.n));
				assert_null(memchr(b.p, '&', b.n));
				assert_int_equal(
					json_parse(&a, buf_slice(&b), &limits, &v, NULL, NULL), 0);
				assert_true(slice_eq(v->text, (struct slice){ text, n }));
			}
}

static void test_emit_pretty(void **state)
{
	CLEANUP_ARENA struct arena a;
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	const struct json *v = must_parse(&a, "{\"a\":[1,{}],\"b\":[],\"c\":{\"d\":null}}");

	(void)state;
	json_emit_pretty(v, &b);
	assert_string_equal(b.p, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n"
				 "  \"c\": {\n    \"d\": null\n  }\n}\n");
}

static void test_emit_over_max(void **state)
{
	CLEANUP_ARENA struct arena a;
	CLEANUP_BUF struct buf b = BUF_INIT(10);
	const struct json *v = must_parse(&a, "[1,2,3,4,5]");

	(void)state;
	json_emit(v, &b);
	assert_false(buf_ok(&b));
}

static void test_get(void **state)
{
	CLEANUP_ARENA struct arena a;
	const struct json *v = must_parse(&a, "{\"s\":\"x\",\"b\":true,\"o\":{\"p\":{\"q\":7}},"
					      "\"d\":1,\"d\":2,\"l\":[1],\"n\":\"a\\u0000\"}");

	(void)state;
	assert_string_equal(json_get_str(v, "s"), "x");
	assert_null(json_get_str(v, "b"));
	assert_null(json_get_str(v, "n"));
	assert_null(json_get_str(v, "S"));
	assert_null(json_get(v, "missing"));
	assert_null(json_get(NULL, "s"));
	assert_null(json_get(json_get(v, "l"), "s"));
	assert_true(json_get_bool(v, "b", false));
	assert_true(json_get_bool(v, "s", true));
	assert_false(json_get_bool(v, "missing", false));
	assert_emits(json_get(v, "d"), "2");
	assert_emits(json_at(v, "o.p.q"), "7");
	assert_emits(json_at(v, "o.p"), "{\"q\":7}");
	assert_null(json_at(v, "o.x.q"));
	assert_null(json_at(v, "s.p"));
	assert_null(json_at(v, "o.p.q.r"));
	assert_null(json_at(NULL, "o"));
	assert_true(json_is(json_get(v, "l"), JSON_ARRAY));
	assert_false(json_is(NULL, JSON_NULL));
}

static void test_get_numbers(void **state)
{
	CLEANUP_ARENA struct arena a;
	const struct json *v =
		must_parse(&a,
			   "{\"max\":18446744073709551615,\"over\":18446744073709551616,\"neg\":-1,"
			   "\"min\":-9223372036854775808,\"under\":-9223372036854775809,"
			   "\"imax\":9223372036854775807,\"iover\":9223372036854775808,"
			   "\"frac\":1.0,\"exp\":1e3,\"str\":\"1\",\"null\":null,\"mzero\":-0}");
	uint64_t u = 42;
	int64_t i = 42;

	(void)state;
	assert_int_equal(json_get_u64(v, "max", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_get_i64(v, "min", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(json_get_i64(v, "imax", &i), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(json_get_i64(v, "neg", &i), 0);
	assert_int_equal(i, -1);
	assert_int_equal(json_get_i64(v, "mzero", &i), 0);
	assert_int_equal(i, 0);
	u = 42;
	i = 42;
	assert_int_equal(json_get_u64(v, "over", &u), -EINVAL);
	assert_int_equal(json_get_u64(v, "neg", &u), -EINVAL);
	assert_int_equal(json_get_u64(v, "mzero", &u), -EINVAL);
	assert_int_equal(json_get_u64(v, "frac", &u), -EINVAL);
	assert_int_equal(json_get_u64(v, "exp", &u), -EINVAL);
	assert_int_equal(json_get_u64(v, "str", &u), -EINVAL);
	assert_int_equal(json_get_u64(v, "null", &u), 1);
	assert_int_equal(json_get_u64(v, "missing", &u), 1);
	assert_int_equal(json_get_i64(v, "under", &i), -EINVAL);
	assert_int_equal(json_get_i64(v, "iover", &i), -EINVAL);
	assert_int_equal(json_get_i64(v, "frac", &i), -EINVAL);
	assert_int_equal(json_get_i64(v, "missing", &i), 1);
	assert_int_equal(u, 42);
	assert_int_equal(i, 42);
}

static void test_new(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct json *v = json_new(&a, JSON_ARRAY);

	(void)state;
	assert_int_equal(json_append(&a, v, json_new(&a, JSON_NULL)), 0);
	assert_int_equal(json_append(&a, v, json_new_bool(&a, true)), 0);
	assert_int_equal(json_append(&a, v, json_new_int(&a, INT64_MIN)), 0);
	assert_int_equal(json_append(&a, v, json_new_uint(&a, UINT64_MAX)), 0);
	assert_int_equal(json_append(&a, v, json_new_str(&a, "\n")), 0);
	assert_int_equal(json_append(&a, v, json_new(&a, JSON_OBJECT)), 0);
	assert_emits(v, "[null,true,-9223372036854775808,18446744073709551615,\"\\n\",{}]");
}

static void test_set_and_del(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct json *v = must_parse(&a, "{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5}");

	(void)state;
	assert_int_equal(json_set(&a, v, "a", json_new_str(&a, "x")), 0);
	assert_emits(v, "{\"a\":\"x\",\"b\":2,\"c\":4}");
	assert_int_equal(json_set(&a, v, "d", json_new(&a, JSON_NULL)), 0);
	assert_int_equal(json_put(&a, v, TEXT("e\0f"), json_new_int(&a, 6)), 0);
	assert_int_equal(json_put(&a, v, TEXT("e\0f"), json_new_int(&a, 7)), 0);
	assert_emits(v, "{\"a\":\"x\",\"b\":2,\"c\":4,\"d\":null,\"e\\u0000f\":7}");
	assert_null(json_get(v, "e"));
	assert_true(json_del(v, "b"));
	assert_false(json_del(v, "b"));
	assert_false(json_del(v, "e"));
	assert_int_equal(json_add(&a, v, TEXT("a"), json_new_int(&a, 8)), 0);
	assert_true(json_del(v, "a"));
	assert_emits(v, "{\"c\":4,\"d\":null,\"e\\u0000f\":7}");
	assert_int_equal(json_set(&a, v, "x", NULL), -ENOMEM);
	assert_int_equal(json_put(&a, v, TEXT("x"), NULL), -ENOMEM);
	assert_int_equal(json_add(&a, v, TEXT("x"), NULL), -ENOMEM);
	assert_int_equal(json_set(&a, json_get(v, "c"), "x", v), -EINVAL);
	assert_int_equal(json_set(&a, NULL, "x", v), -EINVAL);
	assert_false(json_del(json_get(v, "c"), "x"));
	assert_emits(v, "{\"c\":4,\"d\":null,\"e\\u0000f\":7}");
}

static void test_key_is_copied(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct json *v = json_new(&a, JSON_OBJECT);
	char key[] = "key";

	(void)state;
	assert_int_equal(json_set(&a, v, key, json_new_int(&a, 1)), 0);
	key[0] = 'X';
	assert_emits(v, "{\"key\":1}");
}

static void test_arrays(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct json *v = must_parse(&a, "[1,2,3,4]");

	(void)state;
	assert_int_equal(json_insert(&a, v, 0, json_new_int(&a, 0)), 0);
	assert_int_equal(json_insert(&a, v, 5, json_new_int(&a, 5)), 0);
	assert_int_equal(json_insert(&a, v, 3, json_new_str(&a, "mid")), 0);
	assert_emits(v, "[0,1,2,\"mid\",3,4,5]");
	assert_int_equal(json_insert(&a, v, 8, json_new_int(&a, 9)), -EINVAL);
	assert_int_equal(json_insert(&a, v, 0, NULL), -ENOMEM);
	assert_int_equal(json_append(&a, v, NULL), -ENOMEM);
	assert_int_equal(json_append(&a, v->items[0], v), -EINVAL);
	assert_int_equal(json_append(&a, NULL, v), -EINVAL);
	json_remove(v, 6);
	json_remove(v, 0);
	json_remove(v, 5);
	json_remove(v->items[0], 0);
	assert_emits(v, "[1,2,\"mid\",3,4]");
}

static void test_need(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct json *v = must_parse(&a, "{\"a\":null,\"b\":[1],\"c\":2}");

	(void)state;
	assert_non_null(json_need(&a, v, "a", JSON_OBJECT));
	assert_ptr_equal(json_need(&a, v, "b", JSON_ARRAY), json_get(v, "b"));
	assert_null(json_need(&a, v, "c", JSON_ARRAY));
	assert_non_null(json_need(&a, v, "d", JSON_ARRAY));
	assert_null(json_need(&a, NULL, "d", JSON_ARRAY));
	assert_emits(v, "{\"a\":{},\"b\":[1],\"c\":2,\"d\":[]}");
}

static void test_clone(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\",{\"y\":false}],\"b\":null,\"a\":{}}";
	CLEANUP_ARENA struct arena b = ARENA_INIT(CAP);
	struct json *v, *copy;
	size_t need;

	(void)state;
	{
		CLEANUP_ARENA struct arena a;

		v = must_parse(&a, text);
		copy = json_clone(&b, v);
		assert_int_equal(json_set(&a, v, "b", json_new_int(&a, 1)), 0);
		need = b.used;
		for (size_t cap = 0; cap < need; cap++) {
			CLEANUP_ARENA struct arena small = ARENA_INIT(cap);

			assert_null(json_clone(&small, copy));
		}
	}
	/* The first arena is gone now. */
	assert_emits(copy, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_several_values),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_strings_end_in_nul),
		cmocka_unit_test(test_emit_repairs_utf8),
		cmocka_unit_test(test_bytes_of_words),
		cmocka_unit_test(test_emit_pretty),
		cmocka_unit_test(test_emit_over_max),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_get_numbers),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_set_and_del),
		cmocka_unit_test(test_key_is_copied),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_need),
		cmocka_unit_test(test_clone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
