/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One check: STORE ─► IMAGE ─► decide ⇄ questions ─► (next layer) ─► keep ─► done
 *
 * For a derived image, the base that it had the last time is looked at before all local images
 * (bases.h). Whatever base it is, and whenever: an image is allowed only by what the engine says of
 * both in this check, and by what is in force at its end.
 *
 * Questions are asked one after the other. When the time for registries is up, those that are still
 * open count as unanswered and the decision stands as it is: known images are allowed, others are
 * not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "gate/gate.h"
#include "gate/images-fetch.h"
#include "http/target.h"
#include "policy/image.h"
#include "json/json.h"

#define ARENA_LIMIT (128u << 20)
#define ROUNDS_MAX 512u
#define TREE_MAX (32u << 20) /* of one image */
#define LAYERS_MAX 1024u     /* images whose layers are asked for, in one check */
#define LOAD_POLL_MS 20u
#define LOCALS_MAX 4096u
#define TARGET_MAX 49152u

static void decide(struct images_check *k);

static void finish(struct images_check *k, enum images_result result)
{
	loop_timer_stop(&k->images->gate->loop, &k->timer);
	images_fetch_stop(&k->fetch);
	k->result = result;
	k->open = false;
	k->done(k);
}

static void get(struct images_check *k, const char *target,
		void (*done)(struct images_fetch *f, bool ok))
{
	if (images_fetch_start(k->images, &k->fetch, target, done) < 0)
		finish(k, IMAGES_FAILED);
}

static struct json *document(struct images_check *k)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;

	return json_parse(&k->arena, buf_slice(&k->fetch.body), &limits, &doc, NULL, NULL) < 0
		       ? NULL
		       : doc;
}

/* --- keeping what was learned --- */

static void take_grant(struct images_check *k)
{
	struct imagelist_image *parent;

	k->grant = (struct grant){ .asked = k->facts.asked, .image = k->image };
	if (k->v.how != IMAGELIST_BY_DERIVED || !k->v.parent)
		return;
	parent = &k->grant.parent;
	*parent = *k->v.parent;
	k->grant.derived = true;
}

static void on_kept(struct ask_call *call, int result, struct slice body)
{
	struct images_check *k = CONTAINER_OF(call, struct images_check, call);

	if (result != CONTROL_DONE)
		log_error("digests of images could not be kept: %.*s", SLICE_ARG(body));
	finish(k, result == CONTROL_DONE ? IMAGES_ALLOWED : IMAGES_FAILED);
}

/* Under which the base of the image is remembered: all of its facts, so that an image that has got
 * another name, or is another one, is looked at afresh. */
static void add_facts(const struct images_check *k, struct buf *b)
{
	if (grant_print(&(struct grant){ .asked = k->facts.asked, .image = k->image }, b) < 0)
		buf_reset(b);
}

static void keep_base(struct images_check *k)
{
	CLEANUP_BUF struct buf facts = BUF_INIT(CONTROL_TEXT_MAX);

	if (k->facts_at == 0)
		return;
	add_facts(k, &facts);
	bases_add(&k->images->bases, buf_slice(&facts), k->facts_at, k->base);
}

/* gabion-runc decides by the file: it has to know what was just learned. */
static void allowed(struct images_check *k)
{
	int r;

	take_grant(k);
	keep_base(k);
	if (!k->images->digests.dirty) {
		finish(k, IMAGES_ALLOWED);
		return;
	}
	r = images_keep(k->images, &k->call, on_kept);
	if (r < 0)
		finish(k, r == -ENOENT ? IMAGES_ALLOWED : IMAGES_FAILED);
}

/* --- questions --- */

static void unanswered(struct images_check *k)
{
	k->fetch.fetch.status = 0;
	images_take(&k->fetch, false);
	decide(k);
}

static void on_answered(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	bool same = k->facts_at == k->images->facts;

	images_take(f, ok);
	if (same) /* what this check itself has found out, it rests on */
		k->facts_at = k->images->facts;
	decide(k);
}

static struct imagelist_image *local_of(struct images_check *k, const struct imagelist_image *i)
{
	for (size_t n = 0; n < k->facts.nlocals; n++)
		if (&k->locals[n] == i)
			return &k->locals[n];
	return i == &k->image ? &k->image : NULL;
}

