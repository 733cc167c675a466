/* SPDX-License-Identifier: Apache-2.0 */
/* Every form of entry with what it allows and what it must not; test-imagelist-derived.c has
 * derived images, test-imagelist-say.c the words. */
#include "policy/test-imagelist.h"

#define DOCKER "docker.io/library/docker"
#define RYUK "docker.io/testcontainers/ryuk"

/* A machine that pulled docker:cli (digest 0xc) as image 1, from a registry that has it. */
static struct imagelist_image *world_with_docker(struct world *w)
{
	world_init(w, "docker");
	push(w, DOCKER, "cli", 0xc);
	push(w, DOCKER, "dind", 0xd);
	return pulled(w, "docker", "cli", 1, 0xc);
}

/* 000:122, 000:81. */
static void test_tag(void **state)
{
	struct imagelist_image *cli, *dind, *other;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	dind = pulled(&w, "docker", "dind", 2, 0xd);
	other = pulled(&w, "alpine", "latest", 3, 0xa);
	list(&w, "docker:cli");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	assert_true(slice_eq(w.v.digest, digest(&w, 0xc)));
	assert_int_equal(w.v.source, IMAGELIST_NOW);
	assert_int_equal(w.rounds, 2); /* it asked once */
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	assert_int_equal(w.rounds, 1);
	denied(&w, dind, "docker:dind", IMAGELIST_OTHER_DIGEST);
	denied(&w, other, "alpine", IMAGELIST_NO_ENTRY);
	world_done(&w);
}

/* No tag is the tag latest, on both sides. */
static void test_no_tag(void **state)
{
	struct imagelist_image *cli, *latest;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	latest = pulled(&w, "docker", "latest", 2, 0xe);
	push(&w, DOCKER, "latest", 0xe);
	list(&w, "docker");
	allowed(&w, latest, "docker", IMAGELIST_BY_TAG);
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* An empty list allows nobody (000:75). */
static void test_empty_list(void **state)
{
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	denied(&w, cli, "docker:cli", IMAGELIST_NO_ENTRY);
	assert_int_equal(w.rounds, 1);
	world_done(&w);
}

/* 000:125-137: the name of an allowed image, given to another one; in every store, for every form.
 */
static void test_retagged(void **state)
{
	static const char *const forms[] = { "docker:cli", "docker:*", "docker.io/*:*" };
	static const enum imagelist_store stores[] = { IMAGELIST_CLASSIC, IMAGELIST_CONTAINERD,
						       IMAGELIST_PODMAN };
	struct imagelist_image *evil;
	struct world w;

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(forms); f++)
		for (size_t s = 0; s < ARRAY_SIZE(stores); s++) {
			(void)world_with_docker(&w);
			list(&w, forms[f]);
			evil = image(&w, stores[s], 0xbad);
			tag(&w, evil, "docker:cli");
			denied(&w, evil, "docker:cli", IMAGELIST_OTHER_DIGEST);
			/* with a digest of its own registry */
			repo_digest(&w, evil, "evil.example/x", 0xbad1);
			push(&w, "evil.example/x", "1", 0xbad1);
			denied(&w, evil, "docker:cli", IMAGELIST_OTHER_DIGEST);
			denied(&w, evil,
			       "docker:cli@sha256:" /* what it has as its digest */
			       "0000000000000000000000000000000000000000000000000000000000000bad",
			       IMAGELIST_OTHER_DIGEST);
			world_done(&w);
		}
}

/* gate.md 4.2: the containerd store lists `allowed@sha256:<evil>` for a retagged image, and
 * whatever it lists for other names of it. That the names there are good proves nothing; nor do the
 * digests. */
