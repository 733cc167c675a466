/* SPDX-License-Identifier: Apache-2.0 */
#include "control/proto.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/util.h"

/* docs/protocol-control.md */
static_assert(sizeof(struct control_header) == 16, "header");
static_assert(offsetof(struct control_header, serial) == 8, "header.serial");
static_assert(sizeof(struct control_id) == 64, "id");
static_assert(sizeof(struct control_asker) == 80 + 4 * CONTROL_GROUPS_MAX, "asker");
static_assert(offsetof(struct control_asker, groups) == 80, "asker.groups");
static_assert(sizeof(struct control_copy) == 72 + CONTROL_PATH_MAX + CONTROL_USER_MAX, "copy");
static_assert(sizeof(struct control_asker) == 4176, "asker");
static_assert(offsetof(struct control_path, items) == 4184, "path");
static_assert(offsetof(struct control_text, text) == 68, "text");
static_assert(sizeof(struct control_file) == 68, "file");
static_assert(offsetof(struct control_request, id) == 24, "body");
static_assert(sizeof(struct control_answer) == 24, "answer");
static_assert(sizeof(struct control_policy) == 8, "policy");
static_assert(offsetof(struct control_child, line) == 4180, "child");
static_assert(offsetof(struct control_kin, line) == 68, "kin");

bool control_id_ok(const char id[CONTROL_ID_LEN])
{
	for (size_t i = 0; i < CONTROL_ID_LEN; i++)
		if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f')))
			return false;
	return true;
}

static bool zeroes(const void *p, size_t n)
{
	const char *c = p;

	for (size_t i = 0; i < n; i++)
		if (c[i])
			return false;
	return true;
}

static int check_asker(const struct control_asker *a, struct err *err)
{
	if (a->ngroups > CONTROL_GROUPS_MAX)
		return err_set(err, -EPROTO, "too many groups");
	if (a->flags &
	    ~(uint32_t)(CONTROL_GROUPS_TRUNCATED | CONTROL_HAS_BINDS | CONTROL_OWN_NUMBER))
		return err_set(err, -EPROTO, "unknown flags");
	if (!zeroes(a->groups + a->ngroups, (CONTROL_GROUPS_MAX - a->ngroups) * sizeof(uint32_t)))
		return err_set(err, -EPROTO, "bytes beyond the groups");
	if (a->uid == UINT32_MAX || a->gid == UINT32_MAX)
		return err_set(err, -EPROTO, "no user");
	return 0;
}

static int check_copy(const struct control_copy *c, size_t nfds, struct err *err)
{
	size_t n = strnlen(c->path, sizeof(c->path));
	size_t u = strnlen(c->user, sizeof(c->user));

	if (c->mode > CONTROL_COPY_PUT)
		return err_set(err, -EPROTO, "unknown copy mode");
	if (c->flags & ~(uint32_t)(CONTROL_COPY_NO_OVERWRITE_DIR | CONTROL_COPY_UIDGID))
		return err_set(err, -EPROTO, "unknown flags");
	if (n == 0 || n == sizeof(c->path) || !zeroes(c->path + n, sizeof(c->path) - n))
		return err_set(err, -EPROTO, "bad path");
	if (u == sizeof(c->user) || !zeroes(c->user + u, sizeof(c->user) - u))
		return err_set(err, -EPROTO, "bad user");
	if (nfds != (c->mode == CONTROL_COPY_STAT ? 0u : 1u))
		return err_set(err, -EPROTO, "wrong number of descriptors");
	return 0;
}

static bool no_container(const char id[CONTROL_ID_LEN])
{
	for (size_t i = 0; i < CONTROL_ID_LEN; i++)
		if (id[i] != '0')
			return false;
	return true;
}

static bool is_item(struct slice s, unsigned flags)
{
	return s.n > 0 && s.n < CONTROL_PATH_MAX && !memchr(s.p, '\0', s.n) &&
	       (s.p[0] == '/' || (flags & (CONTROL_PATH_RULE | CONTROL_PATH_CDI)));
}

