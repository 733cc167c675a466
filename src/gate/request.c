/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/request.h"

#include <errno.h>

#include "base/err.h"
#include "gate/answer.h"
#include "gate/check.h"
#include "gate/commands.h"
#include "gate/create.h"
#include "gate/exchange.h"
#include "gate/explain.h"
#include "gate/family.h"
#include "gate/images.h"
#include "gate/own.h"

/* The tree of a body is gone before anything is waited for. */
#define TREE_MAX (96u * 1024u * 1024u)

static const struct slice continue_line = { "HTTP/1.1 100 Continue\r\n\r\n", 25 };

void request_print_version(const struct request *r, struct buf *b)
{
	if (r->match.version.text.p)
		buf_printf(b, "/v%.*s", SLICE_ARG(r->match.version.text));
}

bool request_keeps_alive(const struct request *r)
{
	return r->head.keep_alive;
}

bool request_is_head(const struct request *r)
{
	return slice_eq_str(r->head.method, "HEAD");
}

bool request_takes_interim(const struct request *r, unsigned status)
{
	return r->head.minor == 1 && (status != 100 || r->head.expect_continue);
}

bool request_wants_body(const struct request *r)
{
	return r->holding;
}

void request_done(struct request *r)
{
	buf_done(&r->body);
	buf_done(&r->whole);
	exchange_forget(&r->kept);
}

static const struct http_refusal too_large = { 431, "the head is too large" };

/* A request has few of the fields that there is room for, and may last for days. */
static bool keep_fields(struct arena *a, struct http_head *h)
{
	struct http_field *own = arena_array(a, h->nfields, sizeof(*own));

	if (!own)
		return false;
	for (size_t i = 0; i < h->nfields; i++)
		own[i] = h->fields[i];
	h->fields = own;
	return true;
}

/* The way of clients that speak HTTP/2 from the first byte on: the table has a row for it. */
static void read_preface(struct request *r)
{
	r->head = (struct http_head){ .method = SLICE_LIT("PRI"), .target = SLICE_LIT("*") };
	r->target.path = r->head.target;
}

static int read_head(struct conn *c, struct request *r, struct http_refusal *why)
{
	struct http_room room;
	int result = http_request_parse(r->raw, &room, &r->head, why);

	if (result == HTTP_OK && !keep_fields(&c->arena, &r->head)) {
		*why = too_large;
		return HTTP_REFUSED;
	}
	if (result == HTTP_OK)
		result = http_target_parse(&c->arena, r->head.target, &r->target, why);
	return result;
}

int request_begin(struct conn *c, struct slice head, struct http_refusal *why)
{
	struct request *r = arena_alloc(&c->arena, sizeof(*r));
	char *copy = arena_dup(&c->arena, head.p, head.n);
	int result = HTTP_OK;

	c->state = CONN_CHECK;
	if (!r || !copy) {
		*why = too_large;
		return HTTP_REFUSED;
	}
	r->raw = (struct slice){ copy, head.n };
	if (http_is_preface(r->raw))
		read_preface(r);
	else
		result = read_head(c, r, why);
	if (result != HTTP_OK)
		return result;
	r->body = BUF_INIT(GATE_BODY_MAX);
	r->whole = BUF_INIT(2u * GATE_BODY_MAX);
	c->req = r;
	return HTTP_OK;
}

/* --- bodies that are read whole --- */

static bool keep_slices(struct arena *a, struct slice *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		list[i].p = arena_dup(a, list[i].p, list[i].n);
		if (!list[i].p)
			return false;
	}
	return true;
}

static bool keep_sources(struct arena *a, struct edit *e)
{
	struct edit_source *list = arena_array(a, e->nsources + 1, sizeof(*list));

	for (size_t i = 0; list && i < e->nsources; i++) {
		list[i] = e->sources[i];
		if (!keep_slices(a, &list[i].path, 1))
			return false;
	}
	e->sources = list;
	return list;
}

static bool keep_volumes(struct arena *a, struct edit *e)
{
	struct edit_volume *list = arena_array(a, e->nvolumes + 1, sizeof(*list));

	for (size_t i = 0; list && i < e->nvolumes; i++) {
		list[i] = e->volumes[i];
		if (!keep_slices(a, &list[i].name, 1) ||
		    (list[i].make.n && !keep_slices(a, &list[i].make, 1)))
			return false;
	}
	e->volumes = list;
	return list;
}

/* Of the container that asks, or is said to; NULL: a user of the host does. */
static struct door *asking(const struct conn *c)
{
	return door_is_container(c->door) ? c->door : explain_door(c);
}

