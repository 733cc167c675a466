/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/sock.h"

#define RETRY_NS (20 * LOOP_NSEC_PER_MSEC)
#define CHUNK 4096u

static void probe_try(struct loop_timer *t);

static void probe_hang_up(struct probe *p)
{
	loop_fd_stop(&p->fd);
	p->sock = fd_close(p->sock);
	buf_reset(&p->answer);
}

static void probe_finish(struct probe *p, const char *body)
{
	loop_fd_stop(&p->fd);
	loop_timer_stop(p->loop, &p->timer);
	p->sock = fd_close(p->sock);
	p->loop = NULL;
	p->done(p, body);
	if (!p->loop)
		buf_done(&p->answer);
}

/* Tries again in a moment, unless the time is up. */
static void probe_later(struct probe *p)
{
	probe_hang_up(p);
	if (loop_clock() >= p->end_ns)
		probe_finish(p, NULL);
	else
		loop_timer_in(p->loop, &p->timer, RETRY_NS, probe_try);
}

/* The answer is complete. */
static void probe_judge(struct probe *p)
{
	const char *text = p->answer.p ? p->answer.p : "";
	const char *body = strstr(text, "\r\n\r\n");

	if (body && strncmp(text, "HTTP/1.", 7) == 0 && strncmp(text + 8, " 200", 4) == 0)
		probe_finish(p, body + 4);
	else
		probe_later(p);
}

static void probe_ready(struct loop_fd *f, uint32_t events)
{
	struct probe *p = CONTAINER_OF(f, struct probe, fd);
	char *to = buf_reserve(&p->answer, CHUNK);
	ssize_t n = to ? read(p->sock, to, CHUNK) : -1;

	if (n > 0)
		buf_commit(&p->answer, (size_t)n);
	else if (n == 0)
		probe_judge(p);
	else if (!to || (errno != EAGAIN && errno != EINTR))
		probe_later(p);
}

/* No answer within the time. */
static void probe_expired(struct loop_timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	probe_finish(p, NULL);
}

static void probe_try(struct loop_timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);
	char request[256];
	int n;

	buf_reset(&p->answer);
	p->sock = sock_connect(p->path, p->type | SOCK_NONBLOCK);
	if (p->sock < 0) {
		probe_later(p);
		return;
	}
	if (!p->get) {
		probe_finish(p, "");
		return;
	}
	n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: docker\r\n\r\n", p->get);
	if (send(p->sock, request, (size_t)n, MSG_NOSIGNAL) != n ||
	    loop_fd_start(p->loop, &p->fd, p->sock, EPOLLIN, probe_ready) < 0) {
		probe_later(p);
		return;
	}
	loop_timer_at(p->loop, &p->timer, p->end_ns, probe_expired);
}

void probe_start(struct probe *p, struct loop *l, const char *path, int type, const char *get,
		 uint64_t timeout_ns, void (*done)(struct probe *p, const char *body))
{
	probe_stop(p);
	p->loop = l;
	p->path = path;
	p->type = type;
	p->get = get;
	p->end_ns = loop_clock() + timeout_ns;
	p->done = done;
	loop_timer_in(l, &p->timer, 0, probe_try);
}

void probe_stop(struct probe *p)
{
	if (!p->loop)
		return;
	probe_hang_up(p);
	loop_timer_stop(p->loop, &p->timer);
	buf_done(&p->answer);
	p->loop = NULL;
}
