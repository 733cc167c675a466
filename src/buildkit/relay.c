/* SPDX-License-Identifier: Apache-2.0 */
#include "buildkit/relay.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"
#include "buildkit/grpc.h"
#include "policy/solve.h"
#include "policy/texts.h"

#define READ_SIZE 65536u
/* Of one read, and what was waiting for its end. */
#define OUT_MAX (4u << 20)
/* What the frontend is told may wait for it, but not for ever. */
#define TOLD_MAX (1u << 20)

/* One direction. */
struct flow {
	int from, to; /* -EBADF: closed */
	struct buf out;
};

struct relay {
	struct flow up, down; /* frontend to engine, engine to frontend */
	struct grpc *grpc;
	relay_refused_fn *refused;
	void *data;
	char scratch[READ_SIZE];
};

static bool on_solve(void *data, const struct solve *solve, struct buf *text)
{
	struct relay *r = data;

	if (!solve->reaches)
		return false;
	buf_printf(text, TEXT_BUILD_REACHES, solve->reaches);
	if (buf_ok(text))
		r->refused(r->data, text->p);
	return true;
}

/* Nobody reads there any more. */
static void stop_writing(struct flow *f)
{
	f->to = fd_close(f->to);
	buf_done(&f->out);
}

static int write_some(struct flow *f)
{
	ssize_t n;

	if (f->to < 0) {
		buf_reset(&f->out);
		return 0;
	}
	n = write(f->to, f->out.p, f->out.n);
	if (n >= 0) {
		buf_consume(&f->out, (size_t)n);
		return 0;
	}
	if (errno == EPIPE)
		stop_writing(f);
	else if (errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

static int read_some(struct relay *r, struct flow *f)
{
	ssize_t n = read(f->from, r->scratch, sizeof(r->scratch));
	struct slice in = { r->scratch, n > 0 ? (size_t)n : 0 };

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		f->from = fd_close(f->from);
		return 0;
	}
	return f == &r->up ? grpc_up(r->grpc, in, &r->up.out, &r->down.out)
			   : grpc_down(r->grpc, in, &r->down.out);
}

static bool may_read(const struct relay *r, const struct flow *f)
{
	return f->from >= 0 && f->out.n == 0 && (f == &r->down || r->down.out.n < TOLD_MAX);
}

/* Ends a direction of which all is passed on. */
static void finish(struct flow *f)
{
	if (f->from < 0 && f->out.n == 0 && f->to >= 0)
		stop_writing(f);
}

static int turn(struct relay *r)
{
	struct flow *const flows[] = { &r->up, &r->down };
	struct pollfd p[2 * ARRAY_SIZE(flows)];
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
		p[2 * i] =
			(struct pollfd){ may_read(r, flows[i]) ? flows[i]->from : -1, POLLIN, 0 };
		p[2 * i + 1] =
			(struct pollfd){ flows[i]->out.n > 0 ? flows[i]->to : -1, POLLOUT, 0 };
	}
	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return errno == EINTR ? 0 : -errno;
	for (size_t i = 0; result == 0 && i < ARRAY_SIZE(flows); i++) {
		if (p[2 * i].revents)
			result = read_some(r, flows[i]);
		if (result == 0 && flows[i]->out.n > 0)
			result = write_some(flows[i]);
	}
	/* A refusal is for the other direction. */
	if (result == 0 && r->up.out.n == 0 && r->down.out.n > 0)
		result = write_some(&r->down);
	for (size_t i = 0; i < ARRAY_SIZE(flows); i++)
		finish(flows[i]);
	return result;
}

static int prepare(const struct relay_fds *fds)
{
	const int all[] = { fds->to_engine, fds->from_engine, fds->to_frontend,
			    fds->from_frontend };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int r = fd_nonblock(all[i], true);

		if (r < 0)
			return r;
	}
	return 0;
}

int relay_run(const struct relay_fds *fds, relay_refused_fn *refused, void *data)
{
	static struct relay r;
	int result = prepare(fds);

	r.up = (struct flow){ fds->from_frontend, fds->to_engine, BUF_INIT(OUT_MAX) };
	r.down = (struct flow){ fds->from_engine, fds->to_frontend, BUF_INIT(OUT_MAX) };
	r.refused = refused;
	r.data = data;
	r.grpc = grpc_new(on_solve, &r);
	if (!r.grpc)
		result = -ENOMEM;
	while (result == 0 && r.up.to >= 0)
		result = turn(&r);
	grpc_free(r.grpc);
	for (size_t i = 0; i < 2; i++) {
		struct flow *f = i ? &r.down : &r.up;

		f->from = fd_close(f->from);
		stop_writing(f);
	}
	return result;
}
