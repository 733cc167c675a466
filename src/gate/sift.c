/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/sift.h"

#include <errno.h>

#define RS '\x1e'
/* Read while an object waits for its verdict; no side brings more than one read of it. */
#define AHEAD_MAX (1u << 20)
/* Memory of an empty buffer above this is given back. */
#define KEEP_MEMORY 65536u

void sift_init(struct sift *s, enum sift_kind kind, size_t max, sift_judge_fn *judge, void *data)
{
	*s = (struct sift){ .kind = kind, .max = max, .judge = judge, .data = data };
	s->in = BUF_INIT(max + AHEAD_MAX);
}

void sift_done(struct sift *s)
{
	buf_done(&s->in);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void begin_object(struct sift *s)
{
	s->state = SIFT_OBJECT;
	s->depth = 0;
	s->in_string = false;
	s->escaped = false;
	s->large = false;
}

/* One byte of an object. True: it was the last one. */
static bool object_byte(struct sift *s, char c)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (s->in_string) {
		s->escaped = c == '\\';
		s->in_string = c != '"';
	} else if (c == '"') {
		s->in_string = true;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if (c == '}' || c == ']') {
		s->depth--;
	}
	return s->depth == 0;
}

/* A byte outside of objects; what is to be passed on of it is. Returns 0 or -EPROTO. */
static int outer_byte(struct sift *s, char c, struct buf *out)
{
	bool list = s->kind == SIFT_LIST;

	if (is_blank(c)) {
		/* The end of a line goes where the line went. */
		if (list ? s->state == SIFT_ENDED : s->kept || s->state == SIFT_BEFORE)
			buf_add_char(out, c);
		return 0;
	}
	if (c == RS && !list && !s->record) {
		s->record = true;
		return 0;
	}
	if (c == '[' && list && s->state == SIFT_BEFORE) {
		s->state = SIFT_FIRST;
	} else if (c == ']' && list && (s->state == SIFT_FIRST || s->state == SIFT_BETWEEN)) {
		s->state = SIFT_ENDED;
	} else if (c == ',' && list && s->state == SIFT_BETWEEN) {
		s->state = SIFT_NEXT;
		return 0; /* written before the next one that stays */
	} else {
		return -EPROTO;
	}
	buf_add_char(out, c);
	return 0;
}

static bool may_begin(const struct sift *s)
{
	if (s->kind == SIFT_LIST)
		return s->state == SIFT_FIRST || s->state == SIFT_NEXT;
	return s->state == SIFT_BEFORE || s->state == SIFT_BETWEEN;
}

static void pass_on(struct sift *s, struct slice object, struct buf *out)
{
	if (s->kind == SIFT_LIST && s->some)
		buf_add_char(out, ',');
	if (s->record)
		buf_add_char(out, RS);
	buf_add_slice(out, object);
	s->some = true;
}

/* The object that `in` begins with is whole, of n bytes. Returns 0, 1: wait, -errno. */
static int judge_object(struct sift *s, size_t n, struct buf *out)
{
	CLEANUP_BUF struct buf changed = BUF_INIT(2 * s->max + 64);
	struct slice object = { s->in.p, n };
	enum sift_verdict v = s->large ? SIFT_DROP : s->judge(s->data, object, &changed);

	s->waiting = v == SIFT_WAIT;
	switch (v) {
	case SIFT_WAIT:
		return 1;
	case SIFT_BAD:
		return -EPROTO;
	case SIFT_KEEP:
		pass_on(s, object, out);
		break;
	case SIFT_CHANGE:
		if (!buf_ok(&changed))
			return -ENOBUFS;
		pass_on(s, buf_slice(&changed), out);
		break;
	case SIFT_DROP:
		break;
	}
	s->kept = v == SIFT_KEEP || v == SIFT_CHANGE;
	s->record = false;
	s->state = SIFT_BETWEEN;
	buf_consume(&s->in, n);
	s->at = 0;
	return 0;
}

/* null stands for an empty list. Returns 0, 1: more is needed, -EPROTO. */
static int take_null(struct sift *s, struct buf *out)
{
	struct slice word = SLICE_LIT("null");
	size_t n = MIN(s->in.n, word.n);

	if (s->kind != SIFT_LIST || s->state != SIFT_BEFORE || memcmp(s->in.p, word.p, n) != 0)
		return -EPROTO;
	if (n < word.n)
		return 1;
	buf_add_slice(out, word);
	buf_consume(&s->in, n);
	s->state = SIFT_ENDED;
	return 0;
}

/* From s->at on, which is in an object. Returns 0: it has been judged; 1: more is needed, or the
 * verdict; -errno. */
static int read_object(struct sift *s, struct buf *out)
{
	while (s->at < s->in.n && !s->waiting) {
		bool last = object_byte(s, s->in.p[s->at++]);

		if (s->at > s->max) {
			if (!s->drop_large)
				return -ENOBUFS;
			s->large = true;
			buf_consume(&s->in, s->at);
			s->at = 0;
		}
		if (last)
			return judge_object(s, s->at, out);
	}
	return s->waiting ? judge_object(s, s->at, out) : 1;
}

/* Outside of objects. Returns 0: go on; 1: more is needed; -EPROTO. */
static int read_outer(struct sift *s, struct buf *out)
{
	size_t i = 0;
	int r = 0;

	while (i < s->in.n && r == 0) {
		char c = s->in.p[i];

		if ((c == '{' && may_begin(s)) || c == 'n')
			break;
		r = outer_byte(s, c, out);
		i++;
	}
	buf_consume(&s->in, i);
	if (r < 0 || s->in.n == 0)
		return r < 0 ? r : 1;
	if (s->in.p[0] == 'n')
		return take_null(s, out);
	begin_object(s);
	return 0;
}

int sift_push(struct sift *s, struct slice piece, struct buf *out)
{
	int r = 0;

	buf_add_slice(&s->in, piece);
	if (!buf_ok(&s->in))
		return -ENOBUFS;
	while (r == 0)
		r = s->state == SIFT_OBJECT ? read_object(s, out) : read_outer(s, out);
	if (s->in.n == 0 && s->in.size > KEEP_MEMORY) {
		buf_done(&s->in);
		s->in = BUF_INIT(s->max + AHEAD_MAX);
	}
	if (r < 0)
		return r;
	return buf_ok(out) ? 0 : -ENOBUFS;
}

bool sift_may_end(const struct sift *s)
{
	if (s->in.n > 0 || s->record || s->waiting)
		return false;
	if (s->kind == SIFT_LIST)
		return s->state == SIFT_ENDED;
	return s->state == SIFT_BEFORE || s->state == SIFT_BETWEEN;
}
