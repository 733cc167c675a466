/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: what is written is taken again and is written the same; where ids stand for the
 * containers that are named, nothing but those ids is named. */
#include <assert.h>

#include "gate/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct slice id = {
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 64
	};
	struct slice text = { (const char *)data, n };
	struct arena a = ARENA_INIT(16u << 20);
	struct buf out = BUF_INIT(1u << 20);
	struct buf again = BUF_INIT(1u << 20);
	struct edit_how how = { .own = true };
	struct slice ids[EDIT_OTHERS_MAX];
	struct slice names[EDIT_OTHERS_MAX];
	struct edit e;
	struct edit f;
	int r;

	if (n > 65536 || edit_filters(&a, text, &how, &e, &out, NULL) != EDIT_OK) {
		buf_done(&out);
		arena_done(&a);
		return 0;
	}
	if (out.n > 0) {
		r = edit_filters(&a, buf_slice(&out), &how, &f, &again, NULL);
		assert(r == EDIT_OK && f.nothers == e.nothers);
		assert(slice_eq(buf_slice(&out), buf_slice(&again)));
	}
	for (size_t i = 0; i < e.nothers; i++) {
		ids[i] = id;
		names[i] = e.others[i];
	}
	how = (struct edit_how){ .own = true, .n = e.nothers, .names = names, .ids = ids };
	buf_reset(&out);
	r = edit_filters(&a, text, &how, &f, &out, NULL);
	assert(r == EDIT_OK && f.nothers == e.nothers);
	how.n = 0;
	/* Two names of one container become one key twice, which is not taken. */
	if (out.n > 0 && edit_filters(&a, buf_slice(&out), &how, &f, NULL, NULL) == EDIT_OK)
		for (size_t i = 0; i < f.nothers; i++)
			assert(slice_eq(f.others[i], id));
	buf_done(&out);
	buf_done(&again);
	arena_done(&a);
	return 0;
}
