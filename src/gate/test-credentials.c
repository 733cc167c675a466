/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct credentials c;

static int setup(void **state)
{
	(void)state;
	c = (struct credentials){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	credentials_done(&c);
	assert_int_equal(c.n, 0);
	return 0;
}

static struct registryauth of(const char *host, const char *token)
{
	return (struct registryauth){ .host = slice_str(host), .identity_token = slice_str(token) };
}

static bool learn(const char *host, const char *token)
{
	struct registryauth r = of(host, token);

	return credentials_learn(&c, &r, profile_default());
}

static void assert_asks_with(const char *host, const char *token)
{
	CLEANUP_BUF struct buf want = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	const struct credential *got = credentials_find(&c, slice_str(host));
	struct registryauth r = of(host, token);

	assert_non_null(got);
	registryauth_field(&r, profile_default(), &want);
	assert_string_equal(got->field.p, want.p);
}

static void test_the_newest(void **state)
{
	(void)state;
	assert_null(credentials_find(&c, SLICE_LIT("r")));
	assert_true(learn("r", "one"));
	assert_true(learn("r", "two"));
	assert_true(learn("s", "three"));
	assert_asks_with("r", "two");
	assert_false(learn("r", "one")); /* known, and the newest again */
	assert_asks_with("r", "one");
	assert_true(credentials_refused(&c, credentials_find(&c, SLICE_LIT("r"))->serial));
	assert_asks_with("r", "two");
	assert_true(credentials_refused(&c, credentials_find(&c, SLICE_LIT("r"))->serial));
	assert_null(credentials_find(&c, SLICE_LIT("r")));
	assert_asks_with("s", "three");
	assert_false(credentials_refused(&c, 12345));
	assert_null(credentials_find(&c, SLICE_LIT("rs")));
}

static void test_the_file(void **state)
{
	struct registryauth items[] = { of("r", "file"), of("docker.io", "hub") };
	struct registryauth_list list = { items, 2 };

	(void)state;
	assert_true(learn("r", "user"));
	assert_int_equal(credentials_take_file(&c, &list, profile_default()), 0);
	assert_asks_with("r", "file");
	assert_true(learn("r", "newer"));
	assert_asks_with("r", "file");
	assert_false(credentials_refused(&c, credentials_find(&c, SLICE_LIT("r"))->serial));
	assert_asks_with("r", "file");
	assert_asks_with("docker.io", "hub");
	list.n = 0;
	assert_int_equal(credentials_take_file(&c, &list, profile_default()), 0);
	assert_null(credentials_find(&c, SLICE_LIT("docker.io")));
	assert_asks_with("r", "newer");
}

static void test_bounds(void **state)
{
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(text, sizeof(text), "token %u", i);
		assert_true(learn("r", text));
	}
	assert_int_equal(c.n, CREDENTIALS_PER_HOST);
	assert_asks_with("r", "token 9");
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "host%u", i);
		assert_true(learn(text, "token"));
	}
	assert_int_equal(c.n, CREDENTIALS_SEEN_MAX);
	assert_null(credentials_find(&c, SLICE_LIT("r")));
	assert_asks_with("host99", "token");
}

static bool is_r(void *ctx, struct slice host)
{
	(void)ctx;
	return slice_eq_str(host, "r");
}

static void test_trimmed(void **state)
{
	struct registryauth item = of("f", "file");
	struct registryauth_list list = { &item, 1 };

	(void)state;
	assert_int_equal(credentials_take_file(&c, &list, profile_default()), 0);
	assert_true(learn("s", "1"));
	assert_true(learn("r", "2"));
	assert_true(learn("t", "3"));
	credentials_trim(&c, is_r, NULL);
	assert_int_equal(c.n, 2);
	assert_asks_with("r", "2");
	assert_asks_with("f", "file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_newest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trimmed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
