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

static void on_ended(struct fetch *f, bool ok)
{
	struct images_fetch *i = CONTAINER_OF(f, struct images_fetch, fetch);

	i->done(i, ok && buf_ok(&i->body));
}

int images_fetch_start(struct images *m, struct images_fetch *f, const char *target,
		       void (*done)(struct images_fetch *f, bool ok))
{
	images_fetch_stop(f);
	f->body = BUF_INIT(GATE_BODY_MAX);
	f->done = done;
	return fetch_start(&f->fetch, m->gate, target, on_piece, on_ended);
}

void images_fetch_stop(struct images_fetch *f)
{
	fetch_stop(&f->fetch);
	buf_done(&f->body);
}

static int ask_distribution(struct images *m, struct slice name, struct images_fetch *f,
			    void (*done)(struct images_fetch *f, bool ok))
{
	CLEANUP_BUF struct buf target = BUF_INIT(2u * NAME_MAX_BYTES);

	buf_add_str(&target, "/distribution/");
	http_path_emit(name, &target);
	buf_add_str(&target, "/json");
	buf_add_char(&target, '\0');
	return buf_ok(&target) ? images_fetch_start(m, f, target.p, done) : -ENOMEM;
}

/* "no such thing" of the registry itself; anything else is no answer. Docker 20.10 says 404, later
 * ones 404 and, where a registry hides what is not there, 403. */
static bool is_missing(const struct images_fetch *f)
{
	return f->fetch.status == 404;
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

int images_ask_digest(struct images *m, const struct imagelist_entry *e, struct images_fetch *f,
		      void (*done)(struct images_fetch *f, bool ok))
{
	CLEANUP_BUF struct buf name = BUF_INIT(NAME_MAX_BYTES);

	reference_add_short(m->policy.profile, &e->ref, &name);
	return buf_ok(&name) ? ask_distribution(m, buf_slice(&name), f, done) : -ENOMEM;
}

void images_take_digest(struct images *m, const struct imagelist_entry *e,
			const struct images_fetch *f, bool ok)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	CLEANUP_BUF struct buf name = BUF_INIT(NAME_MAX_BYTES);
	struct slice digest;
	int r;

	imagelist_add_entry(e, &name);
	if (ok && digest_of(f, &tree, &digest) == 0)
		r = digests_answered(&m->digests, buf_slice(&name), &digest, 1, images_now());
	else if (is_missing(f))
		r = digests_answered(&m->digests, buf_slice(&name), NULL, 0, images_now());
	else
		r = digests_failed(&m->digests, buf_slice(&name), images_now());
	if (r < 0)
		log_error("digests of %.*s: %s", SLICE_ARG(buf_slice(&name)), strerror(-r));
}

int images_ask_belongs(struct images *m, const struct reference *repository, struct slice digest,
		       struct images_fetch *f, void (*done)(struct images_fetch *f, bool ok))
{
	CLEANUP_BUF struct buf name = BUF_INIT(NAME_MAX_BYTES);
	struct reference r = *repository;

	r.tag = SLICE_NULL;
	r.digest = digest;
	reference_add_short(m->policy.profile, &r, &name);
	return buf_ok(&name) ? ask_distribution(m, buf_slice(&name), f, done) : -ENOMEM;
}

void images_take_belongs(struct images *m, const struct reference *repository, struct slice digest,
			 const struct images_fetch *f, bool ok)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	CLEANUP_BUF struct buf name = BUF_INIT(NAME_MAX_BYTES);
	struct slice got;
	uint64_t now = images_now();
	int r;

	reference_add_name(repository, &name);
	if (ok && digest_of(f, &tree, &got) == 0)
		r = digests_claimed(&m->digests, buf_slice(&name), digest, slice_eq(got, digest),
				    now);
	else if (is_missing(f))
		r = digests_claimed(&m->digests, buf_slice(&name), digest, false, now);
	else
		r = digests_unclaimed(&m->digests, buf_slice(&name), digest, now);
	if (r < 0)
		log_error("%.*s in %.*s: %s", SLICE_ARG(digest), SLICE_ARG(buf_slice(&name)),
			  strerror(-r));
}
