/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/imagelist-match.h"

#include "base/util.h"

unsigned match_rank(const struct imagelist *list, size_t entry, enum imagelist_source source)
{
	static const enum profile_form order[] = {
		PROFILE_FORM_ID,      PROFILE_FORM_DIGEST,  PROFILE_FORM_TAG,
		PROFILE_FORM_ANY_TAG, PROFILE_FORM_PATTERN, PROFILE_FORM_EVERYTHING,
	};
	unsigned n = 0;

	while (n < ARRAY_SIZE(order) && order[n] != list->entries[entry].form)
		n++;
	return n * (IMAGELIST_PREVIOUS + 1) + source;
}

void match_come_near(struct miss *miss, enum imagelist_reason reason, size_t entry, uint64_t age_s)
{
	if (reason < miss->reason)
		*miss = (struct miss){ .reason = reason, .entry = entry, .age_s = age_s };
}

static bool too_old(const struct imagelist *list, uint64_t age_s)
{
	return list->refetch_s && age_s > list->refetch_s;
}

static const struct imagelist_known *known_of(const struct decision *d, size_t entry)
{
	static const struct imagelist_known nothing = { .state = IMAGELIST_UNASKED };

	return d->facts->known ? &d->facts->known[entry] : &nothing;
}

/* A good digest of the entry is one of the image. */
static enum match match_good(const struct decision *d, const struct view *v, size_t entry,
			     struct hit *hit, struct miss *miss)
{
	const struct imagelist_known *known = known_of(d, entry);
	const struct imagelist_good *best = NULL;

	for (size_t i = 0; i < known->ngoods; i++) {
		const struct imagelist_good *g = &known->goods[i];

		if (view_has_digest(v, g->digest) && (!best || g->source < best->source))
			best = g;
	}
	if (!best)
		return MATCH_NO;
	if (best->source == IMAGELIST_PREVIOUS && !d->list->keep_previous) {
		match_come_near(miss, IMAGELIST_MOVED_ON, entry, best->age_s);
		return MATCH_NO;
	}
	*hit = (struct hit){ entry, best->digest, best->source, best->age_s };
	return MATCH_YES;
}

static enum match match_tag(const struct decision *d, const struct view *v, size_t entry,
			    struct hit *hit, struct miss *miss)
{
	const struct imagelist_known *known = known_of(d, entry);
	bool claims = view_claims(v, &d->list->entries[entry]);

	if (match_good(d, v, entry, hit, miss) == MATCH_YES)
		return MATCH_YES;
	if (claims)
		match_come_near(miss,
				known->state == IMAGELIST_KNOWN ? IMAGELIST_OTHER_DIGEST
								: IMAGELIST_NOT_KNOWN,
				entry, known->age_s);
	switch (known->state) {
	case IMAGELIST_UNASKED:
		return MATCH_OPEN;
	case IMAGELIST_KNOWN:
		return claims && too_old(d->list, known->age_s) ? MATCH_OPEN : MATCH_NO;
	case IMAGELIST_UNREACHABLE:
		return MATCH_NO;
	}
	return MATCH_NO;
}

static enum match match_digest(const struct decision *d, const struct view *v, size_t entry,
			       struct hit *hit, struct miss *miss)
{
	const struct imagelist_entry *e = &d->list->entries[entry];

	if (view_has_digest(v, e->ref.digest)) {
		*hit = (struct hit){ .entry = entry, .digest = e->ref.digest };
		return MATCH_YES;
	}
	if (match_good(d, v, entry, hit, miss) == MATCH_YES)
		return MATCH_YES;
	if (view_claims(v, e))
		match_come_near(miss, IMAGELIST_OTHER_DIGEST, entry, 0);
	return MATCH_NO;
}

static bool is_named(const struct reference *name, struct slice expanded)
{
	struct slice part[] = { name->domain, name->space, name->path };
	bool first = true;

	for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
		if (!part[i].n)
			continue;
		if (!first) {
			if (!expanded.n || expanded.p[0] != '/')
				return false;
			expanded = slice_from(expanded, 1);
		}
		if (!slice_starts(expanded, part[i]))
			return false;
		expanded = slice_from(expanded, part[i].n);
		first = false;
	}
	return expanded.n == 0;
}

const struct imagelist_answer *match_answer(const struct decision *d, struct slice digest,
					    const struct reference *name)
{
	for (size_t i = 0; i < d->facts->nanswers; i++)
		if (slice_eq(d->facts->answers[i].digest, digest) &&
		    is_named(name, d->facts->answers[i].repository))
			return &d->facts->answers[i];
	return NULL;
}

bool match_is_open(const struct decision *d, const struct imagelist_answer *a)
{
	return !a || (!a->failed && too_old(d->list, a->asked_s) &&
		      (a->belongs == IMAGELIST_ELSEWHERE || a->source == IMAGELIST_PREVIOUS));
}

