/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP/1.x messages, read strictly and written afresh.
 *
 * Both ends of the gate must agree on where a message ends and what it asks for. So whatever two
 * readers could read differently is refused instead of interpreted: bare CR or LF, folded lines,
 * names that are no tokens, spaces around names, control bytes, Content-Length that is repeated,
 * has a sign, a list or leading zeros, Content-Length with Transfer-Encoding, any Transfer-Encoding
 * but one "chunked", several Host or Content-Type lines, absolute targets, HTTP/2's preface. What
 * has been understood is emitted by http_head_emit(): hop-by-hop fields are gone, framing is the
 * caller's.
 *
 * No allocation: a head is slices of the bytes that it was parsed from, and lives as long as they.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define HTTP_HEAD_MAX (1024u * 1024u) /* Go's own limit; X-Registry-Config can be long */
#define HTTP_FIELDS_MAX 128u

enum http_result {
	HTTP_OK = 0,
	HTTP_MORE = 1,	  /* the bytes end before the head does */
	HTTP_REFUSED = 2, /* see struct http_refusal */
};

struct http_refusal {
	unsigned status; /* 400, 417, 431, 501, 505 */
	const char *why; /* one sentence for the client, static */
};

enum http_field_kind {
	HTTP_FIELD_PASS,    /* end to end: emitted as it came */
	HTTP_FIELD_FRAMING, /* Content-Length, Transfer-Encoding, Host, Expect: emitted by the
			       caller */
	HTTP_FIELD_HOP,	    /* Connection and its kin: for one hop only */
};

struct http_field {
	struct slice name;
	struct slice value; /* without the white space around it */
	enum http_field_kind kind;
};

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /* until the sender closes (responses only) */
};

struct http_head {
	size_t size; /* bytes, with the empty line */
	/* Request: */
	struct slice method; /* upper-case letters */
	struct slice target; /* begins with '/', visible ASCII without '#' */
	/* Response: */
	unsigned status; /* 100 to 599; 0 in a request */
	struct slice reason;

	unsigned minor; /* HTTP/1.minor: 0 or 1 */
	enum http_body_kind body;
	uint64_t length; /* HTTP_BODY_LENGTH */
	bool has_length; /* there was a Content-Length, also where `body` is none (HEAD, 304) */
	bool keep_alive; /* the connection may be used again after this message */
	bool expect_continue;
	bool wants_upgrade;	   /* Connection names "upgrade" and there is an Upgrade field */
	struct slice upgrade;	   /* value of Upgrade, or null */
	struct slice content_type; /* value, or null */
	size_t nfields;
	struct http_field *fields; /* in the room that the parser was given */
};

/* Room for the fields of any head. Only the first nfields of it are written. */
struct http_room {
	struct http_field fields[HTTP_FIELDS_MAX];
};

/* Finds the end of a head that begins at in.p. *scanned (0 at first) remembers how far previous
 * calls have looked. HTTP_OK: *ret_size is its length; HTTP_MORE; HTTP_REFUSED: a line does not end
 * in CR LF, or the head is over HTTP_HEAD_MAX. */
int http_head_find(struct slice in, size_t *scanned, size_t *ret_size, struct http_refusal *why);

/* Parse one whole head as found by http_head_find(). HTTP_OK or HTTP_REFUSED. */
int http_request_parse(struct slice head, struct http_room *room, struct http_head *ret,
		       struct http_refusal *why);
/* Whether a head is what a client of HTTP/2 begins with, unasked (RFC 9113 section 3.4). Parsed, it
 * is refused like any other version. */
bool http_is_preface(struct slice head);
/* request_method decides whether there is a body (HEAD). */
int http_response_parse(struct slice head, struct slice request_method, struct http_room *room,
			struct http_head *ret, struct http_refusal *why);

/* First field with that name (without case), or NULL. */
const struct http_field *http_head_field(const struct http_head *h, const char *name);

/* The end-to-end fields, one line each, without the empty line at the end. */
void http_head_emit(const struct http_head *h, struct buf *b);
/* The framing field of a body: nothing for HTTP_BODY_NONE and HTTP_BODY_CLOSE. */
void http_framing_emit(enum http_body_kind body, uint64_t length, struct buf *b);

/* The media type of a Content-Type value, without its parameters. */
struct slice http_media_type(struct slice content_type);

/* "Bad Request" for 400; "Unknown" where we never send it. */
const char *http_status_text(unsigned status);
