/* SPDX-License-Identifier: Apache-2.0 */
/* Any profile: a whole program that the kernel would take by its size, or none. */
#include <stdlib.h>

#include "runtime/filter.h"

#include "base/cleanup.h"

#define CAP (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf key = BUF_INIT(CAP);
	CLEANUP_BUF struct buf program = BUF_INIT(CAP);
	struct json_limits limits = JSON_LIMITS;
	struct json *profile;
	int r;

	if (json_parse(&a, (struct slice){ (const char *)data, n }, &limits, &profile, NULL, NULL) <
		    0 ||
	    !json_is(profile, JSON_OBJECT))
		return 0;
	filter_key(profile, &key);
	r = filter_compile(profile, &program);
	if (!buf_ok(&key) || key.n == 0 || r > 0 || (r == 0 && program.n % 8 != 0))
		abort();
	return 0;
}
