/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works
 *
 * connecting  The client has been accepted, the container is being connected to. Nothing is read.
 * relaying    Two flows. What each wants becomes what its two sockets are watched for.
 * flushing    Both flows are over, one end is dead, and the other has not yet taken all that the
 *             dead one had sent: it is reset when it has, or after FLUSH_NS.
 * gone        Closed; freed when the round of events is over.
 *
 * A socket that nothing is wanted from is still watched for errors, until the kernel says that both
 * its directions are closed: that is said again and again, and nothing new can follow. What the
 * error was, the next read or write finds; reading finds first what came before it.
 */
#include "port/streams.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/util.h"

#define ACCEPTS 64 /* before others get their turn */
#define PAUSE_NS (100 * LOOP_NSEC_PER_MSEC)
#define FLUSH_NS (10 * LOOP_NSEC_PER_SEC)
#define FLUSH_LOOK_NS (20 * LOOP_NSEC_PER_MSEC)
/* A peer that has vanished is noticed, since nobody's own keep-alive gets past us. */
#define KEEP_IDLE_S 60
#define KEEP_INTERVAL_S 15

enum side {
	CLIENT,
	CONTAINER,
	SIDES,
};

struct end {
	int fd; /* owned */
	struct loop_fd watch;
	bool dead;   /* broke off */
	bool closed; /* both directions, in order or not, says the kernel */
};

struct stream {
	struct streams *all;
	struct end ends[SIDES];
	struct flow flows[SIDES]; /* from the end of that index to the other */
	bool connected;
	bool news; /* an end has died: the flows have to hear of it */
	uint64_t flush_end_ns;
	struct loop_timer flush;
	struct loop_deferred gone;
};

/* --- the end of a connection --- */

static void set_paused(struct streams *s, bool paused)
{
	s->paused = paused;
	for (size_t i = 0; i < s->nlisteners; i++)
		(void)loop_fd_want(&s->listeners[i].watch, paused ? 0 : EPOLLIN);
}

static void free_stream(struct loop_deferred *d)
{
	free(CONTAINER_OF(d, struct stream, gone));
}

/* Closing a socket with this sends a reset, and drops what has not been sent. */
static void make_abortive(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void close_stream(struct stream *c)
{
	struct streams *s = c->all;

	loop_timer_stop(s->loop, &c->flush);
	for (enum side i = CLIENT; i < SIDES; i++) {
		loop_fd_stop(&c->ends[i].watch);
		if (c->ends[!i].dead)
			make_abortive(c->ends[i].fd);
		c->ends[i].fd = fd_close(c->ends[i].fd);
		flow_done(&c->flows[i]);
	}
	s->count--;
	if (s->paused && !s->again.armed)
		set_paused(s, false);
	loop_defer(s->loop, &c->gone, free_stream);
}

static void kill_stream(struct stream *c)
{
	c->ends[CLIENT].dead = true;
	c->ends[CONTAINER].dead = true;
	close_stream(c);
}

/* Bytes that the peer has not acknowledged. */
static bool all_sent(int fd)
{
	int left = 0;

	return ioctl(fd, SIOCOUTQ, &left) < 0 || left == 0;
}

static void look_again(struct loop_timer *t)
{
	struct stream *c = CONTAINER_OF(t, struct stream, flush);
	bool sent = true;

	for (enum side i = CLIENT; i < SIDES; i++)
		sent = sent && (c->ends[i].dead || all_sent(c->ends[i].fd));
	if (sent || loop_clock() >= c->flush_end_ns)
		close_stream(c);
	else
		loop_timer_in(c->all->loop, t, FLUSH_LOOK_NS, look_again);
}

static void finish(struct stream *c)
{
	if (!c->ends[CLIENT].dead && !c->ends[CONTAINER].dead) {
		close_stream(c);
		return;
	}
	for (enum side i = CLIENT; i < SIDES; i++)
		loop_fd_stop(&c->ends[i].watch);
	c->flush_end_ns = loop_clock() + FLUSH_NS;
	look_again(&c->flush);
}

/* --- relaying --- */

/* Nothing gets there any more, and its end is no orderly one. */
static void end_died(struct stream *c, enum side side)
{
	c->ends[side].dead = true;
	c->flows[side].cut = true;
	c->flows[!side].broken = true;
	c->news = true;
}

static int run_flow(struct stream *c, enum side source)
{
	struct flow *f = &c->flows[source];
	int r = 0;

	if (f->wants != FLOW_NOTHING)
		r = flow_run(f, c->ends[source].fd, c->ends[!source].fd, &c->all->tools);
	if (r > 0)
		end_died(c, r == FLOW_SOURCE_DEAD ? source : !source);
	return MIN(r, 0);
}

static int watch_end(struct stream *c, enum side side)
{
	struct end *e = &c->ends[side];
	uint32_t want = e->closed ? 0 : EPOLLERR;

	if (c->flows[side].wants == FLOW_BYTES)
		want |= EPOLLIN;
	if (c->flows[!side].wants == FLOW_ROOM)
		want |= EPOLLOUT;
	return loop_fd_want(&e->watch, want);
}

enum run_flags {
	RUN_CLIENT = 1u << CLIENT, /* the flow from there */
	RUN_CONTAINER = 1u << CONTAINER,
};

static void run_stream(struct stream *c, unsigned int run)
{
	int r = 0;

	do {
		if (c->news)
			run = RUN_CLIENT | RUN_CONTAINER;
		c->news = false;
		for (enum side i = CLIENT; i < SIDES && r == 0; i++)
			if (run & 1u << i)
				r = run_flow(c, i);
	} while (c->news && r == 0);
	if (r == 0 && c->flows[CLIENT].wants == FLOW_NOTHING &&
	    c->flows[CONTAINER].wants == FLOW_NOTHING) {
		finish(c);
		return;
	}
	for (enum side i = CLIENT; i < SIDES && r == 0; i++)
		r = watch_end(c, i);
	if (r < 0)
		kill_stream(c);
}

static int error_of(int fd)
{
	socklen_t len = sizeof(int);
	int e = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 ? errno : e;
}

/* Whether the container has taken the connection, or will not. */
static void connect_ready(struct stream *c, enum side side, uint32_t events)
{
	if (side == CLIENT || error_of(c->ends[CONTAINER].fd) != 0) {
		end_died(c, side); /* the client has gone, or nobody listens */
		close_stream(c);
		return;
	}
	if (!(events & EPOLLOUT))
		return;
	c->connected = true;
	run_stream(c, RUN_CLIENT | RUN_CONTAINER);
}

static void end_ready(struct stream *c, enum side side, uint32_t events)
{
	struct end *e = &c->ends[side];
	unsigned int run = 0;

	if (!c->connected) {
		connect_ready(c, side, events);
		return;
	}
	e->closed = e->closed || (events & (EPOLLERR | EPOLLHUP));
	if (c->flows[side].wants == FLOW_BYTES)
		run |= 1u << side;
	if (c->flows[!side].wants == FLOW_ROOM)
		run |= 1u << !side;
	run_stream(c, run);
}

static void client_ready(struct loop_fd *f, uint32_t events)
{
	end_ready(CONTAINER_OF(f, struct stream, ends[CLIENT].watch), CLIENT, events);
}

static void container_ready(struct loop_fd *f, uint32_t events)
{
	end_ready(CONTAINER_OF(f, struct stream, ends[CONTAINER].watch), CONTAINER, events);
}

/* --- the beginning --- */

static void set_options(int fd, int protocol)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options) && protocol == IPPROTO_TCP; i++)
		(void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
				 sizeof(options[i].value));
}

