/* SPDX-License-Identifier: Apache-2.0 */
#include "port/datagrams.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/util.h"

#define BATCH 64 /* datagrams before others get their turn */

union control {
	struct cmsghdr align;
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* A session with its socket. */
struct talk {
	struct session session;
	struct datagrams *all;
	int fd; /* owned; connected to the container */
	struct loop_fd watch;
	struct loop_deferred gone;
};

/* --- addresses --- */

static struct in6_addr mapped(struct in_addr v4)
{
	struct in6_addr a = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&a.s6_addr[12], &v4, sizeof(v4));
	return a;
}

static struct in_addr unmapped(const struct in6_addr *a)
{
	struct in_addr v4;

	memcpy(&v4, &a->s6_addr[12], sizeof(v4));
	return v4;
}

/* Which of our addresses answers come from; left as it is (none) for a multicast group. */
static void read_local(struct msghdr *msg, struct in6_addr *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			*ret = mapped(v4.ipi_spec_dst);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			if (!IN6_IS_ADDR_MULTICAST(&v6.ipi6_addr))
				*ret = v6.ipi6_addr;
		}
	}
}

static void make_key(const struct addr *from, struct msghdr *msg, size_t listener,
		     struct session_key *ret)
{
	*ret = (struct session_key){ .listener = (uint16_t)listener };
	if (from->any.sa_family == AF_INET6) {
		ret->client = from->v6.sin6_addr;
		ret->scope = from->v6.sin6_scope_id;
		ret->port = from->v6.sin6_port;
	} else {
		ret->client = mapped(from->v4.sin_addr);
		ret->port = from->v4.sin_port;
	}
	read_local(msg, &ret->local);
}

/* Where an answer goes, and from which address. */
static void answer_to(const struct session_key *k, sa_family_t family, struct addr *to,
		      union control *control, struct msghdr *msg)
{
	struct cmsghdr *c = &control->align;
	struct in6_pktinfo v6 = { .ipi6_addr = k->local, .ipi6_ifindex = k->scope };
	struct in_pktinfo v4 = { .ipi_spec_dst = unmapped(&k->local) };

	*control = (union control){ .align = { 0 } };
	if (family == AF_INET6) {
		to->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						.sin6_port = k->port,
						.sin6_addr = k->client,
						.sin6_scope_id = k->scope };
		to->len = sizeof(to->v6);
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(v6));
		memcpy(CMSG_DATA(c), &v6, sizeof(v6));
		msg->msg_controllen = sizeof(control->v6);
	} else {
		to->v4 = (struct sockaddr_in){ .sin_family = AF_INET,
					       .sin_port = k->port,
					       .sin_addr = unmapped(&k->client) };
		to->len = sizeof(to->v4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(v4));
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
		msg->msg_controllen = sizeof(control->v4);
	}
	msg->msg_control = control;
	msg->msg_name = &to->any;
	msg->msg_namelen = to->len;
}

/* --- sessions --- */

static void free_talk(struct loop_deferred *d)
{
	free(CONTAINER_OF(d, struct talk, gone));
}

static void end_talk(struct talk *t)
{
	sessions_remove(&t->all->sessions, &t->session);
	loop_fd_stop(&t->watch);
	t->fd = fd_close(t->fd);
	loop_defer(t->all->loop, &t->gone, free_talk);
}

static void expire(struct loop_timer *timer)
{
	struct datagrams *d = CONTAINER_OF(timer, struct datagrams, expiry);
	struct session *s = sessions_expired(&d->sessions, d->loop->now_ns);

	for (; s; s = sessions_expired(&d->sessions, d->loop->now_ns))
		end_talk(CONTAINER_OF(s, struct talk, session));
	if (d->sessions.count > 0)
		loop_timer_at(d->loop, timer, sessions_next_ns(&d->sessions), expire);
}

