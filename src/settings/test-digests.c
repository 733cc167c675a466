/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/digests.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "settings/grant.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define CLI "docker.io/library/docker:cli"
#define REPOSITORY "docker.io/library/docker"

static struct imagelist_entry entries[1];

static struct imagelist one_entry(const char *text)
{
	assert_int_equal(
		imagelist_parse_entry(profile_default(), slice_str(text), &entries[0], NULL), 0);
	return (struct imagelist){ .profile = profile_default(),
				   .entries = entries,
				   .nentries = 1 };
}

static void answer(struct digests *d, const char *digest, uint64_t now)
{
	struct slice s = slice_str(digest);

	assert_int_equal(digests_answered(d, SLICE_LIT(CLI), &s, 1, now), 0);
}

static const struct imagelist_known *known(const struct digests *d, struct arena *a, uint64_t now,
					   uint64_t retry_s)
{
	struct imagelist list = one_entry("docker:cli");
	struct imagelist_facts facts = { .nanswers = 0 };

	assert_int_equal(digests_facts(d, a, &list, now, retry_s, &facts), 0);
	return facts.known;
}

/* Now, then offline, then the registry has moved on. */
static void test_a_tag(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct digests d = DIGESTS_INIT;
	const struct imagelist_known *k;

	(void)state;
	assert_int_equal(known(&d, &a, 100, 5)->state, IMAGELIST_UNASKED);
	answer(&d, A, 100);
	k = known(&d, &a, 160, 5);
	assert_int_equal(k->state, IMAGELIST_KNOWN);
	assert_int_equal(k->age_s, 60);
	assert_int_equal(k->ngoods, 1);
	assert_int_equal(k->goods[0].source, IMAGELIST_NOW);
	assert_int_equal(digests_failed(&d, SLICE_LIT(CLI), 200, false), 0);
	k = known(&d, &a, 203, 5);
	assert_int_equal(k->state, IMAGELIST_UNREACHABLE);
	assert_int_equal(k->goods[0].source, IMAGELIST_CACHED);
	assert_int_equal(known(&d, &a, 206, 5)->state, IMAGELIST_KNOWN); /* worth another try */
	assert_int_equal(known(&d, &a, 999, 0)->state, IMAGELIST_UNREACHABLE);
	assert_false(digests_find(&d, SLICE_LIT(CLI))->refused);
	assert_int_equal(digests_failed(&d, SLICE_LIT(CLI), 200, true), 0);
	assert_true(digests_find(&d, SLICE_LIT(CLI))->refused);
	assert_true(known(&d, &a, 203, 5)->refused);
	assert_false(known(&d, &a, 206, 5)->refused);
	digests_forgive(&d);
	assert_int_equal(known(&d, &a, 203, 5)->state, IMAGELIST_KNOWN);
	answer(&d, B, 300);
	k = known(&d, &a, 301, 5);
	assert_int_equal(k->state, IMAGELIST_KNOWN);
	assert_int_equal(k->ngoods, 2);
	assert_true(slice_eq_str(k->goods[0].digest, A));
	assert_int_equal(k->goods[0].source, IMAGELIST_PREVIOUS);
	assert_int_equal(k->goods[1].source, IMAGELIST_NOW);
	/* there is no such tag any more */
	assert_int_equal(digests_answered(&d, SLICE_LIT(CLI), NULL, 0, 400), 0);
	k = known(&d, &a, 401, 5);
	assert_int_equal(k->goods[1].source, IMAGELIST_PREVIOUS);
	digests_done(&d);
}

/* So many have been good that the oldest is forgotten. */
static void test_room(void **state)
{
	struct digests d = DIGESTS_INIT;
	char text[] = A;

	(void)state;
	for (unsigned i = 0; i < DIGESTS_GOODS_MAX + 3; i++) {
		text[8] = (char)('0' + i / 10);
		text[9] = (char)('0' + i % 10);
		answer(&d, text, 100 + i);
	}
	assert_int_equal(d.tags[0].ngoods, DIGESTS_GOODS_MAX);
	for (size_t i = 0; i < d.tags[0].ngoods; i++)
		assert_true(d.tags[0].goods[i].seen >= 103);
	assert_int_equal(digests_answered(&d, SLICE_LIT(CLI), &SLICE_NULL, 1, 500), -EINVAL);
	digests_done(&d);
}

