/* SPDX-License-Identifier: Apache-2.0 */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/buf.h"
#include "base/util.h"

/* Decodes `in`, offered `step` bytes more at a time; the payload is appended to out. */
static int decode(enum http_body_kind kind, uint64_t length, struct slice in, size_t step,
		  struct buf *out, size_t *ret_used)
{
	struct http_decoder d;
	size_t from = 0;
	size_t have = 0;

	http_decoder_init(&d, kind, length);
	for (;;) {
		struct slice piece;
		size_t used;
		int r = http_decode(&d, (struct slice){ in.p + from, have - from }, &used, &piece);

		from += used;
		*ret_used = from;
		if (r == HTTP_PIECE)
			buf_add_slice(out, piece);
		else if (r != HTTP_PIECE_MORE || have == in.n)
			return r;
		else
			have = MIN(have + step, in.n);
	}
}

static void check(enum http_body_kind kind, uint64_t length, struct slice in, int want,
		  const char *payload, size_t want_used)
{
	for (size_t step = 1; step <= in.n + 1; step++) {
		struct buf out = BUF_INIT(4096);
		size_t used;
		int r = decode(kind, length, in, step, &out, &used);

		if (r != want)
			fail_msg("\"%.*s\" step %zu: %d", SLICE_ARG(in), step, r);
		if (want >= 0) {
			assert_true(slice_eq_str(buf_slice(&out), payload));
			assert_int_equal(used, want_used);
		}
		buf_done(&out);
	}
}

static void test_length(void **state)
{
	(void)state;
	check(HTTP_BODY_NONE, 0, SLICE_LIT("next"), HTTP_PIECE_END, "", 0);
	check(HTTP_BODY_LENGTH, 5, SLICE_LIT("hellonext"), HTTP_PIECE_END, "hello", 5);
	check(HTTP_BODY_LENGTH, 5, SLICE_LIT("hell"), HTTP_PIECE_MORE, "hell", 4);
	check(HTTP_BODY_CLOSE, 0, SLICE_LIT("all of it"), HTTP_PIECE_MORE, "all of it", 9);
}

static void test_chunked(void **state)
{
	(void)state;
	check(HTTP_BODY_CHUNKED, 0, SLICE_LIT("5\r\nhello\r\n0\r\n\r\nGET"), HTTP_PIECE_END,
	      "hello", 15);
	check(HTTP_BODY_CHUNKED, 0, SLICE_LIT("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), HTTP_PIECE_END,
	      "hello", 20);
	check(HTTP_BODY_CHUNKED, 0, SLICE_LIT("0\r\n\r\n"), HTTP_PIECE_END, "", 5);
	check(HTTP_BODY_CHUNKED, 0, SLICE_LIT("000A\r\n0123456789\r\n00\r\n\r\n"), HTTP_PIECE_END,
	      "0123456789", 24);
	check(HTTP_BODY_CHUNKED, 0, SLICE_LIT("5\r\nhel"), HTTP_PIECE_MORE, "hel", 6);
	check(HTTP_BODY_CHUNKED, 0, SLICE_LIT("fffffffffffffff0\r\nab"), HTTP_PIECE_MORE, "ab", 20);
}

static void test_chunked_refused(void **state)
{
	static const struct slice cases[] = {
		{ "5;a=b\r\nhello\r\n0\r\n\r\n", 22 }, /* extension */
		{ "5 \r\nhello\r\n", 11 },
		{ " 5\r\nhello\r\n", 11 },
		{ "5\nhello\r\n", 9 },
		{ "5\r\nhello\n0\r\n\r\n", 14 },
		{ "5\r\nhelloX\r\n0\r\n\r\n", 16 },
		{ "5\rXhello\r\n", 10 },
		{ "\r\nhello\r\n", 9 },
		{ "0x5\r\nhello\r\n", 12 },
		{ "-5\r\nhello\r\n", 11 },
		{ "g\r\n", 3 },
		{ "0\r\nTrailer: x\r\n\r\n", 17 },
		{ "0\r\nGET / HTTP/1.1\r\n", 19 },
		{ "00000000000000005\r\nhello\r\n", 26 }, /* 17 digits */
		{ "0\r\n\rX", 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(HTTP_BODY_CHUNKED, 0, cases[i], -EPROTO, "", 0);
}

static void test_chunk_head(void **state)
{
	char out[HTTP_CHUNK_HEAD_MAX];

	(void)state;
	assert_int_equal(http_chunk_head(out, 0x1f40), 6);
	assert_memory_equal(out, "1f40\r\n", 6);
	assert_int_equal(http_chunk_head(out, UINT64_MAX), 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_chunked_refused),
		cmocka_unit_test(test_chunk_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
