/* SPDX-License-Identifier: Apache-2.0 */
#include "buildkit/grpc.h"

#include <ctype.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "policy/solve.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HEAD 9u			   /* bytes before a frame's payload */
#define FRAME_MAX (1u << 20)	   /* gRPC writes 16 KiB */
#define BLOCK_MAX (256u << 10)	   /* a header block */
#define MESSAGE_MAX (16u << 20)	   /* a call of Solve, and all that are not complete */
#define STREAMS_MAX 64u		   /* calls of Solve at once */
#define TEXT_MAX 2048u		   /* of a message to the client */
#define SETTINGS_MAX 1024u	   /* bytes of the engine's SETTINGS */
#define TABLE_SIZE_MAX (64u << 10) /* of what the engine allows the client (HPACK) */
#define PERMISSION_DENIED "7"
#define CANCEL 8u

enum frame_type {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_RST_STREAM = 3,
	FRAME_SETTINGS = 4,
	FRAME_PUSH_PROMISE = 5,
	FRAME_WINDOW_UPDATE = 8,
	FRAME_CONTINUATION = 9,
};

enum frame_flag {
	FLAG_ACK = 0x1,
	FLAG_END_STREAM = 0x1,
	FLAG_END_HEADERS = 0x4,
	FLAG_PADDED = 0x8,
	FLAG_PRIORITY = 0x20,
};

struct frame {
	uint32_t size;
	uint8_t type;
	uint8_t flags;
	uint32_t stream;
	struct slice payload;
	struct slice raw; /* head and payload */
};

/* A call that is read. */
struct call {
	uint32_t stream; /* 0: free */
	solve_fn *read;
	bool judged;
	bool denied;
	struct buf message; /* with its prefix of 5 bytes */
};

struct grpc {
	grpc_verdict_fn *verdict;
	void *data;
	nghttp2_hd_inflater *inflater; /* of the client's header blocks */

	/* From the client. */
	size_t preface;	   /* bytes of it that have come */
	struct buf in;	   /* a frame that is not complete */
	uint32_t block_of; /* stream of an open header block; 0: none */
	bool block_ends;   /* nothing follows it on that stream */
	struct buf block;
	uint32_t last_stream;
	struct call calls[STREAMS_MAX];

	/* From the engine. */
	unsigned char head[HEAD];
	size_t head_n;
	uint32_t left; /* of the payload */
	bool in_block;
	bool in_settings;
	struct buf settings;
	struct buf told; /* waits until no frame and no header block is open */
};

struct grpc *grpc_new(grpc_verdict_fn *verdict, void *data)
{
	struct grpc *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->verdict = verdict;
	g->data = data;
	g->in = BUF_INIT(FRAME_MAX + HEAD);
	g->block = BUF_INIT(BLOCK_MAX);
	g->settings = BUF_INIT(SETTINGS_MAX);
	g->told = BUF_INIT(STREAMS_MAX * (TEXT_MAX * 3u + 256u));
	if (nghttp2_hd_inflate_new(&g->inflater) != 0) {
		grpc_free(g);
		return NULL;
	}
	return g;
}

static void call_free(struct call *c)
{
	buf_done(&c->message);
	*c = (struct call){ 0 };
}

void grpc_free(struct grpc *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < STREAMS_MAX; i++)
		call_free(&g->calls[i]);
	nghttp2_hd_inflate_del(g->inflater);
	buf_done(&g->in);
	buf_done(&g->block);
	buf_done(&g->settings);
	buf_done(&g->told);
	free(g);
}

/* --- frames of our own --- */

static void put_number(struct buf *b, uint32_t v, unsigned bytes)
{
	while (bytes-- > 0)
		buf_add_char(b, (char)(v >> (8 * bytes) & 0xff));
}

static void put_head(struct buf *b, size_t size, enum frame_type type, uint8_t flags,
		     uint32_t stream)
{
	put_number(b, (uint32_t)size, 3);
	buf_add_char(b, (char)type);
	buf_add_char(b, (char)flags);
	put_number(b, stream, 4);
}