/* What is printed is read back as the same; failures are not kept. */
static void test_file(void **state)
{
	CLEANUP_BUF struct buf text = BUF_INIT(65536);
	CLEANUP_BUF struct buf again = BUF_INIT(65536);
	struct digests d = DIGESTS_INIT;
	struct digests e = DIGESTS_INIT;

	(void)state;
	answer(&d, A, 100);
	answer(&d, B, 200);
	assert_int_equal(digests_failed(&d, SLICE_LIT("docker.io/library/x:1"), 1, true), 0);
	assert_int_equal(digests_claimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(A), true, 7), 0);
	assert_int_equal(digests_unclaimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(B), 8, true), 0);
	assert_int_equal(digests_use(&d, SLICE_LIT(CLI), 9), 0);
	digests_print(&d, &text);
	assert_int_equal(digests_parse(&e, buf_slice(&text), NULL), 0);
	assert_int_equal(e.ntags, 1);
	assert_int_equal(e.nclaims, 1);
	assert_int_equal(digests_used_at(&e, SLICE_LIT(CLI)), 9);
	assert_int_equal(digests_used_at(&e, SLICE_LIT("docker.io/library/x:1")), 0);
	assert_false(e.used);
	digests_print(&e, &again);
	assert_true(slice_eq(buf_slice(&text), buf_slice(&again)));
	digests_done(&d);
	digests_done(&e);
}

/* Because of credentials, or because it was not there; once it has answered, neither counts. */
static void test_unanswered_claims(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct imagelist list = one_entry("docker:cli");
	struct digests d = DIGESTS_INIT;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct imagelist_facts facts = { .nanswers = 0 };
		bool refused = i % 2;

		if (i == 2)
			assert_int_equal(digests_claimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(A),
							 true, 7),
					 0);
		assert_int_equal(
			digests_unclaimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(A), 8, refused), 0);
		assert_int_equal(digests_facts(&d, &a, &list, 9, 5, &facts), 0);
		assert_int_equal(facts.nanswers, 1);
		assert_int_equal(facts.answers[0].belongs,
				 i < 2 ? IMAGELIST_UNANSWERED : IMAGELIST_BELONGS);
		assert_int_equal(facts.answers[0].refused, refused && i < 2);
	}
	digests_done(&d);
}

/* It was there until its registry moved on. */
static void test_lost_claims(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	CLEANUP_BUF struct buf text = BUF_INIT(65536);
	struct imagelist list = one_entry("docker:*");
	struct imagelist_facts facts = { .nanswers = 0 };
	struct digests d = DIGESTS_INIT;
	struct digests e = DIGESTS_INIT;

	(void)state;
	assert_int_equal(digests_claimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(A), true, 7), 0);
	assert_int_equal(digests_claimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(A), false, 9), 0);
	assert_int_equal(digests_claimed(&d, SLICE_LIT(REPOSITORY), SLICE_LIT(B), false, 9), 0);
	digests_print(&d, &text);
	assert_int_equal(digests_parse(&e, buf_slice(&text), NULL), 0);
	assert_int_equal(digests_facts(&e, &a, &list, 10, 5, &facts), 0);
	assert_int_equal(facts.nanswers, 2);
	assert_int_equal(facts.answers[0].belongs, IMAGELIST_BELONGS);
	assert_int_equal(facts.answers[0].source, IMAGELIST_PREVIOUS);
	assert_int_equal(facts.answers[0].age_s, 3);
	assert_int_equal(facts.answers[0].asked_s, 1);
	assert_int_equal(facts.answers[1].belongs, IMAGELIST_ELSEWHERE);
	assert_int_equal(digests_unclaimed(&e, SLICE_LIT(REPOSITORY), SLICE_LIT(B), 11, true), 0);
	assert_int_equal(digests_facts(&e, &a, &list, 12, 5, &facts), 0);
	assert_true(facts.answers[1].failed && facts.answers[1].refused);
	digests_done(&d);
	digests_done(&e);
}