static void body_complete(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct door *door = asking(c);
	struct request *r = c->req;
	struct err err = ERR_INIT;
	struct edit found;

	conn_timer_stop(c);
	r->holding = false;
	r->body_read = true;
	switch (edit_body(r->match.route->kind, &tree, buf_slice(&r->body), &r->how, &found,
			  &r->whole, &err)) {
	case EDIT_OK:
		if (door && found.compose && commands_compose_refused(c, door))
			return;
		break;
	case EDIT_DENIED:
		answer_text(
			c,
			&(struct answer){ .status = 403, .rule = found.rule, .hint = found.hint },
			"%s", err.text);
		return;
	default:
		answer_text(c, &(struct answer){ .status = 400 }, "%s", err.text);
		return;
	}
	/* Its slices are in the tree, which is about to go. */
	if (!keep_slices(&c->arena, found.others, found.nothers) ||
	    !keep_slices(&c->arena, found.networks, found.nnetworks) ||
	    !keep_volumes(&c->arena, &found) || !keep_slices(&c->arena, &found.image, 1) ||
	    !keep_sources(&c->arena, &found)) {
		conn_kill(c);
		return;
	}
	r->edit = found;
	check_begin(c);
}

static void refuse_to_hold(struct conn *c, size_t n)
{
	char why[CONN_WHY_MAX];

	conn_why_not_held(c, n, why);
	answer_text(c, &(struct answer){ .status = 503, .rule = "too-large-at-once" },
		    "gabion: too many large requests at once: %s (held-mib in gabion-gate(8)). "
		    "Send it again when they are through",
		    why);
}

static void take_body(struct conn *c, struct slice *in)
{
	struct request *r = c->req;

	for (;;) {
		struct slice piece;
		size_t used;
		int got = http_decode(&r->up, *in, &used, &piece);

		*in = slice_from(*in, used);
		if (got == HTTP_PIECE) {
			if (!conn_hold(c, piece.n)) {
				refuse_to_hold(c, piece.n);
				return;
			}
			buf_add_slice(&r->body, piece);
			if (buf_ok(&r->body))
				continue;
			answer_text(c, &(struct answer){ .status = 413 },
				    "the request's body is larger than %u bytes", GATE_BODY_MAX);
			return;
		}
		if (got < 0) {
			answer_text(c, &(struct answer){ .status = 400 },
				    "bad request: the body's chunks are malformed");
			return;
		}
		if (got == HTTP_PIECE_END)
			r->body_read = true;
		return;
	}
}

void request_pump_body(struct conn *c)
{
	struct request *r = c->req;
	struct slice in;
	int got = side_fill(&c->client, c->gate->scratch, &in);

	if (got < 0) {
		conn_kill(c);
		return;
	}
	take_body(c, &in);
	if (c->dead || c->req != r || c->state != CONN_CHECK) {
		/* Refused. What is left is thrown away with the connection. */
		if (!c->dead)
			(void)side_keep(&c->client, SLICE_NULL);
		return;
	}
	if (side_keep(&c->client, in) < 0)
		conn_kill(c);
	else if (r->body_read)
		body_complete(c);
	else if (got == SIDE_EOF)
		conn_kill(c);
	else
		conn_timer(c, c->gate->limits.body_seconds);
}

static void body_begin(struct conn *c)
{
	struct request *r = c->req;
	struct slice type = http_media_type(r->head.content_type);

	if (!slice_eq_nocase(type, SLICE_LIT("application/json"))) {
		answer_text(c, &(struct answer){ .status = 400 },
			    "Content-Type specified (%.*s) must be 'application/json'",
			    SLICE_ARG(r->head.content_type));
		return;
	}
	if (r->head.body == HTTP_BODY_LENGTH && r->head.length > GATE_BODY_MAX) {
		answer_text(c, &(struct answer){ .status = 413 },
			    "the request's body is larger than %u bytes", GATE_BODY_MAX);
		return;
	}
	if (r->head.expect_continue && side_send(&c->client, &continue_line, 1) < 0) {
		conn_kill(c);
		return;
	}
	r->holding = true;
	http_decoder_init(&r->up, r->head.body, r->head.length);
	request_pump_body(c);
}

void request_timed_out(struct conn *c)
{
	if (c->req && c->req->holding) {
		answer_text(c, &(struct answer){ .status = 408 },
			    "the request's body took too long");
		return;
	}
	ask_cancel(&c->call);
	if (c->req && c->req->created)
		create_undo(c, SLICE_LIT("gabiond does not answer"));
	else
		answer_text(c, &(struct answer){ .status = 504 }, "gabiond does not answer");
}

/* --- what can be said at once --- */

/* The engine walks through the container's files by their names, as root of the host: in one that
 * goes on meanwhile, folders become links (daemon/guard.h is no help where containerd mounts them).
 */
static void hold_still(struct http_target *t)
{
	for (size_t i = 0; i < t->nparams; i++)
		if (slice_eq_str(t->params[i].key, "pause"))
			t->params[i].value = SLICE_LIT("1");
}

