/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/doorman.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "gate/door.h"

#define DOORS_MAX 4096u
#define ARENA_BYTES (256u * 1024u)

static void list_next(struct doorman *m);
static void asker_next(struct doorman *m);

static void ask(struct doorman *m, struct control_request *take_q,
		void (*answered)(struct ask_call *c, int result, struct slice body))
{
	if (ask_start(&m->gate->ask, &m->call, take_q, -EBADF, answered) < 0)
		log_error("gabiond cannot be asked which containers have the engine's socket");
}

static void ask_id(struct doorman *m, enum control_op op, const char id[CONTROL_ID_LEN],
		   void (*answered)(struct ask_call *c, int result, struct slice body))
{
	struct control_request *q = ask_new(op);

	if (q) {
		q->size = sizeof(q->id);
		memcpy(q->id.id, id, CONTROL_ID_LEN);
	}
	ask(m, q, answered);
}

static void skip(struct doorman *m, struct slice why)
{
	log_error("container %.12s: its socket is not served: %.*s", m->ids[m->at].id,
		  SLICE_ARG(why));
	m->at++;
	asker_next(m);
}

static void on_socket(struct ask_call *call, int result, struct slice body)
{
	struct doorman *m = CONTAINER_OF(call, struct doorman, call);
	int r = 0;

	if (result < 0) {
		skip(m, body);
		return;
	}
	if (result == CONTROL_DONE)
		r = door_open(m->gate, TAKE_FD(m->gate->ask.got), &m->asker, &m->grant);
	if (r < 0) {
		skip(m, slice_str(strerror(-r)));
		return;
	}
	m->at++;
	asker_next(m);
}

static void on_grant(struct ask_call *call, int result, struct slice body)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_TEXT_MAX);
	struct doorman *m = CONTAINER_OF(call, struct doorman, call);
	struct err err = ERR_INIT;

	arena_done(&m->arena);
	m->arena = ARENA_INIT(ARENA_BYTES);
	if (result != CONTROL_DONE || m->gate->ask.got < 0 ||
	    file_read_fd(m->gate->ask.got, &text) < 0 ||
	    grant_parse(&m->arena, buf_slice(&text), &m->grant, &err) < 0)
		skip(m, result < 0 ? body : SLICE_LIT("its grant cannot be read"));
	else
		ask_id(m, CONTROL_SOCKET, m->ids[m->at].id, on_socket);
}

static void on_asker(struct ask_call *call, int result, struct slice body)
{
	struct doorman *m = CONTAINER_OF(call, struct doorman, call);
	struct control_request *q;

	if (result != CONTROL_DONE || body.n != sizeof(m->asker)) {
		skip(m,
		     result < 0 ? body : SLICE_LIT("nobody is on record as having asked for it"));
		return;
	}
	memcpy(&m->asker, body.p, sizeof(m->asker));
	q = ask_new(CONTROL_OPEN);
	if (q) {
		q->size = sizeof(q->file);
		memcpy(q->file.id, m->ids[m->at].id, CONTROL_ID_LEN);
		q->file.which = CONTROL_FILE_GRANT;
	}
	ask(m, q, on_grant);
}

static void asker_next(struct doorman *m)
{
	/* One that was created meanwhile has its door already. */
	while (m->at < m->n && door_find(m->gate, m->ids[m->at].id))
		m->at++;
	if (m->at < m->n)
		ask_id(m, CONTROL_ASKER, m->ids[m->at].id, on_asker);
	else
		m->done = true;
}

static int take_ids(struct doorman *m, struct slice body)
{
	size_t n = body.n / sizeof(struct control_id);
	struct control_id *more;

	if (m->n + n > DOORS_MAX)
		return -E2BIG;
	more = reallocarray(m->ids, MAX(m->n + n, (size_t)1), sizeof(*m->ids));
	if (!more)
		return -ENOMEM;
	m->ids = more;
	if (n)
		memcpy(m->ids + m->n, body.p, n * sizeof(*m->ids));
	m->n += n;
	return 0;
}

static void on_list(struct ask_call *call, int result, struct slice body)
{
	struct doorman *m = CONTAINER_OF(call, struct doorman, call);

	if (result != CONTROL_DONE || take_ids(m, body) < 0)
		log_error("which containers have the engine's socket is not known: %.*s",
			  SLICE_ARG(result < 0 ? body : SLICE_LIT("too many")));
	else if (body.n == CONTROL_LIST_MAX * sizeof(struct control_id))
		list_next(m);
	else
		asker_next(m);
}

static void list_next(struct doorman *m)
{
	char first[CONTROL_ID_LEN];

	memset(first, '0', sizeof(first));
	ask_id(m, CONTROL_GRANTS, m->n ? m->ids[m->n - 1].id : first, on_list);
}

void doorman_init(struct doorman *m, struct gate *g)
{
	*m = (struct doorman){ .gate = g };
	m->arena = ARENA_INIT(ARENA_BYTES);
	m->call.fd = -EBADF;
}

/* --- which containers were made by which others --- */

static void kin_next(struct doorman *m, const char after[CONTROL_ID_LEN]);

/* Returns 1 when there may be more after *last; 0; -errno. */
static int take_kin(struct doorman *m, struct slice body, char last[CONTROL_ID_LEN])
{
	struct control_kin *k;
	int r;

	if (body.n < CONTROL_ID_LEN)
		return body.n == 0 ? 0 : -EPROTO;
	memcpy(last, body.p, CONTROL_ID_LEN);
	body = slice_from(body, CONTROL_ID_LEN);
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	do {
		r = control_kin_next(&body, k);
		if (r == 1 &&
		    kin_add(&m->gate->kin, k->id, (const char(*)[CONTROL_ID_LEN])k->line, k->n) < 0)
			r = -ENOMEM;
	} while (r == 1);
	free(k);
	return r == 0 ? 1 : r;
}

static void on_kin(struct ask_call *call, int result, struct slice body)
{
	struct doorman *m = CONTAINER_OF(call, struct doorman, call);
	char last[CONTROL_ID_LEN];
	int r = result == CONTROL_DONE ? take_kin(m, body, last) : -EPROTO;

	if (r > 0 && control_id_ok(last)) {
		kin_next(m, last);
		return;
	}
	if (r != 0)
		log_error("which containers were made by others is not known: %.*s",
			  SLICE_ARG(result < 0 ? body : slice_str(strerror(r < 0 ? -r : EPROTO))));
	list_next(m);
}

static void kin_next(struct doorman *m, const char after[CONTROL_ID_LEN])
{
	ask_id(m, CONTROL_KIN, after, on_kin);
}

void doorman_start(struct doorman *m)
{
	char first[CONTROL_ID_LEN];

	memset(first, '0', sizeof(first));
	kin_next(m, first);
}

void doorman_done(struct doorman *m)
{
	ask_cancel(&m->call);
	arena_done(&m->arena);
	free(m->ids);
	m->ids = NULL;
}
