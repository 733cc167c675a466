/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/tunnel.h"

#include <errno.h>

#include "buildkit/grpc.h"
#include "gate/commands.h"
#include "gate/request.h"

/* Of one read, and what was waiting for its end. */
#define PIECE_MAX (4u << 20)

static bool on_build(void *data, const struct solve *solve, struct buf *text)
{
	return commands_build_refused(data, solve, text);
}

/* What is held counts, whoever it is that makes the gate hold it. */
static int account(struct conn *c, size_t before)
{
	size_t after = grpc_held(c->grpc);

	if (after > before)
		return conn_hold(c, after - before) ? 0 : -ENOBUFS;
	conn_release(c, before - after);
	return 0;
}

/* As side_move(), but read. */
static int move_read(struct conn *c, struct side *from)
{
	CLEANUP_BUF struct buf engine = BUF_INIT(PIECE_MAX);
	CLEANUP_BUF struct buf client = BUF_INIT(PIECE_MAX);
	size_t held = grpc_held(c->grpc);
	struct slice in;
	int got = side_fill(from, c->gate->scratch, &in);
	int r;

	if (got < 0)
		return got;
	r = from == &c->client ? grpc_up(c->grpc, in, &engine, &client)
			       : grpc_down(c->grpc, in, &client);
	if (r < 0) {
		conn_log(c, "builder's tunnel", "what was sent is not what gRPC clients send");
		return r;
	}
	r = account(c, held);
	if (r == 0)
		r = side_keep(from, SLICE_NULL);
	if (r == 0 && engine.n > 0)
		r = side_send_buf(&c->engine, &engine);
	if (r == 0 && client.n > 0)
		r = side_send_buf(&c->client, &client);
	return r < 0 ? r : got;
}

static int move(struct conn *c, struct side *from, struct side *to)
{
	return c->grpc ? move_read(c, from) : side_move(from, to, c->gate->scratch);
}

bool tunnel_may_read(const struct conn *c, const struct side *from)
{
	if (from->eof || side_blocked(from == &c->client ? &c->engine : &c->client))
		return false;
	return !c->grpc || !side_blocked(&c->client);
}

void tunnel_pump(struct conn *c, struct side *from)
{
	struct side *to = from == &c->client ? &c->engine : &c->client;
	bool over;

	if (tunnel_may_read(c, from)) {
		int r = move(c, from, to);

		if (r < 0) {
			conn_kill(c);
			return;
		}
		if (r == SIDE_EOF)
			side_shut(to);
	}
	/* The engine has closed for good, though the client might still write. */
	over = c->engine.eof && (c->engine.gone || c->engine.broken);
	if (c->client.eof && c->engine.eof)
		over = true;
	if (over && !side_blocked(&c->client) && (c->engine.broken || !side_blocked(&c->engine)))
		conn_finish(c);
}

void tunnel_begin(struct conn *c, struct slice rest)
{
	CLEANUP_BUF struct buf b = BUF_INIT(PIECE_MAX);

	conn_timer_stop(c);
	c->state = CONN_TUNNEL;
	if (c->req->match.route->class == ROUTE_CLASS_BUILD_GRPC &&
	    (door_is_container(c->door) || !images_plain(c->gate->images))) {
		c->grpc = grpc_new(on_build, c);
		if (!c->grpc || grpc_down(c->grpc, rest, &b) < 0) {
			conn_kill(c);
			return;
		}
		rest = buf_slice(&b);
	}
	if (rest.n > 0 && side_send(&c->client, &rest, 1) < 0)
		conn_kill(c);
}

void tunnel_end(struct conn *c)
{
	grpc_free(c->grpc);
	c->grpc = NULL;
}
