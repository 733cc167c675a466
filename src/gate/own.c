/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/own.h"

#include <errno.h>

#include "base/cleanup.h"
#include "gate/answer.h"
#include "gate/images.h"
#include "gate/request.h"
#include "json/json.h"

#define PREFIX "/gabion/"
#define TREE_MAX (32u << 20)

/* In the connection's arena while something is waited for. */
struct own_work {
	struct conn *conn;
	struct images_check check;
	struct images_wait wait;
	bool waits;
};

static struct own_work *work(struct conn *c)
{
	struct own_work *w = arena_alloc(&c->arena, sizeof(*w));

	if (w)
		w->conn = c;
	c->req->own = w;
	if (!c->gate->images->loaded) /* gabiond's first answers are still to come, or never will */
		conn_timer(c, c->gate->limits.ask_seconds);
	return w;
}

void own_stop(struct conn *c)
{
	struct own_work *w = c->req ? c->req->own : NULL;

	if (!w)
		return;
	images_check_stop(&w->check);
	if (w->waits)
		images_wait_stop(c->gate->images, &w->wait);
	c->req->own = NULL;
}

static void set(struct arena *a, struct json *o, const char *key, struct json *v)
{
	(void)json_set(a, o, key, v); /* out of memory is found when the document is used */
}

static void set_time(struct arena *a, struct json *o, const char *key, uint64_t at)
{
	if (at)
		set(a, o, key, json_new_uint(a, at));
}

/* --- lists --- */

static struct json *digests_json(struct arena *a, const struct digests_tag *t)
{
	struct json *list = json_new(a, JSON_ARRAY);

	for (size_t i = 0; list && t && i < t->ngoods; i++) {
		struct json *o = json_new(a, JSON_OBJECT);

		if (!o || json_append(a, list, o) < 0)
			return NULL;
		set(a, o, "digest", json_new_str(a, t->goods[i].digest));
		set(a, o, "current", json_new_bool(a, t->goods[i].current));
		set_time(a, o, "seen", t->goods[i].seen);
	}
	return list;
}

/* Those of name:* and of patterns, whose claims are summed up in *sum. */
static struct json *claims_json(struct arena *a, const struct images *m,
				const struct imagelist_entry *e, struct digests_tag *sum)
{
	struct json *list = json_new(a, JSON_ARRAY);

	for (size_t i = 0; list && i < m->digests.nclaims; i++) {
		const struct digests_claim *c = &m->digests.claims[i];
		struct json *o;

		if (!digests_is_for(c, m->policy.profile, e))
			continue;
		sum->asked = MAX(sum->asked, c->asked);
		sum->failed = MAX(sum->failed, c->failed);
		sum->refused |= c->failed && c->refused;
		if (!c->seen)
			continue;
		o = json_new(a, JSON_OBJECT);
		if (!o || json_append(a, list, o) < 0)
			return NULL;
		set(a, o, "repository", json_new_str(a, c->repository));
		set(a, o, "digest", json_new_str(a, c->digest));
		set(a, o, "current", json_new_bool(a, c->belongs));
		set_time(a, o, "seen", c->seen);
	}
	return list;
}

/* The registry, and whose credentials it did not take. */
static struct json *refused_json(struct arena *a, const struct images *m, struct slice host)
{
	const struct credential *with = credentials_find(&m->credentials, host);
	struct json *o = json_new(a, JSON_OBJECT);

	if (!o)
		return NULL;
	set(a, o, "registry", json_new_slice(a, host));
	set(a, o, "credentials", json_new_str(a, !with ? "none" : with->of_file ? "file" : "user"));
	return o;
}

static struct json *entry_json(struct arena *a, const struct images *m,
			       const struct imagelist_entry *e)
{
	CLEANUP_BUF struct buf name = BUF_INIT(4096);
	struct json *o = json_new(a, JSON_OBJECT);
	struct digests_tag sum = { 0 };
	const struct digests_tag *t;
	struct json *digests;

	imagelist_add_entry(e, &name);
	if (!o || !buf_ok(&name))
		return NULL;
	t = digests_find(&m->digests, buf_slice(&name));
	if (e->form == PROFILE_FORM_ANY_TAG || e->form == PROFILE_FORM_PATTERN) {
		digests = claims_json(a, m, e, &sum);
		t = &sum;
	} else {
		digests = digests_json(a, t);
	}
	set(a, o, "image", json_new_slice(a, e->text));
	set(a, o, "reference", json_new_slice(a, buf_slice(&name)));
	set(a, o, "digests", digests);
	if (t) {
		set_time(a, o, "asked", t->asked);
		set_time(a, o, "failed", t->failed);
	}
	if (t && t->failed && t->refused)
		set(a, o, "refused", refused_json(a, m, e->ref.domain));
	set_time(a, o, "used", digests_used_at(&m->digests, buf_slice(&name)));
	return o;
}

static struct json *list_json(struct arena *a, const struct images *m, size_t layer)
{
	const struct imagelist *list = &m->lists[layer];
	struct json *entries = json_new(a, JSON_ARRAY);
	struct json *o = json_new(a, JSON_OBJECT);

	if (!o || !entries)
		return NULL;
	set(a, o, "allowDerivedImages", json_new_bool(a, list->derived));
	set(a, o, "keepPreviousDigests", json_new_bool(a, list->keep_previous));
	for (size_t i = 0; i < list->nentries; i++)
		if (json_append(a, entries, entry_json(a, m, &list->entries[i])) < 0)
			return NULL;
	set(a, o, "images", entries);
	return o;
}

