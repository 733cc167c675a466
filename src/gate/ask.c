/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/util.h"

struct control_request *ask_new(enum control_op op)
{
	struct control_request *q = calloc(1, sizeof(*q));

	if (q)
		q->header.op = (uint16_t)op;
	return q;
}

static void unsent_drop(struct ask_call *c)
{
	free(c->unsent);
	c->unsent = NULL;
	c->fd = fd_close(c->fd);
}

void ask_cancel(struct ask_call *c)
{
	if (!c->prev)
		return;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = NULL;
	c->prev = NULL;
	unsent_drop(c);
}

static void answer(struct ask_call *c, int result, struct slice body)
{
	if (result != CONTROL_MORE)
		ask_cancel(c);
	c->answered(c, result, body);
}

/* Newest first in the list; what could not be sent at once waits, and is sent in any order. */
static int send_one(struct ask *a, struct ask_call *c)
{
	int r = control_request_send(a->fd, c->unsent, c->fd);

	if (r == 0)
		unsent_drop(c);
	return r;
}

static void hung_up(struct ask *a)
{
	loop_fd_stop(&a->watch);
	a->fd = fd_close(a->fd);
	while (a->calls)
		answer(a->calls, -EPIPE, SLICE_LIT("gabiond has hung up"));
	a->lost(a);
}

static void send_waiting(struct ask *a)
{
	struct ask_call *next;
	bool more = false;

	for (struct ask_call *c = a->calls; c; c = next) {
		int r = c->unsent ? send_one(a, c) : 0;

		next = c->next;
		if (r == -EAGAIN) {
			more = true;
			break;
		}
		if (r < 0)
			answer(c, r, SLICE_LIT("gabiond could not be asked"));
	}
	(void)loop_fd_want(&a->watch, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void receive(struct ask *a)
{
	struct control_answer head;
	int r = control_answer_recv(a->fd, &head, a->body, &a->got);

	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r <= 0) {
		hung_up(a);
		return;
	}
	if (head.header.serial == 0 && a->told)
		a->told(a, (enum control_op)head.header.op);
	for (struct ask_call *c = a->calls; c; c = c->next) {
		if (c->serial != head.header.serial || c->unsent)
			continue;
		answer(c, head.result, (struct slice){ a->body, head.size });
		break;
	}
	a->got = fd_close(a->got);
}

static void ready(struct loop_fd *f, uint32_t events)
{
	struct ask *a = CONTAINER_OF(f, struct ask, watch);

	if (events & EPOLLOUT)
		send_waiting(a);
	if (a->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(a);
}

int ask_init(struct ask *a, struct loop *l, int take_fd, void (*lost)(struct ask *a))
{
	int r;

	*a = (struct ask){ .loop = l, .fd = take_fd, .got = -EBADF, .lost = lost };
	if (take_fd < 0)
		return 0;
	a->body = malloc(CONTROL_ANSWER_MAX);
	r = a->body ? loop_fd_start(l, &a->watch, a->fd, EPOLLIN, ready) : -ENOMEM;
	if (r < 0)
		ask_done(a);
	return r;
}

void ask_done(struct ask *a)
{
	while (a->calls)
		answer(a->calls, -ECANCELED, SLICE_LIT("the gate stops"));
	loop_fd_stop(&a->watch);
	a->fd = fd_close(a->fd);
	free(a->body);
	a->body = NULL;
}

int ask_start(struct ask *a, struct ask_call *c, struct control_request *take_q, int take_fd,
	      void (*answered)(struct ask_call *c, int result, struct slice body))
{
	int r;

	*c = (struct ask_call){
		.serial = ++a->serial, .unsent = take_q, .fd = take_fd, .answered = answered
	};
	if (!take_q || a->fd < 0) {
		unsent_drop(c);
		return take_q ? -EPIPE : -ENOMEM;
	}
	take_q->header.serial = c->serial;
	c->next = a->calls;
	c->prev = &a->calls;
	if (c->next)
		c->next->prev = &c->next;
	a->calls = c;
	r = send_one(a, c);
	if (r == -EAGAIN)
		r = loop_fd_want(&a->watch, EPOLLIN | EPOLLOUT);
	if (r < 0)
		ask_cancel(c);
	return r;
}
