/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/tunnel.h"

void tunnel_pump(struct conn *c, struct side *from)
{
	struct side *to = from == &c->client ? &c->engine : &c->client;
	bool over;

	if (!side_blocked(to) && !from->eof) {
		int r = side_move(from, to, c->gate->scratch);

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
	conn_timer_stop(c);
	c->state = CONN_TUNNEL;
	if (rest.n > 0 && side_send(&c->client, &rest, 1) < 0) {
		conn_kill(c);
		return;
	}
}