/* One of the image's digests is in that repository. The entry stands in `hit` already. */
static enum match match_repository(const struct decision *d, const struct view *v,
				   const struct reference *name, struct hit *hit, struct miss *miss)
{
	enum match m = MATCH_NO;
	uint64_t age_s = 0;

	for (size_t i = 0; i < v->nask; i++) {
		const struct imagelist_answer *a = match_answer(d, v->digests[i], name);

		if (!a || a->belongs == IMAGELIST_UNANSWERED ||
		    (a->belongs == IMAGELIST_ELSEWHERE && a->failed))
			match_come_near(miss, IMAGELIST_NOT_KNOWN, hit->entry, 0);
		if (match_is_open(d, a))
			m = MATCH_OPEN;
		if (a && a->belongs == IMAGELIST_ELSEWHERE)
			age_s = MAX(age_s, a->age_s);
		if (!a || a->belongs != IMAGELIST_BELONGS)
			continue;
		if (a->source == IMAGELIST_PREVIOUS && !d->list->keep_previous) {
			match_come_near(miss, IMAGELIST_MOVED_ON, hit->entry, a->age_s);
			continue;
		}
		hit->digest = v->digests[i];
		hit->source = a->source;
		hit->age_s = a->age_s;
		return MATCH_YES;
	}
	match_come_near(miss, IMAGELIST_OTHER_DIGEST, hit->entry, age_s);
	return m;
}

bool match_fits(const struct imagelist_entry *e, const struct reference *name)
{
	return e->form == PROFILE_FORM_PATTERN ? reference_matches(&e->ref, name)
					       : reference_same_name(&e->ref, name);
}

/* Wildcards and patterns: each name of the image that fits. */
static enum match match_names(const struct decision *d, const struct view *v, size_t entry,
			      struct hit *hit, struct miss *miss)
{
	const struct imagelist_entry *e = &d->list->entries[entry];
	enum match m = MATCH_NO;

	for (size_t i = 0; i < v->nnames; i++) {
		struct hit try = { .entry = entry };
		enum match one;

		if (!match_fits(e, &v->names[i]))
			continue;
		one = match_repository(d, v, &v->names[i], &try, miss);
		if (one == MATCH_YES) {
			*hit = try;
			return MATCH_YES;
		}
		m = MAX(m, one);
	}
	return m;
}

enum match match_entry(const struct decision *d, const struct view *v, size_t entry,
		       struct hit *hit, struct miss *miss)
{
	const struct imagelist_entry *e = &d->list->entries[entry];

	switch (e->form) {
	case PROFILE_FORM_EVERYTHING:
		*hit = (struct hit){ .entry = entry };
		return MATCH_YES;
	case PROFILE_FORM_ID:
		*hit = (struct hit){ .entry = entry, .digest = v->image->id };
		return reference_is_image(&e->ref, v->image->id) ? MATCH_YES : MATCH_NO;
	case PROFILE_FORM_DIGEST:
		return match_digest(d, v, entry, hit, miss);
	case PROFILE_FORM_TAG:
		return match_tag(d, v, entry, hit, miss);
	case PROFILE_FORM_ANY_TAG:
	case PROFILE_FORM_PATTERN:
		return match_names(d, v, entry, hit, miss);
	}
	return MATCH_NO;
}

/* FNV-1a, and the places of its two bits. */
static void filter_bits(struct slice s, size_t ret[2])
{
	const size_t nbits = 64 * ARRAY_SIZE(((struct match_filter *)NULL)->bits);
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	ret[0] = (h >> 48) % nbits;
	ret[1] = (h >> 20) % nbits;
}

static void filter_add(struct match_filter *f, struct slice s)
{
	size_t at[2];

	filter_bits(s, at);
	for (size_t i = 0; i < 2; i++)
		f->bits[at[i] / 64] |= (uint64_t)1 << at[i] % 64;
}

static bool filter_has(const struct match_filter *f, struct slice s)
{
	size_t at[2];

	filter_bits(s, at);
	return (f->bits[at[0] / 64] >> at[0] % 64 & 1) && (f->bits[at[1] / 64] >> at[1] % 64 & 1);
}

void match_filter_init(const struct decision *d, struct match_filter *ret)
{
	*ret = (struct match_filter){ .patterns = false };
	for (size_t i = 0; i < d->list->nentries; i++) {
		const struct imagelist_entry *e = &d->list->entries[i];
		const struct imagelist_known *known = known_of(d, i);

		ret->patterns |= e->form == PROFILE_FORM_PATTERN;
		filter_add(ret, e->ref.path);
		filter_add(ret, e->ref.digest);
		for (size_t k = 0; k < known->ngoods; k++)
			filter_add(ret, known->goods[k].digest);
	}
}

bool match_filter_may(const struct decision *d, const struct match_filter *f, const struct view *v)
{
	for (size_t i = 0; i < v->ndigests; i++)
		if (filter_has(f, v->digests[i]))
			return true;
	for (size_t i = 0; i < v->nnames; i++)
		if (filter_has(f, v->names[i].path))
			return true;
	for (size_t i = 0; i < d->list->nentries && f->patterns; i++)
		if (d->list->entries[i].form == PROFILE_FORM_PATTERN &&
		    view_claims(v, &d->list->entries[i]))
			return true;
	return false;
}