static void test_synthesised_digests(void **state)
{
	struct imagelist_image *evil;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	list(&w, "docker:cli");
	list(&w, "docker:*");
	evil = image(&w, IMAGELIST_CONTAINERD, 0xbad);
	tag(&w, evil, "docker:cli");
	repo_digest(&w, evil, "docker", 0xbad);
	denied(&w, evil, "docker:cli", IMAGELIST_OTHER_DIGEST);
	/* not even a good digest in that list counts */
	repo_digest(&w, evil, "docker", 0xc);
	denied(&w, evil, "docker:cli", IMAGELIST_OTHER_DIGEST);
	/* where pulls alone put digests there, it does */
	evil->store = IMAGELIST_CLASSIC;
	allowed(&w, evil, "docker:cli", IMAGELIST_BY_TAG);
	world_done(&w);
}

/* The containerd store's id is the digest of the index or manifest. */
static void test_containerd(void **state)
{
	struct imagelist_image *cli, *by_platform;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	list(&w, "docker:cli");
	cli = image(&w, IMAGELIST_CONTAINERD, 0xc);
	tag(&w, cli, "docker:cli");
	repo_digest(&w, cli, "docker", 0xc);
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	w.list.nentries = 0;
	list(&w, "docker:*");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_WILDCARD);
	/* what runs is the platform's manifest; the image is an index that is not the registry's */
	by_platform = image(&w, IMAGELIST_CONTAINERD, 0x1d);
	tag(&w, by_platform, "docker:cli");
	denied(&w, by_platform, "docker:cli", IMAGELIST_OTHER_DIGEST);
	by_platform->manifest = digest(&w, 0xc);
	allowed(&w, by_platform, "docker:cli", IMAGELIST_BY_WILDCARD);
	world_done(&w);
}

/* An index of one's own making that lists the good manifest, with an evil one for this platform. */
static void test_index_around_good(void **state)
{
	struct imagelist_image *evil;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	list(&w, "docker:cli");
	list(&w, "docker:*");
	evil = image(&w, IMAGELIST_CONTAINERD, 0xbad); /* the index */
	evil->manifest = digest(&w, 0xbad2);	       /* what runs */
	tag(&w, evil, "docker:cli");
	repo_digest(&w, evil, "docker", 0xc); /* as if its other manifest were listed */
	denied(&w, evil, "docker:cli", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* Good digests are those of the index and of its manifests: an image pulled for one platform. */
static void test_good_manifests(void **state)
{
	const struct imagelist_good goods[] = { { .digest = SLICE_LIT("") },
						{ .digest = SLICE_LIT("") } };
	struct imagelist_good mine[2];
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	memcpy(mine, goods, sizeof(mine));
	(void)world_with_docker(&w);
	list(&w, "docker:cli");
	cli = pulled(&w, "docker", "cli", 2, 0xc1);
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	mine[0].digest = digest(&w, 0xc);
	mine[1].digest = digest(&w, 0xc1);
	w.known[0].goods = mine;
	w.known[0].ngoods = 2;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	/* for an entry with a digest too */
	w.list.nentries = 0;
	list(&w, "docker@sha256:000000000000000000000000000000000000000000000000000000000000000c");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_DIGEST);
	w.known[0].ngoods = 1;
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* A classic image whose digests were lost (gate.md 4.2: save and load): only if its id was seen. */
static void test_lost_digests(void **state)
{
	struct imagelist_good seen = { .source = IMAGELIST_NOW };
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	list(&w, "docker:cli");
	cli = image(&w, IMAGELIST_CLASSIC, 1);
	tag(&w, cli, "docker:cli");
	denied(&w, cli, "docker:cli", IMAGELIST_OTHER_DIGEST);
	seen.digest = digest(&w, 1);
	w.known[0].goods = &seen;
	w.known[0].ngoods = 1;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	world_done(&w);
}

/* 000:319: after an update upstream the local copy is blocked until it is pulled again. */
static void test_moved_on(void **state)
{
	struct imagelist_image *cli, *again;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "docker:cli");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	push(&w, DOCKER, "cli", 0xcc);
	learn_tag(&w, &(struct imagelist_question){ .entry = 0 }); /* gabion images refresh */
	denied(&w, cli, "docker:cli", IMAGELIST_MOVED_ON);
	again = pulled(&w, "docker", "cli", 2, 0xcc);
	allowed(&w, again, "docker:cli", IMAGELIST_BY_TAG);
	w.list.keep_previous = true;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_PREVIOUS);
	assert_int_equal(w.v.source, IMAGELIST_PREVIOUS);
	allowed(&w, again, "docker:cli", IMAGELIST_BY_TAG);
	/* one that was never good is not kept */
	denied(&w, pulled(&w, "docker", "cli", 3, 0xdd), "docker:cli", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* The same for a repository from which a digest has gone. */
static void test_moved_on_wildcard(void **state)
{
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "docker:*");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_WILDCARD);
	w.answers[0].source = IMAGELIST_PREVIOUS;
	denied(&w, cli, "docker:cli", IMAGELIST_MOVED_ON);
	w.list.keep_previous = true;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_PREVIOUS);
	world_done(&w);
}

