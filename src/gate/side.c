/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/side.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"

/* Memory of an empty buffer above this is given back. */
#define KEEP_MEMORY 1024u
/* Less than this is copied and not written while the side is corked. */
#define SMALL 8192u
/* side_move(): a read of this much makes it fast, so many splices of less make it slow again. */
#define FAST_BYTES 65536u
#define SLOW_BYTES 8192u
#define SLOW_AFTER 16u
#define PIPE_BYTES (256 * 1024)

int side_open(struct side *s, struct loop *l, int take_fd, size_t in_max, size_t out_max,
	      void (*ready)(struct loop_fd *f, uint32_t events))
{
	int r;

	*s = SIDE_INIT;
	s->in = BUF_INIT(in_max);
	s->out = BUF_INIT(out_max);
	s->fd = take_fd;
	r = loop_fd_start(l, &s->watch, take_fd, EPOLLIN, ready);
	if (r < 0)
		side_close(s);
	return r;
}

void side_close(struct side *s)
{
	loop_fd_stop(&s->watch);
	s->fd = fd_close(s->fd);
	s->pipe[0] = fd_close(s->pipe[0]);
	s->pipe[1] = fd_close(s->pipe[1]);
	s->piped = 0;
	buf_done(&s->in);
	buf_done(&s->out);
}

static void trim(struct buf *b)
{
	if (b->n == 0 && b->size > KEEP_MEMORY)
		buf_done(b);
}

struct slice side_waiting(const struct side *s)
{
	return buf_slice(&s->in);
}

int side_fill(struct side *s, char *scratch, struct slice *ret)
{
	size_t room = SIDE_SCRATCH_SIZE;
	char *to = scratch;
	ssize_t n;

	*ret = buf_slice(&s->in);
	if (s->eof)
		return SIDE_EOF;
	if (s->in.n > 0) {
		room = MIN(room, s->in.max - s->in.n);
		if (room == 0)
			return -ENOBUFS;
		/* Small steps first: most heads that come in two parts are nearly complete. */
		room = MIN(room, MAX(s->in.n, (size_t)4096));
		to = buf_reserve(&s->in, room);
		if (!to)
			return -ENOMEM;
		*ret = buf_slice(&s->in); /* it may have moved */
	}
	n = recv(s->fd, to, room, MSG_DONTWAIT);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return SIDE_AGAIN;
		if (errno != ECONNRESET)
			return -errno;
		n = 0; /* closed with our bytes unread: what it had sent has been read */
	}
	if (n == 0) {
		s->eof = true;
		return SIDE_EOF;
	}
	if (s->in.n > 0) {
		buf_commit(&s->in, (size_t)n);
		*ret = buf_slice(&s->in);
	} else {
		*ret = (struct slice){ scratch, (size_t)n };
	}
	return SIDE_DATA;
}

int side_keep(struct side *s, struct slice rest)
{
	if (s->in.n > 0)
		buf_consume(&s->in, s->in.n - rest.n);
	else if (rest.n > 0)
		buf_add_slice(&s->in, rest);
	trim(&s->in);
	return buf_ok(&s->in) ? 0 : -ENOBUFS;
}

static void broke(struct side *s)
{
	s->broken = true;
	s->piped = 0;
	buf_done(&s->out);
}

/* Bytes written; 0 when the socket is full or broken. */
static size_t write_some(struct side *s, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t w;

	if (s->fd < 0) {
		broke(s);
		return 0;
	}
	w = sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (w >= 0)
		return (size_t)w;
	if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
		broke(s);
	return 0;
}

int side_send(struct side *s, const struct slice *parts, size_t n)
{
	struct iovec iov[SIDE_PARTS_MAX] = { 0 };
	size_t gone = 0;
	size_t all = 0;

	if (s->broken)
		return 0;
	for (size_t i = 0; i < n; i++)
		all += parts[i].n;
	if (s->out.n == 0 && !(s->corked && all < SMALL)) {
		for (size_t i = 0; i < n; i++)
			iov[i] = (struct iovec){ (void *)parts[i].p, parts[i].n };
		gone = write_some(s, iov, n);
	}
	for (size_t i = 0; i < n && !s->broken; i++) {
		size_t skip = MIN(gone, parts[i].n);

		gone -= skip;
		if (skip < parts[i].n)
			buf_add_slice(&s->out, slice_from(parts[i], skip));
	}
	return buf_ok(&s->out) ? 0 : -ENOBUFS;
}

int side_send_buf(struct side *s, const struct buf *b)
{
	struct slice all = buf_slice(b);

	if (!buf_ok(b))
		return -ENOBUFS;
	return all.n ? side_send(s, &all, 1) : 0;
}

/* From the pipe to the socket, as far as it goes. */
static void drain_pipe(struct side *s)
{
	while (s->piped > 0) {
		ssize_t n = splice(s->pipe[0], NULL, s->fd, NULL, s->piped,
				   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (n > 0) {
			s->piped -= (size_t)n;
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR && errno != ENOBUFS))
			broke(s);
		return;
	}
}

void side_flush(struct side *s)
{
	struct iovec iov = { s->out.p, s->out.n };

	if (s->out.n > 0)
		buf_consume(&s->out, write_some(s, &iov, 1));
	if (s->out.n > 0)
		return;
	trim(&s->out);
	drain_pipe(s);
	if (s->shut && !s->broken && s->piped == 0)
		(void)shutdown(s->fd, SHUT_WR);
}

void side_uncork(struct side *s)
{
	s->corked = false;
	side_flush(s);
}

void side_shut(struct side *s)
{
	if (s->shut)
		return;
	s->shut = true;
	if (!side_blocked(s) && !s->broken)
		(void)shutdown(s->fd, SHUT_WR);
}

/* --- moving unseen --- */

static int move_by_copy(struct side *from, struct side *to, char *scratch)
{
	struct slice in;
	int r = side_fill(from, scratch, &in);

	if (r < 0 || in.n == 0)
		return r;
	from->fast = in.n >= FAST_BYTES;
	if (side_send(to, &in, 1) < 0)
		return -ENOBUFS;
	(void)side_keep(from, SLICE_NULL);
	return r;
}

static int move_by_splice(struct side *from, struct side *to)
{
	ssize_t n = splice(from->fd, NULL, to->pipe[1], NULL, PIPE_BYTES,
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return SIDE_AGAIN;
		if (errno != ECONNRESET)
			return -errno;
		n = 0;
	}
	if (n == 0) {
		from->eof = true;
		return SIDE_EOF;
	}
	from->small = n < (ssize_t)SLOW_BYTES ? (unsigned char)(from->small + 1) : 0;
	if (from->small >= SLOW_AFTER) {
		from->small = 0;
		from->fast = false;
	}
	to->piped = (size_t)n;
	drain_pipe(to);
	return SIDE_DATA;
}

static bool need_pipe(struct side *to)
{
	if (to->pipe[0] >= 0)
		return true;
	if (pipe2(to->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		to->pipe[0] = -EBADF;
		to->pipe[1] = -EBADF;
		return false;
	}
	(void)fcntl(to->pipe[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one does, too */
	return true;
}

int side_move(struct side *from, struct side *to, char *scratch)
{
	if (from->fast && from->in.n == 0 && !from->eof && !to->broken && need_pipe(to))
		return move_by_splice(from, to);
	return move_by_copy(from, to, scratch);
}