/* The engine would let a form body override the query. */
static bool is_form(const struct http_head *h)
{
	struct slice type = http_media_type(h->content_type);

	return slice_eq_nocase(type, SLICE_LIT("application/x-www-form-urlencoded")) ||
	       slice_eq_nocase(type, SLICE_LIT("multipart/form-data"));
}

static void drop_content_type(struct http_head *h)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (slice_eq_nocase(h->fields[i].name, SLICE_LIT("content-type")))
			h->fields[i].kind = HTTP_FIELD_FRAMING;
	h->content_type = SLICE_NULL;
}

#define NEWER_API                                                                             \
	"use API 1.24 or later (DOCKER_API_VERSION), or a client that speaks it; no setting " \
	"allows this"

/* Whoever asks, and whatever the policy says. */
static void refuse_always(struct conn *c, const char *rule, const char *hint, const char *why)
{
	answer_text(c, &(struct answer){ .status = 403, .rule = rule, .hint = hint },
		    "gabion: %s command \"%.*s\" is not available: %s",
		    c->gate->images->policy.profile->engine, SLICE_ARG(c->req->head.target), why);
}

/* True when the request has been answered. */
static bool refused(struct conn *c)
{
	struct door *door = asking(c);
	struct request *r = c->req;
	struct err err = ERR_INIT;
	struct edit found;
	int known = route_find(r->head.method, r->target.path, r->target.params, r->target.nparams,
			       &r->match);

	if (door && commands_refused(c, door))
		return true;
	if (known != ROUTE_FOUND) {
		answer_text(c, &(struct answer){ .status = 404, .rule = "unknown-endpoint" },
			    "page not found: gabion does not know the endpoint %.*s %.*s",
			    SLICE_ARG(r->head.method), SLICE_ARG(r->target.path));
		return true;
	}
	if (r->match.route->kind == ROUTE_REFUSE) {
		refuse_always(c, "unsupported", ANSWER_NEVER, r->match.route->reason);
		return true;
	}
	family_begin(c, door);
	if (family_refused(c))
		return true;
	if (route_version_is_old(&r->match.version)) {
		refuse_always(c, "api-version", NEWER_API,
			      "in API versions before 1.24 the start of a container could still "
			      "change it");
		return true;
	}
	if (!route_version_ok(&r->match.version)) {
		answer_text(
			c, &(struct answer){ .status = 400 },
			"client version %.*s is not supported by gabion: API versions are written "
			"as in 1.41",
			SLICE_ARG(r->match.version.text));
		return true;
	}
	if (is_form(&r->head)) {
		if (r->head.body != HTTP_BODY_NONE) {
			answer_text(c, &(struct answer){ .status = 415 },
				    "forms are not taken: put the parameters into the query");
			return true;
		}
		drop_content_type(&r->head);
	}
	r->how.plain = images_plain(c->gate->images);
	if (r->match.route->kind == ROUTE_COMMIT && !r->how.plain)
		hold_still(&r->target);
	switch (r->match.route->class == ROUTE_CLASS_CONTAINER_TOP
			? edit_top(&r->target, &r->how, &found, &err)
			: edit_query(r->match.route->kind, &r->target, &r->how, &found, &err)) {
	case EDIT_OK:
		r->edit = found;
		return !family_query(c);
	case EDIT_DENIED:
		answer_text(
			c,
			&(struct answer){ .status = 403, .rule = found.rule, .hint = found.hint },
			"%s", err.text);
		return true;
	default:
		answer_text(c, &(struct answer){ .status = 400 }, "%s", err.text);
		return true;
	}
}

static void decide(struct conn *c)
{
	struct request *r = c->req;

	if (refused(c))
		return;
	if ((r->match.route->flags & ROUTE_JSON) && r->head.body != HTTP_BODY_NONE)
		body_begin(c);
	else
		check_begin(c);
}

/* Of those that are not served: whatever was asked. */
static void turn_away(struct conn *c)
{
	c->x.last = true;
	if (c->place == CONN_SUBORDINATE)
		answer_text(c,
			    &(struct answer){ .status = 403,
					      .rule = "subordinate-id",
					      .hint = "connect as the account that has this id in "
						      "/etc/subuid, or as root" },
			    "gabion: user %u is a subordinate id of another account, and may not "
			    "use the engine",
			    c->uid);
	else
		answer_text(c, &(struct answer){ .status = 503, .rule = "too-many-connections" },
			    "gabion: too many connections of user %u%s at once", c->uid,
			    door_is_container(c->door) ? "'s containers" : "");
}

void request_proceed(struct conn *c)
{
	if (c->place != CONN_SERVED) {
		turn_away(c);
		return;
	}
	if (!own_begin(c) && !explain_begin(c, decide))
		decide(c);
}
