/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/util.h"
#include "gate/conn.h"
#include "settings/ranges.h"

#define ACCEPT_BATCH 16
#define ARENA_BYTES (256u * 1024u)
#define LISTEN_AGAIN_MS 100u
/* So many connections at a time are told that they can't be; others are closed. */
#define TOLD_MAX 64u

static void listen_again(struct loop_timer *t)
{
	struct door *d = CONTAINER_OF(t, struct door, again);

	(void)loop_fd_want(&d->watch, EPOLLIN);
}

/* Out of descriptors or connections: those who wait, wait a little longer. */
static void pause_listening(struct door *d)
{
	(void)loop_fd_want(&d->watch, 0);
	loop_timer_in(&d->gate->loop, &d->again, LISTEN_AGAIN_MS * LOOP_NSEC_PER_MSEC,
		      listen_again);
}

static void conn_come(const struct conn *c)
{
	c->user->conns++;
	if (c->place != CONN_SERVED)
		return;
	c->door->conns++;
	c->gate->nconns++;
	c->gate->nconns_root += gate_user_is_root(c->user);
}

void door_conn_gone(const struct conn *c)
{
	c->user->conns--;
	if (c->place == CONN_SERVED) {
		c->door->conns--;
		c->gate->nconns--;
		c->gate->nconns_root -= gate_user_is_root(c->user);
	}
	gate_user_drop(c->gate, c->user);
}

/* Ids that only containers have. Their binds of the clients' socket are not of that socket; should
 * one get hold of it all the same (a hard link in a folder of root's), it is nobody here. */
static bool is_container(uid_t uid)
{
	return (uid >= RANGES_START && uid - RANGES_START < RANGES_COUNT) || uid >= RANGES_GHOST;
}

static bool others_have_room(const struct gate *g)
{
	return g->nconns - g->nconns_root < gate_conns_others(g);
}

static bool too_many(const struct door *d, const struct gate_user *user)
{
	const struct gate_limits *l = &d->gate->limits;

	if (gate_user_is_root(user))
		return false;
	return !others_have_room(d->gate) || user->conns >= l->conns_per_user ||
	       (door_is_container(d) && d->conns >= l->conns_per_container);
}

/* Who comes in, and as what; NULL: out of memory. Who is only told no is nobody that is counted. */
static struct gate_user *find_place(struct door *d, uid_t uid, enum conn_place *ret)
{
	struct gate *g = d->gate;
	struct gate_user *user;

	*ret = CONN_SUBORDINATE;
	if (uid != 0 && !door_is_container(d) && subordinate_has(&g->subordinate, uid))
		return &g->told;
	user = gate_user(g, uid, door_is_container(d));
	*ret = CONN_SERVED;
	if (!user || !too_many(d, user))
		return user;
	gate_user_drop(g, user);
	*ret = CONN_OVER;
	return &g->told;
}

static void admit(struct door *d, int take_fd)
{
	struct gate *g = d->gate;
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct gate_user *user;
	enum conn_place place;

	if (getsockopt(take_fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0) {
		(void)fd_close(take_fd);
		return;
	}
	if (door_is_container(d)) {
		cred.uid = d->asker->uid;
		cred.gid = d->asker->gid;
	} else if (is_container(cred.uid)) {
		if (gate_may_log(g))
			log_warning("pid %d (uid %u): a container may not use the engine", cred.pid,
				    cred.uid);
		(void)fd_close(take_fd);
		return;
	}
	user = find_place(d, cred.uid, &place);
	if (!user || (place != CONN_SERVED && user->conns >= TOLD_MAX)) {
		(void)fd_close(take_fd);
		return;
	}
	if (conn_new(d, take_fd, user, &cred, place) < 0) {
		gate_user_drop(g, user);
		return;
	}
	conn_come(g->conns);
}

/* Who connects to the clients' socket may be root. */
static bool has_room(const struct door *d)
{
	return d->gate->nconns < gate_conns_max(d->gate) &&
	       (!door_is_container(d) || others_have_room(d->gate));
}

static void ready(struct loop_fd *f, uint32_t events)
{
	struct door *d = CONTAINER_OF(f, struct door, watch);

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;

		if (!has_room(d)) {
			pause_listening(d);
			return;
		}
		fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				pause_listening(d);
			return;
		}
		admit(d, fd);
	}
}

static void door_free(struct loop_deferred *l)
{
	struct door *d = CONTAINER_OF(l, struct door, later);

	arena_done(&d->arena);
	free(d->asker);
	free(d);
}

static int take_container(struct door *d, const struct control_asker *asker,
			  const struct grant *grant)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_TEXT_MAX);
	int r = grant_print(grant, &text);

	if (r == 0)
		r = grant_parse(&d->arena, buf_slice(&text), &d->grant, NULL);
	d->asker = malloc(sizeof(*d->asker));
	if (!d->asker)
		return -ENOMEM;
	*d->asker = *asker;
	memcpy(d->id, asker->id, CONTROL_ID_LEN);
	return r;
}

int door_open(struct gate *g, int take_fd, const struct control_asker *asker,
	      const struct grant *grant)
{
	struct door *d = calloc(1, sizeof(*d));
	int r = d ? 0 : -ENOMEM;

	if (d)
		d->arena = ARENA_INIT(ARENA_BYTES);
	if (r == 0 && asker)
		r = take_container(d, asker, grant);
	if (r == 0) {
		d->gate = g;
		d->fd = take_fd;
		r = fd_nonblock(take_fd, true);
	}
	if (r == 0)
		r = loop_fd_start(&g->loop, &d->watch, take_fd, EPOLLIN, ready);
	if (r < 0) {
		(void)fd_close(take_fd);
		if (d)
			door_free(&d->later);
		return r;
	}
	d->next = g->doors;
	g->doors = d;
	g->ndoors++;
	return 0;
}

static void kill_conns(struct door *d)
{
	struct conn *next;

	for (struct conn *c = d->gate->conns; c; c = next) {
		next = c->next;
		if (c->door == d)
			conn_kill(c);
	}
}

void door_close(struct door *d)
{
	struct door **at = &d->gate->doors;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	d->gate->ndoors--;
	kill_conns(d);
	loop_timer_stop(&d->gate->loop, &d->again);
	loop_fd_stop(&d->watch);
	d->fd = fd_close(d->fd);
	/* After its connections, which look at it to the last. */
	loop_defer(&d->gate->loop, &d->later, door_free);
}

struct door *door_find(struct gate *g, const char id[CONTROL_ID_LEN])
{
	struct door *d = g->doors;

	while (d && memcmp(d->id, id, CONTROL_ID_LEN) != 0)
		d = d->next;
	return d;
}
