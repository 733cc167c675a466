/* SPDX-License-Identifier: Apache-2.0 */
/* allowDerivedImages (000:139-204): what is derived, from what, and who may be a base. */
#include "policy/test-imagelist.h"

#define BUILDER "docker.io/paketobuildpacks/builder"
#define EMPTY_LAYER "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

struct built {
	struct world w;
	struct imagelist_image *base;  /* paketobuildpacks/builder:base, pulled: layers 1, 2 */
	struct imagelist_image *child; /* built from it: layers 1, 2, 3; never on a registry */
};

static void built_init(struct built *b, const char *entry)
{
	world_init(&b->w, "docker");
	b->w.list.derived = true;
	list(&b->w, entry);
	push(&b->w, BUILDER, "base", 0xb);
	b->base = pulled(&b->w, "paketobuildpacks/builder", "base", 1, 0xb);
	layer(&b->w, b->base, 1);
	layer(&b->w, b->base, 2);
	b->child = image(&b->w, IMAGELIST_CLASSIC, 2);
	tag(&b->w, b->child, "pack.local/builder/abc:latest");
	for (unsigned i = 1; i <= 3; i++)
		layer(&b->w, b->child, i);
}

#define CHILD "pack.local/builder/abc:latest"
#define BASE_ENTRY "paketobuildpacks/builder:base"

/* 000:161-177. */
static void test_derived(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	allowed(&b.w, b.base, BASE_ENTRY, IMAGELIST_BY_TAG);
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_true(slice_eq(b.w.v.parent->id, b.base->id));
	assert_int_equal(b.w.v.entry, 0);
	assert_true(slice_eq(b.w.v.digest, digest(&b.w, 0xb)));
	/* an image that has nothing to do with it */
	b.child->nlayers = 0;
	for (unsigned i = 11; i <= 13; i++)
		layer(&b.w, b.child, i);
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

/* Images are asked for only when needed, layers only of those that can matter. */
static void test_what_is_asked(void **state)
{
	struct imagelist_image *alpine;
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	alpine = pulled(&b.w, "alpine", "3", 9, 0xa);
	layer(&b.w, alpine, 1);
	allowed(&b.w, b.base, BASE_ENTRY, IMAGELIST_BY_TAG);
	assert_int_equal(b.w.asked[IMAGELIST_ASK_LOCALS], 0);
	assert_int_equal(b.w.asked[IMAGELIST_ASK_LAYERS], 0);
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_int_equal(b.w.asked[IMAGELIST_ASK_LOCALS], 1);
	assert_int_equal(b.w.asked[IMAGELIST_ASK_LAYERS], 2); /* its own, the base's */
	assert_int_equal(b.w.asked[IMAGELIST_ASK_BELONGS], 0);
	world_done(&b.w);
}

/* 000:179: off unless it is set. */
static void test_off(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	b.w.list.derived = false;
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_OFF);
	assert_true(slice_eq(b.w.v.parent->id, b.base->id));
	b.base->nlayers = 0; /* no base of it here */
	denied(&b.w, b.child, CHILD, IMAGELIST_LOCAL_ONLY);
	/* nobody asks for images just to say so */
	b.w.facts.has_locals = false;
	denied(&b.w, b.child, CHILD, IMAGELIST_LOCAL_ONLY);
	assert_int_equal(b.w.rounds, 1);
	world_done(&b.w);
}

/* 000:189: "the derived image must not be present in a remote repository". */
static void test_remote(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	repo_digest(&b.w, b.child, "hub.example/x", 0x77);
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_ENTRY); /* not even looked at */
	assert_int_equal(b.w.asked[IMAGELIST_ASK_LOCALS], 0);
	b.w.facts.has_locals = true;
	b.w.given[0].has_layers = b.w.given[1].has_layers = true;
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
	b.w.list.derived = false;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_ENTRY);
	world_done(&b.w);
}

/* What the engine vouches for counts before what can be guessed. */
static void test_origin(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.child->store = IMAGELIST_CONTAINERD;
	b.child->origin = IMAGELIST_ORIGIN_LOCAL;
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_int_equal(b.w.asked[IMAGELIST_ASK_BELONGS], 0);
	b.child->origin = IMAGELIST_ORIGIN_REGISTRY;
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
	b.child->store = IMAGELIST_CLASSIC;
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
	world_done(&b.w);
}