/* Takes the client's descriptor. Returns 0, or -errno when it could not be served. */
static int open_stream(struct streams *s, int take_client)
{
	struct stream *c = calloc(1, sizeof(*c));
	int fd = socket(s->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			s->protocol);
	int r = c && fd >= 0 ? 0 : -errno;

	if (r < 0) {
		make_abortive(take_client);
		(void)fd_close(take_client);
		(void)fd_close(fd);
		free(c);
		return r;
	}
	c->all = s;
	c->ends[CLIENT].fd = take_client;
	c->ends[CONTAINER].fd = fd;
	c->flows[CLIENT] = FLOW_INIT;
	c->flows[CONTAINER] = FLOW_INIT;
	s->count++;
	set_options(take_client, s->protocol);
	set_options(fd, s->protocol);
	if (connect(fd, &s->to.any, s->to.len) < 0 && errno != EINPROGRESS) {
		end_died(c, CONTAINER);
		close_stream(c);
		return 0;
	}
	r = loop_fd_start(s->loop, &c->ends[CLIENT].watch, take_client, EPOLLERR, client_ready);
	if (r == 0)
		r = loop_fd_start(s->loop, &c->ends[CONTAINER].watch, fd, EPOLLOUT,
				  container_ready);
	if (r < 0)
		kill_stream(c);
	return r;
}

static void accept_again(struct loop_timer *t)
{
	struct streams *s = CONTAINER_OF(t, struct streams, again);

	if (s->count < s->max)
		set_paused(s, false);
}

/* What a pause helps against. */
static bool out_of_means(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOMEM || e == ENOBUFS;
}

static void accept_ready(struct loop_fd *f, uint32_t events)
{
	struct streams *s = CONTAINER_OF(f, struct streams_listener, watch)->owner;

	(void)events;
	for (size_t i = 0; i < ACCEPTS; i++) {
		int fd;
		int r;

		if (s->count >= s->max) {
			set_paused(s, true); /* until one ends */
			return;
		}
		fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		r = fd < 0 ? -errno : open_stream(s, fd);
		if (r == 0)
			continue;
		if (fd < 0 && !out_of_means(-r))
			return; /* nobody there, or gone already */
		set_paused(s, true);
		loop_timer_in(s->loop, &s->again, PAUSE_NS, accept_again);
		return;
	}
}

int streams_init(struct streams *s, struct loop *l, const struct addr *to, int protocol, size_t max)
{
	*s = (struct streams){ .loop = l, .to = *to, .protocol = protocol, .max = max };
	return flow_tools_init(&s->tools, protocol != IPPROTO_TCP);
}

int streams_listen(struct streams *s, int fd)
{
	struct streams_listener *l = &s->listeners[s->nlisteners];
	int r;

	assert(s->nlisteners < STREAMS_LISTENERS_MAX);
	l->owner = s;
	r = loop_fd_start(s->loop, &l->watch, fd, EPOLLIN, accept_ready);
	if (r == 0)
		s->nlisteners++;
	return r;
}

void streams_done(struct streams *s)
{
	assert(s->count == 0);
	loop_timer_stop(s->loop, &s->again);
	for (size_t i = 0; i < s->nlisteners; i++)
		loop_fd_stop(&s->listeners[i].watch);
	flow_tools_done(&s->tools);
}
