/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/images-fetch.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/target.h"
#include "json/json.h"

#define NAME_MAX_BYTES 2048u
#define TREE_MAX (16u << 20)

static void on_piece(struct fetch *f, struct slice piece)
{
	struct images_fetch *i = CONTAINER_OF(f, struct images_fetch, fetch);

	buf_add_slice(&i->body, piece); /* too much is found at the end */
}

static int ask_registry(struct images_fetch *f);

static void on_ended(struct fetch *f, bool ok)
{
	struct images_fetch *i = CONTAINER_OF(f, struct images_fetch, fetch);

	/* Somebody's password may have changed: then the next one's counts, at last nobody's. */
	if (!ok && i->with && images_refused(i) &&
	    credentials_refused(&i->images->credentials, i->with) && ask_registry(i) == 0)
		return;
	i->done(i, ok && buf_ok(&i->body));
}

int images_fetch_start(struct images *m, struct images_fetch *f, const char *target,
		       void (*done)(struct images_fetch *f, bool ok))
{
	images_fetch_stop(f);
	f->images = m;
	f->body = BUF_INIT(GATE_BODY_MAX);
	f->done = done;
	return fetch_start(&f->fetch, m->gate, target, NULL, on_piece, on_ended);
}

void images_fetch_stop(struct images_fetch *f)
{
	fetch_stop(&f->fetch);
	buf_done(&f->body);
	buf_done(&f->target);
	buf_done(&f->host);
	buf_done(&f->name);
	buf_done(&f->digest);
	f->with = 0;
}

/* With what is known of that registry now. */
static int ask_registry(struct images_fetch *f)
{
	struct images *m = f->images;
	const struct credential *with = credentials_find(&m->credentials, buf_slice(&f->host));
	int r;

	buf_done(&f->body);
	f->body = BUF_INIT(GATE_BODY_MAX);
	f->with = with ? with->serial : 0;
	r = fetch_start(&f->fetch, m->gate, f->target.p, with ? with->field.p : NULL, on_piece,
			on_ended);
	f->fetch.any = true; /* what is wrong with the credentials stands there */
	return r;
}

/* Registries' own words come through with their status. Where the engine itself sees that there are
 * none for what the registry wants, Docker 20.10 to 28 make a 500 of it. */
bool images_refused(const struct images_fetch *f)
{
	static const char none[] = "no basic auth credentials";
	unsigned status = f->fetch.status;

	return status == 401 || status == 403 ||
	       (status == 500 && f->host.n > 0 && buf_ok(&f->body) && f->body.p &&
		memmem(f->body.p, f->body.n, none, sizeof(none) - 1));
}

static int about(struct images *m, const struct reference *r, struct images_fetch *f)
{
	CLEANUP_BUF struct buf name = BUF_INIT(NAME_MAX_BYTES);

	reference_add_short(m->policy.profile, r, &name);
	f->target = BUF_INIT(2u * NAME_MAX_BYTES);
	f->host = BUF_INIT(NAME_MAX_BYTES);
	buf_add_str(&f->target, "/distribution/");
	http_path_emit(buf_slice(&name), &f->target);
	buf_add_str(&f->target, "/json");
	buf_add_slice(&f->host, r->domain);
	return buf_ok(&name) && buf_ok(&f->target) && buf_ok(&f->host) && buf_ok(&f->name) &&
			       buf_ok(&f->digest)
		       ? 0
		       : -ENOMEM;
}

static void begin_question(struct images *m, struct images_fetch *f)
{
	images_fetch_stop(f);
	f->images = m;
	f->name = BUF_INIT(NAME_MAX_BYTES);
	f->digest = BUF_INIT(DIGESTS_DIGEST_SIZE);
}

int images_about_entry(struct images *m, const struct imagelist_entry *e, struct images_fetch *f)
{
	begin_question(m, f);
	imagelist_add_entry(e, &f->name);
	return about(m, &e->ref, f);
}

int images_about_digest(struct images *m, const struct reference *repository, struct slice digest,
			struct images_fetch *f)
{
	struct reference r = *repository;

	begin_question(m, f);
	reference_add_name(repository, &f->name);
	buf_add_slice(&f->digest, digest);
	r.tag = SLICE_NULL;
	r.digest = digest;
	return about(m, &r, f);
}

int images_ask(struct images_fetch *f, void (*done)(struct images_fetch *f, bool ok))
{
	f->done = done;
	return ask_registry(f);
}

/* "no such thing" of the registry itself; anything else is no answer. Docker 20.10 says 404, later
 * ones 404 and, where a registry hides what is not there, 403. */
static bool is_missing(const struct images_fetch *f)
{
	return f->fetch.status == 404;
}

bool images_unreachable(const struct images_fetch *f, bool ok)
{
	return !ok && !is_missing(f) && !images_refused(f);
}

/* {"Descriptor":{"digest":"sha256:…"}} */
static int digest_of(const struct images_fetch *f, struct arena *tree, struct slice *ret)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	const char *digest;

	if (json_parse(tree, buf_slice(&f->body), &limits, &doc, NULL, NULL) < 0)
		return -EPROTO;
	digest = json_get_str(json_get(doc, "Descriptor"), "digest");
	if (!digest || !reference_is_digest(slice_str(digest)))
		return -EPROTO;
	*ret = slice_str(digest);
	return 0;
}

static int take_entry(struct images_fetch *f, const struct slice *got)
{
	struct digests *d = &f->images->digests;
	struct slice name = buf_slice(&f->name);

	if (got)
		return digests_answered(d, name, got, 1, images_now());
	if (is_missing(f))
		return digests_answered(d, name, NULL, 0, images_now());
	return digests_failed(d, name, images_now(), images_refused(f));
}

static int take_digest(struct images_fetch *f, const struct slice *got)
{
	struct digests *d = &f->images->digests;
	struct slice digest = buf_slice(&f->digest);
	struct slice name = buf_slice(&f->name);

	if (got || is_missing(f))
		return digests_claimed(d, name, digest, got && slice_eq(*got, digest),
				       images_now());
	return digests_unclaimed(d, name, digest, images_now(), images_refused(f));
}

void images_take(struct images_fetch *f, bool ok)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct slice digest;
	const struct slice *got = ok && digest_of(f, &tree, &digest) == 0 ? &digest : NULL;
	int r = f->digest.n > 0 ? take_digest(f, got) : take_entry(f, got);

	if (got || is_missing(f))
		f->images->facts++;
	if (r < 0)
		log_error("digests of %.*s: %s", SLICE_ARG(buf_slice(&f->name)), strerror(-r));
}
