/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/serve.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "daemon/serve-channel.h"
#include "settings/asker.h"
#include "settings/records.h"

#define REQUESTS_PER_ROUND 32
#define ACCEPTS_PER_ROUND 8
#define PATH_NS (10 * LOOP_NSEC_PER_SEC)
/* run/control.sock is open to everybody; what one user holds, and what all but root hold, leaves
 * room for the others. */
#define CLIENTS_PER_USER 8u
#define CLIENTS_BUT_ROOT (SERVE_CHANNELS_MAX - 16u)

/* --- channels --- */

static void channel_free(struct loop_deferred *d)
{
	free(CONTAINER_OF(d, struct serve_channel, later));
}

static void answer_free(struct serve_answer *a)
{
	a->fd = fd_close(a->fd);
	free(a);
}

static void channel_drop(struct serve_channel *ch)
{
	struct serve *s = ch->serve;
	bool gate = ch->kind == SERVE_GATE;

	if (ch->dead)
		return;
	ch->dead = true;
	serve_copy_drop(ch);
	serve_path_drop(ch);
	while (ch->first) {
		struct serve_answer *a = ch->first;

		ch->first = a->next;
		answer_free(a);
	}
	loop_fd_stop(&ch->watch);
	ch->fd = fd_close(ch->fd);
	s->channels[ch->slot] = NULL;
	loop_defer(s->loop, &ch->later, channel_free);
	if (gate && s->gate_gone)
		s->gate_gone(s->data);
}

static void queue(struct serve_channel *ch, const struct control_header *to, int result,
		  struct slice body, int take_fd)
{
	struct serve_answer *a = calloc(1, sizeof(*a) + body.n);

	if (!a) {
		(void)fd_close(take_fd);
		channel_drop(ch);
		return;
	}
	a->to = *to;
	a->result = result;
	a->fd = take_fd;
	a->size = body.n;
	if (body.n)
		memcpy(a->body, body.p, body.n);
	*ch->last = a;
	ch->last = &a->next;
	if (loop_fd_want(&ch->watch, EPOLLOUT) < 0)
		channel_drop(ch);
}

static void answer(struct serve_channel *ch, const struct control_header *to, int result,
		   struct slice body, int take_fd)
{
	CLEANUP_FD int fd = take_fd;
	int r;

	if (ch->dead)
		return;
	r = ch->first ? -EAGAIN : control_answer_send(ch->fd, to, result, body, fd);
	if (r == -EAGAIN)
		queue(ch, to, result, body, TAKE_FD(fd));
	else if (r < 0)
		channel_drop(ch);
}

void serve_answer(struct serve_channel *ch, const struct control_header *to, int result,
		  struct slice body)
{
	answer(ch, to, result, body, -EBADF);
}

void serve_answer_fd(struct serve_channel *ch, const struct control_header *to, int take_fd)
{
	answer(ch, to, CONTROL_DONE, SLICE_NULL, take_fd);
}

void serve_answer_err(struct serve_channel *ch, const struct control_header *to,
		      const struct err *err)
{
	serve_answer(ch, to, err->code < 0 ? err->code : -EIO, slice_str(err->text));
}

static void send_queued(struct serve_channel *ch)
{
	while (ch->first) {
		struct serve_answer *a = ch->first;
		int r = control_answer_send(ch->fd, &a->to, a->result,
					    (struct slice){ a->body, a->size }, a->fd);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			channel_drop(ch);
			return;
		}
		ch->first = a->next;
		answer_free(a);
	}
	ch->last = &ch->first;
	if (loop_fd_want(&ch->watch, EPOLLIN) < 0)
		channel_drop(ch);
}

void serve_tell_policy(struct serve *s, uint64_t generation)
{
	const struct control_header to = { .op = CONTROL_POLICY };
	const struct control_policy body = { .generation = generation };

	for (size_t i = 0; i < SERVE_CHANNELS_MAX; i++)
		if (s->channels[i] && s->channels[i]->kind == SERVE_GATE)
			serve_answer(s->channels[i], &to, CONTROL_DONE,
				     (struct slice){ (const char *)&body, sizeof(body) });
}

