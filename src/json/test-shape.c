/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/fold.h"
#include "json/shape.h"
#include "json/test-mini.h"

#define CAP (1u << 20)
#define H(body) "{\"HostConfig\":{" body "}}"
#define TWICE(one, two) "{\"HostConfig\":{" one "},\"HostConfig\":{" two "}}"

static const struct shape_options merge = { .unknown = SHAPE_UNKNOWN_DROP,
					    .merge_duplicates = true };
static const struct shape_options strict = { .unknown = SHAPE_UNKNOWN_REFUSE };
static const struct shape_options keep = { .unknown = SHAPE_UNKNOWN_KEEP };

static int canon(struct arena *a, const char *text, const struct shape *shape,
		 const struct shape_options *options, struct json **ret, struct err *err)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;

	*a = ARENA_INIT(CAP);
	if (json_parse(a, slice_str(text), &limits, &doc, NULL, err) < 0)
		fail_msg("%s: %s", text, err->text);
	return json_canon(a, doc, shape, options, ret, err);
}

static void assert_canon(const char *text, const struct shape *shape,
			 const struct shape_options *options, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	CLEANUP_ARENA struct arena a;
	struct err err = ERR_INIT;
	struct json *v;

	if (canon(&a, text, shape, options, &v, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	json_emit(v, &b);
	if (!buf_ok(&b) || strcmp(b.p, want) != 0)
		fail_msg("%s\nwanted %s\ngot    %s", text, want, b.p);
}

static void assert_refused(const char *text, const struct shape *shape,
			   const struct shape_options *options, const char *error)
{
	CLEANUP_ARENA struct arena a;
	struct err err = ERR_INIT;
	struct json *v = NULL;
	int r = canon(&a, text, shape, options, &v, &err);

	if (r != -EINVAL || v || strcmp(err.text, error) != 0)
		fail_msg("%s\nwanted %s\ngot    %d %s", text, error, r, err.text);
}

static void test_fold_match(void **state)
{
	static const struct {
		const char *name;
		const char *key;
		bool match;
	} cases[] = {
		{ "HostConfig", "HostConfig", true },
		{ "HostConfig", "hostconfig", true },
		{ "HostConfig", "HOSTCONFIG", true },
		{ "HostConfig", "Ho\xc5\xbftConfig", true },	   /* U+017F */
		{ "NetworkMode", "networ\xe2\x84\xaaMode", true }, /* U+212A */
		{ "NetworkMode", "networ\xe2\x84\xabMode", false },
		{ "HostConfig", "HostConfig ", false },
		{ "HostConfig", "HostConfi", false },
		{ "HostConfig", "", false },
		{ "", "", true },
		{ "HostConfig", "Ho\xef\xbd\x93tConfig", false }, /* full-width s */
		{ "Binds", "B\xc4\xb1nds", false },		  /* dotless i */
		{ "Binds", "B\xc4\xb0nds", false },		  /* I with dot */
		{ "Dns_Search-1", "dns_search-1", true },
		{ "Dns_Search-1", "dns\x7fsearch-1", false },
		{ "Dns_Search-1", "dns_search\r1", false }, /* '-' and '\r' differ in 0x20 */
		{ "a@b", "a`b", false },
		{ "a[b", "a{b", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
		struct slice one = fold_key(&a, slice_str(cases[i].name));
		struct slice two = fold_key(&a, slice_str(cases[i].key));

		if (fold_match(cases[i].name, slice_str(cases[i].key)) != cases[i].match ||
		    slice_eq(one, two) != cases[i].match)
			fail_msg("%s, %s", cases[i].name, cases[i].key);
	}
}

static void test_fold_key_keeps_others(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);

	(void)state;
	assert_true(slice_eq_str(fold_key(&a, SLICE_LIT("\xc3\x84X\xc5\xbf\xe2\x84\xaa\xff")),
				 "\xc3\x84xsk\xff"));
	assert_true(slice_eq(fold_key(&a, SLICE_LIT("A\0B")), SLICE_LIT("a\0b")));
}

/* All different; two equal; and keys that somebody made for one place, which are not told apart
 * quickly. */
static void test_differ(void **state)
{
	enum { N = 5000, HARD = 128, WORDS = 14 };
	CLEANUP_ARENA struct arena a = ARENA_INIT(4 * CAP);
	struct fold_ref *refs = arena_array(&a, N, sizeof(*refs));
	uint64_t(*words)[WORDS] = arena_array(&a, HARD, sizeof(*words));

	(void)state;
	for (size_t i = 0; i < N; i++)
		refs[i].key = slice_str(arena_printf(&a, "org.example.label-%zu", i));
	assert_true(fold_differ(&a, refs, N));
	refs[17].key = refs[N - 1].key;
	assert_false(fold_differ(&a, refs, N));
	for (size_t i = 0; i < HARD; i++) {
		for (size_t k = 0; k < WORDS; k += 2)
			if (i >> k / 2 & 1) {
				words[i][k] = UINT64_C(1) << 63;
				words[i][k + 1] = UINT64_C(1) << 63 | UINT64_C(1) << 31;
			}
		refs[i].key = (struct slice){ (const char *)words[i], sizeof(words[i]) };
	}
	assert_false(fold_differ(&a, refs, HARD));
	assert_true(fold_differ(&a, refs, 32));
	assert_true(fold_differ(&a, refs, 1));
	assert_true(fold_differ(&a, refs, 0));
}

static void test_find_prefers_exact(void **state)
{
	static const struct shape_member members[] = {
		{ "foo", &shape_int },
		{ "Foo", &shape_string },
		{ "FOO", &shape_bool },
	};
	static const struct shape shape = SHAPE_STRUCT_OF(members);

	(void)state;
	assert_ptr_equal(shape_find(&shape, SLICE_LIT("Foo")), &members[1]);
	assert_ptr_equal(shape_find(&shape, SLICE_LIT("FOO")), &members[2]);
	assert_ptr_equal(shape_find(&shape, SLICE_LIT("fOO")), &members[0]);
	assert_null(shape_find(&shape, SLICE_LIT("bar")));
	assert_null(shape_find(&shape, SLICE_LIT("foo\0")));
}

/* Each in one document, as Go decodes it (measured, tests/differential). */
static void test_merges_as_go(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "{}", "{}" },
		{ "null", "{}" },
		{ "{\"image\":\"a\",\"IMAGE\":\"b\"}", "{\"Image\":\"b\"}" },
		{ "{\"HostConfig\":{\"Privileged\":false},\"hostconfig\":{\"privileged\":true}}",
		  H("\"Privileged\":true") },
		{ TWICE("\"Privileged\":true,\"Binds\":[\"/:/h\"]", "\"Memory\":1"),
		  H("\"Privileged\":true,\"Binds\":[\"/:/h\"],\"Memory\":1") },
		{ "{\"HostConfig\":{\"Memory\":1},\"HostConfig\":null}", "{}" },
		{ "{\"HostConfig\":null,\"HostConfig\":{\"Memory\":1}}", H("\"Memory\":1") },
		{ "{\"Image\":\"a\",\"Image\":null}", "{\"Image\":\"a\"}" },
		{ "{\"Image\":null}", "{}" },
		{ TWICE("\"PidsLimit\":1", "\"PidsLimit\":null"), H("") },
		{ TWICE("\"PidsLimit\":1", "\"PidsLimit\":2"), H("\"PidsLimit\":2") },
		/* maps: merged, but each value from nothing */
		{ "{\"Labels\":{\"a\":\"1\",\"A\":\"2\"},\"Labels\":{\"a\":\"3\",\"b\":null}}",
		  "{\"Labels\":{\"a\":\"3\",\"A\":\"2\",\"b\":\"\"}}" },
		{ "{\"Labels\":{\"a\":\"1\"},\"Labels\":{\"a\":null}}",
		  "{\"Labels\":{\"a\":\"\"}}" },
		{ "{\"Labels\":{\"a\":\"1\"},\"Labels\":null}", "{}" },
		{ H("\"ByName\":{\"x\":{\"Type\":\"t\"},\"x\":{\"Source\":\"s\"}}"),
		  H("\"ByName\":{\"x\":{\"Source\":\"s\"}}") },
		{ H("\"ByName\":{\"x\":null},\"ByNamePtr\":{\"x\":null}"),
		  H("\"ByName\":{\"x\":{}},\"ByNamePtr\":{\"x\":null}") },
		/* lists: old elements are decoded over */
		{ H("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/\",\"Target\":\"/a\"}],"
		    "\"Mounts\":[{\"Target\":\"/b\"}]"),
		  H("\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/\",\"Target\":\"/b\"}]") },
		{ H("\"Binds\":[\"a\",\"b\"],\"Binds\":[null,\"c\",null]"),
		  H("\"Binds\":[\"a\",\"c\",\"\"]") },
		{ H("\"Binds\":[\"a\",\"b\"],\"Binds\":[\"c\"]"), H("\"Binds\":[\"c\"]") },
		{ H("\"Binds\":[\"a\",\"b\"],\"Binds\":[]"), H("\"Binds\":[]") },
		{ H("\"Binds\":[\"a\",\"b\"],\"Binds\":[\"c\"],\"Binds\":[null,null]"),
		  H("\"Binds\":[\"c\",\"b\"]") },
		{ H("\"Binds\":[\"a\",\"b\"],\"Binds\":[],\"Binds\":[null,null]"),
		  H("\"Binds\":[\"\",\"\"]") },
		{ H("\"Binds\":[\"a\",\"b\"],\"Binds\":null,\"Binds\":[null,null]"),
		  H("\"Binds\":[\"\",\"\"]") },
		{ H("\"Binds\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"],\"Binds\":[\"x\"],"
		    "\"Binds\":[null,null,null,null,null,null,null]"),
		  H("\"Binds\":[\"x\",\"b\",\"c\",\"d\",\"e\",\"f\",\"\"]") },
		{ H("\"Devices\":[{\"Type\":\"a\"}],\"Devices\":[null],"
		    "\"Devices\":[{\"Source\":\"b\"}]"),
		  H("\"Devices\":[{\"Source\":\"b\"}]") },
		{ H("\"Devices\":[{\"Type\":\"a\"}],\"Devices\":[{\"Source\":\"b\"}]"),
		  H("\"Devices\":[{\"Type\":\"a\",\"Source\":\"b\"}]") },
		/* pointers to structs inside elements live on, too */
		{ H("\"Mounts\":[{\"Bind\":{\"Sizes\":[1]},\"BindOptions\":{\"Sizes\":[2]}}],"
		    "\"Mounts\":[{\"Bind\":null,\"BindOptions\":null}]"),
		  H("\"Mounts\":[{\"Bind\":{\"Sizes\":[1]}}]") },
		/* interface{}: the last one, whole */
		{ H("\"Extra\":{\"a\":{\"b\":1},\"a\":{\"c\":2}},\"Extra\":{\"d\":3}"),
		  H("\"Extra\":{\"d\":3}") },
		{ H("\"Extra\":{\"a\":{\"b\":1},\"A\":0,\"a\":{\"c\":null}}"),
		  H("\"Extra\":{\"a\":{\"c\":null},\"A\":0}") },
		{ H("\"Extra\":1,\"Extra\":null"), H("") },
		{ H("\"Extras\":[{\"a\":1},2],\"Extras\":[{\"b\":1},null]"),
		  H("\"Extras\":[{\"b\":1},null]") },
		/* the engine's string-or-list */
		{ "{\"Cmd\":\"ls\"}", "{\"Cmd\":[\"ls\"]}" },
		{ "{\"Cmd\":[\"a\",null]}", "{\"Cmd\":[\"a\",\"\"]}" },
		{ "{\"Cmd\":[\"a\",\"b\"],\"Cmd\":[null,null]}", "{\"Cmd\":[\"\",\"\"]}" },
		{ "{\"Cmd\":[\"a\"],\"Cmd\":null}", "{}" },
		{ "{\"Cmd\":[]}", "{\"Cmd\":[]}" },
		/* zero values that were written stay written */
		{ H("\"Memory\":0,\"Binds\":[],\"Annotations\":{},\"Init\":false"),
		  H("\"Memory\":0,\"Binds\":[],\"Annotations\":{},\"Init\":false") },
		{ H("\"Flags\":[null],\"Counts\":{\"a\":null},\"Matrix\":[null,[null]]"),
		  H("\"Flags\":[false],\"Counts\":{\"a\":0},\"Matrix\":[null,[\"\"]]") },
		{ "{\"Unknown\":{\"a\":1,\"a\":2},\"Image\":\"x\"}", "{\"Image\":\"x\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_canon(cases[i].text, &mini_shape, &merge, cases[i].want);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *number;
		const struct shape *shape;
		bool fits;
	} cases[] = {
		{ "127", &mini_int8, true },
		{ "128", &mini_int8, false },
		{ "-128", &mini_int8, true },
		{ "-129", &mini_int8, false },
		{ "65535", &mini_uint16, true },
		{ "65536", &mini_uint16, false },
		{ "-1", &mini_uint16, false },
		{ "-0", &mini_uint16, false },
		{ "-0", &shape_int, true },
		{ "2147483647", &shape_int32, true },
		{ "2147483648", &shape_int32, false },
		{ "-2147483648", &shape_int32, true },
		{ "4294967295", &shape_uint32, true },
		{ "4294967296", &shape_uint32, false },
		{ "9223372036854775807", &shape_int, true },
		{ "9223372036854775808", &shape_int, false },
		{ "-9223372036854775808", &shape_int, true },
		{ "-9223372036854775809", &shape_int, false },
		{ "18446744073709551615", &shape_uint, true },
		{ "18446744073709551616", &shape_uint, false },
		{ "1.0", &shape_int, false },
		{ "1e2", &shape_int, false },
		{ "1e2", &shape_uint, false },
		{ "1e308", &shape_float, true },
		{ "1e309", &shape_float, false },
		{ "-1e309", &shape_float, false },
		{ "1e-400", &shape_float, true },
		{ "3.4e38", &mini_float32, true },
		{ "3.5e38", &mini_float32, false },
		{ "1e999", &shape_any, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a;
		struct err err = ERR_INIT;
		struct json *v;
		int r = canon(&a, cases[i].number, cases[i].shape, &strict, &v, &err);

		if (r != (cases[i].fits ? 0 : -EINVAL))
			fail_msg("%s: %d %s", cases[i].number, r, err.text);
		if (r == 0)
			assert_true(slice_eq_str(v->text, cases[i].number));
	}
}

static void test_wrong_kinds(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "[]", "a list where there should be an object" },
		{ "{\"Image\":1}", "Image: a number where there should be a string" },
		{ "{\"image\":{}}", "Image: an object where there should be a string" },
		{ "{\"Tty\":\"true\"}", "Tty: a string where there should be true or false" },
		{ "{\"Env\":\"A=B\"}", "Env: a string where there should be a list" },
		{ "{\"Env\":{}}", "Env: an object where there should be a list" },
		{ "{\"Env\":[\"A\",[]]}", "Env[1]: a list where there should be a string" },
		{ "{\"Labels\":[]}", "Labels: a list where there should be an object" },
		{ "{\"Labels\":{\"a.b c\":true}}",
		  "Labels[\"a.b c\"]: a boolean where there should be a string" },
		{ "{\"Labels\":{\"\":1}}",
		  "Labels[\"\"]: a number where there should be a string" },
		{ "{\"Labels\":{\"a\\nb\":1}}",
		  "Labels[\"a\\nb\"]: a number where there should be a string" },
		{ "{\"Cmd\":1}", "Cmd: a number where there should be a list" },
		{ "{\"Cmd\":[1]}", "Cmd[0]: a number where there should be a string" },
		{ H("\"Memory\":\"1\""),
		  "HostConfig.Memory: a string where there should be a number" },
		{ H("\"Memory\":1.5"), "HostConfig.Memory: 1.5 is not a whole number of 64 bits" },
		{ H("\"BlkioWeight\":-1"),
		  "HostConfig.BlkioWeight: -1 is not a whole number from 0 up of 16 bits" },
		{ H("\"Ratio\":1e400"), "HostConfig.Ratio: 1e400 is not a number of 64 bits" },
		{ H("\"Mounts\":[{},{\"bind\":{\"Sizes\":[1,true]}}]"),
		  "HostConfig.Mounts[1].Bind.Sizes[1]: a boolean where there should be a number" },
		{ H("\"Matrix\":[[],[\"a\",0]]"),
		  "HostConfig.Matrix[1][1]: a number where there should be a string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_refused(cases[i].text, &mini_shape, &strict, cases[i].error);
		assert_refused(cases[i].text, &mini_shape, &merge, cases[i].error);
	}
}

