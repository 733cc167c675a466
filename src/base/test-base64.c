/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 4648, section 10, and bytes whose digits differ between the sets. */
static const struct {
	const char *plain;
	const char *std;
	const char *url;
} pairs[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg==" },
	{ "fo", "Zm8=", "Zm8=" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/", "-_-_" },
};

static void assert_encodes(enum base64_set set, const char *plain, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);

	buf_add_str(&b, "");
	base64_encode(set, slice_str(plain), &b);
	assert_string_equal(b.p, want);
}

static void assert_decodes(struct slice text, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(64);

	buf_add_str(&b, "x");
	assert_int_equal(base64_decode(text, &b), 0);
	assert_string_equal(b.p + 1, want);
}

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct slice bare = slice_str(pairs[i].std);

		assert_encodes(BASE64_STD, pairs[i].plain, pairs[i].std);
		assert_encodes(BASE64_URL, pairs[i].plain, pairs[i].url);
		assert_decodes(slice_str(pairs[i].std), pairs[i].plain);
		assert_decodes(slice_str(pairs[i].url), pairs[i].plain);
		while (bare.n && bare.p[bare.n - 1] == '=')
			bare.n--;
		assert_decodes(bare, pairs[i].plain);
	}
}

static void test_what_is_none(void **state)
{
	static const char *const bad[] = { "Z",	   "Zg=",  "Zg===",  "=",    "====", "Zm9v=",
					   "Zm=v", "Zm9 ", "Zm9v\n", "Zh==", "Zm9=", "Z===" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(64);

		buf_add_str(&b, "x");
		if (base64_decode(slice_str(bad[i]), &b) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_string_equal(b.p, "x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
