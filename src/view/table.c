/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/util.h"
#include "view/view.h"

static const char *const names[] = { [VIEW_PROC] = "proc", [VIEW_SYS] = "sys" };
static const char *const types[] = { [VIEW_PROC] = "proc", [VIEW_SYS] = "sysfs" };
static_assert(ARRAY_SIZE(names) == VIEW_TREES && ARRAY_SIZE(types) == VIEW_TREES,
	      "a tree is missing");

const char *view_tree_name(enum view_tree tree)
{
	return names[tree];
}

const char *view_tree_type(enum view_tree tree)
{
	return types[tree];
}

/* What Docker masks for containers that are not privileged (moby's oci/defaults.go), and what else
 * tells of the host. With --privileged, too: it gives rights in the container, not to the host. */
const char *const view_masked[] = {
	"proc/acpi",	    "proc/asound", "proc/interrupts", /* GHSA-6fw5-f8r9-fgfm */
	"proc/kcore",	    "proc/keys",   "proc/latency_stats",
	"proc/sched_debug", "proc/scsi",   "proc/timer_list",
	"proc/timer_stats", "proc/vmcore", "sys/devices/virtual/powercap", /* GHSA-jq35-85cj-fj4p */
	"sys/firmware",	    NULL,
};

const char *const view_emulated[] = {
	NULL,
};
