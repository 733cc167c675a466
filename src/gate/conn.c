/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/conn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>

#include "base/fd.h"
#include "base/log.h"
#include "gate/answer.h"
#include "gate/archive.h"
#include "gate/exchange.h"
#include "gate/explain.h"
#include "gate/family.h"
#include "gate/own.h"
#include "gate/request.h"
#include "gate/socket.h"
#include "gate/tunnel.h"

/* A head, and one read beyond it. */
#define CLIENT_IN_MAX (HTTP_HEAD_MAX + SIDE_SCRATCH_SIZE)
/* A body that was read whole, and one read. */
#define SIDE_OUT_MAX (2u * GATE_BODY_MAX)
/* Of pipelined requests, so much is read before its turn. */
#define PIPELINE_MAX 65536u
/* Copies of the head, decoded targets, names. */
#define ARENA_MAX (8u * HTTP_HEAD_MAX)
/* Of what is held, nobody but root has more than one. */
#define SHARES 4u
#define MIB ((size_t)1024 * 1024)

static void client_ready(struct loop_fd *f, uint32_t events);
static void later(struct loop_deferred *d);

/* Before its number can be another's, or nearly so: it has connected just now. */
static int open_process(pid_t pid)
{
	int fd = pid > 0 ? pidfd_open(pid, 0) : -1;

	return fd < 0 ? -EBADF : fd;
}

int conn_new(struct door *d, int take_fd, struct gate_user *user, const struct ucred *cred,
	     enum conn_place place)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct gate *g = d->gate;
	int r;

	if (!c) {
		(void)fd_close(take_fd);
		return -ENOMEM;
	}
	*c = (struct conn){ .gate = g,
			    .door = d,
			    .user = user,
			    .serial = ++g->serial,
			    .pid = cred->pid,
			    .process = g->has_peer_process ? -EBADF : open_process(cred->pid),
			    .uid = cred->uid,
			    .gid = cred->gid,
			    .place = place,
			    .engine = SIDE_INIT,
			    .worker = SIDE_INIT,
			    .call.fd = -EBADF };
	c->arena = ARENA_INIT(ARENA_MAX);
	r = side_open(&c->client, &g->loop, take_fd, CLIENT_IN_MAX, SIDE_OUT_MAX, client_ready);
	if (r < 0) {
		(void)fd_close(c->process);
		free(c);
		return r;
	}
	c->next = g->conns;
	c->prev = &g->conns;
	if (c->next)
		c->next->prev = &c->next;
	g->conns = c;
	if (place != CONN_SERVED)
		conn_timer(c, g->limits.linger_seconds);
	return 0;
}

/* Of what is held, so much is not root's. */
static size_t held_by_others(const struct gate *g)
{
	return g->held - g->held_root;
}

bool conn_hold(struct conn *c, size_t n)
{
	struct gate *g = c->gate;
	size_t most = g->limits.held_mib * MIB;
	bool root = gate_user_is_root(c->user);

	if (n > most - g->held)
		return false;
	if (!root &&
	    (c->user->held + n > most / SHARES || held_by_others(g) + n > most - most / SHARES))
		return false;
	g->held += n;
	g->held_root += root ? n : 0;
	c->user->held += n;
	c->held += n;
	return true;
}

void conn_why_not_held(const struct conn *c, size_t n, char ret[static CONN_WHY_MAX])
{
	uint32_t most = c->gate->limits.held_mib;
	const struct gate_user *u = c->user;

	if (n > most * MIB - c->gate->held)
		(void)snprintf(ret, CONN_WHY_MAX, "all together have %" PRIu32 " MiB", most);
	else if (u->held + n <= most * MIB / SHARES)
		(void)snprintf(ret, CONN_WHY_MAX, "all but root's have %" PRIu32 " MiB",
			       most - most / SHARES);
	else
		(void)snprintf(ret, CONN_WHY_MAX, "user %u's%s have %" PRIu32 " MiB", c->uid,
			       u->containers ? " containers" : "", most / SHARES);
}

void conn_release(struct conn *c, size_t n)
{
	c->gate->held -= n;
	c->gate->held_root -= gate_user_is_root(c->user) ? n : 0;
	c->user->held -= n;
	c->held -= n;
}

/* What belongs to one request. */
static void request_drop(struct conn *c)
{
	ask_cancel(&c->call);
	side_close(&c->worker);
	exchange_reset(c);
	c->x.last = false;
	family_stop(c);
	socket_stop(c);
	own_stop(c);
	explain_stop(c);
	if (c->req)
		request_done(c->req);
	c->req = NULL;
	conn_release(c, c->held);
	arena_done(&c->arena);
	conn_timer_stop(c);
}

