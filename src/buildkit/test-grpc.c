/* SPDX-License-Identifier: Apache-2.0 */
/* Client's bytes are made with libnghttp2's encoder, as a client makes them. */
#include "buildkit/grpc.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "policy/solve.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define CAP (4u << 20)
#define PUSH "\x1a\x05image\x22\x0c\x0a\x04push\x12\x04true"
#define NO_PUSH "\x1a\x05image"
#define END_STREAM 1u
#define END_HEADERS 4u
#define PADDED 8u

struct peer {
	struct grpc *g;
	nghttp2_hd_deflater *deflater;
	struct buf sent;   /* what the client has to send */
	struct buf engine; /* what the engine gets */
	struct buf client; /* what the client gets */
	unsigned asked;
	bool deny_all;
};

static bool verdict(void *data, const struct solve *solve, struct buf *text)
{
	struct peer *p = data;

	p->asked++;
	buf_add_str(text, "50% no\n");
	return solve->pushes || solve->reaches || p->deny_all;
}

static int setup(void **state)
{
	struct peer *p = calloc(1, sizeof(*p));

	p->g = grpc_new(verdict, p);
	p->sent = p->engine = p->client = BUF_INIT(CAP);
	if (!p->g || nghttp2_hd_deflate_new(&p->deflater, 4096) != 0)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct peer *p = *state;

	grpc_free(p->g);
	nghttp2_hd_deflate_del(p->deflater);
	buf_done(&p->sent);
	buf_done(&p->engine);
	buf_done(&p->client);
	free(p);
	return 0;
}

static void frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t stream, struct slice payload)
{
	const unsigned char head[] = { (unsigned char)(payload.n >> 16),
				       (unsigned char)(payload.n >> 8),
				       (unsigned char)payload.n,
				       type,
				       flags,
				       (unsigned char)(stream >> 24),
				       (unsigned char)(stream >> 16),
				       (unsigned char)(stream >> 8),
				       (unsigned char)stream };

	buf_add(b, head, sizeof(head));
	buf_add_slice(b, payload);
}

static void block(struct peer *p, const char *path, struct buf *b)
{
	nghttp2_nv fields[] = {
		{ (uint8_t *)":method", (uint8_t *)"POST", 7, 4, 0 },
		{ (uint8_t *)":scheme", (uint8_t *)"http", 7, 4, 0 },
		{ (uint8_t *)":path", (uint8_t *)path, 5, strlen(path), 0 },
		{ (uint8_t *)"content-type", (uint8_t *)"application/grpc", 12, 16, 0 },
	};
	char *room = buf_reserve(b, 4096);
	ssize_t n = nghttp2_hd_deflate_hd(p->deflater, (uint8_t *)room, 4096, fields, 4);

	assert_true(n > 0);
	buf_commit(b, (size_t)n);
}

static void headers(struct peer *p, uint32_t stream, const char *path)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	block(p, path, &b);
	frame(&p->sent, 1, END_HEADERS, stream, buf_slice(&b));
}

static void message(struct buf *b, char flag, struct slice bytes)
{
	buf_add_char(b, flag);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_char(b, (char)(bytes.n >> shift));
	buf_add_slice(b, bytes);
}

static void call(struct peer *p, uint32_t stream, const char *path, struct slice bytes)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	message(&b, 0, bytes);
	headers(p, stream, path);
	frame(&p->sent, 0, END_STREAM, stream, buf_slice(&b));
}

static void start(struct peer *p)
{
	buf_add_str(&p->sent, PREFACE);
	frame(&p->sent, 4, 0, 0, SLICE_LIT(""));
}

static int up(struct peer *p)
{
	return grpc_up(p->g, buf_slice(&p->sent), &p->engine, &p->client);
}

