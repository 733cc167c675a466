/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of small machines and registries made by chance (the same ones in each run), decided by
 * imagelist_decide() with a caller that answers truthfully, and by an oracle that looks into the
 * registry. With the registry there both must agree; without it nothing more may be allowed.
 */
#include "policy/test-imagelist.h"

#define WORLDS 20000
#define IMAGES 4

static const struct {
	const char *name; /* as the engine prints it */
	const char *expanded;
	bool in_pattern;
} repositories[] = {
	{ "a", "docker.io/library/a", false },
	{ "b", "docker.io/library/b", false },
	{ "r.example/x/a", "r.example/x/a", true },
	{ "r.example/x/b", "r.example/x/b", true },
};

enum kind { K_TAG, K_ANY_TAG, K_DIGEST, K_PATTERN, K_ID, K_EVERYTHING };

struct random_entry {
	enum kind kind;
	size_t repository;
	unsigned tag, digest;
};

struct random_world {
	struct world w;
	unsigned long long number; /* of this world, from which everything else comes */
	uint64_t seed;
	struct random_entry entries[4];
	size_t nentries;
	size_t asked; /* which repository the first image was asked for as, or none */
};

/* xorshift64 */
static unsigned chance(struct random_world *r, unsigned below)
{
	r->seed ^= r->seed << 13;
	r->seed ^= r->seed >> 7;
	r->seed ^= r->seed << 17;
	return (unsigned)((r->seed >> 16) % below);
}

static const char *text_of(struct random_world *r, const struct random_entry *e)
{
	struct arena *a = &r->w.arena;
	const char *name = repositories[e->repository].name;

	switch (e->kind) {
	case K_TAG:
		return arena_must(arena_printf(a, "%s:%u", name, e->tag));
	case K_ANY_TAG:
		return arena_must(arena_printf(a, "%s:*", name));
	case K_DIGEST:
		return arena_must(arena_printf(a, "%s@sha256:%064x", name, e->digest));
	case K_PATTERN:
		return "r.example/x/*:*";
	case K_ID:
		return arena_must(arena_printf(a, "sha256:%064x", e->digest));
	case K_EVERYTHING:
		return "*";
	}
	return NULL;
}

static void add_entries(struct random_world *r)
{
	static const enum kind kinds[] = { K_TAG,     K_TAG,	K_TAG,	   K_ANY_TAG,
					   K_ANY_TAG, K_DIGEST, K_PATTERN, K_ID };

	r->nentries = chance(r, ARRAY_SIZE(r->entries) + 1);
	for (size_t i = 0; i < r->nentries; i++) {
		r->entries[i] = (struct random_entry){
			.kind = chance(r, 40) ? kinds[chance(r, ARRAY_SIZE(kinds))] : K_EVERYTHING,
			.repository = chance(r, ARRAY_SIZE(repositories)),
			.tag = chance(r, 2),
			.digest = 1 + chance(r, 8),
		};
		list(&r->w, text_of(r, &r->entries[i]));
	}
}

static void add_image(struct random_world *r, unsigned id)
{
	enum imagelist_store store = chance(r, IMAGELIST_PODMAN + 1);
	struct imagelist_image *i = image(&r->w, store, id);

	if (chance(r, 4) == 0)
		i->manifest = digest(&r->w, 1 + chance(r, 8));
	for (unsigned n = chance(r, 3); n; n--)
		tag(&r->w, i,
		    arena_must(arena_printf(&r->w.arena, "%s:%u",
					    repositories[chance(r, ARRAY_SIZE(repositories))].name,
					    chance(r, 2))));
	for (unsigned n = chance(r, 3); n; n--)
		repo_digest(&r->w, i, repositories[chance(r, ARRAY_SIZE(repositories))].name,
			    1 + chance(r, 8));
	for (unsigned n = chance(r, 4), k = 0; k < n; k++)
		layer(&r->w, i, chance(r, 5) ? k : 9);
}