static bool flags_ok(unsigned flags)
{
	static const unsigned of_folders = CONTROL_PATH_MAKE | CONTROL_PATH_RECURSIVE;
	unsigned kind = flags & ~(unsigned)CONTROL_PATH_PREDICT;

	return kind == CONTROL_PATH_DEVICE || kind == CONTROL_PATH_RULE ||
	       kind == CONTROL_PATH_CDI || !(kind & ~of_folders);
}

bool control_path_add(struct control_request *q, struct slice path, unsigned flags)
{
	struct control_path *p = &q->path;

	if (!is_item(path, flags) || p->n == CONTROL_PATHS_MAX ||
	    path.n + 2 > sizeof(p->items) - p->size)
		return false;
	p->items[p->size] = (char)flags;
	memcpy(p->items + p->size + 1, path.p, path.n);
	p->items[p->size + 1 + path.n] = '\0';
	p->size += (uint32_t)path.n + 2;
	p->n++;
	q->size = (uint32_t)offsetof(struct control_path, items) + p->size;
	return true;
}

bool control_path_next(const struct control_path *p, size_t *at, const char **ret_path,
		       unsigned *ret_flags)
{
	if (*at + 1 >= p->size) /* a lone byte of flags is no path */
		return false;
	*ret_flags = (unsigned char)p->items[*at];
	*ret_path = p->items + *at + 1;
	*at += strlen(*ret_path) + 2;
	return true;
}

static int check_path(const struct control_request *q, struct err *err)
{
	const struct control_path *p = &q->path;
	const char *path;
	unsigned flags;
	size_t at = 0;
	uint32_t n = 0;

	if (q->size < offsetof(struct control_path, items) || p->size == 0 ||
	    p->size != q->size - offsetof(struct control_path, items) ||
	    p->items[p->size - 1] != '\0')
		return err_set(err, -EPROTO, "wrong size of paths");
	while (control_path_next(p, &at, &path, &flags)) {
		n++;
		if (!is_item(slice_str(path), flags))
			return err_set(err, -EPROTO, "bad path");
		if (!flags_ok(flags))
			return err_set(err, -EPROTO, "unknown flags");
	}
	if (at != p->size || n != p->n || n > CONTROL_PATHS_MAX)
		return err_set(err, -EPROTO, "wrong number of paths");
	if (!no_container(p->asker.id))
		return err_set(err, -EPROTO, "an id where none belongs");
	return check_asker(&p->asker, err);
}

static bool is_line(const char line[][CONTROL_ID_LEN], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!control_id_ok(line[i]))
			return false;
	return n > 0;
}

static int check_child(const struct control_request *q, struct err *err)
{
	const struct control_child *c = &q->child;

	if (q->size < offsetof(struct control_child, line) || c->n > CONTROL_LINE_MAX ||
	    q->size != offsetof(struct control_child, line) + c->n * sizeof(c->line[0]))
		return err_set(err, -EPROTO, "wrong size of a line");
	if (!is_line(c->line, c->n))
		return err_set(err, -EPROTO, "bad line");
	return check_asker(&c->asker, err);
}

int control_kin_next(struct slice *rest, struct control_kin *ret)
{
	size_t head = offsetof(struct control_kin, line);
	size_t n;

	if (rest->n == 0)
		return 0;
	if (rest->n < head)
		return -EPROTO;
	memcpy(ret, rest->p, head);
	if (ret->n > CONTROL_LINE_MAX || !control_id_ok(ret->id))
		return -EPROTO;
	n = ret->n * sizeof(ret->line[0]);
	if (rest->n < head + n)
		return -EPROTO;
	memcpy(ret->line, rest->p + head, n);
	*rest = slice_from(*rest, head + n);
	return is_line((const char(*)[CONTROL_ID_LEN])ret->line, ret->n) ? 1 : -EPROTO;
}

static int check_text(const struct control_request *q, struct err *err)
{
	const struct control_text *t = &q->text;

	if (q->size < offsetof(struct control_text, text) || t->size == 0 ||
	    t->size != q->size - offsetof(struct control_text, text))
		return err_set(err, -EPROTO, "wrong size of a text");
	if (memchr(t->text, '\0', t->size) || memchr(t->text, '\n', t->size))
		return err_set(err, -EPROTO, "a text of more than one line");
	if (q->header.op == CONTROL_AUDIT && !no_container(t->id))
		return err_set(err, -EPROTO, "an id where none belongs");
	return 0;
}