static void give_up(struct images_check *k)
{
	imagelist_give_up(&k->images->lists[k->layer], &k->facts, &k->v);
	finish(k, IMAGES_DENIED);
}

/* Of that answer, into what is known of all images. */
static void keep_layers(struct images_check *k, const struct imagelist_image *image)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct imagelist_image found;
	struct json *doc;

	if (json_parse(&tree, buf_slice(&k->fetch.body), &limits, &doc, NULL, NULL) == 0 &&
	    image_from_engine(&tree, doc, k->image.store, &found) == 0 &&
	    slice_eq(found.id, image->id) && found.has_layers)
		layers_add(&k->images->layers, &found);
}

/* One after the other, as long as there are some among the questions. */
static void ask_layers(struct images_check *k);

static void on_layers(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	struct imagelist_image *local = local_of(k, k->question.image);

	if (local) {
		if (ok)
			keep_layers(k, local);
		if (!layers_find(&k->images->layers, &k->arena, local))
			local->has_layers = true; /* none: it is gone */
	}
	ask_layers(k);
}

static void ask_layers(struct images_check *k)
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);

	for (size_t i = 0; i < k->v.nquestions; i++) {
		k->question = k->v.questions[i];
		if (k->question.ask != IMAGELIST_ASK_LAYERS || k->question.image->has_layers)
			continue;
		if (++k->nlayers > LAYERS_MAX) {
			give_up(k);
			return;
		}
		buf_printf(&target, "/images/%.*s/json", SLICE_ARG(k->question.image->id));
		get(k, target.p, on_layers);
		return;
	}
	decide(k);
}

/* Is there a question less now? */
static bool know_layers(struct images_check *k)
{
	bool any = false;

	for (size_t i = 0; i < k->v.nquestions; i++) {
		struct imagelist_image *local = k->v.questions[i].ask == IMAGELIST_ASK_LAYERS
							? local_of(k, k->v.questions[i].image)
							: NULL;

		any |= local && layers_find(&k->images->layers, &k->arena, local);
	}
	return any;
}

static int take_locals(struct images_check *k, const struct json *doc)
{
	size_t n = 0;

	if (!json_is(doc, JSON_ARRAY))
		return -EPROTO;
	if (doc->n > LOCALS_MAX)
		return -E2BIG;
	k->locals = arena_array(&k->arena, doc->n + LOCALS_DIGESTS_MAX, sizeof(*k->locals));
	if (!k->locals)
		return -ENOMEM;
	for (size_t i = 0; i < doc->n; i++)
		if (image_from_engine(&k->arena, doc->items[i], k->image.store, &k->locals[n]) == 0)
			n++;
	k->facts.locals = k->locals;
	k->facts.nlocals = n;
	return 0;
}

static bool has_local(const struct images_check *k, struct slice id)
{
	for (size_t i = 0; i < k->facts.nlocals; i++)
		if (slice_eq(k->locals[i].id, id))
			return true;
	return false;
}

static void on_locals(struct images_fetch *f, bool ok);

/* Those that matter, where it takes long to list all (locals.h), then all. */
static void ask_list(struct images_check *k)
{
	CLEANUP_BUF struct buf target = BUF_INIT(TARGET_MAX);
	const struct images *m = k->images;
	bool narrow = k->image.store == IMAGELIST_CONTAINERD && !k->narrow_tried;

	k->base = SLICE_NULL;
	k->facts_at = m->facts;
	k->narrow_tried = true;
	k->narrow = narrow && locals_by_name(m->lists, m->policy.nsockets, &target) == LOCALS_SOME;
	get(k, k->narrow ? target.p : "/images/json", on_locals);
}

static void on_locals(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	struct json *doc = ok ? document(k) : NULL;
	int r = doc ? take_locals(k, doc) : -EPROTO;

	if (r < 0 && k->narrow) {
		ask_list(k); /* an engine without that filter */
	} else if (r == -E2BIG) {
		give_up(k);
	} else if (r < 0) {
		finish(k, IMAGES_FAILED);
	} else {
		k->facts.has_locals = true;
		decide(k);
	}
}

