/* SPDX-License-Identifier: Apache-2.0 */
/* Two messages after one another are one message with the fields of both (protocol buffers): it
 * pushes, or could reach the host, if one of them does. The first byte says where the second
 * begins. */
#include <assert.h>
#include <stdint.h>

#include "policy/solve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void both(solve_fn *read, struct slice all, struct slice one, struct slice two)
{
	struct solve why, why_one, why_two;
	int r = read(all, &why);

	if (read(one, &why_one) < 0 || read(two, &why_two) < 0)
		return;
	assert(r == 0);
	assert((why.pushes != NULL) == (why_one.pushes || why_two.pushes));
	assert((why.reaches != NULL) == (why_one.reaches || why_two.reaches));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice all = { (const char *)data + 1, n ? n - 1 : 0 };
	struct slice one, two;

	if (n == 0)
		return 0;
	one = (struct slice){ all.p, data[0] < all.n ? data[0] : all.n };
	two = slice_from(all, one.n);
	both(solve_read, all, one, two);
	both(solve_read_bridge, all, one, two);
	return 0;
}
