/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/sift.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

#define LARGEST 64u

/* {"d…: dropped; {"c…: changed; {"w…: waits as long as *data; {"b…: bad. */
static enum sift_verdict judge(void *data, struct slice object, struct buf *changed)
{
	unsigned *waits = data;

	switch (object.n > 2 ? object.p[2] : '\0') {
	case 'd':
		return SIFT_DROP;
	case 'b':
		return SIFT_BAD;
	case 'c':
		buf_add_str(changed, "{\"C\":1}");
		return SIFT_CHANGE;
	case 'w':
		return *waits > 0 ? SIFT_WAIT : SIFT_KEEP;
	default:
		return SIFT_KEEP;
	}
}

struct row {
	enum sift_kind kind;
	const char *in;
	const char *out; /* NULL: -EPROTO */
	bool may_end;
};

static const struct row rows[] = {
	{ SIFT_LIST, "[]\n", "[]\n", true },
	{ SIFT_LIST, " [ ] ", "[] ", true },
	{ SIFT_LIST, "null\n", "null\n", true },
	{ SIFT_LIST, "[{\"a\":1}, {\"d\":2} ,{\"e\":3}]\n", "[{\"a\":1},{\"e\":3}]\n", true },
	{ SIFT_LIST, "[{\"d\":1},{\"a\":2}]", "[{\"a\":2}]", true },
	{ SIFT_LIST, "[{\"d\":1}]", "[]", true },
	{ SIFT_LIST, "[{\"c\":1},{\"a\":2}]", "[{\"C\":1},{\"a\":2}]", true },
	{ SIFT_LIST, "[{\"a\":\"}]\\\"{\",\"b\":[[{}]]}]", "[{\"a\":\"}]\\\"{\",\"b\":[[{}]]}]",
	  true },
	{ SIFT_LIST, "[{\"a\":1}", "[{\"a\":1}", false },
	{ SIFT_LIST, "[{\"a\":", "[", false },
	{ SIFT_LIST, "", "", false },
	{ SIFT_LIST, "nul", "", false },
	{ SIFT_LIST, "[{},]", NULL, false },
	{ SIFT_LIST, "[,{}]", NULL, false },
	{ SIFT_LIST, "[{}{}]", NULL, false },
	{ SIFT_LIST, "[1]", NULL, false },
	{ SIFT_LIST, "[null]", NULL, false },
	{ SIFT_LIST, "[]]", NULL, false },
	{ SIFT_LIST, "[] {}", NULL, false },
	{ SIFT_LIST, "{}", NULL, false },
	{ SIFT_LIST, "[{\"b\":1}]", NULL, false },
	{ SIFT_SEQUENCE, "", "", true },
	{ SIFT_SEQUENCE, "{\"a\":1}\n", "{\"a\":1}\n", true },
	{ SIFT_SEQUENCE, "{\"a\":1}\n{\"d\":1}\n{\"e\":1}\n", "{\"a\":1}\n{\"e\":1}\n", true },
	{ SIFT_SEQUENCE, "{\"d\":1}\n{\"a\":1}\n{\"d\":1}\n", "{\"a\":1}\n", true },
	{ SIFT_SEQUENCE, "\x1e{\"d\":1}\n\x1e{\"a\":1}\n", "\x1e{\"a\":1}\n", true },
	{ SIFT_SEQUENCE, "{\"a\":1}{\"d\":1}{\"c\":1}", "{\"a\":1}{\"C\":1}", true },
	{ SIFT_SEQUENCE, "\x1e", "", false },
	{ SIFT_SEQUENCE, "{\"a\":\"", "", false },
	{ SIFT_SEQUENCE, "\x1e\x1e{}", NULL, false },
	{ SIFT_SEQUENCE, "[]", NULL, false },
	{ SIFT_SEQUENCE, "null", NULL, false },
	{ SIFT_SEQUENCE, "{},{}", NULL, false },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t piece = 1; piece < 4; piece++) {
			const struct row *row = &rows[i];
			CLEANUP_BUF struct buf out = BUF_INIT(4096);
			struct slice rest = slice_str(row->in);
			unsigned waits = 0;
			struct sift s;
			int r = 0;

			sift_init(&s, row->kind, LARGEST, judge, &waits);
			while (rest.n > 0 && r == 0) {
				size_t n = MIN(piece, rest.n);

				r = sift_push(&s, (struct slice){ rest.p, n }, &out);
				rest = slice_from(rest, n);
			}
			if (r != (row->out ? 0 : -EPROTO) ||
			    (r == 0 && (!slice_eq_str(buf_slice(&out), row->out) ||
					sift_may_end(&s) != row->may_end)))
				fail_msg("row %zu: %s: %d %s", i, row->in, r, out.p ? out.p : "");
			sift_done(&s);
		}
}

/* What comes after an object that waits comes after it. */
static void test_waiting(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(4096);
	unsigned waits = 1;
	struct sift s;

	(void)state;
	sift_init(&s, SIFT_SEQUENCE, LARGEST, judge, &waits);
	assert_int_equal(sift_push(&s, slice_str("{\"a\":1}\n{\"w\":1}\n{\"e\":1}\n"), &out), 0);
	assert_true(s.waiting && !sift_may_end(&s));
	assert_string_equal(out.p, "{\"a\":1}\n");
	assert_int_equal(sift_push(&s, SLICE_NULL, &out), 0);
	assert_true(s.waiting);
	assert_int_equal(sift_push(&s, slice_str("{\"f\":1}\n"), &out), 0);
	waits = 0;
	assert_int_equal(sift_push(&s, SLICE_NULL, &out), 0);
	assert_false(s.waiting);
	assert_true(sift_may_end(&s));
	assert_string_equal(out.p, "{\"a\":1}\n{\"w\":1}\n{\"e\":1}\n{\"f\":1}\n");
	sift_done(&s);
}

/* One byte more than may be. */
static void test_just_too_large(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(4096);
	char text[LARGEST + 2] = "{\"a\":\"";
	unsigned waits = 0;
	struct sift s;

	(void)state;
	memset(text + 6, 'x', sizeof(text) - 6);
	for (size_t n = LARGEST; n < LARGEST + 2; n++) {
		memcpy(text + n - 2, "\"}", 2);
		sift_init(&s, SIFT_SEQUENCE, LARGEST, judge, &waits);
		s.drop_large = true;
		buf_reset(&out);
		assert_int_equal(sift_push(&s, (struct slice){ text, n }, &out), 0);
		assert_int_equal(out.n, n == LARGEST ? n : 0);
		assert_true(sift_may_end(&s));
		sift_done(&s);
		text[n - 2] = 'x';
	}
}

/* Too large: left out, or the end. */
static void test_large(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(4096);
	char text[8 * LARGEST] = "{\"a\":\"";
	unsigned waits = 0;
	struct sift s;

	(void)state;
	memset(text + 6, 'x', sizeof(text) - 6);
	for (int drop = 0; drop < 2; drop++) {
		sift_init(&s, SIFT_LIST, LARGEST, judge, &waits);
		s.drop_large = drop;
		buf_reset(&out);
		assert_int_equal(sift_push(&s, slice_str("[{\"e\":1},"), &out), 0);
		assert_int_equal(sift_push(&s, (struct slice){ text, sizeof(text) }, &out),
				 drop ? 0 : -ENOBUFS);
		if (drop) {
			assert_int_equal(sift_push(&s, slice_str("\"},{\"f\":1}]"), &out), 0);
			assert_string_equal(out.p, "[{\"e\":1},{\"f\":1}]");
			assert_true(sift_may_end(&s));
		}
		sift_done(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_just_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
