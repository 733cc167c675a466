/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works
 *
 * read(2) from /dev/fuse is the instant at which a request becomes ours: from then on the kernel
 * waits for an answer and gives it to nobody else. It is put into the slot by that same call, whose
 * memory is there and locked, so that not even a deadly signal comes between. The slot is emptied
 * after the answer has been written. In between this process may die at any instruction: the next
 * one finds the slot full and does the same again. Everything that is asked may be done twice, but
 * writing, which is noted in the slot when it is done.
 */
#include "vfs/worker.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static uint32_t length_of(const struct control_vfs_slot *slot)
{
	uint32_t n;

	memcpy(&n, slot->request, sizeof(n));
	return n;
}

static void empty(struct control_vfs_slot *slot)
{
	__atomic_store_n((uint32_t *)(void *)slot->request, 0, __ATOMIC_RELEASE);
	__atomic_add_fetch(&slot->rounds, 1, __ATOMIC_RELEASE);
}

/* -ENOENT: somebody answered before, or who asked has gone. */
static int answer(const struct worker *w, const struct fuse_in_header *to, int error,
		  const struct buf *body)
{
	size_t n = error == 0 ? body->n : 0;
	struct fuse_out_header head = { .len = (uint32_t)(sizeof(head) + n),
					.error = error,
					.unique = to->unique };
	struct iovec iov[] = { { &head, sizeof(head) }, { body->p, n } };
	ssize_t r;

	do
		r = writev(w->fuse, iov, n > 0 ? 2 : 1);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -errno : 0;
}

/* What is asked, or what is left of it. Returns as session_handle(). */
static int act(struct worker *w, const struct wire *q, struct buf *body)
{
	struct control_vfs_slot *slot = w->slot;
	int r;

	if (q->head->opcode != FUSE_WRITE)
		return session_handle(w->session, q, body);
	if (__atomic_load_n(&slot->acted, __ATOMIC_ACQUIRE) == q->head->unique) {
		r = slot->result;
		if (r == 0)
			session_written(q, body);
		return r;
	}
	r = session_handle(w->session, q, body);
	slot->result = r;
	__atomic_store_n(&slot->acted, q->head->unique, __ATOMIC_RELEASE);
	return r;
}

int worker_serve(struct worker *w)
{
	struct buf body = BUF_INIT(SESSION_ANSWER_MAX);
	struct wire q;
	bool silent;
	int r;

	if (length_of(w->slot) == 0)
		return 0;
	r = wire_parse(w->slot->request, sizeof(w->slot->request), &q);
	silent = r == WIRE_SILENT || !q.head;
	if (r == WIRE_OTHER)
		r = -ENOSYS;
	else if (r == WIRE_CHANGE)
		r = -EPERM;
	else if (r == WIRE_OK)
		r = act(w, &q, &body);
	if (!silent) {
		r = answer(w, q.head, r, &body);
		if (r == -EINVAL) /* a mistake of ours must not leave anybody waiting */
			r = answer(w, q.head, -EIO, &body);
	}
	buf_done(&body);
	empty(w->slot);
	return r == -ENODEV || r == -ECONNABORTED ? -ENODEV : 0;
}

int worker_run(struct worker *w)
{
	int r = worker_serve(w);

	while (r == 0) {
		ssize_t n = read(w->fuse, w->slot->request, sizeof(w->slot->request));

		if (n < 0) {
			int why = errno;

			empty(w->slot); /* one that nobody waits for any more may be in it */
			if (why == EINTR || why == ENOENT || why == EAGAIN)
				continue;
			return -why;
		}
		if (n == 0)
			return -ENODEV;
		r = worker_serve(w);
	}
	return r;
}
