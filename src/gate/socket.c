/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/socket.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "gate/answer.h"
#include "gate/check.h"
#include "gate/explain.h"
#include "gate/images.h"
#include "gate/request.h"

/* In the connection's arena while a request asks for the socket. */
struct socket_work {
	struct conn *conn;
	struct images_check check;
	void (*yes)(struct conn *c);
	void (*no)(struct conn *c, struct slice why);
	void (*denied)(struct conn *c);
};

static struct socket_work *work(struct conn *c)
{
	if (!c->req->socket) {
		c->req->socket = arena_alloc(&c->arena, sizeof(struct socket_work));
		if (c->req->socket)
			c->req->socket->conn = c;
	}
	return c->req->socket;
}

void socket_stop(struct conn *c)
{
	struct socket_work *w = c->req ? c->req->socket : NULL;

	if (!w)
		return;
	images_check_stop(&w->check);
	c->req->socket = NULL;
}

void socket_refuse(struct conn *c)
{
	const struct imagelist_verdict *v = &c->req->socket->check.v;

	answer_text(c,
		    &(struct answer){ .status = 403,
				      .rule = v->verdict.rule,
				      .hint = v->verdict.way_out,
				      .reason = v->verdict.reason },
		    "%s", v->verdict.message);
}

/* --- before the creation, before a start --- */

static void on_judged(struct images_check *k)
{
	struct socket_work *w = CONTAINER_OF(k, struct socket_work, check);
	struct conn *c = w->conn;

	switch (k->result) {
	case IMAGES_MISSING:
		if (explain_wanted(c)) {
			explain_denied(c, &(struct answer){ .status = 404 },
				       "the engine has no such image; pull it first");
			break;
		}
		w->yes(c); /* the engine says so in its own words */
		break;
	case IMAGES_ALLOWED:
		w->yes(c);
		break;
	case IMAGES_DENIED:
		socket_refuse(c);
		break;
	case IMAGES_FAILED:
		answer_text(c, &(struct answer){ .status = 500, .rule = "image-unknown" },
			    "it could not be found out whether the container may have the "
			    "engine's socket; `gabion status` and the engine's log may say why");
		break;
	}
	conn_update(c);
}

void socket_judge(struct conn *c, void (*yes)(struct conn *c))
{
	struct socket_work *w = work(c);

	if (!w) {
		conn_kill(c);
		return;
	}
	w->yes = yes;
	if (images_check_start(c->gate->images, &w->check, c->req->edit.image, c->req->edit.image,
			       on_judged) < 0)
		answer_text(c, &(struct answer){ .status = 400 },
			    "the container's image has no name that an image can have");
}

void socket_recheck(struct conn *c, void (*yes)(struct conn *c))
{
	const struct door *d = door_find(c->gate, c->req->subjects[0].id);
	struct socket_work *w = d ? work(c) : NULL;

	if (!d) {
		yes(c);
		return;
	}
	if (w)
		w->yes = yes;
	if (!w || images_recheck_start(c->gate->images, &w->check, &d->grant, on_judged) < 0)
		conn_kill(c);
}

/* --- after the creation --- */

static void failed(struct socket_work *w, struct slice why)
{
	struct conn *c = w->conn;

	w->no(c, why);
	conn_update(c);
}

static void on_socket(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);
	struct socket_work *w = c->req->socket;
	struct control_asker *asker = arena_alloc(&c->arena, sizeof(*asker));
	int r;

	conn_timer_stop(c);
	if (result != CONTROL_DONE || !asker) {
		failed(w, result < 0 ? body : SLICE_LIT("its socket could not be made"));
		return;
	}
	go_asker(c, asker);
	memcpy(asker->id, c->req->created, CONTROL_ID_LEN);
	r = door_open(c->gate, TAKE_FD(c->gate->ask.got), asker, &w->check.grant);
	if (r < 0) {
		failed(w, slice_str(strerror(-r)));
		return;
	}
	images_used(c->gate->images, &w->check);
	audit_conn(c, &(struct audit_event){ .verdict = "grant",
					     .rule = w->check.v.verdict.rule,
					     .message = "the container gets the engine's socket",
					     .subject = c->req->created,
					     .image = c->req->edit.image });
	w->yes(c);
	conn_update(c);
}

static void ask(struct conn *c, struct control_request *q,
		void (*answered)(struct ask_call *c, int result, struct slice body))
{
	if (ask_start(&c->gate->ask, &c->call, q, -EBADF, answered) < 0)
		failed(c->req->socket, SLICE_LIT("gabiond cannot be asked"));
	else
		conn_timer(c, c->gate->limits.ask_seconds);
}

static void on_granted(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);
	struct control_request *q;

	conn_timer_stop(c);
	if (result != CONTROL_DONE) {
		failed(c->req->socket, body);
		return;
	}
	q = ask_new(CONTROL_SOCKET);
	if (q) {
		q->size = sizeof(q->id);
		memcpy(q->id.id, c->req->created, CONTROL_ID_LEN);
	}
	ask(c, q, on_socket);
}

static void keep_grant(struct conn *c)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_TEXT_MAX);
	struct socket_work *w = c->req->socket;
	struct control_request *q = ask_new(CONTROL_GRANT);

	if (q && grant_print(&w->check.grant, &text) == 0) {
		q->size = (uint32_t)(offsetof(struct control_text, text) + text.n);
		memcpy(q->text.id, c->req->created, CONTROL_ID_LEN);
		q->text.size = (uint32_t)text.n;
		memcpy(q->text.text, text.p, text.n);
		ask(c, q, on_granted);
		return;
	}
	free(q);
	failed(w, SLICE_LIT("there is too much to say about its image"));
}

static void on_rejudged(struct images_check *k)
{
	struct socket_work *w = CONTAINER_OF(k, struct socket_work, check);
	struct conn *c = w->conn;

	if (k->result == IMAGES_ALLOWED) {
		keep_grant(c);
		return;
	}
	if (k->result == IMAGES_DENIED)
		w->denied(c);
	else
		w->no(c, SLICE_LIT("its image could not be looked at"));
	conn_update(c);
}

void socket_grant(struct conn *c, void (*yes)(struct conn *c),
		  void (*no)(struct conn *c, struct slice why), void (*denied)(struct conn *c))
{
	struct socket_work *w = work(c);
	const char *image = c->req->image;

	if (!w) {
		conn_kill(c);
		return;
	}
	w->yes = yes;
	w->no = no;
	w->denied = denied;
	/* The name may have meant another image when the engine looked. */
	if (image && w->check.result == IMAGES_ALLOWED &&
	    slice_eq_str(w->check.grant.image.id, image)) {
		keep_grant(c);
		return;
	}
	images_check_stop(&w->check);
	if (!image || images_check_start(c->gate->images, &w->check, slice_str(image),
					 c->req->edit.image, on_rejudged) < 0)
		failed(w, SLICE_LIT("its image could not be looked at"));
}