/* A list older than refetch_s is asked for again before an image is refused that has the name. */
static void test_refetch(void **state)
{
	struct imagelist_image *newer, *unrelated;
	struct imagelist_answer *a;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	unrelated = pulled(&w, "alpine", "3", 9, 0xa);
	list(&w, "docker:cli");
	denied(&w, unrelated, "alpine:3", IMAGELIST_NO_ENTRY);
	push(&w, DOCKER, "cli", 0xcc);
	newer = pulled(&w, "docker", "cli", 2, 0xcc);
	w.known[0].age_s = 100;
	denied(&w, newer, "docker:cli", IMAGELIST_OTHER_DIGEST);
	w.list.refetch_s = 100;
	denied(&w, newer, "docker:cli", IMAGELIST_OTHER_DIGEST);
	w.list.refetch_s = 99;
	denied(&w, unrelated, "alpine:3",
	       IMAGELIST_NO_ENTRY); /* and does not bother the registry */
	assert_int_equal(w.rounds, 1);
	allowed(&w, newer, "docker:cli", IMAGELIST_BY_TAG);
	/* a repository too */
	w.list.nentries = 0;
	list(&w, "docker:*");
	w.known[0] = (struct imagelist_known){ .state = IMAGELIST_UNASKED };
	newer = pulled(&w, "docker", "cli", 3, 0xee);
	denied(&w, newer, "docker:cli", IMAGELIST_OTHER_DIGEST);
	push(&w, DOCKER, "new", 0xee);
	a = &w.answers[w.facts.nanswers - 1];
	a->asked_s = 99;
	denied(&w, newer, "docker:cli", IMAGELIST_OTHER_DIGEST);
	a->asked_s = 100;
	a->failed = true; /* it was asked just now, in vain: not once more */
	denied(&w, newer, "docker:cli", IMAGELIST_NOT_KNOWN);
	assert_int_equal(w.rounds, 1);
	a->failed = false;
	allowed(&w, newer, "docker:cli", IMAGELIST_BY_WILDCARD);
	/* lost by the registry, and there again */
	a->source = IMAGELIST_PREVIOUS;
	a->asked_s = 99;
	denied(&w, newer, "docker:cli", IMAGELIST_MOVED_ON);
	a->asked_s = 100;
	allowed(&w, newer, "docker:cli", IMAGELIST_BY_WILDCARD);
	world_done(&w);
}

