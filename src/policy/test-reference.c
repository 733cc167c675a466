/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine's parser says of the same texts was looked up with it (Docker's
 * distribution 2.8.2, and 0.6 of distribution/reference for what only later engines take);
 * tests/differential asks the former again.
 */
#include "policy/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define CAP 4096u
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX64
#define HEX32 "0123456789abcdef0123456789abcdef"

static const struct profile *docker(void)
{
	return profile_find(SLICE_LIT("docker"));
}

static const struct profile *iechor(void)
{
	return profile_find(SLICE_LIT("iechor"));
}

static struct reference must_parse(const struct profile *p, const char *text)
{
	struct err err = ERR_INIT;
	struct reference r;

	if (reference_parse(p, slice_str(text), &r, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return r;
}

static void assert_slice(struct slice s, const char *want)
{
	if (!slice_eq_str(s, want))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(s), want);
}

static void assert_printed(const struct reference *r, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	reference_add(r, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

static void assert_short(const struct profile *p, const char *text, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct reference r = must_parse(p, text);

	reference_add_short(p, &r, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

static void assert_name(const struct profile *p, const char *text, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct reference r = must_parse(p, text);

	reference_add_name(&r, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

static void assert_refused(const struct profile *p, struct slice text, const char *why)
{
	struct err err = ERR_INIT;
	struct reference r = { .tag = SLICE_LIT("untouched") };

	if (reference_parse(p, text, &r, &err) == 0)
		fail_msg("\"%.*s\" was taken", SLICE_ARG(text));
	assert_slice(r.tag, "untouched");
	if (why && !strstr(err.text, why))
		fail_msg("\"%.*s\": \"%s\" does not say \"%s\"", SLICE_ARG(text), err.text, why);
}

static void test_names(void **state)
{
	static const struct {
		const char *text, *printed, *domain, *tag;
	} cases[] = {
		{ "docker", "docker.io/library/docker", "docker.io", "" },
		{ "docker:cli", "docker.io/library/docker:cli", "docker.io", "cli" },
		{ "library/docker", "docker.io/library/docker", "docker.io", "" },
		{ "docker.io/docker", "docker.io/library/docker", "docker.io", "" },
		{ "docker.io/library/docker", "docker.io/library/docker", "docker.io", "" },
		{ "index.docker.io/docker:1", "docker.io/library/docker:1", "docker.io", "1" },
		{ "index.docker.io/library/docker", "docker.io/library/docker", "docker.io", "" },
		{ "index.docker.io/a/b", "docker.io/a/b", "docker.io", "" },
		{ "testcontainers/ryuk:0.5.1", "docker.io/testcontainers/ryuk:0.5.1", "docker.io",
		  "0.5.1" },
		{ "library", "docker.io/library/library", "docker.io", "" },
		{ "docker.io/library", "docker.io/library/library", "docker.io", "" },
		{ "library/a/b", "docker.io/library/a/b", "docker.io", "" },
		{ "testers/a", "docker.io/testers/a", "docker.io", "" }, /* as long a folder */
		{ "librarya/b", "docker.io/librarya/b", "docker.io", "" },
		{ "localhost/library", "localhost/library", "localhost", "" },
		{ "docker.io", "docker.io/library/docker.io", "docker.io", "" },
		{ "index.docker.io", "docker.io/library/index.docker.io", "docker.io", "" },
		{ "docker.io/docker.io/x", "docker.io/docker.io/x", "docker.io", "" },
		{ "docker.io/index.docker.io/x", "docker.io/index.docker.io/x", "docker.io", "" },
		{ "localhost", "docker.io/library/localhost", "docker.io", "" },
		{ "localhost/x", "localhost/x", "localhost", "" },
		{ "localhost/library/x", "localhost/library/x", "localhost", "" },
		{ "localhost:5000/x", "localhost:5000/x", "localhost:5000", "" },
		{ "localhost:5000", "docker.io/library/localhost:5000", "docker.io", "5000" },
		{ "docker.io:5000/x", "docker.io:5000/x", "docker.io:5000", "" },
		{ "docker.io:443/library/x:1", "docker.io:443/library/x:1", "docker.io:443", "1" },
		{ "a:80", "docker.io/library/a:80", "docker.io", "80" },
		{ "a:80/b", "a:80/b", "a:80", "" },
		{ "a:80/b:81", "a:80/b:81", "a:80", "81" },
		{ "a.b/c", "a.b/c", "a.b", "" },
		{ "A.b/c", "A.b/c", "A.b", "" },
		{ "127.0.0.1:5000/a/b/c:d", "127.0.0.1:5000/a/b/c:d", "127.0.0.1:5000", "d" },
		{ "docker.io/a.b/c", "docker.io/a.b/c", "docker.io", "" },
		{ "docker.io/localhost/c", "docker.io/localhost/c", "docker.io", "" },
		/* these have a dot but are no hosts */
		{ "a_b.c/d", "a_b.c/d", "", "" },
		{ "a_b.c/d:e", "a_b.c/d:e", "", "e" },
		{ "a.b__c/library/d", "a.b__c/library/d", "", "" },
		/* parts of a path, tags */
		{ "a/b-c--d---e/f_g/h__i/j.k", "docker.io/a/b-c--d---e/f_g/h__i/j.k", "docker.io",
		  "" },
		{ "0/1", "docker.io/0/1", "docker.io", "" },
		{ "a:_", "docker.io/library/a:_", "docker.io", "_" },
		{ "a:B.c-_", "docker.io/library/a:B.c-_", "docker.io", "B.c-_" },
		/* only later engines */
		{ "Host/c", "Host/c", "Host", "" },
		{ "LOCALHOST/c:d", "LOCALHOST/c:d", "LOCALHOST", "d" },
		{ "[::1]/c", "[::1]/c", "[::1]", "" },
		{ "[::1]:5000/c:d", "[::1]:5000/c:d", "[::1]:5000", "d" },
		{ "[2001:DB8::1]/c", "[2001:DB8::1]/c", "[2001:DB8::1]", "" },
		{ "[aB]/c", "[aB]/c", "[aB]", "" },
		{ "[FFaf::09]/c", "[FFaf::09]/c", "[FFaf::09]", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference r = must_parse(docker(), cases[i].text);
		struct reference again = must_parse(docker(), cases[i].printed);

		assert_int_equal(r.kind, REFERENCE_NAME);
		assert_printed(&r, cases[i].printed);
		assert_slice(r.domain, cases[i].domain);
		assert_slice(r.tag, cases[i].tag);
		assert_int_equal(r.digest.n, 0);
		assert_true(reference_equal(&r, &again));
	}
}

static void test_refused(void **state)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
		{ SLICE_LIT(""), "empty" },
		{ SLICE_LIT("Docker"), "lower case" },
		{ SLICE_LIT("a/B"), "lower case" },
		{ SLICE_LIT("docker.io/A"), "lower case" },
		{ SLICE_LIT("a@SHA256:" HEX64), "digest" },
		{ SLICE_LIT("a:"), "tag" },
		{ SLICE_LIT("a:-b"), "tag" },
		{ SLICE_LIT("a:.b"), "tag" },
		{ SLICE_LIT("a:b:c"), "after the tag" },
		{ SLICE_LIT("a:b/c"), NULL },
		{ SLICE_LIT("a b"), "repository" },
		{ SLICE_LIT(" a"), "repository" },
		{ SLICE_LIT("a "), "repository" },
		{ SLICE_LIT("a\n"), "repository" },
		{ SLICE_LIT("a\0"), "repository" },
		{ SLICE_LIT("a:b\0"), "after the tag" },
		{ SLICE_LIT("a:b\n"), "after the tag" },
		{ SLICE_LIT("\xc3\xa4"), "repository" },
		{ SLICE_LIT("a:\xc3\xa4"), "tag" },
		{ SLICE_LIT("/"), "repository" },
		{ SLICE_LIT("/a"), "repository" },
		{ SLICE_LIT("a/"), "repository" },
		{ SLICE_LIT("a//b"), "repository" },
		{ SLICE_LIT("docker.io/"), "repository" },
		{ SLICE_LIT("-a"), "repository" },
		{ SLICE_LIT("a-"), "repository" },
		{ SLICE_LIT("a..b"), "repository" },
		{ SLICE_LIT("a._b"), "repository" },
		{ SLICE_LIT("a___b"), "repository" },
		{ SLICE_LIT("a-_b"), "repository" },
		{ SLICE_LIT("_a/b"), "repository" },
		{ SLICE_LIT("."), "repository" },
		{ SLICE_LIT("./a"), "repository" },
		{ SLICE_LIT("../a"), "repository" },
		{ SLICE_LIT("a:80x/b"), NULL },
		{ SLICE_LIT("a:/b"), NULL },
		{ SLICE_LIT(":80/b"), NULL },
		{ SLICE_LIT("a_b:80/c"), NULL },
		{ SLICE_LIT("-a.b/c"), NULL },
		{ SLICE_LIT("a-.b/c"), NULL },
		{ SLICE_LIT("https://a/b"), NULL },
		{ SLICE_LIT("[::1]"), NULL },
		{ SLICE_LIT("[]/a"), NULL },
		{ SLICE_LIT("[]:80/a"), NULL },
		{ SLICE_LIT("[a]/b"), NULL },
		{ SLICE_LIT("[::1/a"), NULL },
		{ SLICE_LIT("[::1]x/a"), NULL },
		{ SLICE_LIT("[::1]:/a"), NULL },
		{ SLICE_LIT("[fe80::1%eth0]/a"), NULL },
		{ SLICE_LIT("a@"), "digest" },
		{ SLICE_LIT("@" SHA), NULL },
		{ SLICE_LIT("a@sha256:" HEX32), "digest" },
		{ SLICE_LIT("a@" SHA "0"), "digest" },
		{ SLICE_LIT("a@md5:" HEX32), "digest" },
		{ SLICE_LIT("a@sha256:"
			    "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
		  "digest" },
		{ SLICE_LIT("a@" SHA "@" SHA), "digest" },
		{ SLICE_LIT("a@" SHA ":b"), "digest" },
		{ SLICE_LIT("*"), "repository" },
		{ SLICE_LIT("a:*"), "tag" },
		{ SLICE_LIT("a/*"), "repository" },
		{ SLICE_LIT("<none>:<none>"), "repository" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(docker(), cases[i].text, cases[i].why);
}

/* A digest wins over a tag, which need not exist. */
static void test_digests(void **state)
{
	const char *h384 = "a@sha384:" HEX64 HEX32;
	const char *h512 = "a@sha512:" HEX64 HEX64;
	struct reference r = must_parse(docker(), "docker@" SHA);

	(void)state;
	assert_slice(r.digest, SHA);
	assert_slice(reference_tag(&r), "");
	assert_printed(&r, "docker.io/library/docker@" SHA);
	r = must_parse(docker(), "docker:bogus@" SHA);
	assert_slice(r.tag, "bogus");
	assert_slice(r.digest, SHA);
	assert_slice(reference_tag(&r), "");
	assert_printed(&r, "docker.io/library/docker:bogus@" SHA);
	assert_short(docker(), "docker:bogus@" SHA, "docker@" SHA);
	assert_slice(must_parse(docker(), h384).digest, h384 + 2);
	assert_slice(must_parse(docker(), h512).digest, h512 + 2);
	r = must_parse(docker(), "docker");
	assert_slice(reference_tag(&r), "latest");
	r = must_parse(docker(), "docker:cli");
	assert_slice(reference_tag(&r), "cli");
}

/* Whole ids are told from names; the beginning of one cannot be. */
static void test_ids(void **state)
{
	static const char *const maybe[] = {
		"a", "cafe", "0", "deadbeef0", HEX32, "sha256:cafe", ("sha256:" HEX32)
	};
	static const char *const never[] = { "a/b",	    "cafes",
					     "cafe:latest", "docker.io/cafe",
					     "sha512:cafe", "sha256:cafes",
					     HEX64 "0",	    "docker" };
	struct reference bare = must_parse(docker(), HEX64);
	struct reference full = must_parse(docker(), SHA);
	struct reference other = must_parse(docker(), "sha512:" HEX64 HEX64);

	(void)state;
	assert_int_equal(bare.kind, REFERENCE_ID);
	assert_int_equal(full.kind, REFERENCE_ID);
	assert_int_equal(other.kind, REFERENCE_ID);
	assert_printed(&bare, SHA);
	assert_printed(&full, SHA);
	assert_true(reference_equal(&bare, &full));
	assert_false(reference_equal(&bare, &other));
	assert_true(reference_is_image(&bare, SLICE_LIT(SHA)));
	assert_true(reference_is_image(&full, SLICE_LIT(SHA)));
	assert_false(reference_is_image(&other, SLICE_LIT(SHA)));
	assert_false(reference_is_image(&full, SLICE_LIT(HEX64)));
	assert_false(reference_is_image(&full, SLICE_LIT("")));
	assert_slice(reference_tag(&full), "");
	assert_false(reference_same_name(&full, &full));
	for (size_t i = 0; i < ARRAY_SIZE(maybe); i++) {
		struct reference r = must_parse(docker(), maybe[i]);

		assert_int_equal(r.kind, REFERENCE_NAME);
		assert_true(r.maybe_id);
	}
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		assert_false(must_parse(docker(), never[i]).maybe_id);
	/* not a digest, so a tag of the repository `sha256` */
	bare = must_parse(docker(), "sha256:0123456789ABCDEF");
	assert_printed(&bare, "docker.io/library/sha256:0123456789ABCDEF");
}

/* n times c, at the end of a text. */
static const char *long_text(char *buf, const char *start, size_t n)
{
	size_t used = strlen(start);

	memcpy(buf, start, used);
	memset(buf + used, 'a', n);
	buf[used + n] = '\0';
	return buf;
}

/* 255 bytes of path, the default folder included and the host not. */
static void test_lengths(void **state)
{
	char buf[512];

	(void)state;
	(void)must_parse(docker(), long_text(buf, "", 255 - 8));
	assert_refused(docker(), slice_str(long_text(buf, "", 255 - 7)), "255");
	(void)must_parse(docker(), long_text(buf, "library/", 255 - 8));
	assert_refused(docker(), slice_str(long_text(buf, "library/", 255 - 7)), "255");
	(void)must_parse(docker(), long_text(buf, "a/", 253));
	assert_refused(docker(), slice_str(long_text(buf, "a/", 254)), "255");
	(void)must_parse(docker(), long_text(buf, "host.example:5000/", 255));
	assert_refused(docker(), slice_str(long_text(buf, "host.example:5000/", 256)), "255");
	(void)must_parse(docker(), long_text(buf, "a_b.c/", 249));
	assert_refused(docker(), slice_str(long_text(buf, "a_b.c/", 250)), "255");
	(void)must_parse(docker(), long_text(buf, "x:", 128));
	assert_refused(docker(), slice_str(long_text(buf, "x:", 129)), "tag");
	/* an error holds only so much of the text */
	assert_refused(docker(), slice_str(long_text(buf, "a/", 500)), "aaaaaa\" is no image");
}

static void test_profiles(void **state)
{
	(void)state;
	assert_name(iechor(), "iechor:cli", "iechor.io/library/iechor");
	assert_name(iechor(), "localstack/localstack", "iechor.io/localstack/localstack");
	assert_name(iechor(), "iechor.io/iechor", "iechor.io/library/iechor");
	assert_name(iechor(), "index.iechor.io/iechor", "iechor.io/library/iechor");
	/* another registry like any other there */
	assert_name(iechor(), "docker.io/docker", "docker.io/docker");
	assert_name(iechor(), "docker.io/library/docker", "docker.io/library/docker");
	assert_name(docker(), "iechor.io/iechor", "iechor.io/iechor");
	assert_short(iechor(), "iechor.io/library/iechor:cli", "iechor:cli");
}

/* For messages: 000:20 has docker.io/library/docker for docker:cli. */
static void test_names_for_messages(void **state)
{
	(void)state;
	assert_name(docker(), "docker:cli", "docker.io/library/docker");
	assert_name(docker(), "docker@" SHA, "docker.io/library/docker");
	assert_name(docker(), "docker:cli@" SHA, "docker.io/library/docker");
	assert_name(docker(), "localhost:5000/a/b:c", "localhost:5000/a/b");
	assert_name(docker(), HEX64, SHA);
	assert_name(docker(), SHA, SHA);
}

/* What is asked of the engine means the same there. */
static void test_short(void **state)
{
	(void)state;
	assert_short(docker(), "docker.io/library/docker", "docker:latest");
	assert_short(docker(), "docker.io/testcontainers/ryuk:1", "testcontainers/ryuk:1");
	assert_short(docker(), "library/a/b:c", "library/a/b:c");
	assert_short(docker(), "library/library", "library:latest");
	assert_short(docker(), "quay.io/a/b", "quay.io/a/b:latest");
	assert_short(docker(), "a_b.c/d", "a_b.c/d:latest");
	assert_short(docker(), HEX64, SHA);
	/* as the engine itself would shorten these they would be something else */
	assert_short(docker(), "docker.io/localhost/c", "docker.io/localhost/c:latest");
	assert_short(docker(), "docker.io/a.b/c:d", "docker.io/a.b/c:d");
	assert_short(docker(), "docker.io/library/sha256:" HEX64,
		     "docker.io/library/sha256:" HEX64);
	assert_short(docker(), "docker.io/index.docker.io/x:1", "docker.io/index.docker.io/x:1");
}

static void test_comparing(void **state)
{
	struct reference a = must_parse(docker(), "docker:cli");
	struct reference b = must_parse(docker(), "index.docker.io/library/docker:cli");
	struct reference c = must_parse(docker(), "docker:dind");
	struct reference d = must_parse(docker(), "docker.io:443/library/docker:cli");
	struct reference e = must_parse(docker(), "library/docker/cli");
	struct reference f = must_parse(docker(), "docker:cli@" SHA);
	struct reference g = must_parse(docker(), "testers/docker:cli"); /* as long a folder */

	(void)state;
	assert_true(reference_equal(&a, &b));
	assert_true(reference_same_name(&a, &c));
	assert_false(reference_equal(&a, &c));
	assert_false(reference_same_name(&a, &d));
	assert_false(reference_same_name(&a, &e));
	assert_true(reference_same_name(&a, &f));
	assert_false(reference_same_name(&a, &g));
	assert_false(reference_equal(&a, &f));
}

static struct reference must_parse_pattern(const char *text)
{
	struct err err = ERR_INIT;
	struct reference r;

	if (reference_parse_pattern(docker(), slice_str(text), &r, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return r;
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{ "testcontainers/*", "testcontainers/ryuk", true },
		{ "testcontainers/*", "docker.io/testcontainers/sshd:1", true },
		{ "testcontainers/*", "testcontainers/a/b", false },
		{ "testcontainers/*", "testcontainers", false },
		{ "testcontainers/*", "testcontainers2/ryuk", false },
		{ "testcontainers/*", "quay.io/testcontainers/ryuk", false },
		{ "testcontainers/*", "localhost/testcontainers/ryuk", false },
		{ "testcontainers/*", "library/testcontainers/ryuk", false },
		{ "r.example/ci-tools/*", "r.example/ci-tools/lint:2", true },
		{ "r.example/ci-tools/*", "r.example/other", false },
		{ "r.example/ci-tools/*", "r.example/ci-tools", false },
		{ "r.example/ci-tools/*", "r.example:5000/ci-tools/lint", false },
		{ "r.example/ci-tools/*", "ci-tools/lint", false },
		{ "r.example/*", "r.example/x", true },
		{ "r.example/*", "r.example/x/y", false },
		{ "r.example/*/tool", "r.example/team/tool", true },
		{ "r.example/*/tool", "r.example/team/tools", false },
		{ "r.example/*/tool", "r.example/a/b/tool", false },
		{ "r.example/*/tool", "r.example/tool", false },
		{ "docker.io/*", "docker", true },
		{ "docker.io/*", "library/docker", true },
		{ "docker.io/*", "evil/docker", false },
		{ "library/*", "docker", true },
		{ "library/*/x", "library/a/x", true },
		{ "library/*", "library/a/x", false },
		{ "docker", "docker:cli", true }, /* no * at all: the name */
		{ "docker", "dockers", false },
		{ "testcontainers/*", SHA, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference p = must_parse_pattern(cases[i].pattern);
		struct reference n = must_parse(docker(), cases[i].name);

		if (reference_matches(&p, &n) != cases[i].matches)
			fail_msg("%s against %s", cases[i].pattern, cases[i].name);
	}
}

static void test_bad_patterns(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "a/*/*", "one *" },	  { "r.example/*/*", "one *" },
		{ "*/x", "anybody" },	  { "docker.io/*/x", "anybody" },
		{ "a/b*", "repository" }, { "a/**", "repository" },
		{ "*.example/a", NULL },  { "r.*/a", NULL },
		{ "a/*:1", "tag" },	  { "a/*@" SHA, "tag" },
		{ "x*/y", "repository" }, { "", "repository" },
	};
	struct reference r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;

		if (reference_parse_pattern(docker(), slice_str(cases[i].text), &r, &err) == 0)
			fail_msg("%s was taken", cases[i].text);
		if (cases[i].why && !strstr(err.text, cases[i].why))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_names_for_messages),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_comparing),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_bad_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
