/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the engine and its answer: relayed to the client, or collected for the gate. */
#pragma once

#include "gate/conn.h"

/* The head of what is sent. */
struct exchange_head {
	struct slice method;
	const struct buf *target;	/* path and query, escaped */
	const struct http_head *fields; /* whose end-to-end fields go along; NULL: none */
	unsigned minor;			/* HTTP/1.minor */
	const char *content_type;	/* a field of our own; NULL: none */
	struct slice upgrade;		/* value of an Upgrade field; null: none */
	bool expect_continue;
	bool hijack;		  /* a tunnel may follow */
	bool sift;		  /* a 200 answer goes through c->req->sift */
	enum http_body_kind body; /* framing of what the client will send */
	uint64_t length;
	const struct buf *whole; /* the body itself, instead; NULL: none */
};

/* Sends the client's request: its body follows as it comes, the answer goes to the client. */
void exchange_relay(struct conn *c, const struct exchange_head *h);

/* Asks the engine something and collects the answer: done(c) finds it in c->x.status, .head, .body.
 * When the engine gives none, done() does not run: the client is told so and the request is over.
 */
void exchange_ask(struct conn *c, const struct exchange_head *h, void (*done)(struct conn *c));

/* The same for an answer that may be larger than is collected: then c->x.status is 0. */
void exchange_ask_large(struct conn *c, const struct exchange_head *h,
			void (*done)(struct conn *c));

/* The body of a collected answer, in the arena; NULL: it is no JSON of that kind. */
struct json *exchange_json(const struct conn *c, struct arena *tree, enum json_kind kind);

/* Gives the collected answer to the client, as the engine wrote it. */
void exchange_release(struct conn *c);

/* A collected answer, while something else is asked. */
struct exchange_kept {
	unsigned status;
	struct slice method;
	struct buf head;
	struct buf body;
};

void exchange_keep(struct conn *c, struct exchange_kept *k);
void exchange_put_back(struct conn *c, struct exchange_kept *k);
void exchange_forget(struct exchange_kept *k);

/* Forgets an exchange that is over, and frees what it collected; `last` stays. */
void exchange_reset(struct conn *c);

/* Called by conn.c when there may be something to do. */
void exchange_pump_up(struct conn *c);
void exchange_pump_down(struct conn *c);
/* The engine's end of file, or the end of both directions. */
void exchange_engine_ended(struct conn *c);
void exchange_connect_again(struct conn *c);
/* It is stalled, and what it waited for may be known now. */
void exchange_resume(struct conn *c);

/* Between exchange.c and exchange-answer.c: */

/* There will be no answer of the engine: the client is told, or the connection ends. */
void exchange_failed(struct conn *c, unsigned status, const char *text);
/* Both halves are over? Then so is the request. */
void exchange_maybe_over(struct conn *c);
/* Takes what is whole out of *in and sends it on. Returns HTTP_PIECE_MORE, HTTP_PIECE_END, -errno.
 */
int exchange_send_piece(struct side *to, enum http_body_kind as, struct slice piece);
int exchange_move(struct http_decoder *d, struct side *to, enum http_body_kind as,
		  struct slice *in);
