/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <assert.h>
#include <errno.h>

#include "base/util.h"

enum {
	TOKEN = 1u << 0,  /* RFC 9110 section 5.6.2: method and field names */
	VALUE = 1u << 1,  /* field values and reason phrases: visible, space, tab, obs-text */
	TARGET = 1u << 2, /* request targets: visible ASCII without '#' */
};

#define T (TOKEN | VALUE | TARGET)
#define V (VALUE | TARGET)
static const unsigned char byte_class[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = T,
	['"'] = V,
	['#'] = TOKEN | VALUE,
	['$'] = T,
	['%'] = T,
	['&'] = T,
	['\''] = T,
	['('] = V,
	[')'] = V,
	['*'] = T,
	['+'] = T,
	[','] = V,
	['-'] = T,
	['.'] = T,
	['/'] = V,
	['0' ... '9'] = T,
	[':'] = V,
	[';'] = V,
	['<'] = V,
	['='] = V,
	['>'] = V,
	['?'] = V,
	['@'] = V,
	['A' ... 'Z'] = T,
	['['] = V,
	['\\'] = V,
	[']'] = V,
	['^'] = T,
	['_'] = T,
	['`'] = T,
	['a' ... 'z'] = T,
	['{'] = V,
	['|'] = T,
	['}'] = V,
	['~'] = T,
	[0x80 ... 0xff] = VALUE,
};
#undef T
#undef V

static bool all_of(struct slice s, unsigned bits)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(byte_class[(unsigned char)s.p[i]] & bits))
			return false;
	return true;
}

static int refuse(struct http_refusal *why, unsigned status, const char *text)
{
	*why = (struct http_refusal){ status, text };
	return HTTP_REFUSED;
}

int http_head_find(struct slice in, size_t *scanned, size_t *ret_size, struct http_refusal *why)
{
	size_t at = *scanned;

	while (at < in.n) {
		const char *lf = memchr(in.p + at, '\n', in.n - at);
		size_t end;

		if (!lf)
			break;
		end = (size_t)(lf - in.p);
		if (end == 0 || in.p[end - 1] != '\r')
			return refuse(why, 400, "a line of the head does not end in CR LF");
		if (end == 1)
			return refuse(why, 400, "an empty line before the request");
		if (end >= 3 && in.p[end - 2] == '\n') {
			if (end + 1 > HTTP_HEAD_MAX)
				break;
			*ret_size = end + 1;
			return HTTP_OK;
		}
		at = end + 1;
	}
	if (in.n >= HTTP_HEAD_MAX)
		return refuse(why, 431, "the head is too large");
	*scanned = in.n; /* no LF in what has been looked at */
	return HTTP_MORE;
}

/* Takes the next line off *rest, without its CR LF. A CR elsewhere is no TOKEN, VALUE or TARGET. */
static struct slice next_line(struct slice *rest)
{
	size_t at = slice_find(*rest, '\n');
	struct slice line = { rest->p, at > 0 ? at - 1 : 0 };

	*rest = slice_from(*rest, at + 1);
	return line;
}

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool is(struct slice s, const char *name)
{
	return slice_eq_nocase(s, slice_str(name));
}

/* What a parser has seen so far, beyond what the head itself holds. */
struct seen {
	bool host, length, encoding, content_type, upgrade, expect;
	bool close, keep_alive, upgrade_token;
};

static int once(bool *flag, struct http_refusal *why, const char *text)
{
	if (*flag)
		return refuse(why, 400, text);
	*flag = true;
	return HTTP_OK;
}

static int on_length(struct http_head *h, struct seen *s, struct slice v, struct http_refusal *why)
{
	if (once(&s->length, why, "Content-Length is repeated") != HTTP_OK)
		return HTTP_REFUSED;
	if (v.n > 1 && v.p[0] == '0')
		return refuse(why, 400, "Content-Length has leading zeros");
	if (num_parse_u64(v, INT64_MAX, &h->length) < 0)
		return refuse(why, 400, "Content-Length is not a number");
	h->has_length = true;
	return HTTP_OK;
}

static int on_encoding(struct http_head *h, struct seen *s, struct slice v,
		       struct http_refusal *why)
{
	(void)h;
	if (once(&s->encoding, why, "Transfer-Encoding is repeated") != HTTP_OK)
		return HTTP_REFUSED;
	if (!is(v, "chunked"))
		return refuse(why, 501, "the only Transfer-Encoding known here is chunked");
	return HTTP_OK;
}

static int on_connection(struct http_head *h, struct seen *s, struct slice v,
			 struct http_refusal *why)
{
	struct slice token;

	(void)h;
	(void)why;
	while (slice_split(&v, ',', &token)) {
		token = trim(token);
		if (is(token, "close"))
			s->close = true;
		else if (is(token, "keep-alive"))
			s->keep_alive = true;
		else if (is(token, "upgrade"))
			s->upgrade_token = true;
	}
	return HTTP_OK;
}

