/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/registryauth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

#define CAP (4u << 20)
#define ENTRY(members) "{\"auths\":{\"r.example\":{" members "}}}"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena = ARENA_INIT(CAP);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_wipe(&arena);
	return 0;
}

static struct registryauth_list parse(const char *text)
{
	struct registryauth_list list = { 0 };
	struct err err = ERR_INIT;

	if (registryauth_parse(&arena, slice_str(text), "FILE", profile_default(), &list, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return list;
}

static void assert_slice(struct slice got, const char *want)
{
	if (!slice_eq_str(got, want))
		fail_msg("%.*s, not %s", SLICE_ARG(got), want);
}

static void test_forms(void **state)
{
	/* bWU6c2VjOnJldA== is me:sec:ret */
	struct registryauth_list l =
		parse("{\"credsStore\":\"x\",\"auths\":{"
		      "\"https://index.docker.io/v1/\":{\"auth\":\"bWU6c2VjOnJldA==\"},"
		      "\"r.example:5000\":{\"username\":\"a\",\"password\":\"b\",\"email\":\"\"},"
		      "\"http://other.example/v2/\":{\"identitytoken\":\"t\"},"
		      "\"[::1]:5000\":{\"registrytoken\":\"r\",\"auth\":\"\"}}}");

	(void)state;
	assert_int_equal(l.n, 4);
	assert_slice(l.items[0].host, "docker.io");
	assert_slice(l.items[0].username, "me");
	assert_slice(l.items[0].password, "sec:ret");
	assert_slice(l.items[1].host, "r.example:5000");
	assert_slice(l.items[1].username, "a");
	assert_slice(l.items[1].password, "b");
	assert_slice(l.items[2].host, "other.example");
	assert_slice(l.items[2].identity_token, "t");
	assert_slice(l.items[3].host, "[::1]:5000");
	assert_slice(l.items[3].registry_token, "r");
	assert_int_equal(parse("{\"auths\":{}}").n, 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{ "", "FILE: " },
		{ "[]", "must be an object with an object \"auths\"" },
		{ "{}", "must be an object with an object \"auths\"" },
		{ "{\"auths\":{\"\":{\"identitytoken\":\"x\"}}}", "names no registry" },
		{ "{\"auths\":{\"r.example\":\"swordfish\"}}", "must be an object" },
		{ ENTRY(""), "\"r.example\" has no credentials: it needs" },
		{ ENTRY("\"username\":\"swordfish\""), "has no credentials" },
		{ ENTRY("\"username\":\"u\",\"password\":7"), "\"password\" must be a string" },
		{ ENTRY("\"passwd\":\"swordfish\""), "unknown key \"passwd\"" },
		{ ENTRY("\"auth\":\"swordfish\""), "must be the base64 of NAME:PASSWORD" },
		/* a:\xff, and a:\0 */
		{ ENTRY("\"auth\":\"YTr/\""), "NAME:PASSWORD in UTF-8" },
		{ ENTRY("\"auth\":\"YToA\""), "NAME:PASSWORD in UTF-8" },
		{ ENTRY("\"auth\":\"c3dvcmRmaXNo\""), "must be the base64 of NAME:PASSWORD" },
		{ ENTRY("\"auth\":\"OnN3b3JkZmlzaA==\""), "must be the base64 of NAME:PASSWORD" },
		{ ENTRY("\"identitytoken\":\"a\\u0000swordfish\""), "FILE: " },
		{ "{\"auths\":{\"index.docker.io\":{\"identitytoken\":\"x\"},"
		  "\"docker.io\":{\"identitytoken\":\"swordfish\"}}}",
		  "docker.io has credentials already" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct registryauth_list l = { .n = 99 };
		struct err err = ERR_INIT;

		int r = registryauth_parse(&arena, slice_str(rows[i].text), "FILE",
					   profile_default(), &l, &err);

		assert_int_equal(r, err.code);
		assert_true(err.code < 0);
		assert_int_equal(l.n, 99);
		if (!strstr(err.text, rows[i].says) || strstr(err.text, "swordfish"))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

static void add_field(const struct registryauth *r, struct buf *b)
{
	assert_non_null(buf_reserve(b, REGISTRYAUTH_HEADER_MAX));
	registryauth_field(r, profile_default(), b);
	assert_true(buf_ok(b));
}

static void test_field(void **state)
{
	CLEANUP_BUF struct buf field = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	CLEANUP_BUF struct buf plain = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	struct registryauth_list l = parse(
		"{\"auths\":{\"docker.io\":{\"username\":\"\xc3\xa4?&>\",\"password\":\"p\"}}}");
	struct registryauth back;

	(void)state;
	add_field(&l.items[0], &field);
	assert_null(strpbrk(field.p, "+/"));
	assert_int_equal(base64_decode(buf_slice(&field), &plain), 0);
	assert_string_equal(plain.p, "{\"username\":\"\xc3\xa4?\\u0026\\u003e\",\"password\":\"p\","
				     "\"serveraddress\":\"https://index.docker.io/v1/\"}");
	assert_int_equal(registryauth_from_field(&arena, buf_slice(&field), &back), 0);
	assert_slice(back.username, "\xc3\xa4?&>");
	assert_slice(back.password, "p");
	assert_int_equal(back.host.n, 0);
}

static int from_json(const char *json)
{
	CLEANUP_BUF struct buf field = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	struct registryauth r;

	base64_encode(BASE64_URL, slice_str(json), &field);
	return registryauth_from_field(&arena, buf_slice(&field), &r);
}

static void test_field_of_clients(void **state)
{
	static const char *const none[] = { "{}",
					    "[]",
					    "",
					    "x",
					    "{\"username\":\"a\"}",
					    "{\"username\":\"a\",\"password\":\"b\",\"x\":\"\"}" };
	struct registryauth r;

	(void)state;
	assert_int_equal(from_json("{\"username\":\"a\",\"password\":\"b\",\"email\":\"\","
				   "\"serveraddress\":\"r\"}"),
			 0);
	assert_int_equal(from_json("{\"auth\":\"bWU6c2VjOnJldA==\"}"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (from_json(none[i]) != -EINVAL)
			fail_msg("%s was taken", none[i]);
	assert_int_equal(registryauth_from_field(&arena, SLICE_LIT("!"), &r), -EINVAL);
}

static void test_sizes(void **state)
{
	CLEANUP_BUF struct buf text = BUF_INIT(1u << 20);
	CLEANUP_BUF struct buf field = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	struct registryauth_list l;

	(void)state;
	buf_add_str(&text, "{\"auths\":{\"r\":{\"identitytoken\":\"");
	for (unsigned i = 0; i < REGISTRYAUTH_HEADER_MAX; i++)
		buf_add_char(&text, 'x');
	buf_add_str(&text, "\"}}}");
	l = parse(text.p);
	assert_non_null(buf_reserve(&field, REGISTRYAUTH_HEADER_MAX));
	registryauth_field(&l.items[0], profile_default(), &field);
	assert_false(buf_ok(&field)); /* as a field it is too long */
	buf_reset(&text);
	buf_add_str(&text, "{\"auths\":{\"r\":{\"identitytoken\":\"x\"}");
	for (unsigned i = 0; i < REGISTRYAUTH_HOSTS_MAX; i++)
		buf_printf(&text, ",\"r%u\":{\"identitytoken\":\"x\"}", i);
	buf_add_str(&text, "}}");
	assert_int_equal(registryauth_parse(&arena, buf_slice(&text), "FILE", profile_default(), &l,
					    NULL),
			 -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_field, setup, teardown),
		cmocka_unit_test_setup_teardown(test_field_of_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
