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

/* Docker asks for --domainname by the sysctl, which the container's root may not write; the spec
 * has a field for it (1.1), for which the lower runtimes (crun, runc from 1.2) call
 * setdomainname(2). */
static int move_domainname(struct runtime *rt, struct json *sysctls)
{
	struct json *name = json_get(sysctls, "kernel.domainname");
	int r;

	if (!json_is(name, JSON_STRING))
		return 0;
	r = json_set(&rt->arena, rt->spec, "domainname", name);
	(void)json_del(sysctls, "kernel.domainname");
	return r;
}

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

	r = move_domainname(rt, sysctls);
	if (r < 0)
		return err_errno(err, r, "spec");
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