static void ask_by_id(struct images_check *k, struct slice id,
		      void (*done)(struct images_fetch *f, bool ok))
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);

	buf_printf(&target, "/images/%.*s/json", SLICE_ARG(id));
	get(k, target.p, done);
}

static void on_looked(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	struct json *doc = ok ? document(k) : NULL;
	struct imagelist_image found;

	if (!doc && f->fetch.status != 404 && f->fetch.status != 400) {
		finish(k, IMAGES_FAILED);
		return;
	}
	if (doc && image_from_engine(&k->arena, doc, k->image.store, &found) == 0 &&
	    !has_local(k, found.id))
		k->locals[k->facts.nlocals++] = found;
	decide(k);
}

/* False: the images with all good digests have been looked for. */
static bool look_by_digest(struct images_check *k)
{
	const struct images *m = k->images;

	while (k->nlooked < LOCALS_DIGESTS_MAX) {
		struct slice next = locals_next_digest(m->lists, m->policy.nsockets, &m->digests,
						       k->looked, k->nlooked, &k->arena);

		if (!next.p)
			return false;
		k->looked[k->nlooked++] = next;
		if (has_local(k, next))
			continue;
		ask_by_id(k, next, on_looked);
		return true;
	}
	ask_list(k); /* too many */
	return true;
}

/* What the engine says of it now: its digests and names, and that it is still there. */
static void on_base(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	struct imagelist_image *base = arena_alloc(&k->arena, sizeof(*base));
	struct json *doc = ok ? document(k) : NULL;

	if (!base || !doc || image_from_engine(&k->arena, doc, k->image.store, base) < 0 ||
	    !slice_eq(base->id, k->base)) {
		ask_list(k);
		return;
	}
	k->locals = base;
	k->facts.locals = base;
	k->facts.nlocals = 1;
	k->facts.has_locals = true;
	k->facts.was_local = k->facts_at == 0; /* so it was the last time */
	k->base_only = true;
	decide(k);
}

/* Is there more to look at before the verdict counts? At last the base, all names of which belong
 * to the grant. */
static bool widen(struct images_check *k)
{
	bool allowed = k->v.verdict.kind == VERDICT_ALLOW;

	if (!k->narrow || !k->facts.has_locals || (allowed && k->v.how != IMAGELIST_BY_DERIVED))
		return false;
	if (look_by_digest(k))
		return true;
	if (!allowed)
		return false;
	k->narrow = false;
	k->base = k->v.parent->id;
	ask_by_id(k, k->base, on_base);
	return true;
}

/* The base that the same image had the last time, then others. */
static void ask_locals(struct images_check *k)
{
	CLEANUP_BUF struct buf facts = BUF_INIT(CONTROL_TEXT_MAX);
	const struct images *m = k->images;

	if (m->listening && !k->base_tried) {
		k->base_tried = true;
		add_facts(k, &facts);
		k->base = bases_find(&m->bases, &k->arena, buf_slice(&facts), m->facts);
		if (k->base.p) {
			ask_by_id(k, k->base, on_base);
			return;
		}
	}
	ask_list(k);
}

static void ask_registry(struct images_check *k, int about)
{
	if (about < 0 || k->late || images_ask(&k->fetch, on_answered) < 0)
		unanswered(k);
}

static void ask(struct images_check *k)
{
	const struct imagelist_question *q = &k->question;
	struct images *m = k->images;

	switch (q->ask) {
	case IMAGELIST_ASK_DIGEST:
		ask_registry(k, images_about_entry(m, &m->lists[k->layer].entries[q->entry],
						   &k->fetch));
		return;
	case IMAGELIST_ASK_BELONGS:
		ask_registry(k, images_about_digest(m, &q->repository, q->digest, &k->fetch));
		return;
	case IMAGELIST_ASK_LAYERS:
		ask_layers(k);
		return;
	case IMAGELIST_ASK_LOCALS:
		ask_locals(k);
		return;
	}
}

/* --- deciding --- */

