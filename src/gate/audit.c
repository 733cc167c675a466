/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/sock.h"
#include "base/util.h"
#include "gate/conn.h"
#include "gate/request.h"
#include "settings/auditfile.h"
#include "json/json.h"

#define OPEN_MAX_LINES 256u
#define OPEN_MAX_NAMED 64u /* of these, so many at most hold a descriptor */
#define TARGET_MAX 2048u   /* bytes of a target that are worth keeping */
#define ARENA_BYTES (256u * 1024u)

/* A line on its way to gabiond. */
struct line {
	struct ask_call call;
	struct audit *audit;
	uint64_t told; /* how many lost ones it tells of */
};

void audit_init(struct audit *a, struct gate *g)
{
	*a = (struct audit){ .gate = g };
}

static void on_written(struct ask_call *call, int result, struct slice body)
{
	struct line *l = CONTAINER_OF(call, struct line, call);
	struct audit *a = l->audit;

	a->open--;
	a->telling -= l->told;
	if (result == CONTROL_DONE) {
		a->lost -= l->told;
	} else {
		a->lost++;
		if (!a->complained)
			log_error("audit log: %.*s", SLICE_ARG(body));
	}
	a->complained = result != CONTROL_DONE;
	free(l);
}

static void add(struct arena *a, struct json *o, const char *key, struct json *value)
{
	(void)json_set(a, o, key, value); /* a line that is too long lacks its end */
}

static void add_client(struct arena *a, struct json *o, const struct conn *c)
{
	const struct request *r = c->req;

	add(a, o, "uid", json_new_uint(a, c->uid));
	if (door_is_container(c->door))
		add(a, o, "container", json_new_str(a, c->door->id));
	else
		add(a, o, "pid", json_new_int(a, c->pid));
	if (!r)
		return;
	add(a, o, "method", json_new_slice(a, r->head.method));
	add(a, o, "target",
	    json_new_slice(a, (struct slice){ r->head.target.p,
					      MIN(r->head.target.n, (size_t)TARGET_MAX) }));
}

static void add_text(struct arena *a, struct json *o, const char *key, const char *text)
{
	if (text)
		add(a, o, key, json_new_str(a, text));
}

/* told: how many lines before it were lost. */
static void emit(const struct conn *c, const struct audit_event *e, uint64_t told, struct buf *b)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(ARENA_BYTES);
	struct json *o = json_new(&arena, JSON_OBJECT);
	char now[AUDITFILE_TIME_MAX];

	if (!o)
		return;
	auditfile_now(now);
	add_text(&arena, o, "time", now);
	add_text(&arena, o, "verdict", e->verdict);
	add_text(&arena, o, "rule", e->rule);
	add_client(&arena, o, c);
	add_text(&arena, o, "subject", e->subject);
	if (e->image.n)
		add(&arena, o, "image", json_new_slice(&arena, e->image));
	add_text(&arena, o, "message", e->message);
	add_text(&arena, o, "reason", e->reason);
	add_text(&arena, o, "hint", e->hint);
	add_text(&arena, o, "mark", e->mark);
	add_text(&arena, o, "entry", e->entry);
	if (told)
		add(&arena, o, "lost", json_new_uint(&arena, told));
	json_emit(o, b);
}

/* Of whoever connected, for gabiond to say what it runs: no file can be opened here, and by now its
 * number may be another's: so before Linux 6.5 it was asked for when it came. */
static int process_of(const struct conn *c)
{
	int fd;

	if (c->gate->audit.open > OPEN_MAX_NAMED || !side_is_open(&c->client))
		return -EBADF;
	if (c->process < 0)
		return sock_peer_process(c->client.fd);
	fd = fcntl(c->process, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -EBADF : fd;
}

void audit_conn(const struct conn *c, const struct audit_event *e)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_TEXT_MAX);
	struct audit *a = &c->gate->audit;
	struct control_request *q;
	uint64_t told = a->lost - a->telling;
	struct line *l;

	if (c->gate->ask.fd < 0) /* without gabiond (tests) there is no log */
		return;
	emit(c, e, told, &text);
	if (!buf_ok(&text) || text.n == 0 || a->open >= OPEN_MAX_LINES) {
		a->lost++;
		return;
	}
	l = calloc(1, sizeof(*l));
	q = l ? ask_new(CONTROL_AUDIT) : NULL;
	if (!q) {
		free(l);
		a->lost++;
		return;
	}
	l->audit = a;
	q->size = (uint32_t)(offsetof(struct control_text, text) + text.n);
	memset(q->text.id, '0', CONTROL_ID_LEN);
	q->text.size = (uint32_t)text.n;
	memcpy(q->text.text, text.p, text.n);
	l->told = told;
	a->telling += told;
	a->open++;
	if (ask_start(&c->gate->ask, &l->call, q, process_of(c), on_written) < 0) {
		a->telling -= told;
		a->open--;
		a->lost++;
		free(l);
	}
}
