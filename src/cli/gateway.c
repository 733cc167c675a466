/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gateway.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "http/body.h"
#include "policy/texts.h"

#define ANSWER_MAX (16u << 20)
#define REQUEST_MAX (16u << 20)

static int send_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			s = slice_from(s, (size_t)n);
	}
	return 0;
}

static int read_all(int fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			buf_add(b, chunk, (size_t)n);
	}
	return buf_ok(b) ? 0 : -EFBIG;
}

static int parse(struct slice all, const char *method, struct buf *body)
{
	struct http_decoder d;
	struct http_room room;
	struct http_head head;
	struct http_refusal why;
	struct slice piece;
	size_t scanned = 0;
	size_t size;
	size_t used;
	int r;

	if (http_head_find(all, &scanned, &size, &why) != HTTP_OK ||
	    http_response_parse((struct slice){ all.p, size }, slice_str(method), &room, &head,
				&why) != HTTP_OK)
		return -EPROTO;
	all = slice_from(all, size);
	http_decoder_init(&d, head.body, head.length);
	while ((r = http_decode(&d, all, &used, &piece)) == HTTP_PIECE) {
		buf_add_slice(body, piece);
		all = slice_from(all, used);
	}
	if (r < 0 || (r == HTTP_PIECE_MORE && head.body != HTTP_BODY_CLOSE) || !buf_ok(body))
		return -EPROTO;
	return (int)head.status;
}

static void write_request(const struct gateway_request *q, struct buf *b)
{
	buf_printf(b, "%s %s HTTP/1.1\r\nHost: gabion\r\nConnection: close\r\n", q->method,
		   q->target);
	if (q->explain)
		buf_printf(b, "%s: %s\r\n", TEXT_EXPLAIN_FIELD, q->explain);
	if (q->body.p)
		buf_printf(b, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			   q->body.n);
	buf_add_str(b, "\r\n");
	buf_add_slice(b, q->body);
}

int gateway_ask(const struct instance *inst, const struct gateway_request *q, struct buf *body,
		struct err *err)
{
	CLEANUP_BUF struct buf out = BUF_INIT(REQUEST_MAX);
	CLEANUP_BUF struct buf in = BUF_INIT(ANSWER_MAX);
	CLEANUP_FD int fd = -EBADF;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/docker.sock", inst->run);
	fd = sock_connect(path, SOCK_STREAM);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return err_set(err, fd, "nobody answers at %s: is the instance up? (gabion status)",
			       path);
	if (fd < 0)
		return err_errno(err, fd, "%s", path);
	write_request(q, &out);
	if (!buf_ok(&out))
		return err_set(err, -EFBIG, "the request is larger than %u bytes", REQUEST_MAX);
	r = send_all(fd, buf_slice(&out));
	/* Who refuses early does not read to the end. */
	if (r == 0 || r == -EPIPE || r == -ECONNRESET)
		r = read_all(fd, &in);
	if (r == 0)
		r = parse(buf_slice(&in), q->method, body);
	if (r < 0)
		return err_errno(err, r, "%s: the gate's answer", path);
	return r;
}