static void answer_lists(struct conn *c)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	const struct images *m = c->gate->images;
	struct json *o = json_new(&a, JSON_OBJECT);
	struct json *lists = json_new(&a, JSON_ARRAY);

	for (size_t i = 0; lists && i < m->policy.nsockets; i++)
		if (json_append(&a, lists, list_json(&a, m, i)) < 0)
			lists = NULL;
	if (!o || !lists) {
		conn_kill(c);
		return;
	}
	set(&a, o, "isolation", json_new_bool(&a, m->policy.isolation));
	set(&a, o, "now", json_new_uint(&a, images_now()));
	set(&a, o, "lists", lists);
	if (m->auth_trouble)
		set(&a, o, "registryAuth", json_new_str(&a, m->auth_trouble));
	answer_json(c, 200, o);
}

static void on_refreshed(struct images_wait *wait)
{
	struct own_work *w = CONTAINER_OF(wait, struct own_work, wait);
	struct conn *c = w->conn;

	w->waits = false;
	conn_timer_stop(c);
	answer_lists(c);
	conn_update(c);
}

static void refresh(struct conn *c)
{
	struct own_work *w = work(c);

	if (!w) {
		conn_kill(c);
		return;
	}
	w->waits = true;
	w->wait.done = on_refreshed;
	images_wait(c->gate->images, &w->wait);
}

/* --- one image --- */

static void set_text(struct arena *a, struct json *o, const char *key, const char *text)
{
	if (text && *text)
		set(a, o, key, json_new_str(a, text));
}

static void set_by(struct arena *a, struct json *o, const struct images_check *k)
{
	struct json *by = json_new(a, JSON_ARRAY);

	for (size_t i = 0; by && i < k->images->policy.nsockets; i++)
		if (json_append(a, by, json_new_slice(a, k->by[i])) < 0)
			return;
	set(a, o, "by", by);
	if (k->v.digest.n)
		set(a, o, "digest", json_new_slice(a, k->v.digest));
}

/* What the lists say of it. */
static void set_decided(struct arena *a, struct json *o, const struct images_check *k)
{
	set_text(a, o, "rule", k->v.verdict.rule);
	set_text(a, o, "reason", k->v.verdict.reason);
	if (k->result == IMAGES_ALLOWED) {
		set_by(a, o, k);
	} else {
		set_text(a, o, "message", k->v.verdict.message);
		set_text(a, o, "hint", k->v.verdict.way_out);
	}
}

/* Nobody asks the lists while isolation is off; what they say is told beside what holds. */
static void set_plain(struct arena *a, struct json *o, const char *verdict,
		      const struct images_check *k)
{
	struct json *would = json_new(a, JSON_OBJECT);

	set(a, o, "isolation", json_new_bool(a, false));
	set_text(a, o, "reason", IMAGES_PLAIN);
	if (!would)
		return;
	set_text(a, would, "verdict", verdict);
	set_decided(a, would, k);
	set(a, o, "withIsolation", would);
}

static void on_checked(struct images_check *k)
{
	static const char *const results[] = { [IMAGES_ALLOWED] = "allow",
					       [IMAGES_DENIED] = "deny",
					       [IMAGES_MISSING] = "missing",
					       [IMAGES_FAILED] = "unknown" };
	bool decided = k->result == IMAGES_ALLOWED || k->result == IMAGES_DENIED;
	bool plain = decided && images_plain(k->images);
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	struct own_work *w = CONTAINER_OF(k, struct own_work, check);
	struct json *o = json_new(&a, JSON_OBJECT);
	struct conn *c = w->conn;

	conn_timer_stop(c);
	if (!o) {
		conn_kill(c);
		return;
	}
	set(&a, o, "image", json_new_slice(&a, k->facts.asked));
	set_text(&a, o, "verdict", plain ? "allow" : results[k->result]);
	if (k->image.id.p)
		set(&a, o, "id", json_new_slice(&a, k->image.id));
	if (plain)
		set_plain(&a, o, results[k->result], k);
	else if (decided)
		set_decided(&a, o, k);
	answer_json(c, 200, o);
	conn_update(c);
}

static void check(struct conn *c)
{
	const struct slice *image = http_target_param(&c->req->target, "image", NULL);
	struct own_work *w = work(c);

	if (!w) {
		conn_kill(c);
		return;
	}
	if (!image || image->n == 0 ||
	    images_check_start(c->gate->images, &w->check, *image, *image, on_checked) < 0)
		answer_text(c, &(struct answer){ .status = 400 },
			    "image: the name of an image is wanted");
}

/* --- which --- */

bool own_begin(struct conn *c)
{
	static const struct {
		const char *method;
		const char *path;
		void (*begin)(struct conn *c);
	} table[] = {
		{ "GET", PREFIX "images", answer_lists },
		{ "POST", PREFIX "images/refresh", refresh },
		{ "GET", PREFIX "images/check", check },
	};
	const struct request *r = c->req;

	if (door_is_container(c->door) || !slice_starts(r->target.path, SLICE_LIT(PREFIX)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (slice_eq_str(r->head.method, table[i].method) &&
		    slice_eq_str(r->target.path, table[i].path)) {
			table[i].begin(c);
			return true;
		}
	return false;
}
