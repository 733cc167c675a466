/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/solve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

/* A field of bytes; both numbers small. */
static void put(struct buf *b, unsigned number, struct slice bytes)
{
	buf_add_char(b, (char)(number << 3 | 2));
	assert_true(bytes.n < 128);
	buf_add_char(b, (char)bytes.n);
	buf_add_slice(b, bytes);
}

static void put_pair(struct buf *b, unsigned number, const char *key, const char *value)
{
	CLEANUP_BUF struct buf pair = BUF_INIT(256);

	put(&pair, 1, slice_str(key));
	put(&pair, 2, slice_str(value));
	put(b, number, buf_slice(&pair));
}

/* Message `number` with a type and perhaps an attribute in it. */
static void put_typed(struct buf *b, unsigned number, const char *type, const char *key,
		      const char *value)
{
	CLEANUP_BUF struct buf m = BUF_INIT(256);

	put(&m, 1, slice_str(type));
	if (key)
		put_pair(&m, 2, key, value);
	put(b, number, buf_slice(&m));
}

static bool pushes(const struct buf *b)
{
	struct solve why;

	assert_int_equal(solve_read(buf_slice(b), &why), 0);
	assert_null(why.reaches);
	return why.pushes != NULL;
}

static void test_exporters(void **state)
{
	static const struct {
		const char *type, *key, *value;
		bool pushes;
	} cases[] = {
		{ "image", "name", "x", false },
		{ "image", "push", "true", true },
		{ "image", "push", "", true },
		{ "image", "push", "1", true },
		{ "image", "push", "false", false },
		{ "image", "push", "no", true },
		{ "image", "push", "FALSE", false },
		{ "image", "push-by-digest", "true", true },
		{ "moby", "name", "push", false },
		{ "docker", "dest", "", false },
		{ "local", "pushed", "true", true },
		{ "registry", "name", "x", true },
		{ "Image", "name", "x", true },
		{ "image\0x", "name", "x", false },
		{ "cacheonly", NULL, NULL, false },
		{ "oci", "tar", "true", false },
		{ "image", "registry.insecure", "true", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_BUF struct buf old = BUF_INIT(1024);
		CLEANUP_BUF struct buf new = BUF_INIT(1024);

		put(&old, 1, SLICE_LIT("ref"));
		put(&old, 3, slice_str(cases[i].type));
		if (cases[i].key)
			put_pair(&old, 4, cases[i].key, cases[i].value);
		put_typed(&new, 13, cases[i].type, cases[i].key, cases[i].value);
		if (pushes(&old) != cases[i].pushes || pushes(&new) != cases[i].pushes)
			fail_msg("%s %s=%s", cases[i].type, cases[i].key, cases[i].value);
	}
}

/* Said twice, in whatever order: each counts. */
static void test_twice(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1024);

	(void)state;
	put(&b, 3, SLICE_LIT("image"));
	put_pair(&b, 4, "push", "true");
	put_pair(&b, 4, "push", "false");
	assert_true(pushes(&b));
	buf_reset(&b);
	put_typed(&b, 13, "image", NULL, NULL);
	put_typed(&b, 13, "oci", "push", "t");
	put_typed(&b, 13, "local", NULL, NULL);
	assert_true(pushes(&b));
}

static void put_cache(struct buf *b, unsigned number, struct slice bytes)
{
	CLEANUP_BUF struct buf m = BUF_INIT(256);

	put(&m, number, bytes);
	put(b, 8, buf_slice(&m));
}

static void put_cache_entry(struct buf *b, unsigned number, const char *type)
{
	CLEANUP_BUF struct buf m = BUF_INIT(256);

	put(&m, 1, slice_str(type));
	put_cache(b, number, buf_slice(&m));
}

static void test_caches(void **state)
{
	static const struct {
		unsigned number;
		const char *type;
		bool pushes;
	} cases[] = { { 4, "inline", false },
		      { 4, "local", false },
		      { 4, "registry", true },
		      { 4, "s3", true },
		      { 5, "registry", false } };
	CLEANUP_BUF struct buf b = BUF_INIT(1024);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_reset(&b);
		put_cache_entry(&b, cases[i].number, cases[i].type);
		if (pushes(&b) != cases[i].pushes)
			fail_msg("%u %s", cases[i].number, cases[i].type);
	}
	buf_reset(&b);
	put_cache(&b, 1, SLICE_LIT("registry.example/cache"));
	assert_true(pushes(&b));
	buf_reset(&b);
	put_cache(&b, 2, SLICE_LIT("registry.example/cache"));
	assert_false(pushes(&b));
}

static int read_bytes(const char *bytes, size_t n, bool *ret)
{
	struct solve why;
	int r = solve_read((struct slice){ bytes, n }, &why);

	*ret = why.pushes != NULL;
	return r;
}

#define READ(text_, ret_) read_bytes(text_, sizeof(text_) - 1, ret_)

/* A Definition with one source of that attribute, or with a build in it. */
static void put_definition(struct buf *b, const char *key, const char *value)
{
	CLEANUP_BUF struct buf source = BUF_INIT(256);
	CLEANUP_BUF struct buf op = BUF_INIT(256);

	if (key) {
		put(&source, 1, SLICE_LIT("https://x/y"));
		put_pair(&source, 2, "http.perm", "420");
		put_pair(&source, 2, key, value);
		put(&op, 3, buf_slice(&source));
	} else {
		put(&op, 5, SLICE_LIT(""));
	}
	put(b, 1, buf_slice(&op));
	put(b, 1, SLICE_LIT(""));
}

