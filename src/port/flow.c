/* SPDX-License-Identifier: Apache-2.0 */
#include "port/flow.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

#define ROUNDS 16 /* reads before others get their turn */
#define PIPE_BYTES (256 * 1024)
/* A read of this much makes a flow fast, so many splices of less make it slow again. */
#define FAST_BYTES 65536
#define SLOW_BYTES 8192
#define SLOW_AFTER 16

enum step {
	STEP_ON,
	STEP_WAIT,
	STEP_DEAD,
};

int flow_tools_init(struct flow_tools *t, bool copy_only)
{
	*t = (struct flow_tools){ .scratch = malloc(FLOW_SCRATCH_SIZE), .copy_only = copy_only };
	return t->scratch ? 0 : -ENOMEM;
}

void flow_tools_done(struct flow_tools *t)
{
	while (t->npipes > 0) {
		t->npipes--;
		(void)fd_close(t->pipes[t->npipes][0]);
		(void)fd_close(t->pipes[t->npipes][1]);
	}
	free(t->scratch);
	t->scratch = NULL;
}

void flow_done(struct flow *f)
{
	f->pipe[0] = fd_close(f->pipe[0]);
	f->pipe[1] = fd_close(f->pipe[1]);
	f->piped = 0;
	free(f->rest);
	f->rest = NULL;
}

/* --- pipes --- */

static bool take_pipe(struct flow *f, struct flow_tools *t)
{
	if (t->npipes > 0) {
		t->npipes--;
		memcpy(f->pipe, t->pipes[t->npipes], sizeof(f->pipe));
		return true;
	}
	if (pipe2(f->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		f->pipe[0] = -EBADF;
		f->pipe[1] = -EBADF;
		return false;
	}
	(void)fcntl(f->pipe[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one does, too */
	return true;
}

static void give_pipe(struct flow *f, struct flow_tools *t)
{
	if (f->pipe[0] < 0)
		return;
	if (t->npipes < FLOW_PIPES_IDLE) {
		memcpy(t->pipes[t->npipes++], f->pipe, sizeof(f->pipe));
	} else {
		(void)fd_close(f->pipe[0]);
		(void)fd_close(f->pipe[1]);
	}
	f->pipe[0] = -EBADF;
	f->pipe[1] = -EBADF;
}

/* --- steps --- */

static enum step of_errno(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? STEP_WAIT : STEP_DEAD;
}

/* Writes what waits, all of it unless the result is another than STEP_ON. */
static enum step drain(struct flow *f, int sink, struct flow_tools *t)
{
	while (f->rest) {
		ssize_t n = send(sink, f->rest + f->at, f->n - f->at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return of_errno();
		f->at += (size_t)n;
		if (f->at == f->n) {
			free(f->rest);
			f->rest = NULL;
		}
	}
	while (f->piped > 0) {
		ssize_t n = splice(f->pipe[0], NULL, sink, NULL, f->piped,
				   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (n <= 0)
			return n == 0 ? STEP_DEAD : of_errno();
		f->piped -= (size_t)n;
	}
	give_pipe(f, t);
	return STEP_ON;
}

/* What a read brought: end of file and errors are the end of the source. */
static enum step came(struct flow *f, ssize_t n)
{
	if (n > 0)
		return STEP_ON;
	if (n < 0 && of_errno() == STEP_WAIT)
		return STEP_WAIT;
	f->eof = true;
	if (n == 0)
		return STEP_ON;
	f->cut = true;
	return STEP_DEAD;
}

static enum step fill_pipe(struct flow *f, int source, struct flow_tools *t)
{
	ssize_t n = splice(source, NULL, f->pipe[1], NULL, PIPE_BYTES,
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n <= 0) {
		enum step step = came(f, n);

		give_pipe(f, t);
		return step;
	}
	f->piped = (size_t)n;
	f->small = n < SLOW_BYTES ? f->small + 1 : 0;
	if (f->small >= SLOW_AFTER)
		f->fast = false;
	return STEP_ON;
}

static enum step copy(struct flow *f, int source, int sink, struct flow_tools *t, bool *no_memory)
{
	ssize_t n = recv(source, t->scratch, FLOW_SCRATCH_SIZE, MSG_DONTWAIT);
	ssize_t gone;

	if (n <= 0)
		return came(f, n);
	f->fast = !t->copy_only && n >= FAST_BYTES;
	f->small = 0;
	gone = send(sink, t->scratch, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	gone = MAX(gone, (ssize_t)0); /* an error shows again in drain() */
	if (gone == n)		      /* after a short read there is nothing more for now */
		return n < FLOW_SCRATCH_SIZE ? STEP_WAIT : STEP_ON;
	f->rest = malloc((size_t)(n - gone));
	if (!f->rest) {
		*no_memory = true;
		return STEP_DEAD;
	}
	memcpy(f->rest, t->scratch + gone, (size_t)(n - gone));
	f->at = 0;
	f->n = (size_t)(n - gone);
	return STEP_ON;
}

static int pause_for(struct flow *f, enum flow_wants wants)
{
	f->wants = wants;
	return 0;
}

int flow_run(struct flow *f, int source, int sink, struct flow_tools *t)
{
	bool no_memory = false;
	enum step step;

	for (unsigned round = 0; round < ROUNDS; round++) {
		if (f->broken)
			return pause_for(f, FLOW_NOTHING);
		step = drain(f, sink, t);
		if (step == STEP_WAIT)
			return pause_for(f, FLOW_ROOM);
		if (step == STEP_DEAD) {
			f->broken = true;
			(void)pause_for(f, FLOW_NOTHING);
			return FLOW_SINK_DEAD;
		}
		if (f->eof) {
			if (!f->cut)
				(void)shutdown(sink, SHUT_WR);
			return pause_for(f, FLOW_NOTHING);
		}
		if (f->fast && take_pipe(f, t))
			step = fill_pipe(f, source, t);
		else
			step = copy(f, source, sink, t, &no_memory);
		if (no_memory)
			return -ENOMEM;
		if (step == STEP_WAIT)
			return pause_for(f, FLOW_BYTES);
		if (step == STEP_DEAD) {
			/* What came before it may still wait: the next call writes it. */
			(void)pause_for(f, FLOW_ROOM);
			return FLOW_SOURCE_DEAD;
		}
	}
	return pause_for(f, f->rest || f->piped > 0 || f->eof ? FLOW_ROOM : FLOW_BYTES);
}