/* What the verdict says of them may go with the next policy or answer. */
static void take_entry(struct images_check *k)
{
	CLEANUP_BUF struct buf name = BUF_INIT(4096);
	struct slice *digest = &k->v.digest;

	imagelist_add_entry(&k->images->lists[k->layer].entries[k->v.entry], &name);
	k->by[k->layer] = (struct slice){ arena_dup(&k->arena, name.p, name.n), name.n };
	*digest = (struct slice){ arena_dup(&k->arena, digest->p, digest->n), digest->n };
}

/* That base alone does not allow it: then all local images count. */
static bool look_at_all(struct images_check *k)
{
	if (!k->base_only)
		return false;
	k->base_only = false;
	k->facts.has_locals = false;
	k->facts.nlocals = 0;
	k->facts.was_local = false;
	return true;
}

/* Where two layers have different ones, there is none to look at first. */
static void take_base(struct images_check *k)
{
	if (k->v.how != IMAGELIST_BY_DERIVED)
		return;
	if (k->base.p && !slice_eq(k->base, k->v.parent->id))
		k->facts_at = 0;
	k->base = k->v.parent->id;
}

/* With all that is known. */
static int decide_layer(struct images_check *k)
{
	const struct imagelist *list = &k->images->lists[k->layer];

	arena_done(&k->known);
	k->known = ARENA_INIT(ARENA_LIMIT);
	if (digests_facts(&k->images->digests, &k->known, list, images_now(),
			  k->late ? 0 : IMAGES_WAIT_SECONDS, &k->facts) < 0)
		return -ENOMEM;
	do {
		imagelist_decide(list, &k->facts, &k->v);
	} while (k->v.verdict.kind == VERDICT_DENY &&
		 (look_at_all(k) || (imagelist_needs(&k->v) && know_layers(k))));
	return 0;
}

static void decide(struct images_check *k)
{
	for (; k->layer < k->images->policy.nsockets; k->layer++) {
		if (decide_layer(k) < 0) {
			finish(k, IMAGES_FAILED);
			return;
		}
		if (widen(k))
			return;
		if (k->v.verdict.kind == VERDICT_ALLOW) {
			take_entry(k);
			take_base(k);
			continue;
		}
		if (!imagelist_needs(&k->v)) {
			finish(k, IMAGES_DENIED);
			return;
		}
		if (++k->rounds > ROUNDS_MAX) {
			give_up(k);
			return;
		}
		k->question = k->v.questions[0];
		ask(k);
		return;
	}
	allowed(k);
}

/* --- the image --- */

static void on_image(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	enum imagelist_store store = k->image.store;
	struct json *doc = ok ? document(k) : NULL;

	if (!doc || image_from_engine(&k->arena, doc, store, &k->image) < 0) {
		/* 400: no image can have that name. */
		finish(k, f->fetch.status == 404 || f->fetch.status == 400 ? IMAGES_MISSING
									   : IMAGES_FAILED);
		return;
	}
	k->facts.image = &k->image;
	decide(k);
}

/* Docker with containerd's image store makes RepoDigests up from tags. */
static bool uses_containerd(const struct json *info)
{
	const struct json *status = json_get(info, "DriverStatus");

	for (size_t i = 0; json_is(status, JSON_ARRAY) && i < status->n; i++) {
		const struct json *row = status->items[i];

		if (json_is(row, JSON_ARRAY) && row->n == 2 && json_str(row->items[0]) &&
		    json_str(row->items[1]) &&
		    strcmp(json_str(row->items[0]), "driver-type") == 0 &&
		    strstr(json_str(row->items[1]), "containerd"))
			return true;
	}
	return false;
}

static void ask_image(struct images_check *k)
{
	CLEANUP_BUF struct buf target = BUF_INIT(8192);

	buf_add_str(&target, "/images/");
	http_path_emit(slice_str(k->name), &target);
	buf_add_str(&target, "/json");
	buf_add_char(&target, '\0');
	if (buf_ok(&target))
		get(k, target.p, on_image);
	else
		finish(k, IMAGES_MISSING);
}

static void know_store(struct images_check *k)
{
	k->image.store = k->images->store;
	if (*k->name) {
		ask_image(k);
		return;
	}
	/* The engine makes a container of no image, too. */
	k->facts.image = &k->image;
	decide(k);
}