/* --- what is asked --- */

typedef void (*handler)(struct serve_channel *ch, const struct control_request *q, int take_fd);

static void on_ping(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	(void)fd_close(take_fd);
	serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
}

static void on_status(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	CLEANUP_BUF struct buf json = BUF_INIT(CONTROL_ANSWER_MAX);
	struct serve *s = ch->serve;

	(void)fd_close(take_fd);
	if (s->status)
		s->status(s->data, &json);
	else
		buf_add_str(&json, "{}");
	if (buf_ok(&json))
		serve_answer(ch, &q->header, CONTROL_DONE, buf_slice(&json));
	else
		serve_answer(ch, &q->header, -EFBIG, SLICE_LIT("there is too much to say"));
}

static void on_down(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	struct serve *s = ch->serve;

	(void)fd_close(take_fd);
	if (ch->uid != 0 && !(s->instance->private_dir && ch->uid == s->owner)) {
		serve_answer(ch, &q->header, CONTROL_DENIED,
			     SLICE_LIT("only root and the owner of the instance may do that"));
		return;
	}
	serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
	if (s->down)
		s->down(s->data);
}

static void id_text(const char id[CONTROL_ID_LEN], char ret[CONTROL_ID_LEN + 1])
{
	memcpy(ret, id, CONTROL_ID_LEN);
	ret[CONTROL_ID_LEN] = '\0';
}