static void test_duplicates_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "{\"Image\":\"a\",\"Image\":\"a\"}",
		  "Image: given twice, the other time as \"Image\"" },
		{ "{\"Image\":\"a\",\"iMAGE\":\"a\"}",
		  "iMAGE: given twice, the other time as \"Image\"" },
		{ "{\"as\\u212a\":\"a\",\"ASK\":\"a\"}",
		  "ASK: given twice, the other time as \"as\xe2\x84\xaa\"" },
		{ "{\"Image\":null,\"Image\":\"a\"}",
		  "Image: given twice, the other time as \"Image\"" },
		{ "{\"Labels\":{\"a\":\"1\",\"b\":\"1\",\"a\":\"1\"}}",
		  "Labels.a: given twice, the other time as \"a\"" },
		{ H("\"Mounts\":[{\"type\":\"a\",\"Type\":\"b\"}]"),
		  "HostConfig.Mounts[0].Type: given twice, the other time as \"type\"" },
		{ H("\"Extra\":[{\"x\":{\"y\":1,\"y\":1}}]"),
		  "HostConfig.Extra[0].x.y: given twice, the other time as \"y\"" },
		{ "{\"New\":1,\"nEW\":2}", "nEW: given twice, the other time as \"New\"" },
		{ "{\"New\":{\"a\":1,\"a\":2}}", "New.a: given twice, the other time as \"a\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].text, &mini_shape, &keep, cases[i].error);
}

