/* SPDX-License-Identifier: Apache-2.0 */
#include "http/body.h"

#include <errno.h>
#include <stdio.h>

#include "base/util.h"

#define SIZE_DIGITS_MAX 16u

void http_decoder_init(struct http_decoder *d, enum http_body_kind kind, uint64_t length)
{
	*d = (struct http_decoder){ .kind = kind, .left = length };
	if (kind == HTTP_BODY_CHUNKED)
		d->left = 0;
}

bool http_decoder_ended(const struct http_decoder *d)
{
	switch (d->kind) {
	case HTTP_BODY_NONE:
		return true;
	case HTTP_BODY_LENGTH:
		return d->left == 0;
	case HTTP_BODY_CHUNKED:
		return d->state == HTTP_CHUNK_DONE;
	case HTTP_BODY_CLOSE:
		return false;
	}
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The size line at in.p. HTTP_PIECE: *used and d->left are set. */
static int size_line(struct http_decoder *d, struct slice in, size_t *used)
{
	uint64_t size = 0;
	size_t n = 0;

	while (n < in.n && hex(in.p[n]) >= 0) {
		if (n == SIZE_DIGITS_MAX)
			return -EPROTO;
		size = size << 4 | (uint64_t)hex(in.p[n]);
		n++;
	}
	if (n == in.n)
		return HTTP_PIECE_MORE;
	if (n == 0 || in.p[n] != '\r')
		return -EPROTO;
	if (n + 1 == in.n)
		return HTTP_PIECE_MORE;
	if (in.p[n + 1] != '\n')
		return -EPROTO;
	d->left = size;
	*used = n + 2;
	return HTTP_PIECE;
}

static int crlf(struct slice in)
{
	if (in.n > 0 && in.p[0] != '\r')
		return -EPROTO;
	if (in.n > 1 && in.p[1] != '\n')
		return -EPROTO;
	return in.n < 2 ? HTTP_PIECE_MORE : HTTP_PIECE;
}

static int take(struct http_decoder *d, struct slice in, size_t *used, struct slice *piece)
{
	size_t n = in.n;

	if (d->kind != HTTP_BODY_CLOSE && n > d->left)
		n = (size_t)d->left;
	if (n == 0)
		return HTTP_PIECE_MORE;
	if (d->kind != HTTP_BODY_CLOSE)
		d->left -= n;
	*piece = (struct slice){ in.p, n };
	*used += n;
	return HTTP_PIECE;
}

static int chunked(struct http_decoder *d, struct slice in, size_t *used, struct slice *piece)
{
	for (;;) {
		struct slice rest = slice_from(in, *used);
		size_t n = 0;
		int r;

		switch (d->state) {
		case HTTP_CHUNK_SIZE:
			r = size_line(d, rest, &n);
			if (r != HTTP_PIECE)
				return r;
			*used += n;
			d->state = d->left ? HTTP_CHUNK_DATA : HTTP_CHUNK_LAST;
			break;
		case HTTP_CHUNK_DATA:
			if (d->left > 0)
				return take(d, rest, used, piece);
			d->state = HTTP_CHUNK_AFTER;
			break;
		case HTTP_CHUNK_AFTER:
		case HTTP_CHUNK_LAST:
			r = crlf(rest);
			if (r != HTTP_PIECE)
				return r;
			*used += 2;
			d->state = d->state == HTTP_CHUNK_LAST ? HTTP_CHUNK_DONE : HTTP_CHUNK_SIZE;
			break;
		case HTTP_CHUNK_DONE:
			return HTTP_PIECE_END;
		}
	}
}

int http_decode(struct http_decoder *d, struct slice in, size_t *used, struct slice *piece)
{
	*used = 0;
	*piece = SLICE_NULL;
	if (d->kind == HTTP_BODY_CHUNKED)
		return chunked(d, in, used, piece);
	if (http_decoder_ended(d))
		return HTTP_PIECE_END;
	return take(d, in, used, piece);
}

size_t http_chunk_head(char out[HTTP_CHUNK_HEAD_MAX], uint64_t n)
{
	return (size_t)snprintf(out, HTTP_CHUNK_HEAD_MAX, "%llx\r\n", (unsigned long long)n);
}
