/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cgroup.h"

#include <stdio.h>

#include "base/util.h"

#define ID_LEN 64

void cgroup_judge_parent(struct slice parent, bool instance, struct verdict *ret)
{
	struct slice rest = parent;
	struct slice part;
	const char *why = NULL;
	bool first = true;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "cgroup-parent" };
	while (!why && slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, ".."))
			why = "it leads up";
		else if (instance && part.n == ID_LEN && slice_is_lower_hex(part))
			why = "it is the group of another container";
		else if (instance && first &&
			 (slice_eq_str(part, CGROUP_SERVICES) ||
			  slice_eq_str(part, CGROUP_DOCKERD)))
			why = "it is the group of the engine's own processes";
		first = false;
	}
	if (!why)
		return;
	ret->kind = VERDICT_DENY;
	(void)snprintf(
		ret->message, sizeof(ret->message),
		"cgroup parent %.*s is refused: %s; name a group of your own (--cgroup-parent)",
		(int)MIN(parent.n, (size_t)512), parent.p, why);
}
