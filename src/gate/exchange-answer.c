/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's half of an exchange: its answer, relayed, collected, or the begin of a tunnel. */
#include <errno.h>

#include "gate/answer.h"
#include "gate/exchange.h"
#include "gate/learn.h"
#include "gate/request.h"
#include "gate/sift.h"
#include "gate/tunnel.h"

#define ANSWER_HEAD_MAX (4u * HTTP_HEAD_MAX)

static bool is_stream(struct slice content_type)
{
	struct slice type = http_media_type(content_type);

	return slice_eq_str(type, "application/vnd.docker.raw-stream") ||
	       slice_eq_str(type, "application/vnd.docker.multiplexed-stream");
}

/* The engine says that from here on there are only bytes. */
static bool becomes_tunnel(const struct conn *c, const struct http_head *h)
{
	if (c->x.for_us)
		return false;
	if (h->status == 101)
		return c->x.upgrade;
	return c->x.hijack && h->status == 200 && h->body == HTTP_BODY_CLOSE &&
	       is_stream(h->content_type);
}

static void emit_answer(const struct http_head *h, struct buf *b)
{
	buf_printf(b, "HTTP/1.%u %u %.*s\r\n", h->minor, h->status, SLICE_ARG(h->reason));
	http_head_emit(h, b);
}

/* 100 Continue and its kin: before the answer, for the client only. */
static int on_interim(struct conn *c, const struct http_head *h)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ANSWER_HEAD_MAX);

	if (c->x.for_us || !request_takes_interim(c->req, h->status))
		return 0;
	emit_answer(h, &b);
	buf_add(&b, "\r\n", 2);
	return side_send_buf(&c->client, &b);
}

static int on_tunnel(struct conn *c, const struct http_head *h)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ANSWER_HEAD_MAX);

	emit_answer(h, &b);
	if (h->status == 101)
		buf_printf(&b, "Connection: Upgrade\r\nUpgrade: %.*s\r\n", SLICE_ARG(h->upgrade));
	buf_add(&b, "\r\n", 2);
	return side_send_buf(&c->client, &b);
}

/* Which objects it has is for us to say, and so is how long it is. */
static int begin_sifting(struct conn *c, const struct http_head *h)
{
	struct exchange *x = &c->x;

	x->sifting = x->sifting && !x->for_us && h->status == 200 && h->body != HTTP_BODY_NONE;
	if (!x->sifting)
		return 0;
	x->down_as = h->minor == 1 && c->req->head.minor == 1 ? HTTP_BODY_CHUNKED : HTTP_BODY_CLOSE;
	return http_head_field(h, "content-encoding") ? -EPROTO : 0;
}

static int on_answer(struct conn *c, const struct http_head *h)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ANSWER_HEAD_MAX);
	struct exchange *x = &c->x;
	int r;

	x->status = h->status;
	x->engine_ends = !h->keep_alive || h->body == HTTP_BODY_CLOSE;
	x->down_as = h->body;
	http_decoder_init(&x->down, h->body, h->length);
	r = begin_sifting(c, h);
	if (r < 0)
		return r;
	x->in_body = true;
	if (x->for_us) {
		emit_answer(h, &x->head);
		return buf_ok(&x->head) ? 0 : -ENOBUFS;
	}
	if (h->status == 200)
		learn_credentials(c);
	if (x->down_as == HTTP_BODY_CLOSE || !request_keeps_alive(c->req) ||
	    (!x->up_done && x->engine_ends))
		x->last = true;
	emit_answer(h, &b);
	if (x->sifting)
		http_framing_emit(x->down_as, 0, &b);
	else
		http_framing_emit(h->has_length ? HTTP_BODY_LENGTH : h->body, h->length, &b);
	if (x->last)
		buf_add_str(&b, "Connection: close\r\n");
	else if (h->minor == 0)
		buf_add_str(&b, "Connection: keep-alive\r\n");
	buf_add(&b, "\r\n", 2);
	/* Goes out with the first bytes of the body, if they are there. */
	side_cork(&c->client);
	return side_send_buf(&c->client, &b);
}

/* Reads heads off the front of *in until the answer's own. 0: it is there; 1: more is needed;
 * 2: a tunnel; -errno. */
