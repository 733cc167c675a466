/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/frontend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/spec.h"
#include "runtime/runtime.h"

#define PATIENCE_MS 5000
#define ANSWER_MAX 65536u
#define HEAD 9u	 /* of a frame (RFC 9113 section 4.1) */
#define DENIED 7 /* PERMISSION_DENIED of gRPC */

enum frame { FRAME_DATA = 0, FRAME_HEADERS = 1, FRAME_SETTINGS = 4 };
enum flag { FLAG_END_STREAM = 0x1, FLAG_END_HEADERS = 0x4 };

/* BuildKit starts frontends with these variables, and with `run`, as nobody else's containers. */
static bool is_frontend(const struct runtime *rt)
{
	static const char *const names[] = { "BUILDKIT_EXPORTEDPRODUCT=", "BUILDKIT_WORKERS=" };
	const struct json *env = json_at(rt->spec, "process.env");
	unsigned found = 0;

	if (!rt->args.command || strcmp(rt->args.command, "run") != 0)
		return false;
	for (size_t i = 0; json_is(env, JSON_ARRAY) && i < env->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (slice_starts(env->items[i]->text, slice_str(names[k])))
				found |= 1u << k;
	return found == (1u << ARRAY_SIZE(names)) - 1;
}

int frontend_check(const struct runtime *rt, struct err *err)
{
	if (rt->facts.frontends || !is_frontend(rt))
		return 0;
	return err_set(
		err, -EPERM,
		"a Dockerfile's frontend (\"# syntax=\") is refused: in most versions of the "
		"engine's BuildKit it can write files of the host. Take the line out, or, where "
		"all who build are trusted or BuildKit is 0.31.1 or later, set "
		"\"buildFrontends\": \"allow\" in %s/gabion.json",
		rt->inst.etc);
}

static void put_number(struct buf *b, size_t v, unsigned bytes)
{
	while (bytes-- > 0)
		buf_add_char(b, (char)(v >> (8 * bytes) & 0xff));
}

static void put_frame(struct buf *b, enum frame type, unsigned flags, unsigned stream,
		      const struct buf *payload)
{
	put_number(b, payload ? payload->n : 0, 3);
	put_number(b, type, 1);
	put_number(b, flags, 1);
	put_number(b, stream, 4);
	if (payload)
		buf_add_slice(b, buf_slice(payload));
}

/* Literal fields that enter no table (RFC 7541 section 6.2.2); shorter than 127 bytes. */
static void put_header(struct buf *b, const char *name, const char *value)
{
	put_number(b, 0, 1);
	put_number(b, strlen(name), 1);
	buf_add_str(b, name);
	put_number(b, strlen(value), 1);
	buf_add_str(b, value);
}

/* A field of bytes (protocol buffers); numbers up to 15, at most 16383 bytes. */
static void put_field(struct buf *b, unsigned number, struct slice s)
{
	put_number(b, number << 3 | 2, 1);
	if (s.n > 127)
		put_number(b, (s.n & 0x7f) | 0x80, 1);
	put_number(b, s.n > 127 ? s.n >> 7 : s.n, 1);
	buf_add_slice(b, s);
}

/* LLBBridge.Return of frontend/gateway/pb/gateway.proto, with an error (google.rpc.Status). */
static void put_call(struct buf *b, const char *why)
{
	CLEANUP_BUF struct buf headers = BUF_INIT(1024);
	CLEANUP_BUF struct buf status = BUF_INIT(2 * ERR_TEXT_MAX);
	CLEANUP_BUF struct buf request = BUF_INIT(2 * ERR_TEXT_MAX);
	CLEANUP_BUF struct buf message = BUF_INIT(2 * ERR_TEXT_MAX);

	put_header(&headers, ":method", "POST");
	put_header(&headers, ":scheme", "http");
	put_header(&headers, ":path", "/moby.buildkit.v1.frontend.LLBBridge/Return");
	put_header(&headers, ":authority", "localhost");
	put_header(&headers, "content-type", "application/grpc");
	put_header(&headers, "te", "trailers");
	put_number(&status, 1 << 3, 1);
	put_number(&status, DENIED, 1);
	put_field(&status, 2, slice_str(why));
	put_field(&request, 2, buf_slice(&status));
	put_number(&message, 0, 1); /* not compressed */
	put_number(&message, request.n, 4);
	buf_add_slice(&message, buf_slice(&request));
	buf_add_str(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	put_frame(b, FRAME_SETTINGS, 0, 0, NULL);
	put_frame(b, FRAME_HEADERS, FLAG_END_HEADERS, 1, &headers);
	put_frame(b, FRAME_DATA, FLAG_END_STREAM, 1, &message);
}

/* Whether the call's end is there, in frames of the engine. */
static bool is_answered(struct slice s)
{
	while (s.n >= HEAD) {
		const unsigned char *p = (const unsigned char *)s.p;
		size_t size = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];

		if (p[3] == FRAME_HEADERS && (p[4] & FLAG_END_STREAM))
			return true;
		s = slice_from(s, HEAD + size);
	}
	return false;
}

void frontend_tell(const char *why)
{
	CLEANUP_BUF struct buf call = BUF_INIT(8 * ERR_TEXT_MAX);
	CLEANUP_BUF struct buf answer = BUF_INIT(ANSWER_MAX);
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	put_call(&call, why);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!buf_ok(&call) || fd_write_all(STDOUT_FILENO, call.p, call.n) < 0)
		return;
	while (!is_answered(buf_slice(&answer)) && poll(&p, 1, PATIENCE_MS) == 1) {
		char *to = buf_reserve(&answer, 4096);
		ssize_t n = to ? read(STDIN_FILENO, to, 4096) : 0;

		if (n <= 0)
			return;
		buf_commit(&answer, (size_t)n);
	}
}
