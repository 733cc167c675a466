/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/digests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "policy/imagelist-match.h"
#include "json/json.h"

#define ARENA_LIMIT (64u << 20)
#define NAME_LIMIT 1024u /* bytes of an expanded reference */
#define VERSION 1
#define NEEDED_STEP 86400u /* seconds; the file is not written anew for less */

static char *text_new(struct slice s)
{
	char *p = malloc(s.n + 1);

	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

static void tag_done(struct digests_tag *t)
{
	free(t->goods);
	free(t->reference);
}

static void claim_done(struct digests_claim *c)
{
	free(c->repository);
}

void digests_done(struct digests *d)
{
	for (size_t i = 0; i < d->ntags; i++)
		tag_done(&d->tags[i]);
	for (size_t i = 0; i < d->nclaims; i++)
		claim_done(&d->claims[i]);
	for (size_t i = 0; i < d->nuses; i++)
		free(d->uses[i].entry);
	free(d->tags);
	free(d->claims);
	free(d->uses);
	*d = DIGESTS_INIT;
}

/* --- finding and adding --- */

static struct digests_tag *tag_of(const struct digests *d, struct slice reference)
{
	for (size_t i = 0; i < d->ntags; i++)
		if (slice_eq_str(reference, d->tags[i].reference))
			return &d->tags[i];
	return NULL;
}

const struct digests_tag *digests_find(const struct digests *d, struct slice reference)
{
	return tag_of(d, reference);
}

static struct digests_tag *tag_need(struct digests *d, struct slice reference)
{
	struct digests_tag *t = tag_of(d, reference);
	struct digests_tag *more;
	char *name;

	if (t)
		return t;
	name = text_new(reference);
	more = name ? reallocarray(d->tags, d->ntags + 1, sizeof(*d->tags)) : NULL;
	if (!more) {
		free(name);
		return NULL;
	}
	d->tags = more;
	t = &d->tags[d->ntags++];
	*t = (struct digests_tag){ .reference = name };
	return t;
}

static void claim_drop(struct digests *d, size_t at)
{
	claim_done(&d->claims[at]);
	memmove(d->claims + at, d->claims + at + 1, (--d->nclaims - at) * sizeof(*d->claims));
}

/* When somebody last wanted to know. */
static uint64_t claim_wanted(const struct digests_claim *c)
{
	return c->seen ? c->needed : MAX(c->asked, c->failed);
}

/* One that never was good goes first, then the one that was wanted longest ago. */
static void claim_make_room(struct digests *d)
{
	size_t worst = 0;

	if (d->nclaims < DIGESTS_CLAIMS_MAX)
		return;
	for (size_t i = 1; i < d->nclaims; i++) {
		const struct digests_claim *c = &d->claims[i], *w = &d->claims[worst];

		if ((c->seen != 0) != (w->seen != 0) ? w->seen != 0
						     : claim_wanted(c) < claim_wanted(w))
			worst = i;
	}
	claim_drop(d, worst);
}

static struct digests_claim *claim_need(struct digests *d, struct slice repository,
					struct slice digest)
{
	struct digests_claim *c, *more;
	char *name;

	for (size_t i = 0; i < d->nclaims; i++) {
		c = &d->claims[i];
		if (slice_eq_str(digest, c->digest) && slice_eq_str(repository, c->repository))
			return c;
	}
	if (!digest.p || digest.n >= DIGESTS_DIGEST_SIZE)
		return NULL;
	claim_make_room(d);
	name = text_new(repository);
	more = name ? reallocarray(d->claims, d->nclaims + 1, sizeof(*d->claims)) : NULL;
	if (!more) {
		free(name);
		return NULL;
	}
	d->claims = more;
	c = &d->claims[d->nclaims++];
	*c = (struct digests_claim){ 0 };
	memcpy(c->digest, digest.p, digest.n);
	c->repository = name;
	return c;
}

static void good_drop(struct digests_tag *t, size_t at)
{
	memmove(t->goods + at, t->goods + at + 1, (--t->ngoods - at) * sizeof(*t->goods));
}

/* Room for one more: the one that was good longest ago goes. */
static void good_make_room(struct digests_tag *t)
{
	size_t oldest = 0;

	if (t->ngoods < DIGESTS_GOODS_MAX)
		return;
	for (size_t i = 1; i < t->ngoods; i++)
		if (t->goods[i].seen < t->goods[oldest].seen)
			oldest = i;
	good_drop(t, oldest);
}

static int good_add(struct digests_tag *t, struct slice digest, uint64_t seen, bool current)
{
	struct digests_good *g;

	if (!digest.p || digest.n >= DIGESTS_DIGEST_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < t->ngoods; i++) {
		if (!slice_eq_str(digest, t->goods[i].digest))
			continue;
		t->goods[i].seen = seen;
		t->goods[i].current = current;
		return 0;
	}
	good_make_room(t);
	if (!t->goods)
		t->goods = calloc(DIGESTS_GOODS_MAX, sizeof(*t->goods));
	if (!t->goods)
		return -ENOMEM;
	g = &t->goods[t->ngoods++];
	memcpy(g->digest, digest.p, digest.n);
	g->digest[digest.n] = '\0';
	g->seen = seen;
	g->current = current;
	return 0;
}

/* --- what registries said --- */

int digests_answered(struct digests *d, struct slice reference, const struct slice *list, size_t n,
		     uint64_t now)
{
	struct digests_tag *t = tag_need(d, reference);
	int r = 0;

	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < t->ngoods; i++)
		t->goods[i].current = false;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = good_add(t, list[i], now, true);
	t->asked = now;
	t->failed = 0;
	d->dirty = true;
	return r;
}