static int on_upgrade(struct http_head *h, struct seen *s, struct slice v, struct http_refusal *why)
{
	if (once(&s->upgrade, why, "Upgrade is repeated") != HTTP_OK)
		return HTTP_REFUSED;
	h->upgrade = v;
	return HTTP_OK;
}

static int on_host(struct http_head *h, struct seen *s, struct slice v, struct http_refusal *why)
{
	(void)h;
	if (once(&s->host, why, "Host is repeated") != HTTP_OK)
		return HTTP_REFUSED;
	if (memchr(v.p, ' ', v.n) || memchr(v.p, ',', v.n))
		return refuse(why, 400, "Host is malformed");
	return HTTP_OK;
}

static int on_content_type(struct http_head *h, struct seen *s, struct slice v,
			   struct http_refusal *why)
{
	if (once(&s->content_type, why, "Content-Type is repeated") != HTTP_OK)
		return HTTP_REFUSED;
	h->content_type = v;
	return HTTP_OK;
}

static int on_expect(struct http_head *h, struct seen *s, struct slice v, struct http_refusal *why)
{
	if (once(&s->expect, why, "Expect is repeated") != HTTP_OK)
		return HTTP_REFUSED;
	if (!is(v, "100-continue"))
		return refuse(why, 417, "the only expectation known here is 100-continue");
	h->expect_continue = true;
	return HTTP_OK;
}

/* Fields that mean something here; every other one passes. */
static const struct known {
	const char *name;
	enum http_field_kind kind;
	int (*seen)(struct http_head *h, struct seen *s, struct slice v, struct http_refusal *why);
} known_fields[] = {
	{ "content-length", HTTP_FIELD_FRAMING, on_length },
	{ "transfer-encoding", HTTP_FIELD_FRAMING, on_encoding },
	{ "host", HTTP_FIELD_FRAMING, on_host },
	{ "expect", HTTP_FIELD_FRAMING, on_expect },
	{ "content-type", HTTP_FIELD_PASS, on_content_type },
	{ "connection", HTTP_FIELD_HOP, on_connection },
	{ "upgrade", HTTP_FIELD_HOP, on_upgrade },
	{ "keep-alive", HTTP_FIELD_HOP, NULL },
	{ "proxy-connection", HTTP_FIELD_HOP, NULL },
	{ "proxy-authenticate", HTTP_FIELD_HOP, NULL },
	{ "proxy-authorization", HTTP_FIELD_HOP, NULL },
	{ "te", HTTP_FIELD_HOP, NULL },
	{ "trailer", HTTP_FIELD_HOP, NULL },
	{ "http2-settings", HTTP_FIELD_HOP, NULL },
};

static int field_parse(struct http_head *h, struct seen *s, struct slice line,
		       struct http_refusal *why)
{
	size_t colon = slice_find(line, ':');
	struct http_field *f;

	if (h->nfields == HTTP_FIELDS_MAX)
		return refuse(why, 431, "the head has too many fields");
	f = &h->fields[h->nfields++];
	f->name = (struct slice){ line.p, colon };
	f->kind = HTTP_FIELD_PASS;
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return refuse(why, 400, "a field is folded over several lines");
	if (colon == line.n || colon == 0 || !all_of(f->name, TOKEN))
		return refuse(why, 400, "a field has no valid name");
	f->value = trim(slice_from(line, colon + 1));
	if (!all_of(f->value, VALUE))
		return refuse(why, 400, "a field has control bytes in its value");
	for (size_t i = 0; i < ARRAY_SIZE(known_fields); i++) {
		const struct known *k = &known_fields[i];

		if (!is(f->name, k->name))
			continue;
		f->kind = k->kind;
		return k->seen ? k->seen(h, s, f->value, why) : HTTP_OK;
	}
	return HTTP_OK;
}

static int fields_parse(struct http_head *h, struct seen *s, struct slice rest,
			struct http_refusal *why)
{
	for (;;) {
		struct slice line = next_line(&rest);
		int r;

		if (line.n == 0)
			break;
		r = field_parse(h, s, line, why);
		if (r != HTTP_OK)
			return r;
	}
	if (s->length && s->encoding)
		return refuse(why, 400, "both Content-Length and Transfer-Encoding");
	if (s->encoding && h->minor == 0)
		return refuse(why, 400, "Transfer-Encoding in HTTP/1.0");
	h->keep_alive = h->minor == 1 ? !s->close : s->keep_alive && !s->close;
	h->wants_upgrade = s->upgrade && s->upgrade_token;
	return HTTP_OK;
}

static void head_init(struct http_head *h, struct http_room *room, size_t size)
{
	*h = (struct http_head){ .size = size, .fields = room->fields };
}

static int version_parse(struct slice v, struct http_head *h, struct http_refusal *why)
{
	if (slice_eq_str(v, "HTTP/1.1"))
		h->minor = 1;
	else if (slice_eq_str(v, "HTTP/1.0"))
		h->minor = 0;
	else
		return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	return HTTP_OK;
}

