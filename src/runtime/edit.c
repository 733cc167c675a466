/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/edit.h"

#include "base/util.h"
#include "runtime/runtime.h"

const struct edit edits[] = {
	/* spec to spec */
	{ "platform", edit_platform, NULL },
	{ "annotations", edit_annotations, NULL },
	{ "cdi", edit_cdi, NULL },
	{ "hooks", edit_hooks, NULL },
	{ "process", edit_process, NULL },
	{ "capabilities", edit_capabilities, NULL },
	{ "namespaces", edit_namespaces, NULL },
	{ "devices", edit_devices, NULL },
	{ "sysctls", edit_sysctls, NULL },
	{ "init", edit_init, NULL },
	{ "forbidden", edit_forbidden, NULL },
	{ "seccomp", edit_seccomp, NULL },
	/* with effects on this process, or undone with it */
	{ "filter", edit_filter, NULL },
	{ "limits", edit_limits, NULL },
	{ "stage", stage_choose, NULL },
	{ "time", edit_time, undo_time },
	{ "userns", edit_userns, undo_userns },
	{ "rootfs", rootfs_prepare, NULL },
	{ "mounts", edit_binds, NULL },
	{ "cgroup", edit_cgroup, NULL },
	/* with effects on the host */
	{ "record", edit_record, undo_record },
	{ "proc", edit_proc, undo_proc },
	{ "view", rootfs_replace, rootfs_restore },
	{ "network", edit_network, NULL },
	{ "attach", edit_stage, undo_stage },
};

const size_t edits_n = ARRAY_SIZE(edits);

void edits_undo(struct runtime *rt, size_t made)
{
	while (made-- > 0)
		if (edits[made].undo)
			edits[made].undo(rt);
}

int edits_make(struct runtime *rt, struct err *err)
{
	for (size_t i = 0; i < edits_n; i++) {
		int r = edits[i].make(rt, err);

		if (r < 0) {
			edits_undo(rt, i + 1);
			(void)err_wrap(err, "%s", edits[i].name);
			return r;
		}
	}
	return 0;
}