void conn_kill(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	request_drop(c);
	side_close(&c->client);
	side_close(&c->engine);
	c->process = fd_close(c->process);
	tunnel_end(c);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	door_conn_gone(c);
	loop_defer(&c->gate->loop, &c->later, later);
}

void conn_drop_engine(struct conn *c)
{
	side_close(&c->engine);
	c->engine = SIDE_INIT;
}

void conn_log(const struct conn *c, const char *what, const char *why)
{
	if (!gate_may_log(c->gate))
		return;
	if (door_is_container(c->door))
		log_info("client %llu (container %.12s, for uid %u): %s: %s",
			 (unsigned long long)c->serial, c->door->id, c->uid, what, why);
	else
		log_info("client %llu (pid %d, uid %u): %s: %s", (unsigned long long)c->serial,
			 c->pid, c->uid, what, why);
}

/* --- timer --- */

static void expired(struct loop_timer *t)
{
	struct conn *c = CONTAINER_OF(t, struct conn, timer);

	switch (c->state) {
	case CONN_HEAD:
		c->x.last = true;
		answer_text(c, &(struct answer){ .status = 408 },
			    "the request's head took too long");
		break;
	case CONN_CHECK:
		if (c->x.unsent.n > 0)
			exchange_connect_again(c);
		else
			request_timed_out(c);
		break;
	case CONN_RELAY:
		exchange_connect_again(c);
		break;
	case CONN_COPY:
		archive_timed_out(c);
		break;
	case CONN_LINGER:
		conn_kill(c);
		break;
	case CONN_TUNNEL:
		break;
	}
	conn_update(c);
}

void conn_timer(struct conn *c, unsigned seconds)
{
	loop_timer_in(&c->gate->loop, &c->timer, seconds * LOOP_NSEC_PER_SEC, expired);
}

void conn_timer_ms(struct conn *c, unsigned ms)
{
	loop_timer_in(&c->gate->loop, &c->timer, ms * LOOP_NSEC_PER_MSEC, expired);
}

void conn_timer_stop(struct conn *c)
{
	loop_timer_stop(&c->gate->loop, &c->timer);
}

/* --- heads --- */

static void refuse_head(struct conn *c, const struct http_refusal *why)
{
	conn_log(c, "bad request", why->why);
	c->x.last = true;
	answer_text(c, &(struct answer){ .status = why->status }, "bad request: %s", why->why);
}

/* A head may be waiting or arriving. */
static void head_pump(struct conn *c, bool may_read)
{
	struct http_refusal why;
	struct slice in = side_waiting(&c->client);
	size_t size = 0;
	int got = SIDE_AGAIN;
	int r;

	if (may_read)
		got = side_fill(&c->client, c->gate->scratch, &in);
	if (got < 0) {
		conn_kill(c);
		return;
	}
	r = http_head_find(in, &c->scanned, &size, &why);
	if (r == HTTP_MORE) {
		if (side_keep(&c->client, in) < 0 || (got == SIDE_EOF && in.n > 0)) {
			conn_kill(c);
		} else if (got == SIDE_EOF) {
			conn_finish(c);
		} else if (in.n > 0 && !c->timer.armed) {
			conn_timer(c, c->gate->limits.head_seconds);
		}
		return;
	}
	conn_timer_stop(c);
	c->scanned = 0;
	if (r == HTTP_REFUSED) {
		(void)side_keep(&c->client, SLICE_NULL);
		refuse_head(c, &why);
		return;
	}
	r = request_begin(c, (struct slice){ in.p, size }, &why);
	/* The head has been copied; what follows it is the body, or the next request. */
	if (c->dead)
		return;
	if (side_keep(&c->client, slice_from(in, size)) < 0) {
		conn_kill(c);
		return;
	}
	if (r == HTTP_REFUSED)
		refuse_head(c, &why);
	else
		request_proceed(c);
}

void conn_next_request(struct conn *c)
{
	request_drop(c);
	c->state = CONN_HEAD;
	if (c->engine.shut)
		conn_drop_engine(c);
	/* From the loop, so that a hundred pipelined requests are no recursion. */
	if (c->client.in.n > 0 || c->client.eof)
		loop_defer(&c->gate->loop, &c->later, later);
	else
		loop_expect(&c->gate->loop, &c->gate->requests);
}

/* End of the round: free what is dead, or look at what was pipelined. */
static void later(struct loop_deferred *d)
{
	struct conn *c = CONTAINER_OF(d, struct conn, later);

	if (c->dead) {
		free(c);
		return;
	}
	if (c->state != CONN_HEAD)
		return;
	if (c->client.eof && c->client.in.n == 0)
		conn_finish(c);
	else
		head_pump(c, false);
	if (!c->dead)
		conn_update(c);
}

/* --- the end --- */

