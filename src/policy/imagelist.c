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
			if (!a && may_ask)
				ask(d, (struct imagelist_question){ .ask = IMAGELIST_ASK_BELONGS,
								    .entry = IMAGELIST_NONE,
								    .digest = v->digests[k],
								    .repository = v->names[i] });
			open |= !a;
		}
	return open ? IMAGELIST_ORIGIN_UNKNOWN : IMAGELIST_ORIGIN_LOCAL;
}

/* A base that has the name of an entry and is not allowed by it, or not yet. */
static void miss_base(const struct imagelist_image *p, struct miss own, struct miss *miss)
{
	own.parent = p;
	if (own.reason != IMAGELIST_NOT_KNOWN)
		own.reason = IMAGELIST_PARENT_DENIED;
	if (own.reason < miss->reason)
		*miss = own;
}

/* Is `p` an allowed base of x? Asks only if it is worth it (on): if derived images are allowed. */
static enum match match_base(struct decision *d, const struct view *x,
			     const struct imagelist_image *p, bool on, struct hit *hit,
			     struct miss *miss)
{
	struct miss own = MISS_NONE;
	struct view v;
	enum match m;

	if (!reference_is_id(p->id) || slice_eq(p->id, x->image->id) ||
	    (p->has_layers && !view_is_base(p, x->image)))
		return MATCH_NO;
	view_init(d->list->profile, p, SLICE_NULL, &v);
	m = match_image(d, &v, true, hit, &own);
	if (!on)
		return p->has_layers ? m : MATCH_NO;
	if (m == MATCH_NO && own.entry == IMAGELIST_NONE)
		return MATCH_NO;
	if (!p->has_layers) {
		ask(d, (struct imagelist_question){ .ask = IMAGELIST_ASK_LAYERS, .image = p });
		return MATCH_OPEN;
	}
	if (m == MATCH_OPEN)
		ask_entries(d, &v, UINT_MAX, true);
	if (m != MATCH_YES && own.entry != IMAGELIST_NONE)
		miss_base(p, own, miss);
	return m;
}

/* The nearest allowed base among the local images. */
static enum match match_bases(struct decision *d, const struct view *x, bool on, struct hit *hit,
			      const struct imagelist_image **ret, struct miss *miss)
{
	enum match m = MATCH_NO;

	*ret = NULL;
	for (size_t i = 0; i < d->facts->nlocals; i++) {
		const struct imagelist_image *p = &d->facts->locals[i];
		struct hit one_hit;
		enum match one = match_base(d, x, p, on, &one_hit, miss);

		if (one == MATCH_YES && (!*ret || p->nlayers > (*ret)->nlayers)) {
			*ret = p;
			*hit = one_hit;
		}
		m = MAX(m, one);
	}
	return m;
}

static enum match match_derived(struct decision *d, const struct view *x, struct hit *hit,
				const struct imagelist_image **base, struct miss *miss)
{
	bool allowed = d->list->derived && d->list->profile->derived;
	bool remote = view_origin(x) == IMAGELIST_ORIGIN_REGISTRY;
	bool on = allowed && !remote;
	enum imagelist_reason why = remote ? IMAGELIST_DERIVED_REMOTE : IMAGELIST_DERIVED_OFF;
	enum match m;

	if (!d->list->profile->derived || (!d->list->derived && remote))
		return MATCH_NO; /* not even a better reason */
	if (on && !x->image->has_layers)
		ask(d,
		    (struct imagelist_question){ .ask = IMAGELIST_ASK_LAYERS, .image = x->image });
	if (on && !d->facts->has_locals)
		ask(d, (struct imagelist_question){ .ask = IMAGELIST_ASK_LOCALS });
	if (!x->image->has_layers || !d->facts->has_locals)
		return on ? MATCH_OPEN : MATCH_NO;
	m = match_bases(d, x, on, hit, base, miss);
	if (m == MATCH_YES && on) {
		switch (origin_of(d, x, true)) {
		case IMAGELIST_ORIGIN_LOCAL:
			return MATCH_YES;
		case IMAGELIST_ORIGIN_REGISTRY:
			why = IMAGELIST_DERIVED_REMOTE;
			break;
		case IMAGELIST_ORIGIN_UNKNOWN:
			m = MATCH_OPEN;
			why = IMAGELIST_NOT_KNOWN;
			hit->entry = IMAGELIST_NONE; /* it is not about the entry */
			break;
		}
	}
	if (*base && why < miss->reason)
		*miss = (struct miss){ .reason = why, .entry = hit->entry, .parent = *base };
	if (m == MATCH_NO && on && origin_of(d, x, false) == IMAGELIST_ORIGIN_LOCAL)
		match_come_near(miss, IMAGELIST_NO_PARENT, IMAGELIST_NONE, 0);
	return m == MATCH_OPEN ? m : MATCH_NO;
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

/* Nothing to compare: only `*` allows that. */
static void decide_nothing(const struct decision *d)
{
	struct miss miss = { .reason = IMAGELIST_NO_IMAGE, .entry = IMAGELIST_NONE };

	for (size_t i = 0; i < d->list->nentries; i++)
		if (d->list->entries[i].form == PROFILE_FORM_EVERYTHING) {
			allow(d, &(struct hit){ .entry = i }, NULL);
			return;
		}
	deny(d, &miss);
}

static void decide(struct decision *d, const struct view *v)
{
	const struct imagelist_image *base = NULL;
	struct miss miss = MISS_NONE;
	struct hit hit = { .entry = IMAGELIST_NONE };
	enum match derived;
	unsigned best;

	if (match_image(d, v, false, &hit, &miss) == MATCH_YES) {
		best = match_rank(d->list, hit.entry, hit.source);
		ask_entries(d, v, best, true);
		ask_entries(d, v, best, false);
		allow(d, &hit, NULL);
		return;
	}
	ask_entries(d, v, UINT_MAX, true);
	derived = match_derived(d, v, &hit, &base, &miss);
	ask_entries(d, v, UINT_MAX, false);
	if (derived == MATCH_YES) {
		allow(d, &hit, base);
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
