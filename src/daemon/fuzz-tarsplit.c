/* SPDX-License-Identifier: Apache-2.0 */
/* Any text, in one piece and in several: the same result. */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/tarsplit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int judge(const uint8_t *data, size_t n, size_t step)
{
	struct tarsplit t = TARSPLIT_INIT;
	int r = 0;

	for (size_t at = 0; r == 0 && at < n; at += step)
		r = tarsplit_feed(&t, (struct slice){ (const char *)data + at,
						      n - at < step ? n - at : step });
	if (r == 0)
		r = tarsplit_end(&t);
	tarsplit_done(&t);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int r = judge(data, n, n ? n : 1);

	if (r > TARSPLIT_LEADS_UP || judge(data, n, 1) != r || judge(data, n, 7) != r)
		abort();
	return 0;
}