static bool contains(const struct buf *b, const char *text)
{
	return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static void test_what_does_not_push(void **state)
{
	struct peer *p = *state;

	start(p);
	call(p, 1, "/moby.buildkit.v1.Control/ListWorkers", SLICE_LIT(PUSH));
	call(p, 3, SOLVE_PATH, SLICE_LIT(NO_PUSH));
	assert_int_equal(up(p), 0);
	assert_int_equal(p->asked, 1);
	assert_true(slice_eq(buf_slice(&p->engine), buf_slice(&p->sent)));
	assert_int_equal(p->client.n, 0);
}

static void test_a_push(void **state)
{
	struct peer *p = *state;

	start(p);
	call(p, 1, SOLVE_PATH, SLICE_LIT(PUSH));
	call(p, 3, SOLVE_PATH, SLICE_LIT(NO_PUSH));
	assert_int_equal(up(p), 0);
	assert_int_equal(p->asked, 2);
	assert_false(contains(&p->engine, "push"));
	assert_true(contains(&p->client, "grpc-message"));
	assert_true(contains(&p->client, "50%25 no%0A"));
	/* The call is cancelled, the other one goes on. */
	assert_non_null(memmem(p->engine.p, p->engine.n, "\0\0\4\3\0\0\0\0\1\0\0\0\x8", 13));
	assert_true(contains(&p->engine, "image"));
	/* The window of what the engine never saw comes first. */
	assert_memory_equal(p->client.p, "\0\0\4\x8\0\0\0\0\0", 9);
}

/* The client hears of it between frames and header blocks of the engine only. */
static void test_between_frames(void **state)
{
	struct peer *p = *state;
	CLEANUP_BUF struct buf down = BUF_INIT(CAP);
	size_t n;

	frame(&down, 1, 0, 7, SLICE_LIT("half"));
	frame(&down, 9, END_HEADERS, 7, SLICE_LIT("of"));
	frame(&down, 0, 0, 7, SLICE_LIT("a"));
	assert_int_equal(grpc_down(p->g, (struct slice){ down.p, 11 }, &p->client), 0);
	start(p);
	call(p, 1, SOLVE_PATH, SLICE_LIT(PUSH));
	assert_int_equal(up(p), 0);
	assert_int_equal(p->client.n, 11);
	n = 13 + 9 + 2;
	assert_int_equal(grpc_down(p->g, (struct slice){ down.p + 11, n - 11 }, &p->client), 0);
	assert_memory_equal(p->client.p, down.p, n);
	assert_true(contains(&p->client, "grpc-message"));
	assert_int_equal(grpc_down(p->g, slice_from(buf_slice(&down), n), &p->client), 0);
	assert_memory_equal(p->client.p + p->client.n - 10, down.p + n, 10);
}

/* However it is cut: the verdict comes before the engine has the message. */
static void test_in_pieces(void **state)
{
	CLEANUP_BUF struct buf m = BUF_INIT(CAP);
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct peer *p = *state;

	message(&m, 0, SLICE_LIT(PUSH));
	start(p);
	block(p, SOLVE_PATH, &b);
	frame(&p->sent, 1, 0, 1, (struct slice){ b.p, 3 });
	frame(&p->sent, 9, END_HEADERS, 1, slice_from(buf_slice(&b), 3));
	for (size_t i = 0; i < m.n; i++)
		frame(&p->sent, 0, 0, 1, (struct slice){ m.p + i, 1 });
	frame(&p->sent, 0, END_STREAM, 1, SLICE_LIT(""));
	for (size_t i = 0; i < p->sent.n; i++)
		assert_int_equal(grpc_up(p->g, (struct slice){ p->sent.p + i, 1 }, &p->engine,
					 &p->client),
				 0);
	assert_int_equal(p->asked, 1);
	assert_true(contains(&p->client, "grpc-message"));
	assert_int_equal(p->engine.p[p->engine.n - 1], 8); /* the end is CANCEL */
}

static void test_padding(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct peer *p = *state;

	start(p);
	headers(p, 1, SOLVE_PATH);
	buf_add_char(&b, 3);
	message(&b, 0, SLICE_LIT(PUSH));
	buf_add(&b, "\0\0\0", 3);
	frame(&p->sent, 0, END_STREAM | PADDED, 1, buf_slice(&b));
	assert_int_equal(up(p), 0);
	assert_true(contains(&p->client, "grpc-message"));
}

/* What gRPC clients do not send, and another reader might understand differently. */
static void test_refused(void **state)
{
	static const char *const paths[] = {
		"/moby.buildkit.v1.Control/%53olve",	   "/moby.buildkit.v1.Control/Solve?x",
		"http://x/moby.buildkit.v1.Control/Solve", "//moby.buildkit.v1.Control/Solve",
		"moby.buildkit.v1.Control/Solve",	   "*",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct peer *p = *state;

		start(p);
		call(p, 1, paths[i], SLICE_LIT(PUSH));
		if (up(p) != -EPROTO)
			fail_msg("%s", paths[i]);
		teardown(state);
		setup(state);
	}
}

static void refused(void **state, void (*send)(struct peer *p))
{
	struct peer *p = *state;

	start(p);
	send(p);
	assert_int_equal(up(p), -EPROTO);
	teardown(state);
	setup(state);
}

static void send_old_stream(struct peer *p)
{
	call(p, 3, "/a/b", SLICE_LIT(""));
	call(p, 1, SOLVE_PATH, SLICE_LIT(PUSH));
}

static void send_even_stream(struct peer *p)
{
	call(p, 2, "/a/b", SLICE_LIT(""));
}

static void send_open_block(struct peer *p)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	block(p, "/a/b", &b);
	frame(&p->sent, 1, 0, 1, buf_slice(&b));
	frame(&p->sent, 6, 0, 0, SLICE_LIT("12345678"));
}