void conn_finish(struct conn *c)
{
	request_drop(c);
	conn_drop_engine(c);
	c->state = CONN_LINGER;
	side_shut(&c->client);
}

static void linger(struct conn *c, bool may_read)
{
	struct slice in = SLICE_NULL;
	int r = SIDE_AGAIN;

	if (may_read && !c->client.eof) {
		r = side_fill(&c->client, c->gate->scratch, &in);
		(void)side_keep(&c->client, SLICE_NULL);
	}
	if (r < 0 || c->client.broken || (c->client.eof && !side_blocked(&c->client)))
		conn_kill(c);
	else if (!side_blocked(&c->client) && !c->timer.armed)
		conn_timer(c, c->gate->limits.linger_seconds);
}

/* --- events --- */

static bool client_may_read(const struct conn *c)
{
	if (c->client.eof)
		return false;
	switch (c->state) {
	case CONN_HEAD:
	case CONN_LINGER:
		return true;
	case CONN_CHECK:
		return c->req && request_wants_body(c->req);
	case CONN_RELAY:
		if (!c->x.sent)
			return false;
		return c->x.up_done ? c->client.in.n < PIPELINE_MAX : !side_blocked(&c->engine);
	case CONN_COPY:
		return archive_wants_body(c) ? !side_blocked(&c->worker)
					     : c->client.in.n < PIPELINE_MAX;
	case CONN_TUNNEL:
		return tunnel_may_read(c, &c->client);
	}
	return false;
}

static uint32_t client_wants(const struct conn *c)
{
	uint32_t want = 0;

	if (side_blocked(&c->client))
		want |= EPOLLOUT;
	if (client_may_read(c))
		want |= EPOLLIN;
	/* It has said its last: only the end of the other direction is news. */
	if (!want && c->client.eof && c->state != CONN_CHECK)
		want = EPOLLERR;
	return want;
}

static uint32_t engine_wants(const struct conn *c)
{
	uint32_t want = 0;

	if (side_blocked(&c->engine))
		want |= EPOLLOUT;
	if (c->x.stalled)
		return want;
	if (c->engine.eof)
		return want ? want : c->engine.gone ? 0 : EPOLLERR;
	if (c->x.for_us || c->state == CONN_HEAD || c->state == CONN_CHECK ||
	    !side_blocked(&c->client))
		want |= EPOLLIN;
	return want;
}

void conn_update(struct conn *c)
{
	int r = 0;

	if (c->dead)
		return;
	if (c->client.broken && c->state != CONN_CHECK) {
		conn_kill(c);
		return;
	}
	if (c->state == CONN_LINGER)
		linger(c, false);
	if (c->dead)
		return;
	r = loop_fd_want(&c->client.watch, client_wants(c));
	if (r == 0 && side_is_open(&c->engine))
		r = loop_fd_want(&c->engine.watch, engine_wants(c));
	if (r == 0 && side_is_open(&c->worker))
		r = loop_fd_want(&c->worker.watch, archive_worker_wants(c));
	if (r < 0)
		conn_kill(c);
}

/* The client can take more: what waited for that goes on. */
static void client_unblocked(struct conn *c)
{
	switch (c->state) {
	case CONN_RELAY:
		exchange_pump_down(c);
		break;
	case CONN_COPY:
		archive_pump(c);
		break;
	case CONN_TUNNEL:
		tunnel_pump(c, &c->engine);
		break;
	case CONN_HEAD:
	case CONN_CHECK:
	case CONN_LINGER:
		break;
	}
}

static void client_readable(struct conn *c)
{
	switch (c->state) {
	case CONN_HEAD:
		head_pump(c, true);
		break;
	case CONN_CHECK:
		request_pump_body(c);
		break;
	case CONN_RELAY:
		exchange_pump_up(c);
		break;
	case CONN_COPY:
		archive_pump(c);
		break;
	case CONN_TUNNEL:
		tunnel_pump(c, &c->client);
		break;
	case CONN_LINGER:
		linger(c, true);
		break;
	}
}

static void client_ready(struct loop_fd *f, uint32_t events)
{
	struct side *s = CONTAINER_OF(f, struct side, watch);
	struct conn *c = CONTAINER_OF(s, struct conn, client);

	if (events & EPOLLHUP)
		s->gone = true;
	if (side_blocked(s) && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		side_flush(s);
		if (!side_blocked(s))
			client_unblocked(c);
	}
	if (!c->dead && client_may_read(c) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		client_readable(c);
	if (!c->dead && c->client.gone && c->client.eof && c->state != CONN_CHECK &&
	    !side_blocked(&c->engine))
		conn_kill(c); /* nobody is left to answer */
	if (!c->dead)
		conn_update(c);
}