static int check_file(const struct control_request *q, size_t nfds, struct err *err)
{
	const struct control_file *f = &q->file;

	if (f->which >= CONTROL_FILES ||
	    (q->header.op == CONTROL_KEEP && f->which != CONTROL_FILE_DIGESTS))
		return err_set(err, -EPROTO, "unknown file");
	if (f->which != CONTROL_FILE_GRANT && !no_container(f->id))
		return err_set(err, -EPROTO, "an id where none belongs");
	if (nfds != (q->header.op == CONTROL_KEEP ? 1u : 0u))
		return err_set(err, -EPROTO, "wrong number of descriptors");
	return 0;
}

static int check_body(const struct control_request *q, size_t nfds, struct err *err)
{
	switch ((enum control_op)q->header.op) {
	case CONTROL_RECORD:
		return check_asker(&q->asker, err);
	case CONTROL_CHILD:
		return check_child(q, err);
	case CONTROL_COPY:
		return check_copy(&q->copy, nfds, err);
	case CONTROL_PATH:
		return check_path(q, err);
	case CONTROL_GRANT:
	case CONTROL_AUDIT:
		return check_text(q, err);
	case CONTROL_OPEN:
	case CONTROL_KEEP:
		return check_file(q, nfds, err);
	case CONTROL_PING:
	case CONTROL_STATUS:
	case CONTROL_DOWN:
	case CONTROL_FORGET:
	case CONTROL_ASKER:
	case CONTROL_REFRESH:
	case CONTROL_LIST:
	case CONTROL_GRANTS:
	case CONTROL_SOCKET:
	case CONTROL_POLICY:
	case CONTROL_KIN:
	case CONTROL_OPS:
		return 0;
	}
	return 0;
}

/* Size of the body of each op, the largest where it varies. */
static const size_t body_size[CONTROL_OPS] = {
	[CONTROL_RECORD] = sizeof(struct control_asker),
	[CONTROL_FORGET] = sizeof(struct control_id),
	[CONTROL_ASKER] = sizeof(struct control_id),
	[CONTROL_REFRESH] = sizeof(struct control_id),
	[CONTROL_COPY] = sizeof(struct control_copy),
	[CONTROL_LIST] = sizeof(struct control_id),
	[CONTROL_PATH] = sizeof(struct control_path),
	[CONTROL_GRANT] = sizeof(struct control_text),
	[CONTROL_GRANTS] = sizeof(struct control_id),
	[CONTROL_SOCKET] = sizeof(struct control_id),
	[CONTROL_OPEN] = sizeof(struct control_file),
	[CONTROL_KEEP] = sizeof(struct control_file),
	[CONTROL_AUDIT] = sizeof(struct control_text),
	[CONTROL_CHILD] = sizeof(struct control_child),
	[CONTROL_KIN] = sizeof(struct control_id),
};

static bool varies(unsigned op)
{
	return op == CONTROL_PATH || op == CONTROL_GRANT || op == CONTROL_AUDIT ||
	       op == CONTROL_CHILD;
}

static bool takes_fd(unsigned op)
{
	return op == CONTROL_COPY || op == CONTROL_KEEP || op == CONTROL_AUDIT;
}

int control_request_check(const struct control_request *q, size_t n, size_t nfds, struct err *err)
{
	const struct control_header *h = &q->header;
	size_t head = offsetof(struct control_request, id);

	if (n < head)
		return err_set(err, -EPROTO, "message too short");
	if (h->magic != CONTROL_MAGIC || h->version != CONTROL_VERSION)
		return err_set(err, -EPROTO, "not version %d of this protocol", CONTROL_VERSION);
	if (h->op == 0 || h->op >= CONTROL_OPS)
		return err_set(err, -EPROTO, "unknown operation %u", h->op);
	if (q->size != n - head || q->reserved != 0 ||
	    (varies(h->op) ? q->size > body_size[h->op] : q->size != body_size[h->op]))
		return err_set(err, -EPROTO, "wrong size");
	if (nfds > (takes_fd(h->op) ? 1u : 0u))
		return err_set(err, -EPROTO, "unexpected descriptor");
	if (body_size[h->op] > 0 && !control_id_ok(q->id.id))
		return err_set(err, -EPROTO, "bad container id");
	return check_body(q, nfds, err);
}