/* 000:81 "any tag for that image": also one that the image has here only, also an id's. */
static void test_wildcard(void **state)
{
	struct imagelist_image *cli, *untagged, *other;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "docker:*");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_WILDCARD);
	assert_int_equal(w.asked[IMAGELIST_ASK_BELONGS], 1);
	tag(&w, cli, "docker:mine");
	tag(&w, cli, "other:mine");
	allowed(&w, cli, "docker:mine", IMAGELIST_BY_WILDCARD);
	allowed(&w, cli, "sha256:0000000000000000000000000000000000000000000000000000000000000001",
		IMAGELIST_BY_WILDCARD);
	/* pulled by digest: no tag, but a name */
	untagged = image(&w, IMAGELIST_CLASSIC, 2);
	repo_digest(&w, untagged, "docker", 0xd);
	allowed(&w, untagged,
		"docker@sha256:"
		"000000000000000000000000000000000000000000000000000000000000000d",
		IMAGELIST_BY_WILDCARD);
	/* the registry of another name of the image is not asked */
	assert_int_equal(w.asked[IMAGELIST_ASK_BELONGS], 1);
	tag(&w, untagged, "other:2");
	w.facts.nanswers = 0;
	allowed(&w, untagged, "other:2", IMAGELIST_BY_WILDCARD);
	assert_int_equal(w.asked[IMAGELIST_ASK_BELONGS], 1);
	/* in another repository of that name */
	other = pulled(&w, "quay.io/docker", "cli", 3, 0xf);
	push(&w, "quay.io/docker", "cli", 0xf);
	denied(&w, other, "quay.io/docker:cli", IMAGELIST_NO_ENTRY);
	tag(&w, other, "docker:cli");
	denied(&w, other, "docker:cli", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* A digest that is good, but in another repository than the entry's. */
static void test_other_repository(void **state)
{
	struct imagelist_image *ryuk;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	push(&w, RYUK, "1", 0x7);
	ryuk = pulled(&w, "testcontainers/ryuk", "1", 7, 0x7);
	list(&w, "docker:*");
	list(&w, "docker:cli");
	tag(&w, ryuk, "docker:cli");
	repo_digest(&w, ryuk, "docker", 0x7);
	denied(&w, ryuk, "docker:cli", IMAGELIST_OTHER_DIGEST);
	denied(&w, ryuk, "testcontainers/ryuk:1", IMAGELIST_OTHER_DIGEST);
	list(&w, "testcontainers/ryuk:*");
	allowed(&w, ryuk, "docker:cli", IMAGELIST_BY_WILDCARD);
	assert_int_equal(w.v.entry, 2);
	world_done(&w);
}

/* An answer is about exactly the repository that it names. */
static void test_answers_of_others(void **state)
{
	static const char *const others[] = { "docker.io/library/docker2",
					      "docker.io/library/docke",
					      "docker.io/library",
					      "docker.io/docker",
					      "docker.ioxlibrary/docker",
					      "docker.io/libraryxdocker",
					      "docker",
					      "",
					      "docker.io/library/docker/",
					      "quay.io/library/docker" };
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "docker:*");
	w.deaf = true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		w.answers[w.facts.nanswers++] =
			(struct imagelist_answer){ .digest = digest(&w, 0xc),
						   .repository = slice_str(others[i]),
						   .belongs = IMAGELIST_BELONGS };
	denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
	assert_true(imagelist_needs(&w.v));
	w.answers[0].repository = slice_str(DOCKER);
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_WILDCARD);
	w.answers[0].digest = digest(&w, 0xd);
	denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
	world_done(&w);
}

/* gate.md 4.4: an image by another name still matches by its digest. */
static void test_mirror_name(void **state)
{
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	(void)world_with_docker(&w);
	cli = pulled(&w, "mirror.example/docker", "cli", 2, 0xc);
	list(&w, "docker:cli");
	allowed(&w, cli, "mirror.example/docker:cli", IMAGELIST_BY_TAG);
	/* a wildcard is asked about for its own name only */
	w.list.nentries = 0;
	list(&w, "docker:*");
	denied(&w, cli, "mirror.example/docker:cli", IMAGELIST_NO_ENTRY);
	assert_int_equal(w.asked[IMAGELIST_ASK_BELONGS], 0);
	tag(&w, cli, "docker:cli");
	allowed(&w, cli, "mirror.example/docker:cli", IMAGELIST_BY_WILDCARD);
	world_done(&w);
}