static void test_bad_files(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"version\":2,\"tags\":[],\"claims\":[]}",
		"{\"version\":1,\"tags\":{},\"claims\":[]}",
		"{\"version\":1,\"tags\":[],\"claims\":[],\"uses\":[{\"entry\":\"a\"}]}",
		"{\"version\":1,\"tags\":[{\"reference\":\"a\",\"asked\":0,\"goods\":[]}],"
		"\"claims\":[]}",
		"{\"version\":1,\"tags\":[{\"reference\":\"a "
		"b\",\"asked\":1,\"goods\":[]}],\"claims\":[]}",
		"{\"version\":1,\"tags\":[{\"reference\":\"a\",\"asked\":1,\"goods\":[{\"digest\":"
		"\"x\",\"seen\":1}]}],"
		"\"claims\":[]}",
		"{\"version\":1,\"tags\":[],\"claims\":[{\"repository\":\"r\",\"digest\":\"" A
		"\",\"asked\":1}]}",
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct digests d = DIGESTS_INIT;

		if (digests_parse(&d, slice_str(bad[i]), &err) != -EINVAL)
			fail_msg("%s", bad[i]);
		assert_int_equal(d.ntags, 0);
	}
}

static void claim(struct digests *d, const char *repository, const char *digest, bool belongs,
		  uint64_t now)
{
	assert_int_equal(digests_claimed(d, slice_str(repository), slice_str(digest), belongs, now),
			 0);
}

static void test_trim(void **state)
{
	struct imagelist list = one_entry("docker:cli");
	struct digests d = DIGESTS_INIT;
	struct slice digest = SLICE_LIT(A);

	(void)state;
	answer(&d, A, 100);
	assert_int_equal(digests_answered(&d, SLICE_LIT("docker.io/library/gone:1"), &digest, 1, 1),
			 0);
	claim(&d, "r", A, true, 10);
	claim(&d, "r", B, true, 20);
	assert_int_equal(digests_use(&d, SLICE_LIT("docker.io/library/gone:1"), 1), 0);
	assert_int_equal(digests_use(&d, SLICE_LIT(CLI), 2), 0);
	assert_int_equal(digests_use(&d, SLICE_LIT(CLI), 3), 0);
	digests_trim(&d, &list, 1, 15);
	assert_int_equal(d.nuses, 1);
	assert_int_equal(digests_used_at(&d, SLICE_LIT(CLI)), 3);
	assert_int_equal(d.ntags, 1);
	assert_string_equal(d.tags[0].reference, CLI);
	assert_int_equal(d.nclaims, 1);
	assert_string_equal(d.claims[0].digest, B);
	digests_done(&d);
}

/* What a container needs stays, however long ago the registry was asked, and is asked about again;
 * what no entry is for, was never good or is not needed does not. */
static void test_needed_claims(void **state)
{
	static const struct slice repo_digests[] = { { "docker@" A, 78 } };
	const struct imagelist_image image = { .id = SLICE_LIT(C),
					       .store = IMAGELIST_CLASSIC,
					       .repo_digests = repo_digests,
					       .nrepo_digests = 1 };
	const uint64_t later = 100u * 86400;
	static const char *const lists[] = { "docker:*", "example.org/a/*:*" };
	static const char *const repositories[] = { REPOSITORY, "example.org/a/b" };

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct imagelist list = one_entry(lists[i]);
		struct digests d = DIGESTS_INIT;

		claim(&d, repositories[i], B, true, 1);
		claim(&d, repositories[i], C, false, 1);
		claim(&d, "docker.io/library/other", A, true, 1);
		claim(&d, repositories[i], A, true, 1);
		digests_make_due(&d, &list, 1);
		assert_string_equal(digests_next_due(&d)->digest, B); /* both at once: the first */
		claim(&d, repositories[i], B, true, 2);
		assert_string_equal(digests_next_due(&d)->digest, A);
		assert_int_equal(digests_unclaimed(&d, slice_str(repositories[i]), SLICE_LIT(A), 2,
						   false),
				 0);
		assert_null(digests_next_due(&d));
		d.used = false;
		digests_needed(&d, profile_default(), &image, later);
		assert_true(d.used);
		d.used = false;
		digests_needed(&d, profile_default(), &image, later + 1);
		assert_false(d.used);
		digests_trim(&d, &list, 1, later);
		assert_int_equal(d.nclaims, 1);
		assert_string_equal(d.claims[0].digest, A);
		assert_string_equal(d.claims[0].repository, repositories[i]);
		digests_done(&d);
	}
}

