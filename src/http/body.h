/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of HTTP/1.1 messages: the payload is taken out of its framing piece by piece without being
 * copied, and put into a framing of our own.
 *
 * Chunked bodies are read strictly: no extensions, no trailers, no white space, at most 16 digits.
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "http/head.h"

#define HTTP_CHUNK_HEAD_MAX 20 /* 16 digits, CR LF, and some room */

struct http_decoder {
	enum http_body_kind kind;
	uint64_t left; /* of the body (length) or of the chunk (chunked) */
	enum {
		HTTP_CHUNK_SIZE,  /* at a chunk's size line */
		HTTP_CHUNK_DATA,  /* in its data */
		HTTP_CHUNK_AFTER, /* at the CR LF after them */
		HTTP_CHUNK_LAST,  /* at the CR LF that ends the body */
		HTTP_CHUNK_DONE,
	} state;
};

enum http_decode_result {
	HTTP_PIECE = 0,	     /* *piece is payload, never empty */
	HTTP_PIECE_MORE = 1, /* needs more bytes than there are */
	HTTP_PIECE_END = 2,  /* the body is complete */
};

void http_decoder_init(struct http_decoder *d, enum http_body_kind kind, uint64_t length);

/* Reads on at in.p. *used bytes of `in` are done with (framing and piece); they may be some also
 * with HTTP_PIECE_MORE and HTTP_PIECE_END. -EPROTO: the framing is broken. A body until close never
 * ends here: the caller sees the end of file. */
int http_decode(struct http_decoder *d, struct slice in, size_t *used, struct slice *piece);

/* True once http_decode() has answered HTTP_PIECE_END, or would without any more bytes. */
bool http_decoder_ended(const struct http_decoder *d);

/* "1f40\r\n" into out; returns its length. */
size_t http_chunk_head(char out[HTTP_CHUNK_HEAD_MAX], uint64_t n);