/* 000:82; it needs no registry. */
static void test_digest(void **state)
{
	struct imagelist_image *cli, *dind;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	dind = pulled(&w, "docker", "dind", 2, 0xd);
	list(&w, "docker@sha256:000000000000000000000000000000000000000000000000000000000000000c");
	w.offline = true;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_DIGEST);
	assert_int_equal(w.rounds, 1);
	denied(&w, dind, "docker:dind", IMAGELIST_OTHER_DIGEST);
	assert_int_equal(w.rounds, 1);
	/* a tag in the entry says nothing (gate.md 4.1: the digest wins) */
	w.list.nentries = 0;
	list(&w,
	     "docker:dind@sha256:000000000000000000000000000000000000000000000000000000000000000c");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_DIGEST);
	denied(&w, dind, "docker:dind", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* B32: `name:tag@digest` runs the digest whatever the tag; the verdict is about what runs. */
static void test_bogus_tag(void **state)
{
	const char *asked = "docker:cli@sha256:"
			    "0000000000000000000000000000000000000000000000000000000000000bad";
	struct imagelist_image *cli, *evil;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "docker:cli");
	evil = image(&w, IMAGELIST_CONTAINERD, 0xbad);
	tag(&w, evil, "docker:x");
	denied(&w, evil, asked, IMAGELIST_OTHER_DIGEST);
	allowed(&w, cli,
		"docker:bogus@sha256:"
		"000000000000000000000000000000000000000000000000000000000000000c",
		IMAGELIST_BY_TAG);
	world_done(&w);
}

/* 001:791, 001:810. */
static void test_pattern(void **state)
{
	struct imagelist_image *ryuk, *deep, *lint, *other, *evil;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	list(&w, "testcontainers/*:*");
	list(&w, "your-registry.com/ci-tools/*:*");
	push(&w, RYUK, "0.5.1", 1);
	push(&w, "docker.io/testcontainers/a/b", "1", 2);
	push(&w, "your-registry.com/ci-tools/lint", "2", 3);
	push(&w, "your-registry.com/other", "1", 4);
	ryuk = pulled(&w, "testcontainers/ryuk", "0.5.1", 11, 1);
	deep = pulled(&w, "testcontainers/a/b", "1", 12, 2);
	lint = pulled(&w, "your-registry.com/ci-tools/lint", "2", 13, 3);
	other = pulled(&w, "your-registry.com/other", "1", 14, 4);
	allowed(&w, ryuk, "testcontainers/ryuk:0.5.1", IMAGELIST_BY_PATTERN);
	denied(&w, deep, "testcontainers/a/b:1", IMAGELIST_NO_ENTRY);
	allowed(&w, lint, "your-registry.com/ci-tools/lint:2", IMAGELIST_BY_PATTERN);
	assert_int_equal(w.v.entry, 1);
	denied(&w, other, "your-registry.com/other:1", IMAGELIST_NO_ENTRY);
	/* a name in the folder that the registry does not have, or has with something else */
	evil = image(&w, IMAGELIST_CONTAINERD, 0xbad);
	tag(&w, evil, "testcontainers/new:1");
	denied(&w, evil, "testcontainers/new:1", IMAGELIST_OTHER_DIGEST);
	tag(&w, evil, "testcontainers/ryuk:0.5.1");
	denied(&w, evil, "testcontainers/ryuk:0.5.1", IMAGELIST_OTHER_DIGEST);
	world_done(&w);
}

/* Ours: an image of this machine by its id (issue 3). */
static void test_id(void **state)
{
	struct imagelist_image *local, *other;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	local = image(&w, IMAGELIST_CLASSIC, 5);
	tag(&w, local, "mine:1");
	other = image(&w, IMAGELIST_CLASSIC, 6);
	tag(&w, other, "mine:2");
	list(&w, "sha256:0000000000000000000000000000000000000000000000000000000000000005");
	w.offline = true;
	allowed(&w, local, "mine:1", IMAGELIST_BY_ID);
	allowed(&w, local, "0000000000000000000000000000000000000000000000000000000000000005",
		IMAGELIST_BY_ID);
	assert_int_equal(w.rounds, 1);
	denied(&w, other, "mine:2", IMAGELIST_LOCAL_ONLY);
	/* a digest is no id: an image that has it in RepoDigests is another one */
	repo_digest(&w, other, "mine", 5);
	denied(&w, other, "mine:2", IMAGELIST_NO_ENTRY);
	world_done(&w);
}

