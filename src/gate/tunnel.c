/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/tunnel.h"

/* One read's worth from one side to the other. Returns -errno when the connection must die. */
static int pump_one(struct conn *c, struct side *from, struct side *to)
{
	struct slice in;
	int r;

	if (side_blocked(to) || from->eof)
		return 0;
	r = side_fill(from, c->gate->scratch, &in);
	if (r < 0)
		return r;
	if (in.n > 0) {
		int sent = side_send(to, &in, 1);

		if (sent < 0)
			return sent;
		(void)side_keep(from, SLICE_NULL);
	}
	if (r == SIDE_EOF)
		side_shut(to);
	return 0;
}

void tunnel_pump(struct conn *c)
{
	bool over;

	if (pump_one(c, &c->client, &c->engine) < 0 || pump_one(c, &c->engine, &c->client) < 0) {
		conn_kill(c);
		return;
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
	conn_timer_stop(c);
	c->state = CONN_TUNNEL;
	if (rest.n > 0 && side_send(&c->client, &rest, 1) < 0) {
		conn_kill(c);
		return;
	}
}
