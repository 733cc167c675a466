/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "base/sock.h"
#include "gate/answer.h"
#include "gate/archive.h"
#include "gate/check.h"
#include "gate/create.h"
#include "gate/exchange.h"
#include "gate/explain.h"
#include "gate/family.h"
#include "gate/request.h"
#include "gate/start.h"
#include "gate/volumes.h"
#include "json/json.h"

#define TREE_MAX (96u * 1024u * 1024u)

/* --- the request as it is sent --- */

/* What was checked is what is acted on: the id stands where the name was, so that a container which
 * gets that name meanwhile is not meant. Where nobody was asked, the name stays. */
static const char *fixed_id(const struct conn *c)
{
	const struct request *r = c->req;
	const struct subject *s = r->path_subject ? &r->subjects[0] : NULL;

	if (s && s->kind != SUBJECT_CONTAINER)
		return s->kind == SUBJECT_NETWORK && !s->everybodys ? s->id : NULL;
	return s && (s->owner || s->own || r->by_engine) ? s->id : NULL;
}

static void emit_path(const struct request *r, const char *id, struct buf *b)
{
	struct slice path = r->match.path;
	struct slice name = r->match.name;

	request_print_version(r, b);
	if (!id || !name.p) {
		http_path_emit(path, b);
		return;
	}
	http_path_emit((struct slice){ path.p, (size_t)(name.p - path.p) }, b);
	buf_add_str(b, id);
	http_path_emit(slice_from(path, (size_t)(name.p - path.p) + name.n), b);
}

void go_target(const struct conn *c, struct buf *b)
{
	const struct request *r = c->req;
	const char *id = fixed_id(c);

	emit_path(r, id, b);
	if (id && r->match.route->kind == ROUTE_COMMIT)
		for (size_t i = 0; i < r->target.nparams; i++)
			if (slice_eq_str(r->target.params[i].key, "container"))
				r->target.params[i].value = slice_str(id);
	http_query_emit(&r->target, b);
}

/* A creation names other containers by their ids where these were looked at; so does what connects
 * a container to a network. */
static int rewrite_others(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct request *r = c->req;
	struct slice names[SUBJECT_KINDS][EDIT_OTHERS_MAX + 1];
	struct slice ids[SUBJECT_KINDS][EDIT_OTHERS_MAX + 1];
	size_t n[SUBJECT_KINDS] = { 0 };
	struct edit_how with = r->how;
	struct edit ignored;

	if ((r->match.route->kind != ROUTE_CREATE && r->match.route->kind != ROUTE_JOIN) ||
	    r->nsubjects == 0 || (c->uid == 0 && !r->whose))
		return 0;
	for (size_t i = 0; i < r->nsubjects; i++) {
		const struct subject *s = &r->subjects[i];

		names[s->kind][n[s->kind]] = s->name;
		ids[s->kind][n[s->kind]++] = slice_str(s->everybodys ? s->everybodys : s->id);
	}
	/* There is nothing to say of the endpoint that goes. */
	if (r->match.route->class == ROUTE_CLASS_NETWORK_DISCONNECT)
		n[SUBJECT_NETWORK] = 0;
	with.known = true;
	with.n = n[SUBJECT_CONTAINER];
	with.names = names[SUBJECT_CONTAINER];
	with.ids = ids[SUBJECT_CONTAINER];
	with.nnetworks = n[SUBJECT_NETWORK];
	with.networks = names[SUBJECT_NETWORK];
	with.network_ids = ids[SUBJECT_NETWORK];
	buf_reset(&r->whole);
	return edit_body(r->match.route->kind, &tree, buf_slice(&r->body), &with, &ignored,
			 &r->whole, NULL) == EDIT_OK
		       ? 0
		       : -EINVAL;
}

