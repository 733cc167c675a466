/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/cgroup.h"

#include <stdio.h>

#include "base/util.h"

#define ID_LEN 64

static bool is_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return s.n == ID_LEN;
}

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
		else if (instance && is_id(part))
			why = "it is the group of another container";
		else if (instance && first && slice_eq_str(part, CGROUP_SERVICES))
			why = "it is the group of the engine's own processes";
		first = false;
	}
	if (!why)
		return;
	ret->kind = VERDICT_DENY;
	(void)snprintf(ret->message, sizeof(ret->message), "cgroup parent %.*s is refused: %s",
		       (int)MIN(parent.n, (size_t)512), parent.p, why);
}
