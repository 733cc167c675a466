/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fetch.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"

#define IN_MAX (HTTP_HEAD_MAX + SIDE_SCRATCH_SIZE)
#define OUT_MAX 65536u

void fetch_stop(struct fetch *f)
{
	buf_wipe(&f->side.out);
	side_close(&f->side);
	f->side = SIDE_INIT;
}

static void over(struct fetch *f, bool ok)
{
	fetch_stop(f);
	f->ended(f, ok);
}

/* 0: the body follows; 1: more of the head is needed; -EPROTO. */
static int take_head(struct fetch *f, struct slice *in)
{
	struct http_refusal why;
	struct http_room room;
	struct http_head h = { 0 };
	size_t size = 0;
	int r = http_head_find(*in, &f->scanned, &size, &why);

	if (r == HTTP_MORE)
		return 1;
	if (r == HTTP_OK)
		r = http_response_parse((struct slice){ in->p, size }, SLICE_LIT("GET"), &room, &h,
					&why);
	if (r != HTTP_OK)
		return -EPROTO;
	f->status = h.status;
	if (h.status != 200 && (!f->any || h.status < 200))
		return -EPROTO;
	*in = slice_from(*in, size);
	http_decoder_init(&f->down, h.body, h.length);
	f->in_body = true;
	return 0;
}

static int take_body(struct fetch *f, struct slice *in)
{
	for (;;) {
		struct slice piece;
		size_t used;
		int r = http_decode(&f->down, *in, &used, &piece);

		*in = slice_from(*in, used);
		if (r != HTTP_PIECE)
			return r;
		f->piece(f, piece);
		if (!side_is_open(&f->side))
			return HTTP_PIECE_MORE; /* stopped */
	}
}

static void ready(struct loop_fd *l, uint32_t events)
{
	struct side *s = CONTAINER_OF(l, struct side, watch);
	struct fetch *f = CONTAINER_OF(s, struct fetch, side);
	struct slice in;
	int got = side_fill(s, f->gate->scratch, &in);
	int r = 0;

	(void)events;
	if (got < 0 || got == SIDE_AGAIN) {
		if (got < 0)
			over(f, false);
		return;
	}
	if (!f->in_body)
		r = take_head(f, &in);
	if (r == 0)
		r = take_body(f, &in);
	if (!side_is_open(s))
		return;
	if (r == HTTP_PIECE_END)
		over(f, f->status == 200);
	else if (r < 0 || side_keep(s, in) < 0)
		over(f, false);
	else if (got == SIDE_EOF)
		over(f, f->in_body && f->down.kind == HTTP_BODY_CLOSE && f->status == 200);
}

int fetch_start(struct fetch *f, struct gate *g, const char *target, const char *auth,
		void (*piece)(struct fetch *f, struct slice piece),
		void (*ended)(struct fetch *f, bool ok))
{
	CLEANUP_BUF_WIPE struct buf head = BUF_INIT(OUT_MAX);
	int fd = gate_connect_engine(g);
	int r;

	*f = (struct fetch){ .gate = g, .side = SIDE_INIT, .piece = piece, .ended = ended };
	if (fd < 0)
		return fd;
	r = side_open(&f->side, &g->loop, fd, IN_MAX, OUT_MAX, ready);
	if (r < 0)
		return r;
	(void)buf_reserve(&head, OUT_MAX);
	buf_printf(&head, "GET %s HTTP/1.1\r\nHost: docker\r\nUser-Agent: gabion\r\n", target);
	if (auth)
		buf_printf(&head, "X-Registry-Auth: %s\r\n", auth);
	buf_add_str(&head, "\r\n");
	r = side_send_buf(&f->side, &head);
	if (r == 0 && (f->side.broken || side_blocked(&f->side)))
		r = -EPIPE;
	if (r < 0)
		fetch_stop(f);
	return r;
}