/* A string of HPACK without Huffman coding (RFC 7541 section 5.2); shorter than 2^14 + 127. */
static void put_string(struct buf *b, struct slice s)
{
	if (s.n < 127) {
		buf_add_char(b, (char)s.n);
	} else {
		buf_add_char(b, 127);
		buf_add_char(b, (char)(((s.n - 127) & 0x7f) | 0x80));
		buf_add_char(b, (char)((s.n - 127) >> 7));
	}
	buf_add_slice(b, s);
}

/* A field that enters no table, so that the client's decoder stays in step with the engine. */
static void put_field(struct buf *b, const char *name, struct slice value)
{
	buf_add_char(b, 0);
	put_string(b, slice_str(name));
	put_string(b, value);
}

/* grpc-message: bytes other than printable ASCII are escaped. */
static void put_escaped(struct buf *b, struct slice text)
{
	for (size_t i = 0; i < text.n && i < TEXT_MAX; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c >= ' ' && c <= '~' && c != '%')
			buf_add_char(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

static void tell(struct grpc *g, uint32_t stream, struct slice text)
{
	CLEANUP_BUF struct buf message = BUF_INIT(3u * TEXT_MAX + 1);
	CLEANUP_BUF struct buf block = BUF_INIT(4u * TEXT_MAX);

	put_escaped(&message, text);
	put_field(&block, ":status", SLICE_LIT("200"));
	put_field(&block, "content-type", SLICE_LIT("application/grpc"));
	put_field(&block, "grpc-status", SLICE_LIT(PERMISSION_DENIED));
	put_field(&block, "grpc-message", buf_slice(&message));
	put_head(&g->told, block.n, FRAME_HEADERS, FLAG_END_STREAM | FLAG_END_HEADERS, stream);
	buf_add_slice(&g->told, buf_slice(&block));
}

/* The connection's window, of which the engine never sees that it was used. */
static void give_back(struct grpc *g, uint32_t size)
{
	if (size == 0)
		return;
	put_head(&g->told, 4, FRAME_WINDOW_UPDATE, 0, 0);
	put_number(&g->told, size, 4);
}

/* --- from the client --- */

static struct call *call_of(struct grpc *g, uint32_t stream)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (g->calls[i].stream == stream)
			return &g->calls[i];
	return NULL;
}

static bool strip_padding(const struct frame *f, struct slice *payload)
{
	uint8_t pad;

	*payload = f->payload;
	if (!(f->flags & FLAG_PADDED))
		return true;
	if (payload->n < 1)
		return false;
	pad = (uint8_t)payload->p[0];
	*payload = slice_from(*payload, 1);
	if (pad > payload->n)
		return false;
	payload->n -= pad;
	return true;
}

/* The engine decodes escapes, and takes queries and whole URLs. gRPC has no need of these. */
static bool path_ok(struct slice path)
{
	if (path.n < 2 || path.p[0] != '/' || path.p[1] == '/')
		return false;
	for (size_t i = 0; i < path.n; i++)
		if (!isalnum((unsigned char)path.p[i]) && !memchr("/._-", path.p[i], 4))
			return false;
	return true;
}

/* The one :path of a whole header block; *ret reads its message, if it has a say. */
static int read_block(struct grpc *g, solve_fn **ret)
{
	const uint8_t *at = (const uint8_t *)g->block.p;
	size_t left = g->block.n;
	unsigned paths = 0;

	*ret = NULL;
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(g->inflater, &nv, &flags, at, left, 1);
		struct slice value;

		if (n < 0)
			return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
		at += n;
		left -= (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			value = (struct slice){ (const char *)nv.value, nv.valuelen };
			if (nv.namelen == 5 && memcmp(nv.name, ":path", 5) == 0) {
				paths += path_ok(value) ? 1 : 2;
				*ret = solve_reader(value);
			}
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
		if (left == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
			return -EPROTO;
	}
	(void)nghttp2_hd_inflate_end_headers(g->inflater);
	return paths == 1 ? 0 : -EPROTO;
}

static int end_block(struct grpc *g, uint32_t stream)
{
	struct call *c;
	solve_fn *reader;
	int r = buf_ok(&g->block) ? read_block(g, &reader) : -EPROTO;

	buf_reset(&g->block);
	g->block_of = 0;
	if (r < 0 || !reader || g->block_ends) /* a call without a message is none */
		return r;
	c = call_of(g, 0);
	if (!c)
		return -EPROTO;
	*c = (struct call){ .stream = stream,
			    .read = reader,
			    .message = BUF_INIT(MESSAGE_MAX + 5) };
	return 0;
}

static int on_headers(struct grpc *g, const struct frame *f, struct buf *engine)
{
	struct slice payload;
	int r = 0;

	if (f->type == FRAME_HEADERS) {
		if (f->stream % 2 == 0 || f->stream <= g->last_stream ||
		    !strip_padding(f, &payload))
			return -EPROTO;
		g->last_stream = f->stream;
		if (f->flags & FLAG_PRIORITY) {
			if (payload.n < 5)
				return -EPROTO;
			payload = slice_from(payload, 5);
		}
		g->block_of = f->stream;
		g->block_ends = f->flags & FLAG_END_STREAM;
	} else {
		payload = f->payload;
	}
	buf_add_slice(&g->block, payload);
	if (f->flags & FLAG_END_HEADERS)
		r = end_block(g, g->block_of);
	buf_add_slice(engine, f->raw);
	return r;
}

size_t grpc_held(const struct grpc *g)
{
	size_t n = 0;

	for (size_t i = 0; i < STREAMS_MAX; i++)
		n += g->calls[i].message.n;
	return n;
}

/* The message is there: length and flag first. 1: not yet. */
static int judge(struct grpc *g, struct call *c, struct buf *text)
{
	struct slice m = buf_slice(&c->message);
	struct solve solve;
	uint32_t size;

	if (m.n < 5)
		return 1;
	size = (uint32_t)(unsigned char)m.p[1] << 24 | (uint32_t)(unsigned char)m.p[2] << 16 |
	       (uint32_t)(unsigned char)m.p[3] << 8 | (uint32_t)(unsigned char)m.p[4];
	if (m.p[0] != 0 || size > MESSAGE_MAX)
		return -EPROTO;
	if (m.n - 5 < size)
		return 1;
	if (m.n - 5 > size || c->read(slice_from(m, 5), &solve) < 0)
		return -EPROTO;
	c->judged = true;
	c->denied = g->verdict(g->data, &solve, text);
	buf_done(&c->message);
	return 0;
}

static int on_call_data(struct grpc *g, struct call *c, const struct frame *f, struct buf *engine)
{
	CLEANUP_BUF struct buf text = BUF_INIT(8192);
	bool was_judged = c->judged;
	struct slice payload;
	int r = 0;

	if (!strip_padding(f, &payload))
		return -EPROTO;
	if (c->judged && !c->denied && payload.n > 0)
		return -EPROTO;
	if (!c->judged) {
		buf_add_slice(&c->message, payload);
		r = buf_ok(&c->message) && grpc_held(g) <= MESSAGE_MAX + 5u ? judge(g, c, &text)
									    : -EPROTO;
	}
	if (r < 0)
		return r;
	if (c->denied) {
		give_back(g, f->size);
		if (!was_judged) {
			put_head(engine, 4, FRAME_RST_STREAM, 0, f->stream);
			put_number(engine, CANCEL, 4);
			tell(g, f->stream, buf_slice(&text));
		}
	} else {
		buf_add_slice(engine, f->raw);
	}
	if (f->flags & FLAG_END_STREAM)
		call_free(c);
	return 0;
}

static int on_frame(struct grpc *g, const struct frame *f, struct buf *engine)
{
	struct call *c = f->stream ? call_of(g, f->stream) : NULL;

	if ((g->block_of != 0) != (f->type == FRAME_CONTINUATION) ||
	    (g->block_of != 0 && f->stream != g->block_of))
		return -EPROTO;
	switch (f->type) {
	case FRAME_HEADERS:
	case FRAME_CONTINUATION:
		return on_headers(g, f, engine);
	case FRAME_PUSH_PROMISE:
		return -EPROTO;
	case FRAME_DATA:
		if (c)
			return on_call_data(g, c, f, engine);
		break;
	case FRAME_RST_STREAM:
		if (c) {
			bool denied = c->denied;

			call_free(c);
			if (denied)
				return 0; /* it has been reset */
		}
		break;
	default:
		break;
	}
	buf_add_slice(engine, f->raw);
	return 0;
}

static uint32_t number(const unsigned char *p, unsigned bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *p++;
	return v;
}

static struct frame frame_at(const unsigned char *p)
{
	return (struct frame){ .size = number(p, 3),
			       .type = p[3],
			       .flags = p[4],
			       .stream = number(p + 5, 4) & 0x7fffffff };
}

/* Takes as much of the preface as there is. */
static int take_preface(struct grpc *g, struct slice *in, struct buf *engine)
{
	size_t n = MIN(in->n, sizeof(PREFACE) - 1 - g->preface);

	if (n > 0 && memcmp(in->p, &PREFACE[g->preface], n) != 0)
		return -EPROTO;
	buf_add(engine, in->p, n);
	g->preface += n;
	*in = slice_from(*in, n);
	return 0;
}

static void flush_told(struct grpc *g, struct buf *client)
{
	if (g->left > 0 || g->in_block || g->told.n == 0)
		return;
	buf_add_slice(client, buf_slice(&g->told));
	buf_reset(&g->told);
}

int grpc_up(struct grpc *g, struct slice in, struct buf *engine, struct buf *client)
{
	int r = take_preface(g, &in, engine);

	while (r == 0 && in.n > 0) {
		size_t want = HEAD;
		struct frame f;
		size_t n;

		if (g->in.n >= HEAD)
			want += number((const unsigned char *)g->in.p, 3);
		n = MIN(in.n, want - g->in.n);
		buf_add(&g->in, in.p, n);
		in = slice_from(in, n);
		if (!buf_ok(&g->in))
			return -ENOMEM;
		if (g->in.n < HEAD)
			break;
		f = frame_at((const unsigned char *)g->in.p);
		if (f.size > FRAME_MAX)
			return -EPROTO;
		if (g->in.n < HEAD + f.size)
			continue;
		f.raw = buf_slice(&g->in);
		f.payload = slice_from(f.raw, HEAD);
		r = on_frame(g, &f, engine);
		buf_reset(&g->in);
	}
	flush_told(g, client);
	if (r == 0 && (!buf_ok(engine) || !buf_ok(client) || !buf_ok(&g->told)))
		r = -ENOMEM;
	return r;
}

/* --- from the engine --- */

/* How large a table the client may use for its header blocks. */
static int read_settings(struct grpc *g)
{
	const unsigned char *p = (const unsigned char *)g->settings.p;

	for (size_t i = 0; i + 6 <= g->settings.n; i += 6)
		if (number(p + i, 2) == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE &&
		    nghttp2_hd_inflate_change_table_size(g->inflater, MIN(number(p + i + 2, 4),
									  TABLE_SIZE_MAX)) != 0)
			return -ENOMEM;
	return 0;
}

static int begin_frame(struct grpc *g)
{
	struct frame f = frame_at(g->head);

	g->head_n = 0;
	g->left = f.size;
	if (f.type == FRAME_HEADERS || f.type == FRAME_PUSH_PROMISE || f.type == FRAME_CONTINUATION)
		g->in_block = !(f.flags & FLAG_END_HEADERS);
	g->in_settings = f.type == FRAME_SETTINGS && !(f.flags & FLAG_ACK);
	buf_reset(&g->settings);
	return g->in_settings && f.size > SETTINGS_MAX ? -EPROTO : 0;
}

int grpc_down(struct grpc *g, struct slice in, struct buf *client)
{
	int r = 0;

	while (r == 0 && in.n > 0) {
		size_t n;

		if (g->left == 0) {
			n = MIN(in.n, HEAD - g->head_n);
			memcpy(g->head + g->head_n, in.p, n);
			g->head_n += n;
			in = slice_from(in, n);
			if (g->head_n < HEAD)
				break;
			flush_told(g, client);
			buf_add(client, g->head, HEAD);
			r = begin_frame(g);
		}
		n = MIN(in.n, (size_t)g->left);
		buf_add(client, in.p, n);
		if (g->in_settings)
			buf_add(&g->settings, in.p, n);
		in = slice_from(in, n);
		g->left -= (uint32_t)n;
		if (r == 0 && g->left == 0 && g->in_settings) {
			g->in_settings = false;
			r = read_settings(g);
		}
	}
	flush_told(g, client);
	return r == 0 && !buf_ok(client) ? -ENOMEM : r;
}