int digests_failed(struct digests *d, struct slice reference, uint64_t now, bool refused)
{
	struct digests_tag *t = tag_need(d, reference);

	if (!t)
		return -ENOMEM;
	t->failed = now;
	t->refused = refused;
	return 0;
}

void digests_forgive(struct digests *d)
{
	for (size_t i = 0; i < d->ntags; i++)
		d->tags[i].failed = 0;
	for (size_t i = 0; i < d->nclaims; i++)
		d->claims[i].failed = 0;
}

int digests_claimed(struct digests *d, struct slice repository, struct slice digest, bool belongs,
		    uint64_t now)
{
	struct digests_claim *c = claim_need(d, repository, digest);

	if (!c)
		return -ENOMEM;
	if (belongs && c->seen == 0)
		c->needed = now;
	if (belongs)
		c->seen = now;
	c->belongs = belongs;
	c->asked = now;
	c->failed = 0;
	c->due = false;
	d->dirty = true;
	return 0;
}

int digests_unclaimed(struct digests *d, struct slice repository, struct slice digest, uint64_t now,
		      bool refused)
{
	struct digests_claim *c = claim_need(d, repository, digest);

	if (!c)
		return -ENOMEM;
	c->failed = now;
	c->refused = refused;
	c->due = false;
	return 0;
}

/* --- claims that entries are for --- */

bool digests_is_for(const struct digests_claim *c, const struct profile *p,
		    const struct imagelist_entry *e)
{
	struct reference r;

	return (e->form == PROFILE_FORM_ANY_TAG || e->form == PROFILE_FORM_PATTERN) &&
	       reference_parse(p, slice_str(c->repository), &r, NULL) == 0 && match_fits(e, &r);
}

/* Was good, or still is, for an entry of these. */
static bool is_good(const struct digests_claim *c, const struct imagelist *list, size_t nlists)
{
	for (size_t i = 0; c->seen && i < nlists; i++)
		for (size_t k = 0; k < list[i].nentries; k++)
			if (digests_is_for(c, list[i].profile, &list[i].entries[k]))
				return true;
	return false;
}

void digests_make_due(struct digests *d, const struct imagelist *list, size_t nlists)
{
	for (size_t i = 0; i < d->nclaims; i++)
		d->claims[i].due = is_good(&d->claims[i], list, nlists);
}

const struct digests_claim *digests_next_due(const struct digests *d)
{
	const struct digests_claim *next = NULL;

	for (size_t i = 0; i < d->nclaims; i++) {
		const struct digests_claim *c = &d->claims[i];

		if (c->due && (!next || MAX(c->asked, c->failed) < MAX(next->asked, next->failed)))
			next = c;
	}
	return next;
}

