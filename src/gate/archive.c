/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate keeps one end of a socket pair, gabion-cp gets the other through gabiond.
 *
 *   HEAD  one answer: the facts
 *   GET   an answer with the facts (CONTROL_MORE), then the stream until its end of file, and the
 *         final answer; both must have come before the client gets the last chunk
 *   PUT   the stream goes in; the final answer decides; what the client still sends after a failure
 *         is not read
 */
#include "gate/archive.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/fd.h"
#include "gate/answer.h"
#include "gate/door.h"
#include "gate/exchange.h"
#include "gate/images.h"
#include "gate/request.h"
#include "json/json.h"

#define STREAM_IN_MAX (2u * SIDE_SCRATCH_SIZE)
#define STREAM_OUT_MAX (4u * SIDE_SCRATCH_SIZE)
#define STAT_FIELD "X-Docker-Container-Path-Stat"

static bool is_put(const struct conn *c)
{
	return slice_eq_str(c->req->head.method, "PUT");
}

bool archive_wants_body(const struct conn *c)
{
	return is_put(c) && !c->x.up_done;
}

uint32_t archive_worker_wants(const struct conn *c)
{
	uint32_t want = 0;

	if (side_blocked(&c->worker))
		want |= EPOLLOUT;
	if (!is_put(c) && !c->worker.eof && !side_blocked(&c->client))
		want |= EPOLLIN;
	return want;
}

/* --- of a container that does not run --- */

/* Nobody but root can make another thing of these names. */
static bool is_engines_socket(const struct conn *c, const char *source)
{
	const struct profile *p = c->gate->images->policy.profile;

	for (size_t i = 0; p->sockets[i]; i++)
		if (strcmp(source, p->sockets[i]) == 0)
			return true;
	return false;
}

/* False: it is no path, or there is no memory. */
static bool note(struct conn *c, const char *source)
{
	struct edit *e = &c->req->edit;
	char *copy = arena_strdup(&c->arena, source);

	if (!copy || copy[0] != '/' || strlen(copy) >= CONTROL_PATH_MAX)
		return false;
	e->sources[e->nsources++] =
		(struct edit_source){ slice_str(copy), CONTROL_PATH_MAKE | CONTROL_PATH_RECURSIVE };
	return true;
}

/* Also where a plugin says that a volume is. */
static bool is_hosts(const struct json *mount, const char *type)
{
	const char *driver = json_get_str(mount, "Driver");

	return strcmp(type, "bind") == 0 ||
	       (strcmp(type, "volume") == 0 && driver && *driver && strcmp(driver, "local") != 0);
}

void archive_look(struct conn *c, const struct json *container)
{
	const struct json *mounts = json_get(container, "Mounts");
	struct request *r = c->req;
	bool ok = true;

	if (r->how.plain || !json_is(mounts, JSON_ARRAY))
		return;
	r->edit.sources = arena_array(&c->arena, mounts->n + 1, sizeof(*r->edit.sources));
	for (size_t i = 0; ok && r->edit.sources && i < mounts->n; i++) {
		const char *source = json_get_str(mounts->items[i], "Source");
		const char *type = json_get_str(mounts->items[i], "Type");

		if (type && source && is_hosts(mounts->items[i], type) &&
		    !is_engines_socket(c, source))
			ok = note(c, source);
	}
	if (!ok)
		r->edit.sources = NULL;
	r->by_engine = !r->edit.sources || r->edit.nsources > 0;
}

bool archive_refused(struct conn *c)
{
	if (!c->req->by_engine)
		return false;
	if (c->uid == 0 && !door_is_container(c->door) && c->req->edit.sources)
		return false;
	answer_text(c,
		    &(struct answer){ .status = 403,
				      .rule = "archive-host-paths",
				      .hint = "start the container and copy then" },
		    "container %.*s does not run, and paths of the host are bound in it: the "
		    "engine would copy there as root of the host. Start it, and copy then",
		    SLICE_ARG(c->req->subjects[0].name));
	return true;
}

/* --- what is asked --- */

static const struct slice *path_of(const struct conn *c)
{
	return http_target_param(&c->req->target, "path", NULL);
}

static enum control_copy_mode mode_of(const struct conn *c)
{
	if (is_put(c))
		return CONTROL_COPY_PUT;
	return request_is_head(c->req) ? CONTROL_COPY_STAT : CONTROL_COPY_GET;
}

static struct control_request *question(const struct conn *c)
{
	const struct subject *s = &c->req->subjects[0];
	const struct slice *path = path_of(c);
	struct control_request *q = ask_new(CONTROL_COPY);