/* The same for POST /build, where the parameter stands once. */
static int rewrite_networkmode(struct conn *c)
{
	struct request *r = c->req;
	const char *value;

	if (r->match.route->kind != ROUTE_BUILD || r->nsubjects == 0)
		return 0;
	if (r->subjects[0].everybodys)
		return 0;
	value = arena_printf(&c->arena, "%s%s",
			     r->subjects[0].kind == SUBJECT_CONTAINER ? "container:" : "",
			     r->subjects[0].id);
	for (size_t i = 0; value && i < r->target.nparams; i++)
		if (slice_eq_str(r->target.params[i].key, "networkmode"))
			r->target.params[i].value = slice_str(value);
	return value ? 0 : -ENOMEM;
}

static struct exchange_head head_of(struct request *r, const struct buf *target)
{
	struct exchange_head h = { .method = r->head.method,
				   .target = target,
				   .fields = &r->head,
				   .minor = r->head.minor,
				   .expect_continue = r->head.expect_continue,
				   .body = r->head.body,
				   .length = r->head.length };

	if (r->match.route->flags & ROUTE_HIJACK) {
		h.hijack = true;
		h.upgrade = r->head.upgrade;
	}
	if (r->body_read) {
		/* Our own words, framed by us. */
		for (size_t i = 0; i < r->head.nfields; i++)
			if (slice_eq_nocase(r->head.fields[i].name, SLICE_LIT("content-type")))
				r->head.fields[i].kind = HTTP_FIELD_FRAMING;
		h.content_type = "application/json";
		h.whole = &r->whole;
		h.body = HTTP_BODY_NONE;
		h.length = 0;
	}
	return h;
}

/* --- who asks --- */

void go_asker(struct conn *c, struct control_asker *a)
{
	const struct door *door = explain_wanted(c) ? explain_door(c) : c->door;
	uint32_t binds = c->req->edit.binds ? CONTROL_HAS_BINDS : 0;
	struct sock_peer *peer;

	if (door && door->asker) {
		*a = *door->asker;
		a->flags = (a->flags & CONTROL_GROUPS_TRUNCATED) | binds;
		return;
	}
	peer = arena_alloc(&c->arena, sizeof(*peer));
	a->uid = c->uid;
	a->gid = c->gid;
	a->flags = binds;
	if (!peer || sock_peer(c->client.fd, peer) < 0) {
		a->flags |= CONTROL_GROUPS_TRUNCATED;
		return;
	}
	a->ngroups = (uint32_t)peer->ngroups;
	memcpy(a->groups, peer->groups, peer->ngroups * sizeof(a->groups[0]));
}

/* --- go --- */

void go(struct conn *c)
{
	CLEANUP_BUF struct buf target = BUF_INIT(4u * HTTP_HEAD_MAX);
	struct request *r = c->req;
	struct exchange_head h;

	if (explain_wanted(c) && explain_allowed(c))
		return;
	if (r->match.route->kind == ROUTE_ARCHIVE && r->subjects[0].running && !r->plain) {
		archive_begin(c);
		return;
	}
	if (rewrite_others(c) < 0 || rewrite_networkmode(c) < 0) {
		answer_text(c, &(struct answer){ .status = 500 },
			    "the request cannot be written afresh");
		return;
	}
	if (family_prepare(c) < 0) {
		answer_text(c, &(struct answer){ .status = 503 },
			    "there is no memory for the answer");
		return;
	}
	go_target(c, &target);
	h = head_of(r, &target);
	h.sift = r->sift != NULL;
	if (r->match.route->kind == ROUTE_CREATE) {
		family_making(c);
		exchange_ask(c, &h, create_answered);
	} else if (r->match.route->kind == ROUTE_VOLUME && r->whose) {
		exchange_ask(c, &h, volumes_made);
	} else if (r->match.route->class == ROUTE_CLASS_CONTAINER_START &&
		   h.body == HTTP_BODY_NONE) {
		exchange_ask(c, &h, start_answered);
	} else {
		exchange_relay(c, &h);
	}
}