/* 000:209. */
static void test_everything(void **state)
{
	struct imagelist_image *local;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	local = image(&w, IMAGELIST_CLASSIC, 5);
	list(&w, "*");
	w.offline = true;
	allowed(&w, local, "mine", IMAGELIST_BY_EVERYTHING);
	assert_int_equal(w.rounds, 1);
	local->id = SLICE_LIT("");
	allowed(&w, local, "mine", IMAGELIST_BY_EVERYTHING);
	world_done(&w);
}

/* Without an id nothing is compared, whatever else there is. */
static void test_no_id(void **state)
{
	static const char *const ids[] = { "", "sha256:", "sha256:1", "docker:cli" };
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	w.list.derived = true;
	list(&w, "docker:cli");
	list(&w, "docker:*");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		cli->id = slice_str(ids[i]);
		denied(&w, cli, "docker:cli", IMAGELIST_NO_IMAGE);
		assert_int_equal(w.v.nquestions, 0);
	}
	/* A container of no image: not even by this one. */
	list(&w, "*");
	cli->id = SLICE_NULL;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_EVERYTHING);
	denied(&w, cli, "", IMAGELIST_NO_IMAGE);
	world_done(&w);
}

/* Offline: last known good digests, and nothing else. */
static void test_offline(void **state)
{
	struct imagelist_image *cli, *newer, *dind;
	struct imagelist_good good = { .source = IMAGELIST_CACHED, .age_s = 86400 };
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	newer = pulled(&w, "docker", "cli", 2, 0xcc);
	dind = pulled(&w, "docker", "dind", 3, 0xd);
	list(&w, "docker:cli");
	w.offline = true;
	denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
	assert_int_equal(w.known[0].state, IMAGELIST_UNREACHABLE);
	assert_int_equal(w.v.nquestions, 0);
	good.digest = digest(&w, 0xc);
	w.known[0].goods = &good;
	w.known[0].ngoods = 1;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	assert_int_equal(w.v.source, IMAGELIST_CACHED);
	assert_int_equal(w.v.age_s, 86400);
	denied(&w, newer, "docker:cli", IMAGELIST_NOT_KNOWN);
	denied(&w, dind, "docker:dind", IMAGELIST_NOT_KNOWN);
	/* kept across a restart: known before anybody was asked */
	w.known[0].state = IMAGELIST_UNASKED;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	assert_int_equal(w.rounds, 1);
	world_done(&w);
}

static void test_offline_wildcard(void **state)
{
	struct imagelist_image *cli, *dind;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	dind = pulled(&w, "docker", "dind", 3, 0xd);
	list(&w, "docker:*");
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_WILDCARD);
	w.offline = true;
	w.answers[0].source = IMAGELIST_CACHED;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_WILDCARD);
	assert_int_equal(w.v.source, IMAGELIST_CACHED);
	denied(&w, dind, "docker:dind", IMAGELIST_NOT_KNOWN);
	world_done(&w);
}

/* Questions that nobody answers: denied as long as they stand. */
static void test_unanswered(void **state)
{
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "docker:cli");
	list(&w, "docker:*");
	list(&w, "alpine:3");
	w.deaf = true;
	denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
	assert_true(imagelist_needs(&w.v));
	assert_int_equal(w.v.nquestions, 3);
	/* those for its own name first */
	assert_int_equal(w.v.questions[0].ask, IMAGELIST_ASK_DIGEST);
	assert_int_equal(w.v.questions[0].entry, 0);
	assert_int_equal(w.v.questions[1].ask, IMAGELIST_ASK_BELONGS);
	assert_true(slice_eq(w.v.questions[1].digest, digest(&w, 0xc)));
	assert_int_equal(w.v.questions[2].entry, 2);
	w.facts.known = NULL;
	denied(&w, cli, "docker:cli", IMAGELIST_NOT_KNOWN);
	assert_int_equal(w.v.nquestions, 3);
	world_done(&w);
}