/* What is not a duplicate: keys of maps and of what nobody knows that differ in case. */
static void test_distinct_keys(void **state)
{
	assert_canon("{\"Labels\":{\"a\":\"1\",\"A\":\"2\"},\"New\":{\"a\":1,\"A\":2}}",
		     &mini_shape, &keep,
		     "{\"Labels\":{\"a\":\"1\",\"A\":\"2\"},\"New\":{\"a\":1,\"A\":2}}");
	(void)state;
}

static void record_drop(void *ctx, const char *path)
{
	struct buf *b = ctx;

	buf_printf(b, "%s;", path);
}

static void test_unknown_keys(void **state)
{
	static const char text[] = "{\"new\":[1,null,{\"x\":null}],\"imagE\":\"a\",\"nil\":null,"
				   "\"HostConfig\":{\"odd key\":1,\"Mounts\":[{\"Typ\":\"x\"}]}}";
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct shape_options drop = { .unknown = SHAPE_UNKNOWN_DROP,
				      .on_drop = record_drop,
				      .ctx = &b };

	(void)state;
	assert_refused(text, &mini_shape, &strict, "new: unknown key");
	assert_refused(H("\"Mounts\":[{\"Typ\":1}]"), &mini_shape, &strict,
		       "HostConfig.Mounts[0].Typ: unknown key");
	assert_canon(text, &mini_shape, &drop,
		     "{\"Image\":\"a\",\"HostConfig\":{\"Mounts\":[{}]}}");
	assert_string_equal(b.p, "new;nil;HostConfig[\"odd key\"];HostConfig.Mounts[0].Typ;");
	drop.on_drop = NULL;
	assert_canon(text, &mini_shape, &drop,
		     "{\"Image\":\"a\",\"HostConfig\":{\"Mounts\":[{}]}}");
	assert_canon(text, &mini_shape, &keep,
		     "{\"new\":[1,null,{\"x\":null}],\"Image\":\"a\",\"nil\":null,"
		     "\"HostConfig\":{\"odd key\":1,\"Mounts\":[{\"Typ\":\"x\"}]}}");
}