static int take_heads(struct conn *c, struct slice *in)
{
	for (;;) {
		struct http_refusal why;
		struct http_room room;
		struct http_head h;
		size_t size = 0;
		int r = http_head_find(*in, &c->x.scanned, &size, &why);

		if (r == HTTP_MORE)
			return 1;
		if (r == HTTP_OK)
			r = http_response_parse((struct slice){ in->p, size }, c->x.method, &room,
						&h, &why);
		if (r == HTTP_REFUSED) {
			conn_log(c, "answer of the engine", why.why);
			return -EPROTO;
		}
		c->x.scanned = 0;
		*in = slice_from(*in, size);
		if (becomes_tunnel(c, &h)) {
			r = c->x.up_done ? on_tunnel(c, &h) : -EPROTO;
			return r < 0 ? r : 2;
		}
		if (h.status == 101)
			return -EPROTO;
		if (h.status >= 200)
			return on_answer(c, &h);
		r = on_interim(c, &h);
		if (r < 0)
			return r;
	}
}

/* --- sifted answers --- */

/* What is held of the answer counts among what the gate holds for everybody. */
static bool count_held(struct conn *c)
{
	size_t now = sift_held(c->req->sift);
	size_t before = c->x.sift_held;

	c->x.sift_held = now;
	if (now > before)
		return conn_hold(c, now - before);
	conn_release(c, before - now);
	return true;
}

static int end_sifted(struct conn *c)
{
	struct slice last = SLICE_LIT("0\r\n\r\n");

	if (!sift_may_end(c->req->sift))
		return -EPROTO;
	return c->x.down_as == HTTP_BODY_CHUNKED ? side_send(&c->client, &last, 1) : 0;
}

/* The same as take_body(). While it is not known what becomes of an object, nothing more is read.
 */
static int sift_body(struct conn *c, struct slice *in)
{
	CLEANUP_BUF struct buf out = BUF_INIT(2u * GATE_BODY_MAX);
	struct sift *sift = c->req->sift;
	struct exchange *x = &c->x;
	int sent = sift->waiting ? sift_push(sift, SLICE_NULL, &out) : 0;
	int r;

	do {
		struct slice piece;
		size_t used;

		r = http_decode(&x->down, *in, &used, &piece);
		*in = slice_from(*in, used);
		if (r == HTTP_PIECE && sent == 0)
			sent = sift_push(sift, piece, &out);
	} while (r == HTTP_PIECE && sent == 0);
	if (sent == 0 && out.n > 0)
		sent = exchange_send_piece(&c->client, x->down_as, buf_slice(&out));
	if (sent < 0 || r < 0)
		return sent < 0 ? sent : r;
	if (!count_held(c))
		return -ENOBUFS;
	x->stalled = sift->waiting;
	if (r != HTTP_PIECE_END || x->stalled)
		return HTTP_PIECE_MORE;
	sent = end_sifted(c);
	return sent < 0 ? sent : r;
}

void exchange_resume(struct conn *c)
{
	c->x.stalled = false;
	exchange_pump_down(c);
}

/* Returns HTTP_PIECE_MORE, HTTP_PIECE_END, -errno. */
static int take_body(struct conn *c, struct slice *in)
{
	struct exchange *x = &c->x;
	int r;

	if (x->sifting)
		return sift_body(c, in);
	if (!x->for_us)
		return exchange_move(&x->down, &c->client, x->down_as, in);
	for (;;) {
		struct slice piece;
		size_t used;

		r = http_decode(&x->down, *in, &used, &piece);
		*in = slice_from(*in, used);
		if (r != HTTP_PIECE)
			return r;
		buf_add_slice(&x->body, piece);
		if (!buf_ok(&x->body) || !conn_hold(c, piece.n))
			return -ENOBUFS;
	}
}

static void answered(struct conn *c)
{
	struct exchange *x = &c->x;

	x->complete = true;
	if (!x->for_us) {
		exchange_maybe_over(c);
		return;
	}
	if (x->engine_ends)
		conn_drop_engine(c);
	x->sent = false;
	x->done(c);
}