void digests_skip_due(struct digests *d, struct slice host)
{
	for (size_t i = 0; i < d->nclaims; i++) {
		struct digests_claim *c = &d->claims[i];

		if (slice_starts(slice_str(c->repository), host) && c->repository[host.n] == '/')
			c->due = false;
	}
}

void digests_needed(struct digests *d, const struct profile *p, const struct imagelist_image *image,
		    uint64_t now)
{
	struct view v;

	view_init(p, image, SLICE_NULL, &v);
	for (size_t i = 0; i < d->nclaims; i++) {
		struct digests_claim *c = &d->claims[i];

		if (!view_has_digest(&v, slice_str(c->digest)) || c->needed + NEEDED_STEP > now)
			continue;
		c->needed = now;
		d->used = true;
	}
}

/* --- uses --- */

static struct digests_use *use_of(const struct digests *d, struct slice entry)
{
	for (size_t i = 0; i < d->nuses; i++)
		if (slice_eq_str(entry, d->uses[i].entry))
			return &d->uses[i];
	return NULL;
}

int digests_use(struct digests *d, struct slice entry, uint64_t now)
{
	struct digests_use *u = use_of(d, entry);

	if (!u) {
		char *name = text_new(entry);

		u = name ? reallocarray(d->uses, d->nuses + 1, sizeof(*d->uses)) : NULL;
		if (!u) {
			free(name);
			return -ENOMEM;
		}
		d->uses = u;
		u = &d->uses[d->nuses++];
		u->entry = name;
	}
	u->at = now;
	d->used = true;
	return 0;
}

uint64_t digests_used_at(const struct digests *d, struct slice entry)
{
	const struct digests_use *u = use_of(d, entry);

	return u ? u->at : 0;
}

/* --- the file --- */

void digests_print(const struct digests *d, struct buf *b)
{
	bool first = true;

	buf_printf(b, "{\"version\":%d,\"tags\":[", VERSION);
	for (size_t i = 0; i < d->ntags; i++) {
		const struct digests_tag *t = &d->tags[i];

		if (t->asked == 0)
			continue;
		buf_printf(b, "%s\n{\"reference\":\"%s\",\"asked\":%llu,\"goods\":[",
			   first ? "" : ",", t->reference, (unsigned long long)t->asked);
		first = false;
		for (size_t k = 0; k < t->ngoods; k++)
			buf_printf(b, "%s{\"digest\":\"%s\",\"seen\":%llu,\"current\":%s}",
				   k ? "," : "", t->goods[k].digest,
				   (unsigned long long)t->goods[k].seen,
				   t->goods[k].current ? "true" : "false");
		buf_add_str(b, "]}");
	}
	buf_add_str(b, "],\"claims\":[");
	first = true;
	for (size_t i = 0; i < d->nclaims; i++) {
		const struct digests_claim *c = &d->claims[i];

		if (c->asked == 0)
			continue;
		buf_printf(b,
			   "%s\n{\"repository\":\"%s\",\"digest\":\"%s\",\"belongs\":%s,"
			   "\"asked\":%llu,\"seen\":%llu,\"needed\":%llu}",
			   first ? "" : ",", c->repository, c->digest,
			   c->belongs ? "true" : "false", (unsigned long long)c->asked,
			   (unsigned long long)c->seen, (unsigned long long)c->needed);
		first = false;
	}
	buf_add_str(b, "],\"uses\":[");
	for (size_t i = 0; i < d->nuses; i++)
		buf_printf(b, "%s\n{\"entry\":\"%s\",\"at\":%llu}", i ? "," : "", d->uses[i].entry,
			   (unsigned long long)d->uses[i].at);
	buf_add_str(b, "]}\n");
}

/* Names and digests have no byte that JSON escapes; what has one is not from us. */
static struct slice name_in(const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key);

	if (!s || !*s || strlen(s) > NAME_LIMIT)
		return SLICE_NULL;
	for (const char *p = s; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
			return SLICE_NULL;
	return slice_str(s);
}

static int parse_good(struct digests_tag *t, const struct json *o)
{
	struct slice digest = name_in(o, "digest");
	uint64_t seen;

	if (!reference_is_digest(digest) || json_get_u64(o, "seen", &seen) != 0)
		return -EINVAL;
	return good_add(t, digest, seen, json_get_bool(o, "current", false));
}

