/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works: each entry is matched with the image on what is known (match_entry), which says
 * yes, no, or that an answer is missing. Only then questions are put down, for as much as they can
 * still change. If no entry says yes, the same is done for each local image that could be a base.
 */
#include "policy/imagelist.h"

#include <limits.h>
#include <string.h>

#include "base/util.h"
#include "policy/imagelist-match.h"
#include "policy/imagelist-say.h"

/* --- questions --- */

static bool same_question(const struct imagelist_question *a, const struct imagelist_question *b)
{
	if (a->ask != b->ask)
		return false;
	switch (a->ask) {
	case IMAGELIST_ASK_DIGEST:
		return a->entry == b->entry;
	case IMAGELIST_ASK_BELONGS:
		return slice_eq(a->digest, b->digest) &&
		       reference_same_name(&a->repository, &b->repository);
	case IMAGELIST_ASK_LAYERS:
		return slice_eq(a->image->id, b->image->id);
	case IMAGELIST_ASK_LOCALS:
		return true;
	}
	return false;
}

static void ask(struct decision *d, struct imagelist_question q)
{
	for (size_t i = 0; i < d->ret->nquestions; i++)
		if (same_question(&d->ret->questions[i], &q))
			return;
	if (d->ret->nquestions < IMAGELIST_QUESTIONS)
		d->ret->questions[d->ret->nquestions++] = q;
}

/* --- one image, all entries --- */

/* What could still make the entry match. */
static void ask_entry(struct decision *d, const struct view *v, size_t entry)
{
	const struct imagelist_entry *e = &d->list->entries[entry];

	if (e->form == PROFILE_FORM_TAG) {
		ask(d, (struct imagelist_question){ .ask = IMAGELIST_ASK_DIGEST, .entry = entry });
		return;
	}
	for (size_t i = 0; i < v->nnames; i++) {
		if (!match_fits(e, &v->names[i]))
			continue;
		for (size_t k = 0; k < v->nask; k++) {
			const struct imagelist_answer *a =
				match_answer(d, v->digests[k], &v->names[i]);

			if (match_is_open(d, a))
				ask(d, (struct imagelist_question){ .ask = IMAGELIST_ASK_BELONGS,
								    .entry = entry,
								    .digest = v->digests[k],
								    .repository = v->names[i] });
		}
	}
}

/* Questions about the open entries that would come before rank `best`; those for a name of the
 * image (claims), or the others. */
static void ask_entries(struct decision *d, const struct view *v, unsigned best, bool claims)
{
	struct miss miss = MISS_NONE;
	struct hit hit;

	for (size_t i = 0; i < d->list->nentries; i++)
		if (view_claims(v, &d->list->entries[i]) == claims &&
		    match_rank(d->list, i, IMAGELIST_NOW) < best &&
		    match_entry(d, v, i, &hit, &miss) == MATCH_OPEN)
			ask_entry(d, v, i);
}

/* With only_claims, open entries count for nothing if they are for other names. */
static enum match match_image(const struct decision *d, const struct view *v, bool only_claims,
			      struct hit *ret, struct miss *miss)
{
	enum match m = MATCH_NO;
	unsigned best = UINT_MAX;

	for (size_t i = 0; i < d->list->nentries; i++) {
		struct hit hit;
		enum match one = match_entry(d, v, i, &hit, miss);

		if (one == MATCH_OPEN && only_claims && !view_claims(v, &d->list->entries[i]))
			continue;
		if (one == MATCH_YES && match_rank(d->list, i, hit.source) < best) {
			best = match_rank(d->list, i, hit.source);
			*ret = hit;
		}
		m = MAX(m, one);
	}
	return m;
}

/* --- derived images --- */

/* Where the image is from, as far as is known; asks for what is missing if it may. */
static enum imagelist_origin origin_of(struct decision *d, const struct view *v, bool may_ask)
{
	enum imagelist_origin origin = view_origin(v);
	bool open = false;

	if (origin != IMAGELIST_ORIGIN_UNKNOWN)
		return origin;
	for (size_t i = 0; i < v->nnames; i++)
		for (size_t k = 0; k < v->nask; k++) {
			const struct imagelist_answer *a =
				match_answer(d, v->digests[k], &v->names[i]);

			if (a && a->belongs == IMAGELIST_BELONGS)
				return IMAGELIST_ORIGIN_REGISTRY;
			if (!a && d->facts->was_local)
				continue;
			if (!a && may_ask)
				ask(d, (struct imagelist_question){ .ask = IMAGELIST_ASK_BELONGS,
								    .entry = IMAGELIST_NONE,
								    .digest = v->digests[k],
								    .repository = v->names[i] });
			open |= !a;
		}
	return open ? IMAGELIST_ORIGIN_UNKNOWN : IMAGELIST_ORIGIN_LOCAL;
}