int control_request_send(int sock, struct control_request *q, int fd)
{
	size_t n = offsetof(struct control_request, id) + q->size;
	ssize_t r;

	q->header.magic = CONTROL_MAGIC;
	q->header.version = CONTROL_VERSION;
	r = sock_send_fds(sock, q, n, &fd, fd >= 0 ? 1 : 0);
	return r < 0 ? (int)r : (size_t)r == n ? 0 : -EIO;
}

ssize_t control_request_recv(int sock, struct control_request *ret, int *ret_fd, size_t *ret_nfds)
{
	int fd = -EBADF;
	size_t nfds = 0;
	ssize_t r;

	r = sock_recv_fds(sock, ret, sizeof(*ret), &fd, 1, &nfds);
	if (r < 0)
		return r;
	*ret_fd = nfds ? fd : -EBADF;
	*ret_nfds = nfds;
	return r;
}

int control_answer_send(int sock, const struct control_header *to, int result, struct slice body,
			int fd)
{
	struct control_answer a = { .header = *to,
				    .result = result,
				    .size = (uint32_t)MIN(body.n, (size_t)CONTROL_ANSWER_MAX) };
	struct iovec iov[2] = { { .iov_base = &a, .iov_len = sizeof(a) },
				{ .iov_base = (void *)body.p, .iov_len = a.size } };
	ssize_t r;

	a.header.magic = CONTROL_MAGIC;
	a.header.version = CONTROL_VERSION;
	r = sock_sendv_fds(sock, iov, 2, &fd, fd >= 0 ? 1 : 0);
	return r < 0 ? (int)r : 0;
}

int control_answer_recv(int sock, struct control_answer *ret, char *body, int *ret_fd)
{
	struct iovec iov[2] = { { .iov_base = ret, .iov_len = sizeof(*ret) },
				{ .iov_base = body, .iov_len = CONTROL_ANSWER_MAX } };
	int fd = -EBADF;
	size_t nfds = 0;
	ssize_t r = sock_recvv_fds(sock, iov, 2, &fd, 1, &nfds);

	*ret_fd = -EBADF;
	if (r <= 0)
		return r == -EMSGSIZE ? -EPROTO : (int)r;
	if ((size_t)r < sizeof(*ret) || ret->header.magic != CONTROL_MAGIC ||
	    ret->header.version != CONTROL_VERSION || ret->size != (size_t)r - sizeof(*ret)) {
		(void)fd_close(nfds ? fd : -EBADF);
		return -EPROTO;
	}
	*ret_fd = nfds ? fd : -EBADF;
	return 1;
}

int control_ask(const char *socket_path, enum control_op op, int timeout_ms, char *body,
		struct err *err)
{
	CLEANUP_FREE struct control_request *q = NULL;
	CLEANUP_FD int sock = sock_connect(socket_path, SOCK_SEQPACKET);
	CLEANUP_FD int fd = -EBADF;
	struct control_answer a;
	struct pollfd p;
	int r;

	if (sock < 0)
		return err_errno(err, sock, "%s", socket_path);
	q = calloc(1, sizeof(*q));
	if (!q)
		return err_errno(err, -ENOMEM, "%s", socket_path);
	q->header.op = (uint16_t)op;
	q->header.serial = 1;
	r = control_request_send(sock, q, -EBADF);
	if (r < 0)
		return err_errno(err, r, "%s", socket_path);
	p = (struct pollfd){ .fd = sock, .events = POLLIN };
	r = poll(&p, 1, timeout_ms);
	if (r < 0)
		return err_errno(err, -errno, "%s", socket_path);
	if (r == 0)
		return err_set(err, -ETIMEDOUT, "gabiond does not answer on %s", socket_path);
	r = control_answer_recv(sock, &a, body, &fd);
	if (r <= 0)
		return err_set(err, -EPIPE, "gabiond hung up on %s", socket_path);
	body[a.size] = '\0';
	if (a.result < 0)
		return err_set(err, a.result, "%s", body);
	return a.result;
}
