/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: what is emitted is a target that parses to the same path and parameters, and is
 * emitted the same again. */
#include <assert.h>

#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void emit(const struct http_target *t, struct buf *b)
{
	http_path_emit(t->path, b);
	http_query_emit(t, b);
	assert(buf_ok(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = ARENA_INIT(4u << 20);
	struct buf b = BUF_INIT(4u << 20);
	struct buf c = BUF_INIT(4u << 20);
	struct http_refusal why;
	struct http_target t;
	struct http_target u;

	if (n > 65536)
		return 0;
	if (http_target_parse(&a, (struct slice){ (const char *)data, n }, &t, &why) == HTTP_OK) {
		emit(&t, &b);
		if (http_target_parse(&a, buf_slice(&b), &u, &why) != HTTP_OK)
			assert(false);
		assert(slice_eq(t.path, u.path) && t.nparams == u.nparams);
		for (size_t i = 0; i < t.nparams; i++)
			assert(slice_eq(t.params[i].key, u.params[i].key) &&
			       slice_eq(t.params[i].value, u.params[i].value));
		emit(&u, &c);
		assert(slice_eq(buf_slice(&b), buf_slice(&c)));
	}
	buf_done(&b);
	buf_done(&c);
	arena_done(&a);
	return 0;
}
