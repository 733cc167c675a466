/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: the same payload, result and length whether the bytes come at once or in two parts;
 * pieces lie inside the input. The first byte says where it is cut. */
#include <assert.h>
#include <errno.h>

#include "base/buf.h"
#include "http/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int feed(struct http_decoder *d, struct slice in, size_t *from, struct buf *out)
{
	for (;;) {
		struct slice piece;
		size_t used;
		int r = http_decode(d, slice_from(in, *from), &used, &piece);

		assert(used <= in.n - *from);
		*from += used;
		if (r != HTTP_PIECE)
			return r;
		assert(piece.n > 0 && piece.p >= in.p && piece.p + piece.n <= in.p + in.n);
		buf_add_slice(out, piece);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf once = BUF_INIT(1u << 20);
	struct buf twice = BUF_INIT(1u << 20);
	struct http_decoder d;
	struct slice in;
	size_t cut;
	size_t a = 0;
	size_t b = 0;
	int r;
	int s;

	if (n == 0 || n > 65536)
		return 0;
	in = (struct slice){ (const char *)data + 1, n - 1 };
	cut = in.n ? data[0] % in.n : 0;
	http_decoder_init(&d, HTTP_BODY_CHUNKED, 0);
	r = feed(&d, in, &a, &once);
	http_decoder_init(&d, HTTP_BODY_CHUNKED, 0);
	s = feed(&d, (struct slice){ in.p, cut }, &b, &twice);
	if (s == HTTP_PIECE_MORE)
		s = feed(&d, in, &b, &twice);
	assert(r == s);
	if (r >= 0) {
		assert(a == b);
		assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
		assert((r == HTTP_PIECE_END) == http_decoder_ended(&d));
	}
	buf_done(&once);
	buf_done(&twice);
	return 0;
}