static int parse_tag(struct digests *d, const struct json *o)
{
	const struct json *goods = json_get(o, "goods");
	struct slice name = name_in(o, "reference");
	struct digests_tag *t = name.p ? tag_need(d, name) : NULL;
	int r = 0;

	if (!name.p || !json_is(goods, JSON_ARRAY))
		return -EINVAL;
	if (!t)
		return -ENOMEM;
	if (json_get_u64(o, "asked", &t->asked) != 0 || t->asked == 0)
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < goods->n; i++)
		r = parse_good(t, goods->items[i]);
	return r;
}

static int parse_claim(struct digests *d, const struct json *o)
{
	struct slice repository = name_in(o, "repository");
	struct slice digest = name_in(o, "digest");
	const struct json *belongs = json_get(o, "belongs");
	struct digests_claim *c;
	uint64_t asked;

	if (!repository.p || !reference_is_digest(digest) || !json_is(belongs, JSON_BOOL) ||
	    json_get_u64(o, "asked", &asked) != 0 || asked == 0)
		return -EINVAL;
	c = claim_need(d, repository, digest);
	if (!c)
		return -ENOMEM;
	c->belongs = belongs->boolean;
	c->asked = asked;
	/* older ones lack these */
	if (json_get_u64(o, "seen", &c->seen) != 0 || (c->belongs && c->seen == 0))
		c->seen = c->belongs ? asked : 0;
	if (json_get_u64(o, "needed", &c->needed) != 0)
		c->needed = c->seen;
	return 0;
}

static int parse_use(struct digests *d, const struct json *o)
{
	struct slice entry = name_in(o, "entry");
	uint64_t at;

	return !entry.p || json_get_u64(o, "at", &at) != 0 ? -EINVAL : digests_use(d, entry, at);
}

static int parse(struct digests *d, const struct json *doc)
{
	const struct json *tags = json_get(doc, "tags");
	const struct json *claims = json_get(doc, "claims");
	const struct json *uses = json_get(doc, "uses"); /* older ones lack it */
	uint64_t version;
	int r = 0;

	if (json_get_u64(doc, "version", &version) != 0 || version != VERSION ||
	    !json_is(tags, JSON_ARRAY) || !json_is(claims, JSON_ARRAY) ||
	    (uses && !json_is(uses, JSON_ARRAY)))
		return -EINVAL;
	for (size_t i = 0; r == 0 && i < tags->n; i++)
		r = parse_tag(d, tags->items[i]);
	for (size_t i = 0; r == 0 && i < claims->n; i++)
		r = parse_claim(d, claims->items[i]);
	for (size_t i = 0; r == 0 && uses && i < uses->n; i++)
		r = parse_use(d, uses->items[i]);
	d->used = false;
	return r;
}

int digests_parse(struct digests *d, struct slice text, struct err *err)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct json_limits limits = JSON_LIMITS;
	struct digests made = DIGESTS_INIT;
	struct json *doc;
	int r = json_parse(&a, text, &limits, &doc, NULL, err);

	if (r < 0)
		return r;
	r = parse(&made, doc);
	if (r < 0) {
		digests_done(&made);
		return err_set(err, r, "it is not what gabion writes there");
	}
	*d = made;
	return 0;
}

/* --- what decisions need of it --- */

static bool is_about(const struct imagelist *list, size_t nlists, const char *reference)
{
	for (size_t i = 0; i < nlists; i++) {
		for (size_t k = 0; k < list[i].nentries; k++) {
			CLEANUP_BUF struct buf name = BUF_INIT(2u * NAME_LIMIT);

			imagelist_add_entry(&list[i].entries[k], &name);
			if (slice_eq_str(buf_slice(&name), reference))
				return true;
		}
	}
	return false;
}