	if (!q)
		return NULL;
	q->size = sizeof(q->copy);
	memcpy(q->copy.id, s->id, CONTROL_ID_LEN);
	memcpy(q->copy.path, path->p, path->n);
	(void)snprintf(q->copy.user, sizeof(q->copy.user), "%s", s->user);
	q->copy.mode = mode_of(c);
	if (http_target_bool(&c->req->target, "noOverwriteDirNonDir"))
		q->copy.flags |= CONTROL_COPY_NO_OVERWRITE_DIR;
	if (http_target_bool(&c->req->target, "copyUIDGID"))
		q->copy.flags |= CONTROL_COPY_UIDGID;
	return q;
}

/* --- what is answered --- */

static void stat_field(struct slice facts, struct buf *b)
{
	while (facts.n > 0 && facts.p[facts.n - 1] == '\n')
		facts.n--;
	buf_add_str(b, STAT_FIELD ": ");
	base64_encode(BASE64_STD, facts, b);
	buf_add_str(b, "\r\n");
}

/* Status and text of a failure that gabion-cp names: moby's, where moby has one. */
static unsigned status_of(const struct conn *c, const char *word)
{
	if (strcmp(word, "not-found") == 0)
		return 404;
	if (strcmp(word, "read-only") == 0)
		return 400;
	if (strcmp(word, "not-dir") == 0 && is_put(c))
		return 400;
	if (strcmp(word, "gone") == 0)
		return 409;
	return 500;
}

static void answer_failure(struct conn *c, struct slice body)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(1u << 20);
	struct json_limits limits = JSON_LIMITS;
	struct json *v = NULL;
	const char *word;
	const char *text;

	(void)json_parse(&tree, body, &limits, &v, NULL, NULL);
	word = json_get_str(v, "error");
	text = json_get_str(v, "message");
	if (!word || !text)
		answer_text(c, &(struct answer){ .status = 500 }, "copying failed");
	else if (strcmp(word, "not-found") == 0)
		answer_text(c, &(struct answer){ .status = 404 },
			    "Could not find the file %.*s in container %.*s",
			    SLICE_ARG(*path_of(c)), SLICE_ARG(c->req->subjects[0].name));
	else
		answer_text(c, &(struct answer){ .status = status_of(c, word) }, "%s", text);
}

/* The stream has begun, so there is no status left to say it with: the client sees it break off. */
static void broke_off(struct conn *c, struct slice body)
{
	(void)body;
	conn_log(c, "copy", "the stream broke off");
	conn_finish(c);
}

static void get_finished(struct conn *c)
{
	static const struct slice last = { "0\r\n\r\n", 5 };

	if (!c->worker.eof || ask_is_open(&c->call) || side_blocked(&c->client))
		return;
	if (side_send(&c->client, &last, 1) < 0)
		conn_kill(c);
	else if (c->x.last)
		conn_finish(c);
	else
		conn_next_request(c);
}

static void on_facts(struct conn *c, struct slice facts)
{
	CLEANUP_BUF struct buf field = BUF_INIT(131072);

	stat_field(facts, &field);
	if (!buf_ok(&field)) {
		conn_kill(c);
		return;
	}
	if (request_is_head(c->req)) {
		answer_empty(c, 200, field.p);
		return;
	}
	c->x.in_body = true;
	answer_begin_chunks(c, "application/x-tar", field.p);
}

static void on_copy(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);

	conn_timer_stop(c);
	if (result == CONTROL_MORE && !c->x.in_body && !is_put(c))
		on_facts(c, body);
	else if (result == CONTROL_DONE && is_put(c))
		answer_empty(c, 200, "");
	else if (result == CONTROL_DONE && c->x.in_body)
		get_finished(c);
	else if (result == CONTROL_DONE && request_is_head(c->req))
		on_facts(c, body);
	else if (c->x.in_body)
		broke_off(c, body);
	else if (result == CONTROL_FAILED)
		answer_failure(c, body);
	else if (result == CONTROL_NONE)
		answer_text(c, &(struct answer){ .status = 409 },
			    "container %.*s is not running any more",
			    SLICE_ARG(c->req->subjects[0].name));
	else
		answer_text(c, &(struct answer){ .status = result == -EBUSY ? 503 : 500 },
			    "copying failed: %.*s", SLICE_ARG(body));
	conn_update(c);
}

void archive_timed_out(struct conn *c)
{
	ask_cancel(&c->call);
	if (c->x.in_body)
		broke_off(c, SLICE_NULL);
	else
		answer_text(c, &(struct answer){ .status = 504 }, "gabiond does not answer");
}

/* --- the streams --- */