static void send_continuation(struct peer *p)
{
	frame(&p->sent, 9, END_HEADERS, 1, SLICE_LIT(""));
}

static void send_promise(struct peer *p)
{
	frame(&p->sent, 5, END_HEADERS, 1, SLICE_LIT(""));
}

static void send_compressed(struct peer *p)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	message(&b, 1, SLICE_LIT(NO_PUSH));
	headers(p, 1, SOLVE_PATH);
	frame(&p->sent, 0, END_STREAM, 1, buf_slice(&b));
}

static void send_two_messages(struct peer *p)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	message(&b, 0, SLICE_LIT(NO_PUSH));
	headers(p, 1, SOLVE_PATH);
	frame(&p->sent, 0, 0, 1, buf_slice(&b));
	frame(&p->sent, 0, END_STREAM, 1, buf_slice(&b));
}

static void send_garbage(struct peer *p)
{
	call(p, 1, SOLVE_PATH, SLICE_LIT("\x1a"));
}

static void send_bad_block(struct peer *p)
{
	frame(&p->sent, 1, END_HEADERS, 1, SLICE_LIT("\xff\xff\xff\xff\xff\xff"));
}

static void send_huge(struct peer *p)
{
	buf_add(&p->sent, "\xff\xff\xff\0\0\0\0\0\1", 9);
}

static void test_refused_frames(void **state)
{
	static void (*const sends[])(struct peer * p) = {
		send_old_stream, send_even_stream, send_open_block, send_continuation,
		send_promise,	 send_compressed,  send_garbage,    send_two_messages,
		send_bad_block,	 send_huge,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sends); i++)
		refused(state, sends[i]);
	assert_int_equal(grpc_up(((struct peer *)*state)->g, SLICE_LIT("GET /"),
				 &((struct peer *)*state)->engine,
				 &((struct peer *)*state)->client),
			 -EPROTO);
}

/* Calls that do not come to an end are held up to a limit, all together. */
static void test_held(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct peer *p = *state;
	uint32_t stream = 1;

	start(p);
	buf_add(&b, "\0\x00\xf0\0\0", 5);
	while (b.n < (1u << 20) - 8)
		buf_add_char(&b, 'x');
	for (; stream < 2 * 15; stream += 2) {
		headers(p, stream, SOLVE_PATH);
		frame(&p->sent, 0, 0, stream, buf_slice(&b));
		assert_int_equal(up(p), 0);
		assert_int_equal(grpc_held(p->g), (stream / 2 + 1) * b.n);
		buf_reset(&p->sent);
		buf_reset(&p->engine);
	}
	frame(&p->sent, 3, 0, 1, SLICE_LIT("\0\0\0\x8"));
	assert_int_equal(up(p), 0);
	assert_int_equal(grpc_held(p->g), 14 * b.n);
	buf_reset(&p->sent);
	for (unsigned i = 0; i < 3; i++) {
		headers(p, stream + 2 * i, SOLVE_PATH);
		frame(&p->sent, 0, 0, stream + 2 * i, buf_slice(&b));
	}
	assert_int_equal(up(p), -EPROTO);
}

/* A reset call is forgotten, a denied one's reset does not reach the engine twice. */
static void test_resets(void **state)
{
	struct peer *p = *state;
	size_t n;

	start(p);
	for (uint32_t i = 0; i < 200; i++) {
		headers(p, 2 * i + 1, SOLVE_PATH);
		frame(&p->sent, 3, 0, 2 * i + 1, SLICE_LIT("\0\0\0\x8"));
	}
	assert_int_equal(up(p), 0);
	assert_true(slice_eq(buf_slice(&p->engine), buf_slice(&p->sent)));
	buf_reset(&p->sent);
	headers(p, 1001, SOLVE_PATH);
	{
		CLEANUP_BUF struct buf b = BUF_INIT(CAP);

		message(&b, 0, SLICE_LIT(PUSH));
		frame(&p->sent, 0, 0, 1001, buf_slice(&b));
	}
	assert_int_equal(up(p), 0);
	n = p->engine.n;
	buf_reset(&p->sent);
	frame(&p->sent, 0, 0, 1001, SLICE_LIT("more"));
	frame(&p->sent, 3, 0, 1001, SLICE_LIT("\0\0\0\x8"));
	assert_int_equal(up(p), 0);
	assert_int_equal(p->engine.n, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_does_not_push, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_push, setup, teardown),
		cmocka_unit_test_setup_teardown(test_between_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_padding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