/* The search for the nearest allowed base of x among the local images. */
struct search {
	struct decision *d;
	const struct view *x;
	struct match_filter filter;
	bool on;			    /* it may allow; else it is for the reason only */
	const struct imagelist_image *base; /* found; NULL: none yet */
	struct hit hit;			    /* why the base is allowed */
	struct miss *miss;
};

/* A base that has the name of an entry and is not allowed by it, or not yet. */
static void miss_base(const struct search *s, const struct imagelist_image *p, struct miss own)
{
	own.parent = p;
	if (own.reason != IMAGELIST_NOT_KNOWN)
		own.reason = IMAGELIST_PARENT_DENIED;
	if (own.reason < s->miss->reason)
		*s->miss = own;
}

/* An image that could be a base, as far as its layers are known. */
static enum match match_base(struct search *s, const struct imagelist_image *p)
{
	struct miss own = MISS_NONE;
	struct hit hit;
	struct view v;
	enum match m;

	view_init(s->d->list->profile, p, SLICE_NULL, &v);
	if (!match_filter_may(s->d, &s->filter, &v))
		return MATCH_NO;
	m = match_image(s->d, &v, true, &hit, &own);
	if (m == MATCH_NO && own.entry == IMAGELIST_NONE)
		return MATCH_NO;
	if (!p->has_layers) {
		ask(s->d, (struct imagelist_question){ .ask = IMAGELIST_ASK_LAYERS, .image = p });
		return MATCH_OPEN;
	}
	if (m == MATCH_YES) {
		s->base = p;
		s->hit = hit;
		return m;
	}
	if (s->on && m == MATCH_OPEN)
		ask_entries(s->d, &v, UINT_MAX, true);
	if (s->on)
		miss_base(s, p, own);
	return m;
}

static enum match match_bases(struct search *s)
{
	enum match m = MATCH_NO;

	match_filter_init(s->d, &s->filter);
	for (size_t i = 0; i < s->d->facts->nlocals; i++) {
		const struct imagelist_image *p = &s->d->facts->locals[i];

		if (!reference_is_id(p->id) || slice_eq(p->id, s->x->image->id))
			continue;
		if (p->has_layers ? !view_is_base(p, s->x->image) : !s->on)
			continue;
		if (s->base && p->has_layers && p->nlayers <= s->base->nlayers)
			continue; /* a nearer one is found */
		m = MAX(m, match_base(s, p));
	}
	return m;
}

/* The base is found: is the image one of this machine only? */
static bool is_local_only(struct search *s)
{
	struct miss miss = { .entry = s->hit.entry, .parent = s->base };

	switch (origin_of(s->d, s->x, s->on)) {
	case IMAGELIST_ORIGIN_LOCAL:
		if (s->on)
			return true;
		miss.reason = IMAGELIST_DERIVED_OFF;
		break;
	case IMAGELIST_ORIGIN_REGISTRY:
		miss.reason = IMAGELIST_DERIVED_REMOTE;
		break;
	case IMAGELIST_ORIGIN_UNKNOWN:
		miss.reason = s->on ? IMAGELIST_NOT_KNOWN : IMAGELIST_DERIVED_OFF;
		if (s->on)
			miss.entry = IMAGELIST_NONE; /* it is not about the entry */
		break;
	}
	if (miss.reason < s->miss->reason)
		*s->miss = miss;
	return false;
}

/* When it is, s->base and s->hit say of what. */
static bool is_derived(struct search *s)
{
	const struct imagelist *list = s->d->list;
	bool remote = view_origin(s->x) == IMAGELIST_ORIGIN_REGISTRY;
	enum match m;

	if (!list->profile->derived || (!list->derived && remote))
		return false; /* not even a better reason */
	s->on = list->derived && !remote;
	if (s->on && !s->x->image->has_layers)
		ask(s->d, (struct imagelist_question){ .ask = IMAGELIST_ASK_LAYERS,
						       .image = s->x->image });
	if (s->on && !s->d->facts->has_locals)
		ask(s->d, (struct imagelist_question){ .ask = IMAGELIST_ASK_LOCALS });
	if (!s->x->image->has_layers || !s->d->facts->has_locals)
		return false;
	m = view_has_chain(s->x->image) ? match_bases(s) : MATCH_NO;
	if (s->base)
		return is_local_only(s);
	if (m == MATCH_NO && s->on && origin_of(s->d, s->x, false) == IMAGELIST_ORIGIN_LOCAL)
		match_come_near(s->miss, IMAGELIST_NO_PARENT, IMAGELIST_NONE, 0);
	return false;
}