/* Where the store does not know, the registries of the image's names do (gate.md 4.6). */
static void test_origin_by_registry(void **state)
{
	static const enum imagelist_store stores[] = { IMAGELIST_CONTAINERD, IMAGELIST_PODMAN };
	struct built b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		built_init(&b, BASE_ENTRY);
		b.child->store = stores[i];
		repo_digest(&b.w, b.child, "pack.local/builder/abc", 2);
		allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
		assert_int_equal(b.w.asked[IMAGELIST_ASK_BELONGS], 1);
		world_done(&b.w);

		built_init(&b, BASE_ENTRY);
		b.child->store = stores[i];
		repo_digest(&b.w, b.child, "pack.local/builder/abc", 2);
		push(&b.w, "pack.local/builder/abc", "latest", 2);
		denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
		b.base->nlayers = 0; /* no base: an unlisted image like any other */
		denied(&b.w, b.child, CHILD, IMAGELIST_NO_ENTRY);
		world_done(&b.w);
	}
}

/* The names of ephemeral images are of registries that are not there: no answer is no. While the
 * question stands, it is denied. */
static void test_origin_unreachable(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.child->store = IMAGELIST_CONTAINERD;
	allowed(&b.w, b.base, BASE_ENTRY, IMAGELIST_BY_TAG);
	b.w.facts.has_locals = true;
	b.w.given[0].has_layers = b.w.given[1].has_layers = true;
	b.w.deaf = true;
	denied(&b.w, b.child, CHILD, IMAGELIST_NOT_KNOWN);
	assert_true(imagelist_needs(&b.w.v));
	assert_int_equal(b.w.v.questions[0].ask, IMAGELIST_ASK_BELONGS);
	b.w.deaf = false;
	b.w.offline = true;
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	world_done(&b.w);
}

/* Once it was found to be on no registry, that stays so for who can ask nobody, as gabion-runc; but
 * what a registry has said since counts. */
static void test_origin_of_a_grant(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.child->store = IMAGELIST_CONTAINERD;
	repo_digest(&b.w, b.child, "pack.local/builder/abc", 2);
	allowed(&b.w, b.base, BASE_ENTRY, IMAGELIST_BY_TAG);
	b.w.facts.has_locals = true;
	b.w.given[0].has_layers = b.w.given[1].has_layers = true;
	b.w.deaf = true;
	denied(&b.w, b.child, CHILD, IMAGELIST_NOT_KNOWN);
	b.w.facts.was_local = true;
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_false(imagelist_needs(&b.w.v));
	b.w.facts.was_local = b.w.deaf = false;
	push(&b.w, "pack.local/builder/abc", "latest", 2);
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
	b.w.facts.was_local = b.w.deaf = true;
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
	world_done(&b.w);
}

/* All layers of the base come first: as many are derived (ENV and CMD add none), fewer not, other
 * ones not. */