/* The most specific of the entries that match, in whatever order they stand. */
static void test_two_entries(void **state)
{
	static const struct {
		const char *entry;
		enum imagelist_how how;
	} by_rank[] = {
		{ "sha256:0000000000000000000000000000000000000000000000000000000000000001",
		  IMAGELIST_BY_ID },
		{ "docker@sha256:000000000000000000000000000000000000000000000000000000000000000c",
		  IMAGELIST_BY_DIGEST },
		{ "docker:cli", IMAGELIST_BY_TAG },
		{ "docker:*", IMAGELIST_BY_WILDCARD },
		{ "docker.io/*:*", IMAGELIST_BY_PATTERN },
		{ "*", IMAGELIST_BY_EVERYTHING },
	};
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(by_rank); a++)
		for (size_t b = 0; b < ARRAY_SIZE(by_rank); b++) {
			cli = world_with_docker(&w);
			list(&w, by_rank[a].entry);
			list(&w, by_rank[b].entry);
			w.thorough = true;
			allowed(&w, cli, "docker:cli", by_rank[MIN(a, b)].how);
			assert_int_equal(w.v.entry, a <= b ? 0 : 1);
			assert_int_equal(w.v.nquestions, 0);
			world_done(&w);
		}
}

/* A more specific form comes first, even if it was good only before. */
static void test_previous_and_wildcard(void **state)
{
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	w.list.keep_previous = true;
	list(&w, "docker:*");
	list(&w, "docker:cli");
	w.thorough = true;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	push(&w, DOCKER, "cli", 0xcc);
	learn_tag(&w, &(struct imagelist_question){ .entry = 1 });
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_PREVIOUS);
	assert_int_equal(w.v.entry, 1);
	/* of two of one form, the one that is good now */
	list(&w, "docker:new");
	push(&w, DOCKER, "new", 0xc);
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_TAG);
	assert_int_equal(w.v.entry, 2);
	world_done(&w);
}

/* What allows without asking does not wait; what is more specific and open is said. */
static void test_allowed_with_questions(void **state)
{
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	cli = world_with_docker(&w);
	list(&w, "*");
	list(&w, "docker:cli");
	w.deaf = true;
	allowed(&w, cli, "docker:cli", IMAGELIST_BY_EVERYTHING);
	assert_false(imagelist_needs(&w.v));
	assert_int_equal(w.v.nquestions, 1);
	assert_int_equal(w.v.questions[0].entry, 1);
	world_done(&w);
}

/* More questions than fit come in rounds; they end, with the registry and without. */
static void test_many_questions(void **state)
{
	static struct imagelist_entry entries[300];
	static struct imagelist_known known[300];
	struct imagelist_image *cli;
	struct world w;

	(void)state;
	for (unsigned offline = 0; offline < 2; offline++) {
		cli = world_with_docker(&w);
		memset(known, 0, sizeof(known));
		w.facts.known = known;
		w.list.entries = entries;
		w.list.nentries = ARRAY_SIZE(entries);
		for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
			const char *text = arena_must(arena_printf(&w.arena, "many/x%zu", i));

			assert_int_equal(imagelist_parse_entry(w.list.profile, slice_str(text),
							       &entries[i], NULL),
					 0);
		}
		for (unsigned round = 0;; round++) {
			w.facts.image = cli;
			w.facts.asked = SLICE_LIT("docker:cli");
			imagelist_decide(&w.list, &w.facts, &w.v);
			assert_int_equal(w.v.verdict.kind, VERDICT_DENY);
			assert_true(round <= 5);
			if (!imagelist_needs(&w.v))
				break;
			for (size_t i = 0; i < w.v.nquestions; i++) {
				assert_int_equal(w.v.questions[i].ask, IMAGELIST_ASK_DIGEST);
				known[w.v.questions[i].entry].state =
					offline ? IMAGELIST_UNREACHABLE : IMAGELIST_KNOWN;
			}
		}
		assert_int_equal(w.v.reason, IMAGELIST_NO_ENTRY);
		world_done(&w);
	}
}

