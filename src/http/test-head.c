/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/util.h"

/* Length-aware literal: some cases hold NUL bytes. */
#define IN(s)                       \
	{                           \
		"" s, sizeof(s) - 1 \
	}
#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"

static struct http_room room; /* of the head that was parsed last */

static int parse(struct slice in, bool response, struct http_head *h, struct http_refusal *why)
{
	size_t scanned = 0;
	size_t size;
	int r = http_head_find(in, &scanned, &size, why);

	if (r != HTTP_OK)
		return r;
	in.n = size;
	return response ? http_response_parse(in, SLICE_LIT("GET"), &room, h, why)
			: http_request_parse(in, &room, h, why);
}

/* Everything that two readers could read differently (reference "HTTP", and what desync attacks
 * on other proxies used). */
static const struct refused {
	const char *what;
	struct slice in;
	unsigned status;
} refused[] = {
	{ "bare LF after the request line", IN("GET / HTTP/1.1\nHost: x\r\n\r\n"), 400 },
	{ "bare LF after a field", IN(GET "Host: x\nA: b\r\n\r\n"), 400 },
	{ "bare LF at the end", IN(GET HOST "\n"), 400 },
	{ "bare CR in a value", IN(GET HOST "A: b\rContent-Length: 5\r\n\r\n"), 400 },
	{ "bare CR in a name", IN(GET HOST "A\r: b\r\n\r\n"), 400 },
	{ "CR CR LF", IN(GET HOST "A: b\r\r\n\r\n"), 400 },
	{ "CR in the target", IN("GET /\r HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "leading CRLF", IN("\r\n" GET HOST "\r\n"), 400 },
	{ "leading LF", IN("\n" GET HOST "\r\n"), 400 },
	{ "obs-fold", IN(GET HOST "A: b\r\n c\r\n\r\n"), 400 },
	{ "obs-fold with tab", IN(GET HOST "A: b\r\n\tc\r\n\r\n"), 400 },
	{ "fold before the first field", IN(GET " Host: x\r\n\r\n"), 400 },
	{ "space before colon", IN(GET HOST "Content-Length : 5\r\n\r\n"), 400 },
	{ "tab before colon", IN(GET HOST "Content-Length\t: 5\r\n\r\n"), 400 },
	{ "no colon", IN(GET HOST "Content-Length\r\n\r\n"), 400 },
	{ "empty name", IN(GET HOST ": 5\r\n\r\n"), 400 },
	{ "name with NUL", IN(GET HOST "A\0: 5\r\n\r\n"), 400 },
	{ "name with parenthesis", IN(GET HOST "A(b): 5\r\n\r\n"), 400 },
	{ "name with 0x80", IN(GET HOST "A\x80: 5\r\n\r\n"), 400 },
	{ "value with NUL", IN(GET HOST "A: b\0c\r\n\r\n"), 400 },
	{ "value with 0x01", IN(GET HOST "A: b\1c\r\n\r\n"), 400 },
	{ "value with DEL", IN(GET HOST "A: b\x7f\r\n\r\n"), 400 },
	{ "value with vertical tab", IN(GET HOST "A: b\vc\r\n\r\n"), 400 },
	{ "CL and TE", IN(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	  400 },
	{ "TE and CL", IN(GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
	  400 },
	{ "CL twice, equal", IN(GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400 },
	{ "CL twice, differing", IN(GET HOST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n"),
	  400 },
	{ "CL list", IN(GET HOST "Content-Length: 5, 5\r\n\r\n"), 400 },
	{ "CL plus", IN(GET HOST "Content-Length: +5\r\n\r\n"), 400 },
	{ "CL minus", IN(GET HOST "Content-Length: -5\r\n\r\n"), 400 },
	{ "CL hexadecimal", IN(GET HOST "Content-Length: 0x5\r\n\r\n"), 400 },
	{ "CL leading zero", IN(GET HOST "Content-Length: 05\r\n\r\n"), 400 },
	{ "CL 00", IN(GET HOST "Content-Length: 00\r\n\r\n"), 400 },
	{ "CL empty", IN(GET HOST "Content-Length:\r\n\r\n"), 400 },
	{ "CL inner space", IN(GET HOST "Content-Length: 5 5\r\n\r\n"), 400 },
	{ "CL too large", IN(GET HOST "Content-Length: 9223372036854775808\r\n\r\n"), 400 },
	{ "CL far too large", IN(GET HOST "Content-Length: 18446744073709551621\r\n\r\n"), 400 },
	{ "CL with trailing text", IN(GET HOST "Content-Length: 5x\r\n\r\n"), 400 },
	{ "TE xchunked", IN(GET HOST "Transfer-Encoding: xchunked\r\n\r\n"), 501 },
	{ "TE identity", IN(GET HOST "Transfer-Encoding: identity\r\n\r\n"), 501 },
	{ "TE gzip, chunked", IN(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501 },
	{ "TE chunked, chunked", IN(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"), 501 },
	{ "TE twice",
	  IN(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "TE chunked then identity",
	  IN(GET HOST "Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n\r\n"), 400 },
	{ "TE empty", IN(GET HOST "Transfer-Encoding:\r\n\r\n"), 501 },
	{ "TE quoted", IN(GET HOST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 501 },
	{ "TE with parameter", IN(GET HOST "Transfer-Encoding: chunked;q=1\r\n\r\n"), 501 },
	{ "TE with vertical tab", IN(GET HOST "Transfer-Encoding: \vchunked\r\n\r\n"), 400 },
	{ "TE in HTTP/1.0", IN("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
	  400 },
	{ "no Host", IN(GET "A: b\r\n\r\n"), 400 },
	{ "Host twice", IN(GET HOST HOST "\r\n"), 400 },
	{ "Host with space", IN(GET "Host: x y\r\n\r\n"), 400 },
	{ "Host list", IN(GET "Host: x,y\r\n\r\n"), 400 },
	{ "Content-Type twice",
	  IN(GET HOST "Content-Type: text/plain\r\nContent-Type: application/json\r\n\r\n"), 400 },
	{ "Upgrade twice", IN(GET HOST "Upgrade: tcp\r\nUpgrade: h2c\r\n\r\n"), 400 },
	{ "other expectation", IN(GET HOST "Expect: 200-ok\r\n\r\n"), 417 },
	{ "Expect twice", IN(GET HOST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"),
	  400 },
	{ "HTTP/2 preface", IN("PRI * HTTP/2.0\r\n\r\n"), 505 },
	{ "HTTP/1.2", IN("GET / HTTP/1.2\r\n" HOST "\r\n"), 505 },
	{ "HTTP/1.10", IN("GET / HTTP/1.10\r\n" HOST "\r\n"), 505 },
	{ "HTTP/0.9", IN("GET /\r\n\r\n"), 400 },
	{ "http/1.1", IN("GET / http/1.1\r\n" HOST "\r\n"), 505 },
	{ "two spaces", IN("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "two spaces before the version", IN("GET /  HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "tab in the request line", IN("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "trailing space", IN("GET / HTTP/1.1 \r\n" HOST "\r\n"), 400 },
	{ "leading space", IN(" GET / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "lower-case method", IN("get / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "long method", IN("ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "absolute target", IN("GET http://x/ HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "authority target", IN("CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "asterisk target", IN("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "target with fragment", IN("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "target with NUL", IN("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "target with 0x80", IN("GET /a\x80 HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "empty target", IN("GET  HTTP/1.1\r\n" HOST "\r\n"), 400 },
};

static void test_refused(void **state)
{
	struct http_refusal why;
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		int r = parse(refused[i].in, false, &h, &why);

		if (r != HTTP_REFUSED || why.status != refused[i].status)
			fail_msg("%s: result %d, status %u", refused[i].what, r,
				 r == HTTP_REFUSED ? why.status : 0);
	}
}

static void test_preface(void **state)
{
	static const char *const no[] = { "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\nA: b\r\n\r\n",
					  "pri * http/2.0\r\n\r\n", "PRI * HTTP/1.1\r\n\r\n",
					  "GET * HTTP/2.0\r\n\r\n" };

	(void)state;
	assert_true(http_is_preface(SLICE_LIT("PRI * HTTP/2.0\r\n\r\n")));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(http_is_preface(slice_str(no[i])));
}

static void test_request(void **state)
{
	static const char in[] = "POST /v1.41/containers/create?name=a HTTP/1.1\r\n"
				 "Host: api.moby.localhost\r\n"
				 "User-Agent: Docker-Client/28.2.2 (linux)\r\n"
				 "Content-Length: 1540\r\n"
				 "Content-Type: application/json\r\n"
				 "X-Empty:\r\n"
				 "x-padded: \t a\tb \t\r\n"
				 "X-Latin: \xe9\r\n"
				 "Connection: Keep-Alive, Upgrade\r\n"
				 "Upgrade: tcp\r\n"
				 "Te: trailers\r\n"
				 "Expect: 100-continue\r\n\r\nBODY";
	struct buf b = BUF_INIT(4096);
	struct http_refusal why;
	struct http_head h;

	(void)state;
	assert_int_equal(parse(slice_str(in), false, &h, &why), HTTP_OK);
	assert_int_equal(h.size, sizeof(in) - 1 - 4);
	assert_true(slice_eq_str(h.method, "POST"));
	assert_true(slice_eq_str(h.target, "/v1.41/containers/create?name=a"));
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.body, HTTP_BODY_LENGTH);
	assert_int_equal(h.length, 1540);
	assert_true(h.keep_alive);
	assert_true(h.wants_upgrade);
	assert_true(h.expect_continue);
	assert_true(slice_eq_str(h.upgrade, "tcp"));
	assert_true(slice_eq_str(h.content_type, "application/json"));
	http_head_emit(&h, &b);
	assert_string_equal(b.p, "User-Agent: Docker-Client/28.2.2 (linux)\r\n"
				 "Content-Type: application/json\r\n"
				 "X-Empty: \r\n"
				 "x-padded: a\tb\r\n"
				 "X-Latin: \xe9\r\n");
	buf_done(&b);
}

static void test_keep_alive(void **state)
{
	static const struct {
		struct slice in;
		bool keep;
	} cases[] = {
		{ IN(GET HOST "\r\n"), true },
		{ IN(GET HOST "Connection: close\r\n\r\n"), false },
		{ IN(GET HOST "Connection: CLOSE\r\n\r\n"), false },
		{ IN(GET HOST "Connection: keep-alive, close\r\n\r\n"), false },
		{ IN(GET HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n"), false },
		{ IN("GET / HTTP/1.0\r\n\r\n"), false },
		{ IN("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true },
	};
	struct http_refusal why;
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].in, false, &h, &why), HTTP_OK);
		assert_int_equal(h.keep_alive, cases[i].keep);
		assert_int_equal(h.body, HTTP_BODY_NONE);
		assert_false(h.wants_upgrade);
	}
}

/* Upgrade counts only with Connection: upgrade, as RFC 9110 wants and Go does not. */
static void test_upgrade_needs_connection(void **state)
{
	struct http_refusal why;
	struct http_head h;

	(void)state;
	assert_int_equal(parse(SLICE_LIT(GET HOST "Upgrade: tcp\r\n\r\n"), false, &h, &why),
			 HTTP_OK);
	assert_false(h.wants_upgrade);
	assert_true(slice_eq_str(h.upgrade, "tcp"));
}

static void test_response(void **state)
{
	static const struct {
		struct slice in;
		unsigned status;
		enum http_body_kind body;
		bool keep;
	} cases[] = {
		{ IN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 200, HTTP_BODY_LENGTH, true },
		{ IN("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 200, HTTP_BODY_NONE, true },
		{ IN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), 200,
		  HTTP_BODY_CHUNKED, true },
		{ IN("HTTP/1.1 200 OK\r\n\r\n"), 200, HTTP_BODY_CLOSE, true },
		{ IN("HTTP/1.0 200 OK\r\n\r\n"), 200, HTTP_BODY_CLOSE, false },
		{ IN("HTTP/1.1 204 No Content\r\n\r\n"), 204, HTTP_BODY_NONE, true },
		{ IN("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), 304, HTTP_BODY_NONE,
		  true },
		{ IN("HTTP/1.1 100 Continue\r\n\r\n"), 100, HTTP_BODY_NONE, true },
		{ IN("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"), 101,
		  HTTP_BODY_NONE, true },
		{ IN("HTTP/1.1 400 \r\nConnection: close\r\n\r\n"), 400, HTTP_BODY_CLOSE, false },
	};
	struct http_refusal why;
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].in, true, &h, &why), HTTP_OK);
		assert_int_equal(h.status, cases[i].status);
		assert_int_equal(h.body, cases[i].body);
		assert_int_equal(h.keep_alive, cases[i].keep);
	}
	assert_int_equal(http_response_parse(cases[0].in, SLICE_LIT("HEAD"), &room, &h, &why),
			 HTTP_OK);
	assert_int_equal(h.body, HTTP_BODY_NONE);
	assert_true(h.has_length);
	assert_int_equal(h.length, 5);
}

static void test_response_refused(void **state)
{
	static const struct slice cases[] = {
		IN("HTTP/1.1 99 x\r\n\r\n"),
		IN("HTTP/1.1 600 x\r\n\r\n"),
		IN("HTTP/1.1 2000 x\r\n\r\n"),
		IN("HTTP/1.1  200 x\r\n\r\n"),
		IN("HTTP/2 200 x\r\n\r\n"),
		IN("200 OK\r\n\r\n"),
		IN("HTTP/1.1 200 a\rb\r\n\r\n"),
		IN("HTTP/1.1 +20 x\r\n\r\n"),
		IN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	};
	struct http_refusal why;
	struct http_head h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (parse(cases[i], true, &h, &why) != HTTP_REFUSED)
			fail_msg("case %zu was accepted", i);
}

/* Byte by byte: the same result as at once, and never before the last byte. */
static void test_incremental(void **state)
{
	static const char in[] = GET HOST "A: b\r\n\r\n";
	size_t scanned = 0;
	struct http_refusal why;
	size_t size = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(in) - 1; n++)
		assert_int_equal(http_head_find((struct slice){ in, n }, &scanned, &size, &why),
				 HTTP_MORE);
	assert_int_equal(http_head_find(slice_str(in), &scanned, &size, &why), HTTP_OK);
	assert_int_equal(size, sizeof(in) - 1);
}

static void test_limits(void **state)
{
	struct buf b = BUF_INIT(2 * HTTP_HEAD_MAX);
	struct http_refusal why;
	struct http_head h;

	(void)state;
	buf_add_str(&b, GET HOST);
	for (size_t i = 0; i < HTTP_FIELDS_MAX; i++)
		buf_printf(&b, "A%zu: b\r\n", i);
	buf_add_str(&b, "\r\n");
	assert_int_equal(parse(buf_slice(&b), false, &h, &why), HTTP_REFUSED);
	assert_int_equal(why.status, 431);

	buf_reset(&b);
	buf_add_str(&b, GET HOST "X-Registry-Config: ");
	while (b.n < HTTP_HEAD_MAX - 4)
		buf_add_char(&b, 'a');
	buf_add_str(&b, "\r\n\r\n");
	assert_int_equal(b.n, HTTP_HEAD_MAX);
	assert_int_equal(parse(buf_slice(&b), false, &h, &why), HTTP_OK);
	b.n -= 4;
	buf_add_str(&b, "a\r\n\r\n");
	assert_int_equal(parse(buf_slice(&b), false, &h, &why), HTTP_REFUSED);
	assert_int_equal(why.status, 431);
	buf_done(&b);
}

static void test_media_type(void **state)
{
	(void)state;
	assert_true(slice_eq_str(http_media_type(SLICE_LIT("application/json; charset=utf-8")),
				 "application/json"));
	assert_true(slice_eq_str(http_media_type(SLICE_LIT("text/plain ")), "text/plain"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_preface),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_upgrade_needs_connection),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_response_refused),
		cmocka_unit_test(test_incremental),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_media_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
