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
static_assert(offsetof(struct control_request, id) == 24, "body");
static_assert(sizeof(struct control_answer) == 24, "answer");

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
	if (a->flags & ~(uint32_t)(CONTROL_GROUPS_TRUNCATED | CONTROL_HAS_BINDS))
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

static int check_folder(const struct control_folder *f, struct err *err)
{
	size_t n = strnlen(f->path, sizeof(f->path));

	if (f->path[0] != '/' || n == sizeof(f->path) || !zeroes(f->path + n, sizeof(f->path) - n))
		return err_set(err, -EPROTO, "bad path");
	return check_asker(&f->asker, err);
}

static int check_body(const struct control_request *q, size_t nfds, struct err *err)
{
	switch ((enum control_op)q->header.op) {
	case CONTROL_RECORD:
		return check_asker(&q->asker, err);
	case CONTROL_COPY:
		return check_copy(&q->copy, nfds, err);
	case CONTROL_FOLDER:
		return check_folder(&q->folder, err);
	case CONTROL_PING:
	case CONTROL_STATUS:
	case CONTROL_DOWN:
	case CONTROL_FORGET:
	case CONTROL_ASKER:
	case CONTROL_REFRESH:
	case CONTROL_LIST:
	case CONTROL_OPS:
		return 0;
	}
	return 0;
}

/* Size of the body of each op. */
static const size_t body_size[CONTROL_OPS] = {
	[CONTROL_RECORD] = sizeof(struct control_asker),
	[CONTROL_FORGET] = sizeof(struct control_id),
	[CONTROL_ASKER] = sizeof(struct control_id),
	[CONTROL_REFRESH] = sizeof(struct control_id),
	[CONTROL_COPY] = sizeof(struct control_copy),
	[CONTROL_LIST] = sizeof(struct control_id),
	[CONTROL_FOLDER] = sizeof(struct control_folder),
};

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
	if (q->size != n - head || q->reserved != 0 || q->size != body_size[h->op])
		return err_set(err, -EPROTO, "wrong size");
	if (nfds > 0 && h->op != CONTROL_COPY)
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

int control_answer_send(int sock, const struct control_header *to, int result, struct slice body)
{
	struct control_answer a = { .header = *to,
				    .result = result,
				    .size = (uint32_t)MIN(body.n, (size_t)CONTROL_ANSWER_MAX) };
	struct iovec iov[2] = { { .iov_base = &a, .iov_len = sizeof(a) },
				{ .iov_base = (void *)body.p, .iov_len = a.size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	a.header.magic = CONTROL_MAGIC;
	a.header.version = CONTROL_VERSION;
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int control_answer_recv(int sock, struct control_answer *ret, char *body)
{
	struct iovec iov[2] = { { .iov_base = ret, .iov_len = sizeof(*ret) },
				{ .iov_base = body, .iov_len = CONTROL_ANSWER_MAX } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t r = recvmsg(sock, &msg, 0);

	if (r < 0)
		return -errno;
	if (r == 0)
		return 0;
	if ((size_t)r < sizeof(*ret) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    ret->header.magic != CONTROL_MAGIC || ret->header.version != CONTROL_VERSION ||
	    ret->size != (size_t)r - sizeof(*ret))
		return -EPROTO;
	return 1;
}

int control_ask(const char *socket_path, enum control_op op, int timeout_ms, char *body,
		struct err *err)
{
	CLEANUP_FREE struct control_request *q = NULL;
	CLEANUP_FD int sock = sock_connect(socket_path, SOCK_SEQPACKET);
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
	r = control_answer_recv(sock, &a, body);
	if (r <= 0)
		return err_set(err, -EPIPE, "gabiond hung up on %s", socket_path);
	body[a.size] = '\0';
	if (a.result < 0)
		return err_set(err, a.result, "%s", body);
	return a.result;
}