static void on_record(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	char id[CONTROL_ID_LEN + 1];
	struct err err = ERR_INIT;
	struct asker a = { .uid = q->asker.uid,
			   .gid = q->asker.gid,
			   .truncated = q->asker.flags & CONTROL_GROUPS_TRUNCATED,
			   .binds = q->asker.flags & CONTROL_HAS_BINDS,
			   .own_number = q->asker.flags & CONTROL_OWN_NUMBER,
			   .ngroups = q->asker.ngroups };

	static_assert(ASKER_GROUPS_MAX >= CONTROL_GROUPS_MAX, "groups");
	static_assert(sizeof(a.line) == sizeof(q->child.line), "lines");
	(void)fd_close(take_fd);
	id_text(q->asker.id, id);
	memcpy(a.groups, q->asker.groups, a.ngroups * sizeof(a.groups[0]));
	if (q->header.op == CONTROL_CHILD) { /* begins as the other one */
		a.nline = q->child.n;
		memcpy(a.line, q->child.line, a.nline * sizeof(a.line[0]));
	}
	if (asker_store(ch->serve->instance->lib, id, &a, &err) < 0) {
		log_error("record of container %.12s: %s", id, err.text);
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
}

static void on_forget(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	char id[CONTROL_ID_LEN + 1];
	struct err err = ERR_INIT;

	(void)fd_close(take_fd);
	id_text(q->id.id, id);
	if (serve_grant_forget(ch->serve, id, &err) < 0 ||
	    asker_forget(ch->serve->instance->lib, id, &err) < 0)
		serve_answer_err(ch, &q->header, &err);
	else
		serve_answer(ch, &q->header, CONTROL_DONE, SLICE_NULL);
}

static void on_asker(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	char id[CONTROL_ID_LEN + 1];
	struct control_asker out = { 0 };
	struct err err = ERR_INIT;
	struct asker a;
	int r;

	(void)fd_close(take_fd);
	id_text(q->id.id, id);
	r = asker_load(ch->serve->instance->lib, id, &a, &err);
	if (r < 0) {
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	if (r == ASKER_NONE) {
		serve_answer(ch, &q->header, CONTROL_NONE, SLICE_NULL);
		return;
	}
	memcpy(out.id, id, CONTROL_ID_LEN);
	out.uid = a.uid;
	out.gid = a.gid;
	out.flags = (a.truncated ? CONTROL_GROUPS_TRUNCATED : 0u) |
		    (a.binds ? CONTROL_HAS_BINDS : 0u) | (a.own_number ? CONTROL_OWN_NUMBER : 0u);
	out.ngroups = (uint32_t)a.ngroups;
	memcpy(out.groups, a.groups, a.ngroups * sizeof(a.groups[0]));
	serve_answer(ch, &q->header, CONTROL_DONE,
		     (struct slice){ (const char *)&out, sizeof(out) });
}

static void on_refresh(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	struct err err = ERR_INIT;
	struct serve_box box;
	int r = serve_box_load(ch->serve->instance, q->id.id, &box, &err);

	(void)fd_close(take_fd);
	if (r == 0)
		r = serve_box_refresh(&box, &err);
	if (r < 0) {
		log_error("view of container %.12s: %s", q->id.id, err.text);
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	serve_answer(ch, &q->header, r, SLICE_NULL);
}

static void on_list(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	const char *folder = q->header.op == CONTROL_GRANTS ? RECORDS_GRANTS : RECORDS_ASKERS;
	CLEANUP_FREE char(*ids)[RECORDS_ID_LEN] = NULL;
	size_t n = 0;

	static_assert(RECORDS_ID_LEN == CONTROL_ID_LEN, "ids");
	(void)fd_close(take_fd);
	if (records_list(ch->serve->instance->lib, folder, q->id.id, &ids, &n) < 0) {
		serve_answer(ch, &q->header, -ENOMEM, SLICE_LIT("out of memory"));
		return;
	}
	n = MIN(n, (size_t)CONTROL_LIST_MAX);
	serve_answer(ch, &q->header, CONTROL_DONE,
		     (struct slice){ (const char *)ids, n * sizeof(*ids) });
}

/* Who may ask what. A request that is not here for its channel is denied. */
static const struct permit {
	enum serve_kind kind;
	handler handle;
} permits[CONTROL_OPS] = {
	[CONTROL_PING] = { SERVE_CLIENT, on_ping },
	[CONTROL_STATUS] = { SERVE_CLIENT, on_status },
	[CONTROL_DOWN] = { SERVE_CLIENT, on_down },
	[CONTROL_RECORD] = { SERVE_GATE, on_record },
	[CONTROL_FORGET] = { SERVE_GATE, on_forget },
	[CONTROL_ASKER] = { SERVE_GATE, on_asker },
	[CONTROL_REFRESH] = { SERVE_GATE, on_refresh },
	[CONTROL_COPY] = { SERVE_GATE, serve_copy_start },
	[CONTROL_LIST] = { SERVE_GATE, on_list },
	[CONTROL_PATH] = { SERVE_GATE, serve_path_ask },
	[CONTROL_GRANT] = { SERVE_GATE, serve_grant },
	[CONTROL_GRANTS] = { SERVE_GATE, on_list },
	[CONTROL_SOCKET] = { SERVE_GATE, serve_socket },
	[CONTROL_OPEN] = { SERVE_GATE, serve_open },
	[CONTROL_KEEP] = { SERVE_GATE, serve_keep },
	[CONTROL_AUDIT] = { SERVE_GATE, serve_audit },
	[CONTROL_CHILD] = { SERVE_GATE, on_record },
	[CONTROL_KIN] = { SERVE_GATE, serve_kin },
};

static void handle(struct serve_channel *ch, const struct control_request *q, size_t n, int fd,
		   size_t nfds)
{
	const struct permit *p;
	struct err err = ERR_INIT;

	if (control_request_check(q, n, nfds, &err) < 0) {
		(void)fd_close(fd);
		log_warning("control channel: %s", err.text);
		if (n < sizeof(q->header) || ch->kind == SERVE_GATE) {
			channel_drop(ch);
			return;
		}
		serve_answer_err(ch, &q->header, &err);
		return;
	}
	p = &permits[q->header.op];
	if (!p->handle || p->kind != ch->kind) {
		(void)fd_close(fd);
		serve_answer(ch, &q->header, CONTROL_DENIED,
			     SLICE_LIT("that may not be asked here"));
		return;
	}
	p->handle(ch, q, fd);
}

static void channel_ready(struct loop_fd *f, uint32_t events)
{
	struct serve_channel *ch = CONTAINER_OF(f, struct serve_channel, watch);

	if (ch->first) {
		if (events & (EPOLLHUP | EPOLLERR))
			channel_drop(ch);
		else
			send_queued(ch);
		return;
	}
	for (int i = 0; i < REQUESTS_PER_ROUND && !ch->dead && !ch->first; i++) {
		struct control_request q;
		int fd = -EBADF;
		size_t nfds = 0;
		ssize_t n = control_request_recv(ch->fd, &q, &fd, &nfds);

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0)
			channel_drop(ch);
		else
			handle(ch, &q, (size_t)n, fd, nfds);
	}
}

/* --- life --- */

static void listen_ready(struct loop_fd *f, uint32_t events)
{
	struct serve_channel *ch = CONTAINER_OF(f, struct serve_channel, watch);

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		int fd = accept4(ch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		(void)serve_add_channel(ch->serve, fd, SERVE_CLIENT);
	}
}

int serve_init(struct serve *s, struct loop *l, const struct instance *instance)
{
	struct stat st;

	*s = (struct serve){ .loop = l,
			     .instance = instance,
			     .path_ns = PATH_NS,
			     .host_mnt = -EBADF,
			     .socket_group = (gid_t)-1,
			     .hold = HOLD_INIT };
	if (instance->private_dir && stat(instance->dir, &st) == 0)
		s->owner = st.st_uid;
	return 0;
}

static int peer_uid(int fd, uid_t *ret)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	*ret = cred.uid;
	return 0;
}

/* May this user have one more connection? */
static bool has_room(const struct serve *s, uid_t uid)
{
	size_t mine = 0;
	size_t all = 0;

	if (uid == 0)
		return true;
	for (size_t i = 0; i < SERVE_CHANNELS_MAX; i++) {
		const struct serve_channel *ch = s->channels[i];

		if (!ch || ch->kind != SERVE_CLIENT || ch->uid == 0)
			continue;
		all++;
		mine += ch->uid == uid;
	}
	return mine < CLIENTS_PER_USER && all < CLIENTS_BUT_ROOT;
}

int serve_add_channel(struct serve *s, int take_fd, enum serve_kind kind)
{
	CLEANUP_FD int fd = take_fd;
	struct serve_channel *ch;
	size_t slot = 0;
	int r;

	while (slot < SERVE_CHANNELS_MAX && s->channels[slot])
		slot++;
	if (slot == SERVE_CHANNELS_MAX)
		return -EMFILE;
	ch = calloc(1, sizeof(*ch));
	if (!ch)
		return -ENOMEM;
	*ch = (struct serve_channel){
		.serve = s, .slot = slot, .kind = kind, .fd = fd, .uid = (uid_t)-1
	};
	ch->last = &ch->first;
	r = fd_nonblock(fd, true);
	if (r == 0 && kind == SERVE_CLIENT)
		r = peer_uid(fd, &ch->uid);
	if (r == 0 && kind == SERVE_CLIENT && !has_room(s, ch->uid))
		r = -EMFILE;
	if (r == 0)
		r = loop_fd_start(s->loop, &ch->watch, fd, EPOLLIN,
				  kind == SERVE_LISTEN ? listen_ready : channel_ready);
	if (r < 0) {
		free(ch);
		return r;
	}
	(void)TAKE_FD(fd);
	s->channels[slot] = ch;
	return 0;
}

void serve_done(struct serve *s)
{
	s->gate_gone = NULL;
	for (size_t i = 0; i < SERVE_CHANNELS_MAX; i++)
		if (s->channels[i])
			channel_drop(s->channels[i]);
	serve_copy_reap(s);
	serve_paths_done(s);
	serve_grants_done(s);
}