void digests_trim(struct digests *d, const struct imagelist *list, size_t nlists, uint64_t oldest)
{
	for (size_t i = d->ntags; i-- > 0;) {
		if (is_about(list, nlists, d->tags[i].reference))
			continue;
		tag_done(&d->tags[i]);
		memmove(d->tags + i, d->tags + i + 1, (--d->ntags - i) * sizeof(*d->tags));
		d->dirty = true;
	}
	for (size_t i = d->nuses; i-- > 0;) {
		if (is_about(list, nlists, d->uses[i].entry))
			continue;
		free(d->uses[i].entry);
		memmove(d->uses + i, d->uses + i + 1, (--d->nuses - i) * sizeof(*d->uses));
		d->used = true;
	}
	for (size_t i = d->nclaims; i-- > 0;) {
		const struct digests_claim *c = &d->claims[i];

		if (is_good(c, list, nlists) ? c->needed >= oldest
					     : MAX(c->asked, c->failed) >= oldest)
			continue;
		claim_drop(d, i);
		d->dirty = true;
	}
}

static uint64_t age(uint64_t then, uint64_t now)
{
	return now > then ? now - then : 0;
}

/* A failure after the last answer, and not so long ago that it is worth another try. */
static bool has_failed(uint64_t failed, uint64_t now, uint64_t retry_s)
{
	return failed != 0 && (retry_s == 0 || age(failed, now) < retry_s);
}

static int tag_facts(const struct digests_tag *t, struct arena *a, uint64_t now, uint64_t retry_s,
		     struct imagelist_known *ret)
{
	bool failed = has_failed(t->failed, now, retry_s);
	struct imagelist_good *goods = arena_array(a, MAX(t->ngoods, (size_t)1), sizeof(*goods));

	if (!goods)
		return -ENOMEM;
	for (size_t i = 0; i < t->ngoods; i++)
		goods[i] =
			(struct imagelist_good){ .digest = slice_str(t->goods[i].digest),
						 .source = !t->goods[i].current ? IMAGELIST_PREVIOUS
							   : failed		? IMAGELIST_CACHED
										: IMAGELIST_NOW,
						 .age_s = age(t->goods[i].seen, now) };
	*ret = (struct imagelist_known){ .state = failed     ? IMAGELIST_UNREACHABLE
						  : t->asked ? IMAGELIST_KNOWN
							     : IMAGELIST_UNASKED,
					 .refused = failed && t->refused,
					 .age_s = t->asked ? age(t->asked, now) : 0,
					 .goods = goods,
					 .ngoods = t->ngoods };
	return 0;
}

static int add_claims(const struct digests *d, struct arena *a, uint64_t now, uint64_t retry_s,
		      struct imagelist_facts *facts)
{
	struct imagelist_answer *list = arena_array(a, MAX(d->nclaims, (size_t)1), sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < d->nclaims; i++) {
		const struct digests_claim *c = &d->claims[i];
		bool failed = has_failed(c->failed, now, retry_s);

		if (c->asked == 0 && !failed)
			continue;
		list[n++] = (struct imagelist_answer){
			.digest = slice_str(c->digest),
			.repository = slice_str(c->repository),
			.belongs = c->seen    ? IMAGELIST_BELONGS
				   : c->asked ? IMAGELIST_ELSEWHERE
					      : IMAGELIST_UNANSWERED,
			.failed = failed,
			.refused = failed && !c->belongs && c->refused,
			.source = c->seen && !c->belongs ? IMAGELIST_PREVIOUS
				  : failed		 ? IMAGELIST_CACHED
							 : IMAGELIST_NOW,
			.age_s = age(c->seen ? c->seen : c->asked, now),
			.asked_s = age(c->asked, now),
		};
	}
	facts->answers = list;
	facts->nanswers = n;
	return 0;
}

int digests_facts(const struct digests *d, struct arena *a, const struct imagelist *list,
		  uint64_t now, uint64_t retry_s, struct imagelist_facts *facts)
{
	struct imagelist_known *known =
		arena_array(a, MAX(list->nentries, (size_t)1), sizeof(*known));
	int r = known ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < list->nentries; i++) {
		CLEANUP_BUF struct buf name = BUF_INIT(2u * NAME_LIMIT);
		const struct digests_tag *t;

		imagelist_add_entry(&list->entries[i], &name);
		t = tag_of(d, buf_slice(&name));
		if (t)
			r = tag_facts(t, a, now, retry_s, &known[i]);
		else
			known[i] = (struct imagelist_known){ .state = IMAGELIST_UNASKED };
	}
	facts->known = known;
	return r == 0 ? add_claims(d, a, now, retry_s, facts) : r;
}
