/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/load.h"

#include <math.h>
#include <stddef.h>

#define NS 1e9

void load_update(struct load *l, uint64_t at_ns, uint64_t used_ns)
{
	static const double minutes[] = { 1, 5, 15 };
	double passed;
	double busy;

	if (at_ns <= l->at_ns)
		return;
	passed = (double)(at_ns - l->at_ns) / NS;
	busy = used_ns > l->used_ns ? (double)(used_ns - l->used_ns) / NS / passed : 0;
	for (size_t i = 0; i < 3; i++) {
		double keep = exp(-passed / (60 * minutes[i]));

		l->average[i] = l->average[i] * keep + busy * (1 - keep);
	}
	l->at_ns = at_ns;
	l->used_ns = used_ns;
}