static bool method_ok(struct slice m)
{
	if (m.n == 0 || m.n > 16)
		return false;
	for (size_t i = 0; i < m.n; i++)
		if (m.p[i] < 'A' || m.p[i] > 'Z')
			return false;
	return true;
}

static int request_line(struct slice line, struct http_head *h, struct http_refusal *why)
{
	struct slice rest = line;
	struct slice version;

	if (!slice_split(&rest, ' ', &h->method) || !slice_split(&rest, ' ', &h->target) ||
	    !slice_split(&rest, ' ', &version) || rest.p)
		return refuse(why, 400, "the request line is malformed");
	if (!method_ok(h->method))
		return refuse(why, 400, "the method is malformed");
	if (version_parse(version, h, why) != HTTP_OK)
		return HTTP_REFUSED;
	if (h->target.n == 0 || h->target.p[0] != '/' || !all_of(h->target, TARGET))
		return refuse(why, 400, "the request target is not a plain path");
	return HTTP_OK;
}

bool http_is_preface(struct slice head)
{
	return slice_eq_str(head, "PRI * HTTP/2.0\r\n\r\n");
}

int http_request_parse(struct slice head, struct http_room *room, struct http_head *ret,
		       struct http_refusal *why)
{
	struct seen seen = { 0 };
	struct slice rest = head;
	int r;

	head_init(ret, room, head.n);
	r = request_line(next_line(&rest), ret, why);
	if (r != HTTP_OK)
		return r;
	r = fields_parse(ret, &seen, rest, why);
	if (r != HTTP_OK)
		return r;
	if (!seen.host && ret->minor == 1)
		return refuse(why, 400, "there is no Host field");
	if (ret->minor == 0)
		ret->expect_continue = false;
	if (seen.encoding)
		ret->body = HTTP_BODY_CHUNKED;
	else if (ret->length > 0)
		ret->body = HTTP_BODY_LENGTH;
	return HTTP_OK;
}

static int status_line(struct slice line, struct http_head *h, struct http_refusal *why)
{
	struct slice rest = line;
	struct slice version;
	struct slice status;
	uint64_t n;

	if (!slice_split(&rest, ' ', &version) || !slice_split(&rest, ' ', &status))
		return refuse(why, 502, "the status line is malformed");
	if (version_parse(version, h, why) != HTTP_OK)
		return HTTP_REFUSED;
	if (status.n != 3 || num_parse_u64(status, 599, &n) < 0 || n < 100)
		return refuse(why, 502, "the status is malformed");
	h->status = (unsigned)n;
	h->reason = rest.p ? rest : SLICE_LIT("");
	if (!all_of(h->reason, VALUE))
		return refuse(why, 502, "the reason has control bytes");
	return HTTP_OK;
}

int http_response_parse(struct slice head, struct slice request_method, struct http_room *room,
			struct http_head *ret, struct http_refusal *why)
{
	struct seen seen = { 0 };
	struct slice rest = head;
	int r;

	head_init(ret, room, head.n);
	r = status_line(next_line(&rest), ret, why);
	if (r != HTTP_OK)
		return r;
	r = fields_parse(ret, &seen, rest, why);
	if (r != HTTP_OK)
		return r;
	if (ret->status < 200 || ret->status == 204 || ret->status == 304 ||
	    slice_eq_str(request_method, "HEAD"))
		ret->body = HTTP_BODY_NONE;
	else if (seen.encoding)
		ret->body = HTTP_BODY_CHUNKED;
	else if (seen.length)
		ret->body = ret->length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	else
		ret->body = HTTP_BODY_CLOSE;
	return HTTP_OK;
}

const struct http_field *http_head_field(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (is(h->fields[i].name, name))
			return &h->fields[i];
	return NULL;
}

void http_head_emit(const struct http_head *h, struct buf *b)
{
	for (size_t i = 0; i < h->nfields; i++) {
		const struct http_field *f = &h->fields[i];

		if (f->kind != HTTP_FIELD_PASS)
			continue;
		buf_add_slice(b, f->name);
		buf_add(b, ": ", 2);
		buf_add_slice(b, f->value);
		buf_add(b, "\r\n", 2);
	}
}

void http_framing_emit(enum http_body_kind body, uint64_t length, struct buf *b)
{
	switch (body) {
	case HTTP_BODY_LENGTH:
		buf_printf(b, "Content-Length: %llu\r\n", (unsigned long long)length);
		return;
	case HTTP_BODY_CHUNKED:
		buf_add_str(b, "Transfer-Encoding: chunked\r\n");
		return;
	case HTTP_BODY_NONE:
	case HTTP_BODY_CLOSE:
		return;
	}
}

struct slice http_media_type(struct slice content_type)
{
	struct slice type = { content_type.p, slice_find(content_type, ';') };

	return trim(type);
}

const char *http_status_text(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} texts[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}
