/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/explain.h"

#include <errno.h>

#include "base/cleanup.h"
#include "gate/answer.h"
#include "gate/images.h"
#include "gate/request.h"
#include "policy/texts.h"
#include "json/json.h"

#define TREE_MAX (4u << 20)

/* In the connection's arena. */
struct explain {
	struct conn *conn;
	struct images_check check;
	struct door door; /* of no socket: what commands.h, family.h look at */
	bool has_door;
	uid_t uid; /* whose connection it is */
	gid_t gid;
	const char *reported;
	void (*then)(struct conn *c);
};

bool explain_wanted(const struct conn *c)
{
	return c->req && c->req->explain;
}

struct door *explain_door(const struct conn *c)
{
	return explain_wanted(c) && c->req->explain->has_door ? &c->req->explain->door : NULL;
}

void explain_stop(struct conn *c)
{
	if (!explain_wanted(c))
		return;
	images_check_stop(&c->req->explain->check);
	c->uid = c->req->explain->uid;
	c->gid = c->req->explain->gid;
	c->req->explain = NULL;
}

void explain_report(struct conn *c, const char *message)
{
	c->req->explain->reported = arena_strdup(&c->arena, message);
}

/* --- the answer --- */

static void say(struct conn *c, const char *verdict, const struct answer *a, const char *message)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	CLEANUP_BUF struct buf text = BUF_INIT(TREE_MAX / 4);
	struct json *o = json_new(&tree, JSON_OBJECT);
	struct json *whole = json_new(&tree, JSON_OBJECT);
	bool plain = images_plain(c->gate->images);
	const struct {
		const char *key;
		const char *text;
	} texts[] = { { "rule", a->rule },
		      { "message", message },
		      { "reason", message || !plain ? a->reason : IMAGES_PLAIN },
		      { "hint", a->hint },
		      { "reported", c->req->explain->reported } };

	if (!o || !whole) {
		conn_kill(c);
		return;
	}
	(void)json_set(&tree, o, "verdict", json_new_str(&tree, verdict));
	(void)json_set(&tree, o, "method", json_new_slice(&tree, c->req->head.method));
	(void)json_set(&tree, o, "target", json_new_slice(&tree, c->req->head.target));
	if (a->status)
		(void)json_set(&tree, o, "status", json_new_uint(&tree, a->status));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].text && *texts[i].text)
			(void)json_set(&tree, o, texts[i].key, json_new_str(&tree, texts[i].text));
	if (plain)
		(void)json_set(&tree, o, "isolation", json_new_bool(&tree, false));
	buf_add_str(&text, TEXT_EXPLAIN_MARK);
	json_emit(o, &text);
	(void)json_set(&tree, whole, "message", json_new_slice(&tree, buf_slice(&text)));
	(void)json_set(&tree, whole, "explain", o);
	answer_json(c, 403, whole);
}

void explain_denied(struct conn *c, const struct answer *a, const char *message)
{
	say(c, a->rule ? "deny" : "error", a, message);
}