/* Returns 0 to go on, 1 when the answer is complete, 2 when this is a tunnel now, -errno. */
static int digest(struct conn *c, struct slice *in)
{
	int r = 0;

	if (!c->x.in_body)
		r = take_heads(c, in);
	if (r != 0)
		return r == 1 ? 0 : r;
	r = take_body(c, in);
	if (!c->x.for_us)
		side_uncork(&c->client);
	return r == HTTP_PIECE_END ? 1 : r < 0 ? r : 0;
}

/* The rest of it is of no use; what is asked next needs another connection. */
static void give_up_large(struct conn *c)
{
	conn_drop_engine(c);
	c->x.status = 0;
	c->x.complete = true;
	c->x.sent = false;
	c->x.done(c);
}

void exchange_pump_down(struct conn *c)
{
	struct slice in;
	int got;
	int r;

	if (!side_is_open(&c->engine) || c->x.complete || c->x.stalled)
		return;
	if (!c->x.for_us && side_blocked(&c->client))
		return;
	got = side_fill(&c->engine, c->gate->scratch, &in);
	if (got < 0) {
		exchange_failed(c, 502, "the engine's connection broke");
		return;
	}
	r = digest(c, &in);
	if (r == 2)
		tunnel_begin(c, in);
	if (c->dead)
		return;
	if (side_keep(&c->engine, r == 2 ? SLICE_NULL : in) < 0)
		r = -ENOBUFS;
	if (r == -ENOBUFS && c->x.may_be_large)
		give_up_large(c);
	else if (r < 0)
		exchange_failed(c, 502, "the engine's answer makes no sense");
	else if (r == 1)
		answered(c);
	else if (got == SIDE_EOF && r == 0 && !c->x.stalled)
		exchange_engine_ended(c);
	else if (r == 2)
		tunnel_pump(c, &c->client);
}

void exchange_engine_ended(struct conn *c)
{
	struct exchange *x = &c->x;

	if (x->in_body && x->sifting && x->down.kind == HTTP_BODY_CLOSE && end_sifted(c) < 0) {
		exchange_failed(c, 502, "the engine's answer makes no sense");
	} else if (x->in_body && x->down.kind == HTTP_BODY_CLOSE) {
		conn_drop_engine(c);
		answered(c);
	} else {
		exchange_failed(c, 502, "the engine closed the connection before it had answered");
	}
}

struct json *exchange_json(const struct conn *c, struct arena *tree, enum json_kind kind)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v;

	return json_parse(tree, buf_slice(&c->x.body), &limits, &v, NULL, NULL) == 0 &&
			       json_is(v, kind)
		       ? v
		       : NULL;
}

void exchange_keep(struct conn *c, struct exchange_kept *k)
{
	struct exchange *x = &c->x;

	*k = (struct exchange_kept){ x->status, x->method, x->head, x->body };
	x->head = BUF_INIT(0);
	x->body = BUF_INIT(0);
}

void exchange_put_back(struct conn *c, struct exchange_kept *k)
{
	struct exchange *x = &c->x;

	buf_done(&x->head);
	buf_done(&x->body);
	x->status = k->status;
	x->method = k->method;
	x->head = k->head;
	x->body = k->body;
	*k = (struct exchange_kept){ .status = 0 };
}

void exchange_forget(struct exchange_kept *k)
{
	buf_done(&k->head);
	buf_done(&k->body);
}

void exchange_release(struct conn *c)
{
	CLEANUP_BUF struct buf b = BUF_INIT(ANSWER_HEAD_MAX);
	struct exchange *x = &c->x;
	bool none = x->status == 204 || x->status == 304 || slice_eq_str(x->method, "HEAD");
	bool last = answer_is_last(c);
	struct slice parts[2];

	buf_add_slice(&b, buf_slice(&x->head));
	if (!none)
		http_framing_emit(HTTP_BODY_LENGTH, x->body.n, &b);
	if (last)
		buf_add_str(&b, "Connection: close\r\n");
	buf_add(&b, "\r\n", 2);
	parts[0] = buf_slice(&b);
	parts[1] = none || request_is_head(c->req) ? SLICE_NULL : buf_slice(&x->body);
	if (!buf_ok(&b) || side_send(&c->client, parts, 2) < 0)
		conn_kill(c);
	else if (last)
		conn_finish(c);
	else
		conn_next_request(c);
}
