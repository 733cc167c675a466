/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/exchange.h"

#include <errno.h>

#include "base/log.h"
#include "gate/answer.h"
#include "gate/request.h"
#include "gate/tunnel.h"

#define ENGINE_IN_MAX (HTTP_HEAD_MAX + SIDE_SCRATCH_SIZE)
#define ENGINE_OUT_MAX (2u * GATE_BODY_MAX)
#define CONNECT_AGAIN_MS 20u
#define REQUEST_HEAD_MAX (4u * HTTP_HEAD_MAX)

static void engine_ready(struct loop_fd *f, uint32_t events);

void exchange_failed(struct conn *c, unsigned status, const char *text)
{
	conn_log(c, "engine", text);
	conn_drop_engine(c);
	if (c->x.in_body && !c->x.for_us) {
		conn_finish(c); /* the client sees a body that is too short */
		return;
	}
	answer_text(c, &(struct answer){ .status = status }, "%s", text);
}

/* --- connecting and sending --- */

/* 0: connected; -EAGAIN: its queue is full; -errno. */
static int connect_engine(struct conn *c)
{
	int fd = gate_connect_engine(c->gate);

	if (fd < 0)
		return fd;
	return side_open(&c->engine, &c->gate->loop, fd, ENGINE_IN_MAX, ENGINE_OUT_MAX,
			 engine_ready);
}

/* What has come of the client's body goes out together with the head. An engine that makes a tunnel
 * of the request throws away what it read along with the head; what came later it would take for
 * the tunnel's first bytes (dockerode sends its options again as a body of attach). */
static void send_parts(struct conn *c, struct slice head, struct slice body)
{
	struct slice parts[2] = { head, body };

	c->x.sent = true;
	side_cork(&c->engine);
	if (side_send(&c->engine, parts, 2) < 0) {
		conn_kill(c);
		return;
	}
	if (!c->x.up_done || (c->client.eof && !c->x.for_us))
		exchange_pump_up(c);
	if (!c->dead && side_is_open(&c->engine))
		side_uncork(&c->engine);
	loop_expect(&c->gate->loop, &c->gate->answers);
}

static void wait_for_queue(struct conn *c, struct slice head, struct slice body)
{
	c->x.give_up_ns =
		c->gate->loop.now_ns + c->gate->limits.connect_seconds * LOOP_NSEC_PER_SEC;
	c->x.unsent = BUF_INIT(REQUEST_HEAD_MAX + GATE_BODY_MAX);
	buf_add_slice(&c->x.unsent, head);
	buf_add_slice(&c->x.unsent, body);
	if (buf_ok(&c->x.unsent))
		conn_timer_ms(c, CONNECT_AGAIN_MS);
	else
		conn_kill(c);
}

void exchange_connect_again(struct conn *c)
{
	int r;

	if (c->x.unsent.n == 0)
		return;
	r = connect_engine(c);
	if (r == -EAGAIN && loop_clock() < c->x.give_up_ns) {
		conn_timer_ms(c, CONNECT_AGAIN_MS);
	} else if (r < 0) {
		exchange_failed(c, 503, "the engine is too busy to take a connection");
	} else {
		send_parts(c, buf_slice(&c->x.unsent), SLICE_NULL);
		buf_done(&c->x.unsent);
	}
}

static void start(struct conn *c, const struct buf *head, const struct buf *whole)
{
	struct slice body = whole ? buf_slice(whole) : SLICE_NULL;
	int r = 0;

	if (!buf_ok(head)) {
		exchange_failed(c, 431, "the request's head is too large");
		return;
	}
	if (!side_is_open(&c->engine))
		r = connect_engine(c);
	if (r == -EAGAIN)
		wait_for_queue(c, buf_slice(head), body);
	else if (r < 0)
		exchange_failed(
			c, 503,
			"Cannot connect to the engine behind this socket. Is the docker daemon "
			"running?");
	else
		send_parts(c, buf_slice(head), body);
}

static void emit_head(const struct exchange_head *h, struct buf *b)
{
	buf_add_slice(b, h->method);
	buf_add_char(b, ' ');
	buf_add_slice(b, buf_slice(h->target));
	buf_printf(b, " HTTP/1.%u\r\nHost: docker\r\n", h->minor);
	if (h->fields)
		http_head_emit(h->fields, b);
	if (h->content_type)
		buf_printf(b, "Content-Type: %s\r\n", h->content_type);
	if (h->whole)
		http_framing_emit(HTTP_BODY_LENGTH, h->whole->n, b);
	else if (h->body == HTTP_BODY_NONE && h->fields && h->fields->has_length)
		http_framing_emit(HTTP_BODY_LENGTH, 0, b);
	else
		http_framing_emit(h->body, h->length, b);
	if (h->expect_continue && !h->whole)
		buf_add_str(b, "Expect: 100-continue\r\n");
	if (h->upgrade.p)
		buf_printf(b, "Connection: Upgrade\r\nUpgrade: %.*s\r\n", SLICE_ARG(h->upgrade));
	buf_add(b, "\r\n", 2);
}

void exchange_reset(struct conn *c)
{
	struct exchange *x = &c->x;

	buf_done(&x->head);
	buf_done(&x->body);
	buf_done(&x->unsent);
	*x = (struct exchange){ .last = x->last };
}

static void begin(struct conn *c, const struct exchange_head *h)
{
	struct exchange *x = &c->x;

	exchange_reset(c);
	x->hijack = h->hijack;
	x->upgrade = h->upgrade.p != NULL;
	x->sifting = h->sift;
	x->method = h->method;
	x->up_as = h->body;
	http_decoder_init(&x->up, h->whole ? HTTP_BODY_NONE : h->body, h->length);
	x->up_done = http_decoder_ended(&x->up);
}

