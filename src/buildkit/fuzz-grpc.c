/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a client after the preface, and of an engine: cut anywhere, the same comes out. With
 * everything allowed, what comes out is what went in. The first byte says where the engine's bytes
 * begin, the second how large the pieces are.
 */
#include <assert.h>
#include <stdint.h>

#include "buildkit/grpc.h"
#include "policy/solve.h"

#define CAP (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool verdict(void *data, const struct solve *solve, struct buf *text)
{
	buf_add_str(text, "no");
	return (solve->pushes || solve->reaches) && *(bool *)data;
}

struct outcome {
	int up, down;
	struct buf engine, client;
};

static void run(struct slice up, struct slice down, size_t piece, bool deny, struct outcome *ret)
{
	struct grpc *g = grpc_new(verdict, &deny);

	assert(g);
	*ret = (struct outcome){ .engine = BUF_INIT(CAP), .client = BUF_INIT(CAP) };
	ret->up = grpc_up(g, SLICE_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), &ret->engine,
			  &ret->client);
	for (; ret->up == 0 && up.n > 0; up = slice_from(up, piece < up.n ? piece : up.n))
		ret->up = grpc_up(g, (struct slice){ up.p, piece < up.n ? piece : up.n },
				  &ret->engine, &ret->client);
	for (; ret->down == 0 && down.n > 0;
	     down = slice_from(down, piece < down.n ? piece : down.n))
		ret->down = grpc_down(g, (struct slice){ down.p, piece < down.n ? piece : down.n },
				      &ret->client);
	grpc_free(g);
}

static void done(struct outcome *o)
{
	buf_done(&o->engine);
	buf_done(&o->client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice all = { (const char *)data + 2, n > 2 ? n - 2 : 0 };
	struct outcome whole, pieces, allowed;
	struct slice up;

	if (n < 2)
		return 0;
	up = (struct slice){ all.p, data[0] < all.n ? data[0] : all.n };
	run(up, slice_from(all, up.n), CAP, true, &whole);
	run(up, slice_from(all, up.n), data[1] % 16u + 1, true, &pieces);
	run(up, slice_from(all, up.n), CAP, false, &allowed);
	assert(whole.up == pieces.up && whole.down == pieces.down);
	if (whole.up == 0) {
		assert(slice_eq(buf_slice(&whole.engine), buf_slice(&pieces.engine)));
		assert(whole.down < 0 ||
		       slice_eq(buf_slice(&whole.client), buf_slice(&pieces.client)));
	}
	assert(allowed.up == whole.up);
	if (allowed.up == 0) {
		/* Less than a frame may wait. */
		assert(allowed.engine.n <= 24 + up.n);
		assert(slice_eq(slice_from(buf_slice(&allowed.engine), 24),
				(struct slice){ up.p, allowed.engine.n - 24 }));
	}
	done(&whole);
	done(&pieces);
	done(&allowed);
	return 0;
}