static void test_path_is_cut(void **state)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CAP);
	CLEANUP_ARENA struct arena a;
	struct err err = ERR_INIT;
	struct json *v;

	(void)state;
	buf_add_str(&text, "{\"Labels\":{\"");
	for (int i = 0; i < 2000; i++)
		buf_add_char(&text, 'x');
	buf_add_str(&text, "\":1}}");
	assert_int_equal(canon(&a, text.p, &mini_shape, &strict, &v, &err), -EINVAL);
	assert_string_equal(err.text, "Labels....: a number where there should be a string");
}

static void test_many_keys(void **state)
{
	CLEANUP_BUF struct buf text = BUF_INIT(8 * CAP);
	CLEANUP_ARENA struct arena a = ARENA_INIT(64 * CAP);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc, *v;

	/* Takes minutes if anything in it is quadratic. */
	(void)state;
	buf_add_str(&text, "{\"Labels\":{");
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "%s\"%d\":\"\"", i ? "," : "", i);
	buf_add_str(&text, "}}");
	assert_int_equal(json_parse(&a, buf_slice(&text), &limits, &doc, NULL, NULL), 0);
	assert_int_equal(json_canon(&a, doc, &mini_shape, &strict, &v, NULL), 0);
	assert_int_equal(json_get(v, "Labels")->n, 100000);
}