static void pump_get(struct conn *c)
{
	char size[HTTP_CHUNK_HEAD_MAX];
	struct slice parts[3];
	struct slice in;
	int r;

	if (!c->x.in_body || side_blocked(&c->client))
		return;
	r = side_fill(&c->worker, c->gate->scratch, &in);
	if (r < 0) {
		conn_kill(c);
		return;
	}
	if (in.n > 0) {
		parts[0] = (struct slice){ size, http_chunk_head(size, in.n) };
		parts[1] = in;
		parts[2] = SLICE_LIT("\r\n");
		if (side_send(&c->client, parts, 3) < 0) {
			conn_kill(c);
			return;
		}
		(void)side_keep(&c->worker, SLICE_NULL);
	}
	get_finished(c);
}

static void pump_put(struct conn *c)
{
	struct slice in;
	int got;

	if (c->x.up_done || side_blocked(&c->worker))
		return;
	got = side_fill(&c->client, c->gate->scratch, &in);
	if (got < 0) {
		conn_kill(c);
		return;
	}
	while (!c->x.up_done) {
		struct slice piece;
		size_t used;
		int r = http_decode(&c->x.up, in, &used, &piece);

		in = slice_from(in, used);
		if (r == HTTP_PIECE)
			r = side_send(&c->worker, &piece, 1) < 0 ? -ENOBUFS : HTTP_PIECE;
		if (r == HTTP_PIECE_END) {
			c->x.up_done = true;
			side_shut(&c->worker);
		}
		if (r == HTTP_PIECE_MORE)
			break;
		if (r < 0) {
			conn_kill(c);
			return;
		}
	}
	if (side_keep(&c->client, in) < 0 || (got == SIDE_EOF && !c->x.up_done))
		conn_kill(c); /* gabion-cp sees its stream break off, too */
}

static void pump_pipelined(struct conn *c)
{
	struct slice in;

	if (side_fill(&c->client, c->gate->scratch, &in) < 0 || side_keep(&c->client, in) < 0)
		conn_kill(c);
}

void archive_pump(struct conn *c)
{
	if (archive_wants_body(c))
		pump_put(c);
	else if (!c->client.eof)
		pump_pipelined(c);
	if (!c->dead && c->state == CONN_COPY && !is_put(c))
		pump_get(c);
}

static void worker_ready(struct loop_fd *f, uint32_t events)
{
	struct side *s = CONTAINER_OF(f, struct side, watch);
	struct conn *c = CONTAINER_OF(s, struct conn, worker);

	if (side_blocked(s) && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		side_flush(s);
		if (!side_blocked(s))
			pump_put(c);
	}
	if (!c->dead && c->state == CONN_COPY && !is_put(c) &&
	    (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		pump_get(c);
	conn_update(c);
}

/* --- begin --- */

/* The stream's two ends. HEAD has none. */
static int open_stream(struct conn *c, int *ret_other)
{
	int ends[2];
	int r;

	*ret_other = -EBADF;
	if (request_is_head(c->req))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = fd_nonblock(ends[0], true);
	if (r == 0)
		r = side_open(&c->worker, &c->gate->loop, ends[0], STREAM_IN_MAX, STREAM_OUT_MAX,
			      worker_ready);
	else
		(void)fd_close(ends[0]);
	if (r < 0)
		(void)fd_close(ends[1]);
	else
		*ret_other = ends[1];
	return r;
}

bool archive_path_ok(struct conn *c)
{
	const struct slice *path = path_of(c);

	if (!path || path->n == 0)
		answer_text(c, &(struct answer){ .status = 400 },
			    "bad parameter: \"path\" is empty");
	else if (path->n >= CONTROL_PATH_MAX || memchr(path->p, '\0', path->n))
		answer_text(c, &(struct answer){ .status = 400 },
			    "bad parameter: \"path\" is no path");
	else
		return true;
	return false;
}

void archive_begin(struct conn *c)
{
	static const struct slice go_on = { "HTTP/1.1 100 Continue\r\n\r\n", 25 };
	const struct http_head *h = &c->req->head;
	int other;
	int r;

	if (h->minor == 0 && !is_put(c)) {
		answer_text(c, &(struct answer){ .status = 505 }, "archives need HTTP/1.1");
		return;
	}
	c->state = CONN_COPY;
	exchange_reset(c);
	http_decoder_init(&c->x.up, h->body, h->length);
	c->x.up_done = !is_put(c);
	r = open_stream(c, &other);
	if (r == 0)
		r = ask_start(&c->gate->ask, &c->call, question(c), other, on_copy);
	if (r < 0) {
		c->x.up_done = h->body == HTTP_BODY_NONE;
		answer_text(c, &(struct answer){ .status = 503 },
			    "gabiond cannot be asked to copy");
		return;
	}
	if (!is_put(c))
		conn_timer(c, c->gate->limits.ask_seconds);
	else if (h->expect_continue && side_send(&c->client, &go_on, 1) < 0)
		conn_kill(c);
	else
		pump_put(c);
}