/* More names and digests than are looked at: those beyond do not count, the one asked for does. */
static void test_many_names(void **state)
{
	struct imagelist_image *many;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	list(&w, "docker:*");
	push(&w, DOCKER, "cli", 1);
	many = image(&w, IMAGELIST_CONTAINERD, 1);
	for (unsigned i = 0; i < 200; i++) {
		tag(&w, many, arena_must(arena_printf(&w.arena, "x%u:1", i)));
		repo_digest(&w, many, "x", 1000 + i);
	}
	tag(&w, many, "docker:cli");
	denied(&w, many, "x0:1", IMAGELIST_NO_ENTRY);
	allowed(&w, many, "docker:cli", IMAGELIST_BY_WILDCARD);
	/* the id counts always */
	many->store = IMAGELIST_CLASSIC;
	list(&w, "sha256:0000000000000000000000000000000000000000000000000000000000000001");
	allowed(&w, many, "x0:1", IMAGELIST_BY_ID);
	world_done(&w);
}

/* What the engine lists and is no name: <none>:<none>, <none>@<none>. */
static void test_no_names(void **state)
{
	struct imagelist_image *i;
	struct world w;

	(void)state;
	world_init(&w, "docker");
	list(&w, "docker:*");
	i = image(&w, IMAGELIST_CLASSIC, 1);
	tag(&w, i, "<none>:<none>");
	i->repo_digests = grown(&w, i->repo_digests, 0, "<none>@<none>");
	i->nrepo_digests = 1;
	denied(&w, i, "sha256:0000000000000000000000000000000000000000000000000000000000000001",
	       IMAGELIST_NO_ENTRY);
	assert_int_equal(w.rounds, 1);
	world_done(&w);
}

static void test_all_seen(void **state)
{
	static const enum imagelist_how hows[] = { IMAGELIST_BY_ID,	 IMAGELIST_BY_DIGEST,
						   IMAGELIST_BY_TAG,	 IMAGELIST_BY_WILDCARD,
						   IMAGELIST_BY_PATTERN, IMAGELIST_BY_EVERYTHING,
						   IMAGELIST_BY_PREVIOUS };
	static const enum imagelist_reason reasons[] = {
		IMAGELIST_NO_IMAGE,	IMAGELIST_MOVED_ON,   IMAGELIST_NOT_KNOWN,
		IMAGELIST_OTHER_DIGEST, IMAGELIST_LOCAL_ONLY, IMAGELIST_NO_ENTRY
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++)
		assert_true(seen_how[hows[i]]);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		assert_true(seen_reason[reasons[i]]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tag),
		cmocka_unit_test(test_no_tag),
		cmocka_unit_test(test_empty_list),
		cmocka_unit_test(test_retagged),
		cmocka_unit_test(test_synthesised_digests),
		cmocka_unit_test(test_containerd),
		cmocka_unit_test(test_index_around_good),
		cmocka_unit_test(test_good_manifests),
		cmocka_unit_test(test_lost_digests),
		cmocka_unit_test(test_moved_on),
		cmocka_unit_test(test_moved_on_wildcard),
		cmocka_unit_test(test_refetch),
		cmocka_unit_test(test_wildcard),
		cmocka_unit_test(test_other_repository),
		cmocka_unit_test(test_answers_of_others),
		cmocka_unit_test(test_mirror_name),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_bogus_tag),
		cmocka_unit_test(test_pattern),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_no_id),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_offline_wildcard),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_two_entries),
		cmocka_unit_test(test_previous_and_wildcard),
		cmocka_unit_test(test_allowed_with_questions),
		cmocka_unit_test(test_many_questions),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_all_seen), /* last */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
