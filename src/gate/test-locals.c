/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/locals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

struct set {
	struct imagelist_entry entries[8];
	struct imagelist list;
};

static void make(struct set *s, size_t n, const char *const *texts)
{
	s->list = (struct imagelist){ .profile = profile_default(), .entries = s->entries };
	for (size_t i = 0; i < n; i++)
		assert_int_equal(imagelist_parse_entry(s->list.profile, slice_str(texts[i]),
						       &s->entries[s->list.nentries++], NULL),
				 0);
}

#define MAKE(s, ...)                                                \
	do {                                                        \
		static const char *const texts[] = { __VA_ARGS__ }; \
		make(s, ARRAY_SIZE(texts), texts);                  \
	} while (0)

static void is_asked(const struct set *s, const char *want)
{
	CLEANUP_BUF struct buf got = BUF_INIT(49152);

	assert_int_equal(locals_by_name(&s->list, 1, &got), LOCALS_SOME);
	assert_string_equal(got.p, want);
}

/* As the engine prints them, without tag and digest: an image that has another one of them claims
 * the name, too. */
static void test_names(void **state)
{
	struct set s;

	(void)state;
	MAKE(&s, "docker:cli", "docker.io/a/b:*", "reg.example:5000/c/d@" A, A, "team/*:*",
	     "reg.example/*/e:*", "library/*:*");
	is_asked(&s, "/images/json?filters=%7B%22reference%22:%5B%22docker%22,%22a/b%22,"
		     "%22reg.example:5000/c/d%22,%22team/%2A%22,%22reg.example/%2A/e%22,"
		     "%22%2A%22%5D%7D");
}

/* What the filter would read in another way, or an empty one, which lets everything through. */
static void test_all(void **state)
{
	static const char *const texts[] = { "[::1]:5000/x:1", "docker.io/localhost/x:1", A, "*" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP_BUF struct buf got = BUF_INIT(49152);
		struct set s;

		make(&s, 1, &texts[i]);
		assert_int_equal(locals_by_name(&s.list, 1, &got), LOCALS_ALL);
	}
}

static void is_next(const struct set *s, const struct digests *d, const char *looked,
		    const char *want)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct slice list[8];
	size_t n = 0;

	for (const char *p = looked; *p; p++) {
		static char texts[8][72];

		memcpy(texts[n], A, sizeof(A));
		memset(texts[n] + 7, *p, 64);
		list[n] = slice_str(texts[n]);
		n++;
	}
	assert_true(slice_eq(locals_next_digest(&s->list, 1, d, list, n, &a),
			     want ? slice_str(want) : SLICE_NULL));
}

static void test_digests(void **state)
{
	const struct slice first = SLICE_LIT(C), second = SLICE_LIT(D);
	struct digests d = DIGESTS_INIT;
	struct set s;

	(void)state;
	MAKE(&s, "docker:cli", "x:*", "y@" A, B);
	is_next(&s, &d, "", A);
	is_next(&s, &d, "a", B);
	is_next(&s, &d, "ab", NULL);
	assert_int_equal(
		digests_answered(&d, SLICE_LIT("docker.io/library/docker:cli"), &first, 1, 9), 0);
	is_next(&s, &d, "ab", C);
	is_next(&s, &d, "abc", NULL);
	/* the registry moves on */
	assert_int_equal(
		digests_answered(&d, SLICE_LIT("docker.io/library/docker:cli"), &second, 1, 10), 0);
	is_next(&s, &d, "ab", D);
	is_next(&s, &d, "abd", NULL);
	s.list.keep_previous = true;
	is_next(&s, &d, "abd", C);
	/* of an index that an entry names, and of nobody's */
	assert_int_equal(digests_answered(&d, SLICE_LIT("docker.io/library/z:1"), &second, 1, 10),
			 0);
	is_next(&s, &d, "abcd", NULL);
	digests_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
