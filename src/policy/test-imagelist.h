/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with images and a registry, for tests of the image list: the caller's side of the
 * conversation with imagelist_decide(), in memory.
 *
 * Digests are made of small numbers: digest(w, 7) is sha256:00…07.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/util.h"
#include "policy/imagelist.h"

#define WORLD_MOST 64

/* What a registry has: `digest` in `repository`, under `tag` (NULL: no tag has it any more). */
struct world_push {
	const char *repository, *tag;
	unsigned digest;
};

struct world {
	struct arena arena;
	struct imagelist list;
	struct imagelist_entry entries[WORLD_MOST];
	struct imagelist_known known[WORLD_MOST];
	struct imagelist_answer answers[WORLD_MOST];
	struct imagelist_image locals[WORLD_MOST]; /* of the machine, with their layers */
	struct imagelist_image given[WORLD_MOST];  /* as they are given */
	struct imagelist_facts facts;
	struct world_push pushes[WORLD_MOST];
	size_t npushes;
	bool offline;	   /* no registry answers */
	bool deaf;	   /* nobody answers any question */
	bool thorough;	   /* what is open after it was allowed is answered, too */
	unsigned rounds;   /* how often it was decided */
	unsigned asked[4]; /* questions answered, by enum imagelist_ask */
	struct imagelist_verdict v;
};

static inline struct slice digest(struct world *w, unsigned n)
{
	return slice_str(arena_must(arena_printf(&w->arena, "sha256:%064x", n)));
}

static inline void world_init(struct world *w, const char *profile)
{
	memset(w, 0, sizeof(*w));
	w->arena = ARENA_INIT(16u << 20);
	w->list.profile = profile_find(slice_str(profile));
	w->list.entries = w->entries;
	w->facts.known = w->known;
	w->facts.answers = w->answers;
	w->facts.locals = w->given;
}

static inline void world_done(struct world *w)
{
	arena_done(&w->arena);
}

static inline void list(struct world *w, const char *text)
{
	struct err err = ERR_INIT;

	if (imagelist_parse_entry(w->list.profile, slice_str(text), &w->entries[w->list.nentries++],
				  &err) < 0)
		fail_msg("%s", err.text);
}

/* The registry gets a digest under a tag, which moves there if it exists. repository: expanded. */
static inline void push(struct world *w, const char *repository, const char *tag, unsigned digest)
{
	for (size_t i = 0; i < w->npushes; i++)
		if (strcmp(w->pushes[i].repository, repository) == 0 && w->pushes[i].tag && tag &&
		    strcmp(w->pushes[i].tag, tag) == 0)
			w->pushes[i].tag = NULL;
	w->pushes[w->npushes++] = (struct world_push){ repository, tag, digest };
}

/* An image of this machine, without names, digests and layers yet. */
static inline struct imagelist_image *image(struct world *w, enum imagelist_store store,
					    unsigned id)
{
	struct imagelist_image *i = &w->locals[w->facts.nlocals++];

	*i = (struct imagelist_image){ .id = digest(w, id), .store = store };
	return i;
}

static inline const struct slice *grown(struct world *w, const struct slice *old, size_t n,
					const char *text)
{
	struct slice *s = arena_must(arena_array(&w->arena, n + 1, sizeof(*s)));

	if (n)
		memcpy(s, old, n * sizeof(*s));
	s[n] = slice_str(text);
	return s;
}

static inline void tag(struct world *w, struct imagelist_image *i, const char *name)
{
	i->tags = grown(w, i->tags, i->ntags, name);
	i->ntags++;
}

/* `name` as the engine prints it, with the digest that it was pulled or pushed with. */
static inline void repo_digest(struct world *w, struct imagelist_image *i, const char *name,
			       unsigned n)
{
	struct slice d = digest(w, n);
	char *text = arena_must(arena_printf(&w->arena, "%s@%.*s", name, SLICE_ARG(d)));

	i->repo_digests = grown(w, i->repo_digests, i->nrepo_digests, text);
	i->nrepo_digests++;
}

static inline void layer(struct world *w, struct imagelist_image *i, unsigned n)
{
	i->layers = grown(w, i->layers, i->nlayers, digest(w, 0xd1ff0000u + n).p);
	i->nlayers++;
}

/* Pulled by a classic engine: docker pull NAME:TAG, where the registry has `digest` there. */
static inline struct imagelist_image *pulled(struct world *w, const char *name,
					     const char *tag_name, unsigned id, unsigned digest)
{
	struct imagelist_image *i = image(w, IMAGELIST_CLASSIC, id);

	tag(w, i, arena_must(arena_printf(&w->arena, "%s:%s", name, tag_name)));
	repo_digest(w, i, name, digest);
	return i;
}

/* --- the caller --- */

