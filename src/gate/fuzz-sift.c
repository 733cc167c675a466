/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties: how an answer is cut into pieces changes nothing of what is passed on; when
 * everything is kept, a list that is JSON stays that list, and a sequence stays as it is byte for
 * byte; what is dropped is nowhere in what is passed on; waiting delays and does not change. First
 * byte: bits of how it is judged; second: the size of the pieces.
 */
#include <assert.h>

#include "gate/sift.h"
#include "json/json.h"

#define LARGEST 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct judge {
	bool drop;     /* objects with an x in them */
	unsigned wait; /* so many times before each verdict */
	unsigned waited;
};

static enum sift_verdict judge(void *data, struct slice object, struct buf *changed)
{
	struct judge *j = data;

	assert(object.n >= 2 && object.p[0] == '{' && object.n <= LARGEST);
	if (j->waited < j->wait) {
		j->waited++;
		return SIFT_WAIT;
	}
	j->waited = 0;
	if (slice_find(object, '!') < object.n) {
		buf_add_str(changed, "{}");
		return SIFT_CHANGE;
	}
	return j->drop && slice_find(object, 'x') < object.n ? SIFT_DROP : SIFT_KEEP;
}

/* Returns what the last push said. */
static int run(enum sift_kind kind, struct slice text, size_t piece, struct judge *j,
	       struct buf *out, bool *ret_end)
{
	struct sift s;
	int r = 0;

	sift_init(&s, kind, LARGEST, judge, j);
	s.drop_large = true;
	while (text.n > 0 && r == 0) {
		size_t k = MIN(piece, text.n);

		r = sift_push(&s, (struct slice){ text.p, k }, out);
		text = slice_from(text, k);
		while (r == 0 && s.waiting)
			r = sift_push(&s, SLICE_NULL, out);
	}
	*ret_end = sift_may_end(&s);
	sift_done(&s);
	return r;
}

static bool is_json(struct arena *a, struct slice text, struct json **ret)
{
	struct json_limits limits = JSON_LIMITS;

	return json_parse(a, text, &limits, ret, NULL, NULL) == 0;
}

static void check_all_kept(enum sift_kind kind, struct slice text, struct slice out)
{
	struct arena a = ARENA_INIT(64u << 20);
	struct buf x = BUF_INIT(1u << 20);
	struct buf y = BUF_INIT(1u << 20);
	struct json *before;
	struct json *after;

	if (kind == SIFT_SEQUENCE) {
		assert(slice_eq(text, out));
	} else if (is_json(&a, text, &before)) {
		bool ok = is_json(&a, out, &after);

		assert(ok);
		json_emit(before, &x);
		json_emit(after, &y);
		assert(slice_eq(buf_slice(&x), buf_slice(&y)));
	}
	buf_done(&x);
	buf_done(&y);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	enum sift_kind kind;
	struct slice text = { (const char *)data + 2, n - 2 };
	struct judge whole = { 0 };
	struct judge parts = { 0 };
	struct buf a = BUF_INIT(4u << 20);
	struct buf b = BUF_INIT(4u << 20);
	bool a_end;
	bool b_end;
	int r;

	if (n < 2 || n > 65536)
		return 0;
	kind = data[0] & 1 ? SIFT_LIST : SIFT_SEQUENCE;
	whole.drop = parts.drop = data[0] & 2;
	parts.wait = data[0] >> 2 & 3;
	r = run(kind, text, text.n, &whole, &a, &a_end);
	assert((run(kind, text, data[1] + 1u, &parts, &b, &b_end) < 0) == (r < 0));
	assert(a_end == b_end || r < 0);
	if (r == 0) {
		assert(slice_eq(buf_slice(&a), buf_slice(&b)));
		/* But for whole objects that are too large. */
		if (!whole.drop && a_end && text.n <= LARGEST && slice_find(text, '!') == text.n)
			check_all_kept(kind, text, buf_slice(&a));
	}
	buf_done(&a);
	buf_done(&b);
	return 0;
}