/* What is read without moving data: clients need these to know what to ask next. */
static bool only_looks(const struct request *r)
{
	static const enum route_class moves[] = { ROUTE_CLASS_CONTAINER_COPY_OUT,
						  ROUTE_CLASS_CONTAINER_EXPORT,
						  ROUTE_CLASS_CONTAINER_LOGS,
						  ROUTE_CLASS_CONTAINER_STATS,
						  ROUTE_CLASS_CONTAINER_ATTACH_WS,
						  ROUTE_CLASS_IMAGE_SAVE,
						  ROUTE_CLASS_EVENTS };

	if (slice_eq_str(r->head.method, "HEAD") ||
	    r->match.route->class == ROUTE_CLASS_BUILD_SESSION)
		return true;
	if (!slice_eq_str(r->head.method, "GET"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
		if (r->match.route->class == moves[i])
			return false;
	return true;
}

bool explain_allowed(struct conn *c)
{
	if (only_looks(c->req))
		return false;
	say(c, "allow", &(struct answer){ 0 }, NULL);
	return true;
}

/* --- as a container --- */

static void on_checked(struct images_check *k)
{
	struct explain *e = CONTAINER_OF(k, struct explain, check);
	const struct verdict *v = &k->v.verdict;
	struct conn *c = e->conn;

	/* While isolation is off, it would have the clients' own socket. */
	if (images_plain(k->images) &&
	    (k->result == IMAGES_ALLOWED || k->result == IMAGES_DENIED)) {
		e->then(c);
		conn_update(c);
		return;
	}
	switch (k->result) {
	case IMAGES_ALLOWED:
		e->door.grant = k->grant;
		e->has_door = true;
		e->then(c);
		break;
	case IMAGES_DENIED:
		explain_denied(c,
			       &(struct answer){ .status = 403,
						 .rule = v->rule,
						 .hint = v->way_out,
						 .reason = v->reason },
			       v->message);
		break;
	case IMAGES_MISSING:
		explain_denied(c, &(struct answer){ .status = 404 },
			       "the engine has no such image; pull it first");
		break;
	case IMAGES_FAILED:
		explain_denied(c, &(struct answer){ .status = 500 },
			       "the engine does not say which image that is");
		break;
	}
	conn_update(c);
}

/* What the door says, kept: it may close meanwhile. */
static int copy_door(struct conn *c, const struct door *d)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_TEXT_MAX);
	struct explain *e = c->req->explain;
	int r = grant_print(&d->grant, &text);

	e->door.asker = arena_alloc(&c->arena, sizeof(*e->door.asker));
	if (r == 0 && !e->door.asker)
		r = -ENOMEM;
	if (r == 0)
		r = grant_parse(&c->arena, buf_slice(&text), &e->door.grant, NULL);
	if (r < 0)
		return r;
	*e->door.asker = *d->asker;
	memcpy(e->door.id, d->id, sizeof(e->door.id));
	e->has_door = true;
	c->uid = d->asker->uid;
	c->gid = d->asker->gid;
	return 0;
}

/* True: the request has been answered. */
static bool as_container(struct conn *c, struct slice id)
{
	const struct door *d = NULL;

	if (id.n == CONTROL_ID_LEN && control_id_ok(id.p))
		d = door_find(c->gate, id.p);
	if (!d)
		explain_denied(c, &(struct answer){ .status = 404 },
			       "that container has no socket of the engine");
	else if (c->uid != 0 && c->uid != d->asker->uid)
		explain_denied(c, &(struct answer){ .status = 403 },
			       "only root and who asked for that container may ask that");
	else if (copy_door(c, d) < 0)
		conn_kill(c);
	else
		return false;
	return true;
}

bool explain_begin(struct conn *c, void (*then)(struct conn *c))
{
	struct http_head *h = &c->req->head;
	struct slice value = SLICE_NULL;
	struct explain *e;

	if (door_is_container(c->door))
		return false;
	for (size_t i = 0; i < h->nfields; i++)
		if (slice_eq_nocase(h->fields[i].name, SLICE_LIT(TEXT_EXPLAIN_FIELD))) {
			value = h->fields[i].value;
			h->fields[i].kind = HTTP_FIELD_HOP;
		}
	if (!value.p)
		return false;
	e = arena_alloc(&c->arena, sizeof(*e));
	if (!e) {
		conn_kill(c);
		return true;
	}
	e->conn = c;
	e->then = then;
	e->uid = c->uid;
	e->gid = c->gid;
	c->req->explain = e;
	if (slice_eq_str(value, "yes"))
		return false;
	if (value.n > 0 && value.p[0] == '@')
		return as_container(c, slice_from(value, 1));
	if (images_check_start(c->gate->images, &e->check, value, value, on_checked) < 0)
		explain_denied(c, &(struct answer){ .status = 400 },
			       "that is no name that an image can have");
	return true;
}