static inline void learn_tag(struct world *w, const struct imagelist_question *q)
{
	const struct imagelist_entry *e = &w->entries[q->entry];
	struct imagelist_known *k = &w->known[q->entry];
	struct imagelist_good *goods =
		arena_must(arena_array(&w->arena, WORLD_MOST, sizeof(*goods)));
	CLEANUP_BUF struct buf name = BUF_INIT(4096);
	size_t n = 0;

	if (w->offline) { /* what was known stays */
		k->state = IMAGELIST_UNREACHABLE;
		return;
	}
	reference_add_name(&e->ref, &name);
	for (size_t i = 0; i < w->npushes; i++)
		if (strcmp(w->pushes[i].repository, name.p) == 0 && w->pushes[i].tag &&
		    slice_eq_str(reference_tag(&e->ref), w->pushes[i].tag))
			goods[n++] =
				(struct imagelist_good){ .digest = digest(w, w->pushes[i].digest) };
	for (size_t i = 0; i < k->ngoods; i++) {
		goods[n] = k->goods[i];
		goods[n++].source = IMAGELIST_PREVIOUS;
	}
	*k = (struct imagelist_known){ .state = IMAGELIST_KNOWN, .goods = goods, .ngoods = n };
}

static inline void learn_belongs(struct world *w, const struct imagelist_question *q)
{
	CLEANUP_BUF struct buf name = BUF_INIT(4096);
	struct imagelist_answer a = { .digest = q->digest,
				      .belongs = w->offline ? IMAGELIST_UNANSWERED
							    : IMAGELIST_ELSEWHERE };

	reference_add_name(&q->repository, &name);
	a.repository = slice_str(arena_must(arena_dup(&w->arena, name.p, name.n)));
	for (size_t i = 0; i < w->npushes && !w->offline; i++)
		if (strcmp(w->pushes[i].repository, name.p) == 0 &&
		    slice_eq(digest(w, w->pushes[i].digest), q->digest))
			a.belongs = IMAGELIST_BELONGS;
	for (size_t i = 0; i < w->facts.nanswers; i++)
		if (slice_eq(w->answers[i].digest, a.digest) &&
		    slice_eq(w->answers[i].repository, a.repository)) {
			w->answers[i] = a;
			return;
		}
	assert_true(w->facts.nanswers < WORLD_MOST);
	w->answers[w->facts.nanswers++] = a;
}

static inline void answer(struct world *w, const struct imagelist_question *q)
{
	w->asked[q->ask]++;
	switch (q->ask) {
	case IMAGELIST_ASK_DIGEST:
		learn_tag(w, q);
		return;
	case IMAGELIST_ASK_BELONGS:
		learn_belongs(w, q);
		return;
	case IMAGELIST_ASK_LAYERS:
		w->given[q->image - w->given].has_layers = true;
		return;
	case IMAGELIST_ASK_LOCALS:
		w->facts.has_locals = true;
		return;
	}
}

/* Decides about a container of the image, asked for under that name, until nothing is to be asked.
 */
static inline void decide(struct world *w, const struct imagelist_image *i, const char *asked)
{
	const size_t at = (size_t)(i - w->locals);

	for (size_t k = 0; k < w->facts.nlocals; k++) {
		bool has_layers = w->given[k].has_layers;

		w->given[k] = w->locals[k];
		w->given[k].has_layers |= has_layers;
	}
	w->facts.image = &w->given[at];
	w->facts.asked = slice_str(asked);
	w->rounds = 0;
	memset(w->asked, 0, sizeof(w->asked));
	for (;;) {
		imagelist_decide(&w->list, &w->facts, &w->v);
		w->rounds++;
		if (w->rounds > 20)
			fail_msg("the questions do not end");
		if (w->deaf || !(w->thorough ? w->v.nquestions > 0 : imagelist_needs(&w->v)))
			return;
		for (size_t k = 0; k < w->v.nquestions; k++)
			answer(w, &w->v.questions[k]);
	}
}

/* Which verdicts the tests of this program have seen. */
static bool seen_how[IMAGELIST_BY_DERIVED + 1];
static bool seen_reason[IMAGELIST_NO_ENTRY + 1];

#define allowed(w, i, asked, how) assert_allowed(w, i, asked, how, __LINE__)
static inline void assert_allowed(struct world *w, const struct imagelist_image *i,
				  const char *asked, enum imagelist_how how, int line)
{
	decide(w, i, asked);
	if (w->v.verdict.kind != VERDICT_ALLOW)
		fail_msg("line %d: %s is denied: %s: %s", line, asked, w->v.verdict.rule,
			 w->v.verdict.reason);
	if (w->v.how != how)
		fail_msg("line %d: %s is allowed by %s: %s", line, asked, w->v.verdict.rule,
			 w->v.verdict.reason);
	seen_how[how] = true;
	assert_string_equal(w->v.verdict.message, "");
	assert_string_equal(w->v.verdict.way_out, "");
	assert_string_not_equal(w->v.verdict.reason, "");
}

#define denied(w, i, asked, reason) assert_denied(w, i, asked, reason, __LINE__)
static inline void assert_denied(struct world *w, const struct imagelist_image *i,
				 const char *asked, enum imagelist_reason reason, int line)
{
	decide(w, i, asked);
	if (w->v.verdict.kind != VERDICT_DENY)
		fail_msg("line %d: %s is allowed: %s: %s", line, asked, w->v.verdict.rule,
			 w->v.verdict.reason);
	if (w->v.reason != reason)
		fail_msg("line %d: %s is denied by %s: %s", line, asked, w->v.verdict.rule,
			 w->v.verdict.reason);
	seen_reason[reason] = true;
	assert_non_null(
		strstr(w->v.verdict.message, "socket mount denied for container with image"));
	assert_string_not_equal(w->v.verdict.reason, "");
	assert_string_not_equal(w->v.verdict.way_out, "");
}