static void random_init(struct random_world *r, unsigned long long number)
{
	world_init(&r->w, "docker");
	r->number = number;
	r->seed = number * 0x9e3779b97f4a7c15u + 1;
	for (unsigned n = chance(r, 8); n; n--)
		push(&r->w, repositories[chance(r, ARRAY_SIZE(repositories))].expanded,
		     chance(r, 2) ? "0" : "1", 1 + chance(r, 8));
	add_entries(r);
	for (unsigned i = 0; i < IMAGES; i++)
		add_image(r, 1 + 2 * i + chance(r, 2)); /* each another one */
	r->w.list.derived = chance(r, 2);
	r->asked = chance(r, ARRAY_SIZE(repositories) + 1);
}

/* --- the oracle --- */

struct oracle {
	struct random_world *r;
	const struct imagelist_image *image;
	bool is_first; /* the one that was asked for by a name */
};

static bool registry_has(const struct oracle *o, size_t repository, struct slice d)
{
	for (size_t i = 0; i < o->r->w.npushes; i++)
		if (strcmp(o->r->w.pushes[i].repository, repositories[repository].expanded) == 0 &&
		    slice_eq(digest(&o->r->w, o->r->w.pushes[i].digest), d))
			return true;
	return false;
}

static bool named(struct slice text, size_t repository)
{
	size_t n = strlen(repositories[repository].name);

	return text.n > n && memcmp(text.p, repositories[repository].name, n) == 0 &&
	       (text.p[n] == ':' || text.p[n] == '@');
}

static bool claims(const struct oracle *o, size_t repository)
{
	for (size_t i = 0; i < o->image->ntags; i++)
		if (named(o->image->tags[i], repository))
			return true;
	for (size_t i = 0; i < o->image->nrepo_digests; i++)
		if (named(o->image->repo_digests[i], repository))
			return true;
	return o->is_first && o->r->asked == repository;
}

/* Its digests, one after the other: the manifest (or empty), the id, those listed. */
static bool nth_digest(const struct oracle *o, size_t n, struct slice *ret)
{
	const struct imagelist_image *i = o->image;
	bool listed = i->store != IMAGELIST_CONTAINERD;

	*ret = i->manifest;
	if (n == 0)
		return true;
	*ret = i->id;
	if (n == 1)
		return true;
	if (!listed || n - 2 >= i->nrepo_digests)
		return false;
	*ret = slice_from(i->repo_digests[n - 2], slice_find(i->repo_digests[n - 2], '@') + 1);
	return true;
}

static bool has_digest(const struct oracle *o, struct slice want)
{
	struct slice d;

	for (size_t n = 0; nth_digest(o, n, &d); n++)
		if (slice_eq(d, want))
			return true;
	return false;
}

static bool in_repository(const struct oracle *o, size_t repository)
{
	struct slice d;

	if (!claims(o, repository))
		return false;
	for (size_t n = 0; nth_digest(o, n, &d); n++)
		if (d.n && !(n == 1 && o->image->store != IMAGELIST_CONTAINERD) &&
		    registry_has(o, repository, d))
			return true;
	return false;
}

static bool tag_has(const struct oracle *o, const struct random_entry *e)
{
	for (size_t i = 0; i < o->r->w.npushes; i++) {
		const struct world_push *p = &o->r->w.pushes[i];

		if (strcmp(p->repository, repositories[e->repository].expanded) == 0 && p->tag &&
		    (unsigned)(p->tag[0] - '0') == e->tag &&
		    has_digest(o, digest(&o->r->w, p->digest)))
			return true;
	}
	return false;
}

static bool entry_allows(const struct oracle *o, const struct random_entry *e)
{
	switch (e->kind) {
	case K_TAG:
		return tag_has(o, e);
	case K_ANY_TAG:
		return in_repository(o, e->repository);
	case K_DIGEST:
		return has_digest(o, digest(&o->r->w, e->digest));
	case K_PATTERN:
		for (size_t i = 0; i < ARRAY_SIZE(repositories); i++)
			if (repositories[i].in_pattern && in_repository(o, i))
				return true;
		return false;
	case K_ID:
		return slice_eq(o->image->id, digest(&o->r->w, e->digest));
	case K_EVERYTHING:
		return true;
	}
	return false;
}

