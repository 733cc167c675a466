/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After the engine has created a container: who asked for it is on record before the client hears
 * of it, or the container is taken away again.
 */
#include "gate/create.h"

#include "gate/answer.h"
#include "gate/check.h"
#include "gate/exchange.h"
#include "gate/family.h"
#include "gate/request.h"
#include "gate/socket.h"
#include "gate/volumes.h"
#include "json/json.h"

#define TREE_MAX (64u * 1024u * 1024u)

static void on_undone(struct conn *c)
{
	struct request *r = c->req;

	answer_text(c, &(struct answer){ .status = 500, .rule = "unrecorded" },
		    "the container was %s: it could not be recorded who asked for it: %s",
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
	if (c->req->created)
		volumes_confirm(c, record, on_anothers);
	else
		conn_kill(c);
}