/* One registry that is not there is not waited for once for each claim. */
static void test_unreachable(void **state)
{
	static struct imagelist_entry two[2];
	struct imagelist list = { .profile = profile_default(), .entries = two, .nentries = 2 };
	struct digests d = DIGESTS_INIT;

	(void)state;
	assert_int_equal(imagelist_parse_entry(list.profile, SLICE_LIT("example.org/a/*:*"),
					       &two[0], NULL),
			 0);
	assert_int_equal(imagelist_parse_entry(list.profile, SLICE_LIT("example.org:5/a/*:*"),
					       &two[1], NULL),
			 0);
	claim(&d, "example.org/a/b", A, true, 1);
	claim(&d, "example.org/a/c", A, true, 2);
	claim(&d, "example.org:5/a/b", A, true, 3);
	digests_make_due(&d, &list, 1);
	assert_int_equal(
		digests_unclaimed(&d, SLICE_LIT("example.org/a/b"), SLICE_LIT(A), 4, false), 0);
	digests_skip_due(&d, SLICE_LIT("example.org"));
	assert_string_equal(digests_next_due(&d)->repository, "example.org:5/a/b");
	digests_skip_due(&d, SLICE_LIT("example.org:5"));
	assert_null(digests_next_due(&d));
	/* the one that failed does not keep the others from being asked about */
	digests_make_due(&d, &list, 1);
	assert_string_equal(digests_next_due(&d)->repository, "example.org/a/c");
	digests_done(&d);
}

/* The one that was never good makes room, then the one that was needed longest ago. */
static void test_room_for_claims(void **state)
{
	struct digests d = DIGESTS_INIT;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < DIGESTS_CLAIMS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		claim(&d, name, A, i != 7, 1000 + (i ^ 1));
	}
	claim(&d, "more1", A, true, 9999);
	assert_int_equal(d.nclaims, DIGESTS_CLAIMS_MAX);
	assert_string_equal(d.claims[7].repository, "r8");
	claim(&d, "more2", A, true, 9999);
	assert_int_equal(d.nclaims, DIGESTS_CLAIMS_MAX);
	assert_string_equal(d.claims[0].repository, "r0");
	assert_string_equal(d.claims[1].repository, "r2");
	digests_done(&d);
}

/* A container's facts, kept and read back, decide as they did. */
static void test_grant(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	CLEANUP_BUF struct buf text = BUF_INIT(65536);
	CLEANUP_BUF struct buf again = BUF_INIT(65536);
	static const struct slice layers[] = { { A, 71 }, { B, 71 } };
	static const struct slice tags[] = { { "docker:cli", 10 } };
	struct grant g = { .asked = SLICE_LIT("docker:cli"),
			   .image = { .id = SLICE_LIT(A),
				      .store = IMAGELIST_CLASSIC,
				      .has_layers = true,
				      .layers = layers,
				      .nlayers = 2,
				      .tags = tags,
				      .ntags = 1 },
			   .derived = true,
			   .parent = { .id = SLICE_LIT(B), .store = IMAGELIST_CONTAINERD } };
	struct imagelist_facts facts;
	struct grant read;

	(void)state;
	assert_int_equal(grant_print(&g, &text), 0);
	assert_int_equal(grant_parse(&a, buf_slice(&text), &read, NULL), 0);
	assert_int_equal(grant_print(&read, &again), 0);
	assert_true(slice_eq(buf_slice(&text), buf_slice(&again)));
	grant_facts(&read, &facts);
	assert_int_equal(facts.nlocals, 1);
	assert_int_equal(facts.image->nlayers, 2);
	assert_int_equal(grant_parse(&a, SLICE_LIT("{\"version\":1,\"asked\":\"x\"}"), &read, NULL),
			 -EINVAL);
	assert_int_equal(grant_parse(&a, SLICE_LIT("{\"version\":9}"), &read, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tag),	    cmocka_unit_test(test_room),
		cmocka_unit_test(test_file),	    cmocka_unit_test(test_unanswered_claims),
		cmocka_unit_test(test_bad_files),   cmocka_unit_test(test_trim),
		cmocka_unit_test(test_lost_claims), cmocka_unit_test(test_needed_claims),
		cmocka_unit_test(test_unreachable), cmocka_unit_test(test_room_for_claims),
		cmocka_unit_test(test_grant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