static void test_reaches(void **state)
{
	static const struct {
		const char *key, *value;
		bool reaches;
	} cases[] = {
		{ "http.filename", "context", false },	 { "http.filename", "a..b", false },
		{ "http.filename", "../x", true },	 { "http.filename", "/etc/x", true },
		{ "http.filename", "a/b", true },	 { "http.filename", "..", true },
		{ "git.fullurl", "https://x/y", false }, { NULL, NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CLEANUP_BUF struct buf definition = BUF_INIT(256);
		CLEANUP_BUF struct buf input = BUF_INIT(256);
		CLEANUP_BUF struct buf b = BUF_INIT(1024);
		struct solve s;

		put_definition(&definition, cases[i].key, cases[i].value);
		put(&b, 2, buf_slice(&definition));
		assert_int_equal(solve_read(buf_slice(&b), &s), 0);
		assert_int_equal(s.reaches != NULL, cases[i].reaches);
		buf_reset(&b);
		put(&b, 1, buf_slice(&definition));
		assert_int_equal(solve_read_bridge(buf_slice(&b), &s), 0);
		assert_int_equal(s.reaches != NULL, cases[i].reaches);
		put(&input, 1, SLICE_LIT("context"));
		put(&input, 2, buf_slice(&definition));
		for (unsigned field = 10; field <= 13; field += 3) {
			buf_reset(&b);
			put(&b, field, buf_slice(&input));
			assert_int_equal(field == 10 ? solve_read(buf_slice(&b), &s)
						     : solve_read_bridge(buf_slice(&b), &s),
					 0);
			assert_int_equal(s.reaches != NULL, cases[i].reaches);
		}
	}
}

static void test_policies(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1024);
	struct solve s;

	(void)state;
	put(&b, 12, SLICE_LIT("\x08\x01xx http.filename"));
	assert_int_equal(solve_read(buf_slice(&b), &s), 0);
	assert_non_null(s.reaches);
	buf_reset(&b);
	put(&b, 15, SLICE_LIT("http.filename"));
	assert_int_equal(solve_read_bridge(buf_slice(&b), &s), 0);
	assert_non_null(s.reaches);
	buf_reset(&b);
	put(&b, 15, SLICE_LIT("x"));
	assert_int_equal(solve_read_bridge(buf_slice(&b), &s), 0);
	assert_null(s.reaches);
	buf_reset(&b);
	put(&b, 15, SLICE_LIT("session"));
	assert_int_equal(solve_read(buf_slice(&b), &s), 0);
	assert_non_null(s.reaches);
}

/* What asks about sources without building. */
static void test_metadata(void **state)
{
	static const char prefix[] = "/moby.buildkit.v1.frontend.LLBBridge/";
	CLEANUP_BUF struct buf source = BUF_INIT(256);
	CLEANUP_BUF struct buf b = BUF_INIT(1024);
	struct solve s;

	(void)state;
	assert_ptr_equal(solve_reader(SLICE_LIT(SOLVE_PATH)), solve_read);
	assert_null(solve_reader(SLICE_LIT("/moby.buildkit.v1.Control/Status")));
	for (size_t i = 0; i < 2; i++) {
		char path[128];
		solve_fn *read;

		(void)snprintf(path, sizeof(path), "%s%s", prefix,
			       i ? "ResolveImageConfig" : "ResolveSourceMeta");
		read = solve_reader(slice_str(path));
		assert_non_null(read);
		buf_reset(&source);
		buf_reset(&b);
		put_pair(&source, 2, "http.filename", "../x");
		put(&b, i ? 8 : 1, buf_slice(&source));
		assert_int_equal(read(buf_slice(&b), &s), 0);
		assert_non_null(s.reaches);
		assert_null(s.pushes);
	}
}

static void test_fields(void **state)
{
	bool said;

	(void)state;
	assert_int_equal(READ("", &said), 0);
	assert_false(said);
	assert_int_equal(READ("\x70\x01", &said), 0); /* EnableSessionExporter */
	assert_true(said);
	assert_int_equal(READ("\x70\x00", &said), 0);
	assert_false(said);
	assert_int_equal(READ("\x58\x01", &said), 0); /* Internal */
	assert_false(said);
	assert_int_equal(READ("\x7a\x00", &said), 0); /* 15 */
	assert_false(said);
	assert_int_equal(READ("\x82\x01\x00", &said), 0); /* 16 */
	assert_true(said);
	/* A padded tag is that tag. */
	assert_int_equal(READ("\x9a\x80\x80\x00\x08registry", &said), 0);
	assert_true(said);
}

/* What decoders may take for something else is none. */
static void test_bad(void **state)
{
	bool said;

	(void)state;
	assert_int_equal(READ("\x9a", &said), -EPROTO);
	assert_int_equal(READ("\x1a\x05"
			      "abc",
			      &said),
			 -EPROTO);
	assert_int_equal(READ("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &said), -EPROTO);
	assert_int_equal(READ("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", &said), -EPROTO);
	assert_int_equal(READ("\x02\x00", &said), -EPROTO); /* number 0 */
	assert_int_equal(READ("\x1b\x1c", &said), -EPROTO); /* a group */
	assert_int_equal(READ("\x1e\x1c", &said), -EPROTO); /* wire type 6 */
	assert_int_equal(READ("\x18\x01", &said), -EPROTO); /* the exporter as a number */
	assert_int_equal(READ("\x72\x01\x01", &said), -EPROTO);
	/* Go would take the low 29 bits of the number: 3. */
	assert_int_equal(READ("\x9a\x80\x80\x80\x80\x01\x08registry", &said), -EPROTO);
	assert_int_equal(READ("\x22\x02\x08\x01", &said), -EPROTO); /* a key that is a number */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exporters), cmocka_unit_test(test_twice),
		cmocka_unit_test(test_caches),	  cmocka_unit_test(test_reaches),
		cmocka_unit_test(test_policies),  cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_fields),	  cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
