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
	"proc/acpi",
	"proc/asound",
	"proc/interrupts", /* GHSA-6fw5-f8r9-fgfm */
	"proc/kcore",
	"proc/keys",
	"proc/latency_stats",
	"proc/sched_debug",
	"proc/scsi",
	"proc/timer_list",
	"proc/timer_stats",
	"proc/vmcore",
	"sys/devices/virtual/powercap", /* GHSA-jq35-85cj-fj4p */
	"sys/firmware",
	"sys/kernel/vmcoreinfo",
	NULL,
};

/* Made by gabion-vfs (vfs/nodes.c). Not kernel/pid_max: since Linux 6.14 a pid namespace has its
 * own. */
const char *const view_emulated[] = {
	"proc/cpuinfo",
	"proc/diskstats",
	"proc/loadavg",
	"proc/meminfo",
	"proc/slabinfo",
	"proc/stat",
	"proc/swaps",
	"proc/sys/fs/file-max",
	"proc/sys/fs/nr_open",
	"proc/sys/fs/protected_fifos",
	"proc/sys/fs/protected_hardlinks",
	"proc/sys/fs/protected_regular",
	"proc/sys/fs/protected_symlinks",
	"proc/sys/kernel/dmesg_restrict",
	"proc/sys/kernel/keys/root_maxbytes",
	"proc/sys/kernel/keys/root_maxkeys",
	"proc/sys/kernel/kptr_restrict",
	"proc/sys/kernel/panic",
	"proc/sys/kernel/panic_on_oops",
	"proc/sys/kernel/printk",
	"proc/sys/kernel/sysrq",
	"proc/sys/kernel/yama/ptrace_scope",
	"proc/sys/net/core/default_qdisc",
	"proc/sys/net/netfilter/nf_conntrack_max",
	"proc/sys/vm/mmap_min_addr",
	"proc/sys/vm/overcommit_memory",
	"proc/sys/vm/panic_on_oom",
	"proc/uptime",
	"sys/devices/system/cpu/online",
	"sys/devices/system/cpu/possible",
	"sys/devices/system/cpu/present",
	"sys/devices/virtual/dmi/id/product_uuid",
	"sys/module/nf_conntrack/parameters/hashsize",
	NULL,
};