static bool listed(const struct oracle *o)
{
	for (size_t i = 0; i < o->r->nentries; i++)
		if (entry_allows(o, &o->r->entries[i]))
			return true;
	return false;
}

static bool is_local(const struct oracle *o)
{
	if (o->image->store == IMAGELIST_CLASSIC)
		return o->image->nrepo_digests == 0;
	for (size_t i = 0; i < ARRAY_SIZE(repositories); i++)
		if (in_repository(o, i))
			return false;
	return true;
}

/* Built from a listed image, wherever it is itself. */
static bool built(const struct oracle *o)
{
	for (size_t i = 1; i < o->r->w.facts.nlocals; i++) {
		const struct imagelist_image *p = &o->r->w.locals[i];
		struct oracle base = { .r = o->r, .image = p };
		size_t n = 0;

		while (n < p->nlayers && n < o->image->nlayers &&
		       slice_eq(p->layers[n], o->image->layers[n]))
			n++;
		if (n > 0 && n == p->nlayers && listed(&base))
			return true;
	}
	return false;
}

static bool derived(const struct oracle *o)
{
	return o->r->w.list.derived && is_local(o) && built(o);
}

/* Knows less, so it may not allow more; only whether the image is on a registry it cannot know. */
static void check_offline(struct random_world *r, const char *asked, bool by_entry, bool by_base)
{
	r->w.offline = true;
	decide(&r->w, &r->w.locals[0], asked);
	if (r->w.v.verdict.kind != VERDICT_ALLOW)
		return;
	if (r->w.v.how == IMAGELIST_BY_DERIVED ? !by_base : !by_entry)
		fail_msg("world %llu, allowed offline: %s: %s", r->number, r->w.v.verdict.rule,
			 r->w.v.verdict.reason);
}

static void check_online(struct random_world *r, const char *asked, bool by_entry, bool by_base)
{
	r->w.offline = false;
	r->w.thorough = true;
	memset(r->w.known, 0, sizeof(r->w.known));
	r->w.facts.nanswers = 0;
	decide(&r->w, &r->w.locals[0], asked);
	if ((r->w.v.verdict.kind == VERDICT_ALLOW) != (by_entry || by_base))
		fail_msg("world %llu: %s: %s", r->number, r->w.v.verdict.rule,
			 r->w.v.verdict.reason);
	if (r->w.v.verdict.kind == VERDICT_ALLOW)
		assert_int_equal(r->w.v.how == IMAGELIST_BY_DERIVED, by_base);
}

static void test_random(void **state)
{
	static struct random_world r;
	unsigned counts[3] = { 0 };

	(void)state;
	for (unsigned long long number = 1; number <= WORLDS; number++) {
		struct oracle o = { .r = &r, .image = &r.w.locals[0], .is_first = true };
		const char *asked;
		bool by_entry, by_base;

		random_init(&r, number);
		asked = r.asked < ARRAY_SIZE(repositories)
				? arena_must(arena_printf(&r.w.arena, "%s:0",
							  repositories[r.asked].name))
				: r.w.locals[0].id.p;
		by_entry = listed(&o);
		by_base = !by_entry && derived(&o);
		check_offline(&r, asked, by_entry, r.w.list.derived && built(&o));
		check_online(&r, asked, by_entry, by_base);
		counts[by_entry ? 0 : by_base ? 1 : 2]++;
		world_done(&r.w);
	}
	/* worlds in which nearly nothing or nearly all is allowed would test nothing */
	print_message("%u by an entry, %u derived, %u denied\n", counts[0], counts[1], counts[2]);
	assert_true(counts[0] > WORLDS / 10 && counts[1] > WORLDS / 100 && counts[2] > WORLDS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
