/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the engine has created a container: what it made is read back and judged, and who asked for
 * it is on record, before the client hears of it; or the container is taken away again.
 */
#include "gate/create.h"

#include "gate/answer.h"
#include "gate/check.h"
#include "gate/effect.h"
#include "gate/exchange.h"
#include "gate/family.h"
#include "gate/number.h"
#include "gate/request.h"
#include "gate/socket.h"
#include "gate/volumes.h"
#include "json/json.h"

#define TREE_MAX (64u * 1024u * 1024u)

static void on_undone(struct conn *c)
{
	struct request *r = c->req;

	answer_text(c, &(struct answer){ .status = 500, .rule = "unrecorded" },
		    "the container was %s: too little is known of it to let it stay: %s",
		    c->x.status == 204 ? "created and removed again"
				       : "created, and could not be removed again",
		    r->trouble);
}

static void undo(struct conn *c, void (*done)(struct conn *c))
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);
	struct exchange_head h = { .method = SLICE_LIT("DELETE"), .target = &target, .minor = 1 };

	buf_printf(&target, "/containers/%s?force=1&v=1", c->req->created);
	exchange_ask(c, &h, done);
}

/* A container that nobody is known to have asked for must not stay. */
void create_undo(struct conn *c, struct slice why)
{
	char *text = arena_dup(&c->arena, why.p, why.n);

	c->req->trouble = text ? text : "out of memory";
	undo(c, on_undone);
}

static void on_taken_away(struct conn *c)
{
	socket_refuse(c);
}

/* What the engine made has another image than the one that was asked for, and that one may not. */
static void on_forbidden(struct conn *c)
{
	undo(c, on_taken_away);
}

static void on_recorded(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);

	conn_timer_stop(c);
	if (result != CONTROL_DONE)
		create_undo(c, body);
	else if (family_add(c) < 0)
		create_undo(c, SLICE_LIT("out of memory"));
	else if (c->req->sockets > 0)
		socket_grant(c, exchange_release, create_undo, on_forbidden);
	else
		exchange_release(c);
	conn_update(c);
}

/* What a container makes has its line on record too. */
static void add_line(const struct conn *c, struct control_request *q)
{
	struct control_child *child = &q->child;

	child->n = (uint32_t)kin_line(&c->gate->kin, c->door->id, child->line);
	q->size = (uint32_t)(offsetof(struct control_child, line) +
			     child->n * sizeof(child->line[0]));
}

static void record(struct conn *c)
{
	bool child = door_is_container(c->door);
	struct control_request *q = ask_new(child ? CONTROL_CHILD : CONTROL_RECORD);

	if (q) {
		q->size = sizeof(q->asker);
		go_asker(c, &q->asker);
		if (c->req->own_number)
			q->asker.flags |= CONTROL_OWN_NUMBER;
		memcpy(q->asker.id, c->req->created, CONTROL_ID_LEN);
		if (child)
			add_line(c, q);
	}
	if (ask_start(&c->gate->ask, &c->call, q, -EBADF, on_recorded) < 0)
		create_undo(c, SLICE_LIT("gabiond cannot be asked"));
	else
		conn_timer(c, c->gate->limits.ask_seconds);
}

/* A volume has become another one since it was looked at. */
static void on_anothers(struct conn *c)
{
	undo(c, volumes_refuse);
}

static void on_not_asked_for(struct conn *c)
{
	answer_text(c,
		    &(struct answer){ .status = 403,
				      .rule = "effect",
				      .hint = "tell those who look after this host, with the "
					      "request: the engine has read it in another way "
					      "than gabion" },
		    "enhanced container isolation: the engine made a container with %s, which was "
		    "not asked for%s",
		    c->req->effect,
		    c->x.status == 204 ? "; it was removed again"
				       : ", and it could not be removed again");
}

static void confirm(struct conn *c)
{
	exchange_put_back(c, &c->req->kept);
	volumes_confirm(c, record, on_anothers);
}

static void on_effect(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct request *r = c->req;
	const struct json *made = exchange_json(c, &tree, JSON_OBJECT);
	const char *image = json_get_str(made, "Image");

	if (c->x.status == 404) { /* somebody has removed it */
		confirm(c);
		return;
	}
	if (c->x.status != 200 || !image) {
		create_undo(c, SLICE_LIT("the engine does not say what it made"));
		return;
	}
	r->image = arena_strdup(&c->arena, image);
	r->effect = effect_judge(made, &r->edit, &c->arena);
	r->own_number = number_is_own(made, c->uid, &c->arena);
	if (!r->image)
		create_undo(c, SLICE_LIT("out of memory"));
	else if (r->effect)
		undo(c, on_not_asked_for);
	else
		confirm(c);
}

static void read_back(struct conn *c)
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	exchange_keep(c, &c->req->kept);
	buf_printf(&target, "/containers/%s/json", c->req->created);
	exchange_ask(c, &h, on_effect);
}

void create_answered(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	const char *id;

	if (c->x.status != 201) {
		exchange_release(c);
		return;
	}
	id = json_get_str(exchange_json(c, &tree, JSON_OBJECT), "Id");
	if (!id || strlen(id) != CONTROL_ID_LEN || !control_id_ok(id)) {
		answer_nonsense(c);
		return;
	}
	c->req->created = arena_strdup(&c->arena, id);
	if (!c->req->created)
		conn_kill(c);
	else if (c->req->how.plain)
		volumes_confirm(c, record, on_anothers);
	else
		read_back(c);
}
