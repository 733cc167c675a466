/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: no crash; what is emitted parses again to the same; a head never holds more bytes
 * than were given. The first byte chooses request or response. */
#include <assert.h>
#include <stdlib.h>

#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int parse(struct slice in, bool response, struct http_room *room, struct http_head *h)
{
	struct http_refusal why = { 0, NULL };
	size_t scanned = 0;
	size_t size = 0;
	int r = http_head_find(in, &scanned, &size, &why);

	if (r == HTTP_OK) {
		assert(size <= in.n && size <= HTTP_HEAD_MAX);
		in.n = size;
		r = response ? http_response_parse(in, SLICE_LIT("GET"), room, h, &why)
			     : http_request_parse(in, room, h, &why);
	}
	assert(r != HTTP_REFUSED || (why.status >= 400 && why.why));
	return r;
}

static void emit(const struct http_head *h, bool response, struct buf *b)
{
	if (response)
		buf_printf(b, "HTTP/1.%u %u %.*s\r\n", h->minor, h->status, SLICE_ARG(h->reason));
	else
		buf_printf(b, "%.*s %.*s HTTP/1.%u\r\nHost: x\r\n", SLICE_ARG(h->method),
			   SLICE_ARG(h->target), h->minor);
	http_head_emit(h, b);
	/* "No body" must be said in a response: without a length it would end at the close. */
	http_framing_emit(h->has_length ? HTTP_BODY_LENGTH : h->body, h->length, b);
	buf_add_str(b, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf b = BUF_INIT(2 * HTTP_HEAD_MAX + 8192);
	struct http_room room;
	struct http_room other;
	struct http_head h;
	struct http_head again;
	bool response;

	if (n == 0)
		return 0;
	response = data[0] & 1;
	if (parse((struct slice){ (const char *)data + 1, n - 1 }, response, &room, &h) != HTTP_OK)
		return 0;
	emit(&h, response, &b);
	assert(buf_ok(&b));
	if (b.n <= HTTP_HEAD_MAX && h.nfields + 2 < HTTP_FIELDS_MAX) {
		int r = parse(buf_slice(&b), response, &other, &again);

		assert(r == HTTP_OK && again.size == b.n);
		assert(again.body == h.body && again.length == h.length);
		assert(slice_eq(again.method, h.method) && slice_eq(again.target, h.target));
		assert(again.status == h.status && slice_eq(again.content_type, h.content_type));
	}
	buf_done(&b);
	return 0;
}