static void test_memory(void **state)
{
	static const char text[] = "{\"Cmd\":\"x\",\"new\":[1],\"Labels\":{\"a\":null},"
				   "\"HostConfig\":{\"Mounts\":[null,{\"Type\":\"t\"}]}}";
	struct json_limits limits = JSON_LIMITS;
	CLEANUP_ARENA struct arena source = ARENA_INIT(CAP);
	struct json *doc, *v;
	size_t need;

	(void)state;
	assert_int_equal(json_parse(&source, slice_str(text), &limits, &doc, NULL, NULL), 0);
	{
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);

		assert_int_equal(json_canon(&a, doc, &mini_shape, &keep, &v, NULL), 0);
		need = a.used;
	}
	for (size_t cap = 0; cap < need; cap++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(cap);
		struct err err = ERR_INIT;

		assert_int_equal(json_canon(&a, doc, &mini_shape, &keep, &v, &err), -ENOMEM);
		assert_non_null(strstr(err.text, "more memory than is allowed"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold_match),    cmocka_unit_test(test_fold_key_keeps_others),
		cmocka_unit_test(test_differ),	      cmocka_unit_test(test_find_prefers_exact),
		cmocka_unit_test(test_merges_as_go),  cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_wrong_kinds),   cmocka_unit_test(test_duplicates_refused),
		cmocka_unit_test(test_distinct_keys), cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_path_is_cut),   cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