/* --- the verdict --- */

static enum imagelist_how how_of(const struct imagelist *list, const struct hit *hit)
{
	if (hit->source == IMAGELIST_PREVIOUS)
		return IMAGELIST_BY_PREVIOUS;
	switch (list->entries[hit->entry].form) {
	case PROFILE_FORM_ID:
		return IMAGELIST_BY_ID;
	case PROFILE_FORM_DIGEST:
		return IMAGELIST_BY_DIGEST;
	case PROFILE_FORM_TAG:
		return IMAGELIST_BY_TAG;
	case PROFILE_FORM_ANY_TAG:
		return IMAGELIST_BY_WILDCARD;
	case PROFILE_FORM_PATTERN:
		return IMAGELIST_BY_PATTERN;
	case PROFILE_FORM_EVERYTHING:
		return IMAGELIST_BY_EVERYTHING;
	}
	return IMAGELIST_BY_EVERYTHING;
}

static void allow(const struct decision *d, const struct hit *hit,
		  const struct imagelist_image *base)
{
	d->ret->verdict.kind = VERDICT_ALLOW;
	d->ret->how = base ? IMAGELIST_BY_DERIVED : how_of(d->list, hit);
	d->ret->entry = hit->entry;
	d->ret->digest = hit->digest;
	d->ret->source = hit->source;
	d->ret->age_s = hit->age_s;
	d->ret->parent = base;
}

static void deny(const struct decision *d, const struct miss *miss)
{
	d->ret->verdict.kind = VERDICT_DENY;
	d->ret->reason = miss->reason;
	d->ret->entry = miss->entry;
	d->ret->age_s = miss->age_s;
	d->ret->parent = miss->parent;
}

/* Nothing to compare: only `*` allows that, and no container that has no image at all. */
static void decide_nothing(const struct decision *d)
{
	struct miss miss = { .reason = IMAGELIST_NO_IMAGE, .entry = IMAGELIST_NONE };

	for (size_t i = 0; d->facts->asked.n > 0 && i < d->list->nentries; i++)
		if (d->list->entries[i].form == PROFILE_FORM_EVERYTHING) {
			allow(d, &(struct hit){ .entry = i }, NULL);
			return;
		}
	deny(d, &miss);
}

static void decide(struct decision *d, const struct view *v)
{
	struct miss miss = MISS_NONE;
	struct search search = { .d = d, .x = v, .miss = &miss };
	struct hit hit;
	unsigned best;
	bool derived;

	if (match_image(d, v, false, &hit, &miss) == MATCH_YES) {
		best = match_rank(d->list, hit.entry, hit.source);
		ask_entries(d, v, best, true);
		ask_entries(d, v, best, false);
		allow(d, &hit, NULL);
		return;
	}
	ask_entries(d, v, UINT_MAX, true);
	derived = is_derived(&search);
	ask_entries(d, v, UINT_MAX, false);
	if (derived) {
		allow(d, &search.hit, search.base);
		return;
	}
	if (origin_of(d, v, false) == IMAGELIST_ORIGIN_LOCAL)
		match_come_near(&miss, IMAGELIST_LOCAL_ONLY, IMAGELIST_NONE, 0);
	deny(d, &miss);
}

void imagelist_decide(const struct imagelist *list, const struct imagelist_facts *facts,
		      struct imagelist_verdict *ret)
{
	struct decision d = { .list = list, .facts = facts, .ret = ret };
	struct view v;

	*ret = (struct imagelist_verdict){ .entry = IMAGELIST_NONE };
	view_init(list->profile, facts->image, facts->asked, &v);
	if (reference_is_id(facts->image->id))
		decide(&d, &v);
	else
		decide_nothing(&d);
	imagelist_say(list, facts, &v, ret);
}

void imagelist_give_up(const struct imagelist *list, const struct imagelist_facts *facts,
		       struct imagelist_verdict *v)
{
	struct view view;

	*v = (struct imagelist_verdict){ .verdict.kind = VERDICT_DENY,
					 .reason = IMAGELIST_TOO_MUCH,
					 .entry = IMAGELIST_NONE };
	view_init(list->profile, facts->image, facts->asked, &view);
	imagelist_say(list, facts, &view, v);
}