static void answer(struct talk *t, size_t n)
{
	struct datagrams *d = t->all;
	const struct datagrams_listener *l = &d->listeners[t->session.key.listener];
	struct iovec iov = { d->buffer, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct addr to;

	answer_to(&t->session.key, l->family, &to, &control, &msg);
	(void)sendmsg(l->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	sessions_touch(&d->sessions, &t->session, d->loop->now_ns, true);
}

/* From the container. An error says that an earlier datagram found nobody: the next may. */
static void talk_ready(struct loop_fd *f, uint32_t events)
{
	struct talk *t = CONTAINER_OF(f, struct talk, watch);

	(void)events;
	for (size_t i = 0; i < BATCH; i++) {
		ssize_t n = recv(t->fd, t->all->buffer, DATAGRAMS_SIZE, MSG_DONTWAIT);

		if (n >= 0)
			answer(t, (size_t)n);
		else if (errno == EAGAIN)
			return;
	}
}

static struct talk *begin_talk(struct datagrams *d, const struct session_key *key)
{
	struct talk *t;
	int r;

	if (sessions_full(&d->sessions))
		end_talk(CONTAINER_OF(sessions_oldest(&d->sessions), struct talk, session));
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->all = d;
	t->session.key = *key;
	t->fd = socket(d->to.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	r = t->fd < 0 || connect(t->fd, &d->to.any, d->to.len) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_fd_start(d->loop, &t->watch, t->fd, EPOLLIN, talk_ready);
	if (r < 0) {
		(void)fd_close(t->fd);
		free(t);
		return NULL;
	}
	sessions_add(&d->sessions, &t->session, d->loop->now_ns);
	if (!d->expiry.armed)
		loop_timer_at(d->loop, &d->expiry, sessions_next_ns(&d->sessions), expire);
	return t;
}

/* From a client. */
static void forward(struct datagrams *d, const struct session_key *key, size_t n)
{
	struct session *s = sessions_find(&d->sessions, key);
	struct talk *t = s ? CONTAINER_OF(s, struct talk, session) : begin_talk(d, key);

	if (!t)
		return;
	/* What is reported first is that an earlier one found nobody; then this one was not sent.
	 */
	if (send(t->fd, d->buffer, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
		(void)send(t->fd, d->buffer, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	sessions_touch(&d->sessions, &t->session, d->loop->now_ns, false);
}

static void listener_ready(struct loop_fd *f, uint32_t events)
{
	struct datagrams_listener *l = CONTAINER_OF(f, struct datagrams_listener, watch);
	struct datagrams *d = l->owner;

	(void)events;
	for (size_t i = 0; i < BATCH; i++) {
		union control control;
		struct session_key key;
		struct addr from = { .len = 0 };
		struct iovec iov = { d->buffer, DATAGRAMS_SIZE };
		struct msghdr msg = { .msg_name = &from.any,
				      .msg_namelen = sizeof(from.v6),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(f->fd, &msg, MSG_DONTWAIT);

		if (n < 0)
			return;
		make_key(&from, &msg, (size_t)(l - d->listeners), &key);
		forward(d, &key, (size_t)n);
	}
}

/* --- all of it --- */

int datagrams_init(struct datagrams *d, struct loop *l, const struct addr *to, size_t max)
{
	unsigned char secret[SESSIONS_KEY_SIZE];

	*d = (struct datagrams){ .loop = l, .to = *to };
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return -EIO;
	d->buffer = malloc(DATAGRAMS_SIZE);
	return d->buffer ? sessions_init(&d->sessions, max, secret) : -ENOMEM;
}

int datagrams_listen(struct datagrams *d, int fd)
{
	struct datagrams_listener *l = &d->listeners[d->nlisteners];
	struct addr own = { .len = sizeof(own.v6) };
	int r;

	assert(d->nlisteners < DATAGRAMS_LISTENERS_MAX);
	if (getsockname(fd, &own.any, &own.len) < 0)
		return -errno;
	l->owner = d;
	l->family = own.any.sa_family;
	r = loop_fd_start(d->loop, &l->watch, fd, EPOLLIN, listener_ready);
	if (r == 0)
		d->nlisteners++;
	return r;
}

void datagrams_done(struct datagrams *d)
{
	struct session *s = sessions_oldest(&d->sessions);

	for (; s; s = sessions_oldest(&d->sessions))
		end_talk(CONTAINER_OF(s, struct talk, session));
	loop_timer_stop(d->loop, &d->expiry);
	for (size_t i = 0; i < d->nlisteners; i++)
		loop_fd_stop(&d->listeners[i].watch);
	sessions_done(&d->sessions);
	free(d->buffer);
	d->buffer = NULL;
}