static void test_chain(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.child->nlayers = 2;
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_true(slice_eq(b.w.v.parent->id, b.base->id));
	repo_digest(&b.w, b.child, "hub.example/x", 0x77); /* on a registry it is no such image */
	denied(&b.w, b.child, CHILD, IMAGELIST_DERIVED_REMOTE);
	b.child->nrepo_digests = 0;
	b.child->nlayers = 1;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	b.child->nlayers = 0;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	for (unsigned i = 0; i < 3; i++) /* the base's layers, but not at the beginning */
		layer(&b.w, b.child, i);
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	b.child->nlayers = 0;
	layer(&b.w, b.child, 2);
	layer(&b.w, b.child, 1);
	layer(&b.w, b.child, 3);
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

/* A base without layers, or with empty ones only, is the beginning of every image. */
static void test_empty_base(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.base->nlayers = 0;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	b.base->layers = grown(&b.w, NULL, 0, EMPTY_LAYER);
	b.base->nlayers = 1;
	b.child->layers = grown(&b.w, b.base->layers, 1, EMPTY_LAYER);
	b.child->nlayers = 2;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	b.child->nlayers = 1;
	layer(&b.w, b.base, 1);
	layer(&b.w, b.child, 1);
	layer(&b.w, b.child, 2);
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	/* what is no digest is no layer */
	b.base->layers = grown(&b.w, NULL, 0, "");
	b.base->nlayers = 1;
	b.child->layers = grown(&b.w, b.base->layers, 1, "");
	b.child->nlayers = 2;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

/* 000:193: the parent must be present locally. */
static void test_parent_missing(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	*b.base = (struct imagelist_image){ .id = digest(&b.w, 0x99) };
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

/* The base has the name, but is another image: retagged, or the registry moved on. */
static void test_parent_denied(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.base->nrepo_digests = 0;
	denied(&b.w, b.child, CHILD, IMAGELIST_PARENT_DENIED);
	assert_true(slice_eq(b.w.v.parent->id, b.base->id));
	assert_non_null(strstr(b.w.v.verdict.way_out, "pull it again"));
	b.w.known[0].ngoods = 0; /* it was asked before it had the base */
	denied(&b.w, b.child, CHILD, IMAGELIST_PARENT_DENIED);
	assert_non_null(strstr(b.w.v.verdict.way_out, "`gabion images refresh`"));
	world_done(&b.w);

	built_init(&b, BASE_ENTRY);
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	push(&b.w, BUILDER, "base", 0xbb);
	learn_tag(&b.w, &(struct imagelist_question){ .entry = 0 });
	denied(&b.w, b.child, CHILD, IMAGELIST_PARENT_DENIED);
	b.w.list.keep_previous = true;
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_int_equal(b.w.v.source, IMAGELIST_PREVIOUS);
	world_done(&b.w);
}

/* What is wrong with the image itself is nearer than what is wrong with its base. */
static void test_own_name_first(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.base->nrepo_digests = 0;
	denied(&b.w, b.child, BASE_ENTRY, IMAGELIST_OTHER_DIGEST);
	assert_null(b.w.v.parent);
	world_done(&b.w);
}

/* An image that no entry is for is no base, however many layers are shared. */
static void test_parent_unlisted(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, "docker:cli");
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

static void test_parent_not_known(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.w.offline = true;
	denied(&b.w, b.child, CHILD, IMAGELIST_NOT_KNOWN);
	assert_true(slice_eq(b.w.v.parent->id, b.base->id));
	world_done(&b.w);
}

/* 000:198-204, and the forms that later came: every kind of entry can allow the base. */
static void test_parent_by_any_form(void **state)
{
	static const char *const entries[] = {
		"paketobuildpacks/builder:*",
		"paketobuildpacks/*:*",
		("paketobuildpacks/builder@sha256:"
		 "000000000000000000000000000000000000000000000000000000000000000b"),
		"sha256:0000000000000000000000000000000000000000000000000000000000000001",
	};
	struct built b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		built_init(&b, entries[i]);
		allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
		world_done(&b.w);
	}
	/* a local-only base, by its id */
	built_init(&b, entries[3]);
	b.base->nrepo_digests = 0;
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	world_done(&b.w);
}

/* Built from something built from an allowed image: by the allowed one, as long as that is here. */
static void test_derived_twice(void **state)
{
	struct imagelist_image *grandchild;
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	grandchild = image(&b.w, IMAGELIST_CLASSIC, 3);
	tag(&b.w, grandchild, "mine:2");
	for (unsigned i = 1; i <= 4; i++)
		layer(&b.w, grandchild, i);
	allowed(&b.w, grandchild, "mine:2", IMAGELIST_BY_DERIVED);
	assert_true(slice_eq(b.w.v.parent->id, b.base->id));
	*b.base = (struct imagelist_image){ .id = digest(&b.w, 0x99) };
	denied(&b.w, grandchild, "mine:2", IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

/* Two allowed bases: the nearer one, and its entry. */
static void test_nearest_base(void **state)
{
	struct imagelist_image *nearer;
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	list(&b.w, "nearer:1");
	push(&b.w, "docker.io/library/nearer", "1", 0xe);
	nearer = pulled(&b.w, "nearer", "1", 3, 0xe);
	for (unsigned i = 1; i <= 3; i++)
		layer(&b.w, nearer, i);
	layer(&b.w, b.child, 4);
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	assert_true(slice_eq(b.w.v.parent->id, nearer->id));
	assert_int_equal(b.w.v.entry, 1);
	world_done(&b.w);
}

/* An entry for the image itself comes first, and one that is not decided yet is said. */
static void test_entry_before_derived(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	list(&b.w, "sha256:0000000000000000000000000000000000000000000000000000000000000002");
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_ID);
	world_done(&b.w);

	built_init(&b, BASE_ENTRY);
	list(&b.w, "pack.local/builder/abc:latest");
	allowed(&b.w, b.child, CHILD, IMAGELIST_BY_DERIVED);
	world_done(&b.w);
}

/* A child that took the name of its base (docker build -t builder:base): still derived. */
static void test_child_with_name_of_base(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	tag(&b.w, b.child, BASE_ENTRY);
	b.base->ntags = 0;
	allowed(&b.w, b.child, BASE_ENTRY, IMAGELIST_BY_DERIVED);
	b.w.list.derived = false;
	denied(&b.w, b.child, BASE_ENTRY, IMAGELIST_DERIVED_OFF);
	world_done(&b.w);
}

/* 004:232: that profile has no derived images, whatever its settings say. */
static void test_profile_without(void **state)
{
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	b.w.list.profile = profile_find(SLICE_LIT("iechor"));
	b.w.list.nentries = 0;
	list(&b.w, "docker.io/paketobuildpacks/builder:base");
	b.base->tags = grown(&b.w, NULL, 0, "docker.io/paketobuildpacks/builder:base");
	allowed(&b.w, b.base, "docker.io/paketobuildpacks/builder:base", IMAGELIST_BY_TAG);
	denied(&b.w, b.child, CHILD, IMAGELIST_LOCAL_ONLY);
	assert_int_equal(b.w.asked[IMAGELIST_ASK_LOCALS], 0);
	b.w.facts.has_locals = true;
	denied(&b.w, b.child, CHILD, IMAGELIST_LOCAL_ONLY);
	world_done(&b.w);
}

/* Broken facts about other images are no bases and do no harm. */
static void test_broken_locals(void **state)
{
	struct imagelist_image *i;
	struct built b;

	(void)state;
	built_init(&b, BASE_ENTRY);
	i = pulled(&b.w, "paketobuildpacks/builder", "base", 3, 0xb);
	i->id = SLICE_LIT("");
	layer(&b.w, i, 1);
	*b.base = (struct imagelist_image){ .id = digest(&b.w, 0x99) };
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	/* the image itself is not its own base */
	b.w.facts.nlocals = 2;
	denied(&b.w, b.child, CHILD, IMAGELIST_NO_PARENT);
	world_done(&b.w);
}

static void test_all_seen(void **state)
{
	(void)state;
	assert_true(seen_how[IMAGELIST_BY_DERIVED]);
	assert_true(seen_reason[IMAGELIST_DERIVED_REMOTE]);
	assert_true(seen_reason[IMAGELIST_DERIVED_OFF]);
	assert_true(seen_reason[IMAGELIST_PARENT_DENIED]);
	assert_true(seen_reason[IMAGELIST_NO_PARENT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_what_is_asked),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_remote),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_origin_by_registry),
		cmocka_unit_test(test_origin_unreachable),
		cmocka_unit_test(test_origin_of_a_grant),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_empty_base),
		cmocka_unit_test(test_parent_missing),
		cmocka_unit_test(test_parent_denied),
		cmocka_unit_test(test_own_name_first),
		cmocka_unit_test(test_parent_unlisted),
		cmocka_unit_test(test_parent_not_known),
		cmocka_unit_test(test_parent_by_any_form),
		cmocka_unit_test(test_derived_twice),
		cmocka_unit_test(test_nearest_base),
		cmocka_unit_test(test_entry_before_derived),
		cmocka_unit_test(test_child_with_name_of_base),
		cmocka_unit_test(test_profile_without),
		cmocka_unit_test(test_broken_locals),
		cmocka_unit_test(test_all_seen), /* last */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
