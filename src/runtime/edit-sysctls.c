/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysctls that a user namespace makes invalid. The engine's net.ipv4.ping_group_range =
 * "0 2147483647" holds groups that have no mapping: the kernel answers EINVAL; narrowed to those
 * that have one.
 */
#include <errno.h>
#include <string.h>

#include "base/slice.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

static const char ping[] = "net.ipv4.ping_group_range";

/* Two numbers apart by spaces, or by a tab as the kernel prints them. */
static bool read_range(const char *value, uint32_t *low, uint32_t *high)
{
	size_t n = strcspn(value, " \t");
	const char *second = value + n + strspn(value + n, " \t");

	return num_parse_u32((struct slice){ value, n }, low) == 0 &&
	       num_parse_u32(slice_str(second), high) == 0;
}

int edit_sysctls(struct runtime *rt, struct err *err)
{
	struct json *sysctls = json_at(rt->spec, "linux.sysctl");
	const char *value = json_get_str(sysctls, ping);
	uint32_t last = rt->facts.ids_per_container - 1;
	uint32_t low;
	uint32_t high;
	int r;

	if (!value || !read_range(value, &low, &high) || high <= last)
		return 0;
	/* No mapped group is in the range: "1 0" is how the kernel writes "nobody". */
	r = json_set(&rt->arena, sysctls, ping,
		     low > last
			     ? json_new_str(&rt->arena, "1 0")
			     : json_new_str(&rt->arena, arena_must(arena_printf(&rt->arena, "%u %u",
										low, last))));
	return r < 0 ? err_errno(err, r, "spec") : 0;
}