void exchange_relay(struct conn *c, const struct exchange_head *h)
{
	CLEANUP_BUF struct buf head = BUF_INIT(REQUEST_HEAD_MAX);

	begin(c, h);
	emit_head(h, &head);
	c->state = CONN_RELAY;
	start(c, &head, h->whole);
}

static void ask(struct conn *c, const struct exchange_head *h, void (*done)(struct conn *c),
		bool large)
{
	CLEANUP_BUF struct buf head = BUF_INIT(REQUEST_HEAD_MAX);

	begin(c, h);
	c->x.for_us = true;
	c->x.may_be_large = large;
	c->x.done = done;
	c->x.up_done = true;
	c->x.head = BUF_INIT(REQUEST_HEAD_MAX);
	c->x.body = BUF_INIT(GATE_BODY_MAX);
	emit_head(h, &head);
	start(c, &head, h->whole);
}

void exchange_ask(struct conn *c, const struct exchange_head *h, void (*done)(struct conn *c))
{
	ask(c, h, done, false);
}

void exchange_ask_large(struct conn *c, const struct exchange_head *h, void (*done)(struct conn *c))
{
	ask(c, h, done, true);
}

/* --- the client's body --- */

int exchange_send_piece(struct side *to, enum http_body_kind as, struct slice piece)
{
	char size[HTTP_CHUNK_HEAD_MAX];
	struct slice parts[3];

	if (as != HTTP_BODY_CHUNKED)
		return side_send(to, &piece, 1);
	parts[0] = (struct slice){ size, http_chunk_head(size, piece.n) };
	parts[1] = piece;
	parts[2] = SLICE_LIT("\r\n");
	return side_send(to, parts, 3);
}

int exchange_move(struct http_decoder *d, struct side *to, enum http_body_kind as, struct slice *in)
{
	int r;

	side_cork(to);
	for (;;) {
		struct slice piece;
		size_t used;

		r = http_decode(d, *in, &used, &piece);
		*in = slice_from(*in, used);
		if (r == HTTP_PIECE)
			r = exchange_send_piece(to, as, piece);
		if (r != HTTP_PIECE)
			break;
	}
	if (r == HTTP_PIECE_END && as == HTTP_BODY_CHUNKED) {
		struct slice last = SLICE_LIT("0\r\n\r\n");
		int sent = side_send(to, &last, 1);

		r = sent < 0 ? sent : r;
	}
	side_uncork(to);
	return r;
}

void exchange_maybe_over(struct conn *c)
{
	struct exchange *x = &c->x;

	if (!x->complete || x->for_us)
		return;
	if (!x->up_done && side_is_open(&c->engine) && !c->engine.broken && !x->engine_ends)
		return; /* the engine reads on, though it has answered */
	if (x->engine_ends || c->engine.eof || c->engine.broken)
		conn_drop_engine(c);
	if (x->last || !x->up_done)
		conn_finish(c);
	else
		conn_next_request(c);
}

/* The client has said its last, which the engine takes as a wish to stop; it may still read. What
 * the engine makes of half a body is its own affair. */
static void client_ended(struct conn *c)
{
	if (c->x.up_done && c->client.in.n > 0)
		return; /* first what was pipelined */
	side_shut(&c->engine);
	c->x.last = true;
	c->x.up_done = true;
}

void exchange_pump_up(struct conn *c)
{
	struct exchange *x = &c->x;
	struct slice in;
	int r;
	int got;

	if (!x->sent || (!x->up_done && side_blocked(&c->engine) && !c->engine.corked))
		return;
	got = side_fill(&c->client, c->gate->scratch, &in);
	if (got < 0) {
		conn_kill(c);
		return;
	}
	if (!x->up_done && in.n > 0) {
		r = exchange_move(&x->up, &c->engine, x->up_as, &in);
		if (r < 0) {
			(void)side_keep(&c->client, SLICE_NULL);
			x->last = true;
			conn_drop_engine(c);
			exchange_failed(c, 400, "bad request: the body's chunks are malformed");
			return;
		}
		x->up_done = r == HTTP_PIECE_END;
	}
	if (side_keep(&c->client, in) < 0) {
		conn_kill(c);
		return;
	}
	if (got == SIDE_EOF)
		client_ended(c);
	exchange_maybe_over(c);
}

/* --- events --- */

/* No answer is due: the engine has closed, or talks where it should not. */
static void out_of_turn(struct conn *c)
{
	conn_drop_engine(c);
	if (c->state != CONN_RELAY)
		return;
	c->x.engine_ends = true;
	exchange_maybe_over(c);
}

static void engine_ready(struct loop_fd *f, uint32_t events)
{
	struct side *s = CONTAINER_OF(f, struct side, watch);
	struct conn *c = CONTAINER_OF(s, struct conn, engine);

	if (events & EPOLLHUP)
		s->gone = true;
	if (side_blocked(s) && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		side_flush(s);
		if (!side_blocked(s) && c->state == CONN_RELAY)
			exchange_pump_up(c);
		if (!c->dead && !side_blocked(s) && c->state == CONN_TUNNEL)
			tunnel_pump(c, &c->client);
	}
	if (c->dead || !side_is_open(s)) {
		conn_update(c);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		if (c->state == CONN_TUNNEL)
			tunnel_pump(c, s);
		else if (c->x.sent && !c->x.complete)
			exchange_pump_down(c);
		else
			out_of_turn(c);
	}
	conn_update(c);
}
