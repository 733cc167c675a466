/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/imagelist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX64

static const struct profile *profile(const char *name)
{
	return profile_find(slice_str(name));
}

/* Every form, how it is read and how it is printed; the examples of 000, 001 and 004 among them. */
static void test_forms(void **state)
{
	static const struct {
		const char *text;
		enum profile_form form;
		const char *expanded;
	} cases[] = {
		{ "docker:cli", PROFILE_FORM_TAG, "docker.io/library/docker:cli" },
		{ "docker", PROFILE_FORM_TAG, "docker.io/library/docker:latest" },
		{ "paketobuildpacks/builder:base", PROFILE_FORM_TAG,
		  "docker.io/paketobuildpacks/builder:base" },
		{ "localhost:5000/a", PROFILE_FORM_TAG, "localhost:5000/a:latest" },
		{ "cafe", PROFILE_FORM_TAG, "docker.io/library/cafe:latest" },
		{ "docker.io/localstack/localstack:*", PROFILE_FORM_ANY_TAG,
		  "docker.io/localstack/localstack:*" },
		{ "docker.io/testcontainers/ryuk:*", PROFILE_FORM_ANY_TAG,
		  "docker.io/testcontainers/ryuk:*" },
		{ "docker:*", PROFILE_FORM_ANY_TAG, "docker.io/library/docker:*" },
		{ "index.docker.io/docker:*", PROFILE_FORM_ANY_TAG, "docker.io/library/docker:*" },
		{ "localhost:5000/a:*", PROFILE_FORM_ANY_TAG, "localhost:5000/a:*" },
		{ "docker@" SHA, PROFILE_FORM_DIGEST, "docker.io/library/docker@" SHA },
		{ "docker:cli@" SHA, PROFILE_FORM_DIGEST, "docker.io/library/docker@" SHA },
		{ "testcontainers/*:*", PROFILE_FORM_PATTERN, "docker.io/testcontainers/*:*" },
		{ "your-registry.com/ci-tools/*:*", PROFILE_FORM_PATTERN,
		  "your-registry.com/ci-tools/*:*" },
		{ "your-registry.com/*/lint:*", PROFILE_FORM_PATTERN,
		  "your-registry.com/*/lint:*" },
		{ "your-registry.com/*:*", PROFILE_FORM_PATTERN, "your-registry.com/*:*" },
		{ "docker.io/*:*", PROFILE_FORM_PATTERN, "docker.io/library/*:*" },
		{ SHA, PROFILE_FORM_ID, SHA },
		{ "*", PROFILE_FORM_EVERYTHING, "*" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(4096);
		struct err err = ERR_INIT;
		struct imagelist_entry e;

		if (imagelist_parse_entry(profile("docker"), slice_str(cases[i].text), &e, &err) <
		    0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(e.form, cases[i].form);
		assert_true(slice_eq_str(e.text, cases[i].text));
		imagelist_add_entry(&e, &b);
		assert_string_equal(b.p, cases[i].expanded);
	}
}

static void assert_refused(const char *engine, struct slice text, const char *why)
{
	struct err err = ERR_INIT;
	struct imagelist_entry e;

	if (imagelist_parse_entry(profile(engine), text, &e, &err) == 0)
		fail_msg("\"%.*s\" was taken", SLICE_ARG(text));
	if (!strstr(err.text, why))
		fail_msg("\"%.*s\": \"%s\" does not say \"%s\"", SLICE_ARG(text), err.text, why);
	assert_non_null(strstr(err.text, "an entry is one of: name[:tag], name:*, name@sha256:…"));
}

static void test_refused(void **state)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
		{ SLICE_LIT(""), "empty" },
		{ SLICE_LIT(" docker"), "blank" },
		{ SLICE_LIT("docker\n"), "blank" },
		{ SLICE_LIT("docker\0"), "blank" },
		{ SLICE_LIT("Docker"), "lower case" },
		{ SLICE_LIT("docker:"), "tag" },
		{ SLICE_LIT("docker:a:b"), "after the tag" },
		{ SLICE_LIT("https://r.example/a"), "repository" },
		{ SLICE_LIT("docker@sha256:abc"), "digest" },
		{ SLICE_LIT("sha256:abc"), "64 hex digits" },
		{ SLICE_LIT(HEX64), "64 hex digits" },
		{ SLICE_LIT("sha512:" HEX64 HEX64), "64 hex digits" },
		{ SLICE_LIT("*:*"), "all images are written *" },
		{ SLICE_LIT("**"), "whole tag" },
		{ SLICE_LIT("docker*"), "whole tag" },
		{ SLICE_LIT("docker:1.*"), "whole tag" },
		{ SLICE_LIT("testcontainers/*"), "whole tag" },
		{ SLICE_LIT("testcontainers/*:1"), "whole tag" },
		{ SLICE_LIT("docker:*@" SHA), "whole tag" },
		{ SLICE_LIT("docker@" SHA ":*"), "before :*" },
		{ SLICE_LIT("docker:cli:*"), "before :*" },
		{ SLICE_LIT("r.example/*/*:*"), "one *" },
		{ SLICE_LIT("r.example/a*:*"), "repository" },
		{ SLICE_LIT("*.example/a:*"), "repository" },
		{ SLICE_LIT("*/ryuk:*"), "anybody" },
		{ SLICE_LIT("docker.io/*/ryuk:*"), "anybody" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused("docker", cases[i].text, cases[i].why);
}

/* Design 4.5: iechor has tag, `:*` and digest only. */
static void test_forms_of_a_profile(void **state)
{
	static const char *const no[] = { "*", SHA, "testcontainers/*:*" };
	static const char *const yes[] = { "iechor:cli", "iechor.io/testcontainers/ryuk:*",
					   "iechor@" SHA };
	struct imagelist_entry e;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_refused("iechor", slice_str(no[i]), "do not have that form");
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_int_equal(
			imagelist_parse_entry(profile("iechor"), slice_str(yes[i]), &e, NULL), 0);
	/* the forms that it lacks are not offered */
	assert_int_not_equal(imagelist_parse_entry(profile("iechor"), SLICE_LIT("*"), &e, &err), 0);
	assert_null(strstr(err.text, "folder"));
	assert_null(strstr(err.text, "all images"));
	assert_int_not_equal(imagelist_parse_entry(profile("docker"), SLICE_LIT("**"), &e, &err),
			     0);
	assert_non_null(strstr(err.text, "folder"));
	assert_non_null(strstr(err.text, "* (all images)"));
}

/* A text of any length makes an error of bounded length. */
static void test_long(void **state)
{
	static char text[1 << 16];
	struct err err = ERR_INIT;
	struct imagelist_entry e;

	(void)state;
	memset(text, 'A', sizeof(text));
	assert_int_not_equal(imagelist_parse_entry(profile("docker"),
						   (struct slice){ text, sizeof(text) }, &e, &err),
			     0);
	assert_non_null(strstr(err.text, "an entry is one of: name[:tag]"));
	assert_non_null(strstr(err.text, "* (all images)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_forms_of_a_profile),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
