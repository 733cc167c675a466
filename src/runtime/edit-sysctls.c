/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysctls that a user namespace makes invalid. The engine's net.ipv4.ping_group_range =
 * "0 2147483647" holds groups that have no mapping: the kernel answers EINVAL; narrowed to those
 * that have one.
 */
#include <errno.h>

#include "base/slice.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char ping[] = "net.ipv4.ping_group_range";

static bool next_number(struct slice *rest, uint32_t *ret)
{
	struct slice word;

	while (slice_split(rest, ' ', &word))
		if (word.n > 0)
			return num_parse_u32(word, ret) == 0;
	return false;
}

int edit_sysctls(struct runtime *rt, struct err *err)
{
	struct json *sysctls = json_at(rt->spec, "linux.sysctl");
	const char *value = json_get_str(sysctls, ping);
	struct slice rest = slice_str(value);
	uint32_t last = rt->facts.ids_per_container - 1;
	uint32_t low;
	uint32_t high;
	int r;

	if (!value || !next_number(&rest, &low) || !next_number(&rest, &high) || high <= last)
		return 0;
	r = json_set(&rt->arena, sysctls, ping,
		     json_new_str(&rt->arena, arena_must(arena_printf(&rt->arena, "%u %u",
								      MIN(low, last), last))));
	return r < 0 ? err_errno(err, r, "spec") : 0;
}