static void on_info(struct images_fetch *f, bool ok)
{
	struct images_check *k = CONTAINER_OF(f, struct images_check, fetch);
	struct images *m = k->images;
	struct json *doc = ok ? document(k) : NULL;

	if (!doc) {
		finish(k, IMAGES_FAILED);
		return;
	}
	m->store = strcmp(m->policy.profile->name, "podman") == 0 ? IMAGELIST_PODMAN
		   : uses_containerd(doc)			  ? IMAGELIST_CONTAINERD
								  : IMAGELIST_CLASSIC;
	m->has_store = m->listening;
	know_store(k);
}

/* --- life --- */

static void on_late(struct loop_timer *t)
{
	struct images_check *k = CONTAINER_OF(t, struct images_check, timer);

	k->late = true;
	if (k->question.ask != IMAGELIST_ASK_DIGEST && k->question.ask != IMAGELIST_ASK_BELONGS)
		return;
	if (!side_is_open(&k->fetch.fetch.side) || !k->facts.image)
		return;
	fetch_stop(&k->fetch.fetch); /* what it was asked about stays */
	unanswered(k);
}

static void begin(struct loop_timer *t)
{
	struct images_check *k = CONTAINER_OF(t, struct images_check, timer);
	struct loop *l = &k->images->gate->loop;

	if (!k->images->loaded) {
		loop_timer_in(l, t, LOAD_POLL_MS * LOOP_NSEC_PER_MSEC, begin);
		return;
	}
	loop_timer_in(l, t, IMAGES_WAIT_SECONDS * LOOP_NSEC_PER_SEC, on_late);
	if (k->facts.image)
		decide(k);
	else if (k->images->has_store)
		know_store(k);
	else
		get(k, "/info", on_info);
}

static void init(struct images *m, struct images_check *k, void (*done)(struct images_check *k))
{
	*k = (struct images_check){ .images = m, .open = true, .done = done };
	k->arena = ARENA_INIT(ARENA_LIMIT);
	k->known = ARENA_INIT(ARENA_LIMIT);
	k->fetch.fetch = FETCH_INIT;
	k->call.fd = -EBADF;
	k->question.ask = IMAGELIST_ASK_LOCALS;
	loop_timer_in(&m->gate->loop, &k->timer, 0, begin);
}

int images_check_start(struct images *m, struct images_check *k, struct slice image,
		       struct slice asked, void (*done)(struct images_check *k))
{
	char *called;

	init(m, k, done);
	k->name = arena_dup(&k->arena, image.p, image.n);
	called = arena_dup(&k->arena, asked.p, asked.n);
	if (!k->name || !called || strlen(k->name) != image.n) {
		images_check_stop(k);
		return -EINVAL;
	}
	k->facts.asked = (struct slice){ called, asked.n };
	return 0;
}

int images_recheck_start(struct images *m, struct images_check *k, const struct grant *g,
			 void (*done)(struct images_check *k))
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_TEXT_MAX);
	struct grant copy;
	int r;

	init(m, k, done);
	/* Its own copy: the container may go while this runs. */
	r = grant_print(g, &text);
	if (r == 0)
		r = grant_parse(&k->arena, buf_slice(&text), &copy, NULL);
	if (r < 0) {
		images_check_stop(k);
		return r;
	}
	k->image = copy.image;
	k->locals = arena_alloc(&k->arena, sizeof(*k->locals));
	if (!k->locals) {
		images_check_stop(k);
		return -ENOMEM;
	}
	*k->locals = copy.parent;
	k->facts = (struct imagelist_facts){ .asked = copy.asked,
					     .image = &k->image,
					     .has_locals = true,
					     .locals = k->locals,
					     .nlocals = copy.derived ? 1 : 0 };
	return 0;
}

void images_check_stop(struct images_check *k)
{
	if (!k->images)
		return;
	loop_timer_stop(&k->images->gate->loop, &k->timer);
	images_fetch_stop(&k->fetch);
	ask_cancel(&k->call);
	arena_done(&k->arena);
	arena_done(&k->known);
	k->open = false;
	k->images = NULL;
}
