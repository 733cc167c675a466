/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/nodes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "vfs/values.h"
#include "vfs/views.h"

#define NUMBERS(count, low, high)                               \
	&(const struct knob)                                    \
	{                                                       \
		.numbers = (count), .min = (low), .max = (high) \
	}
#define NUMBER(low, high) NUMBERS(1, low, high)

static const char *const qdiscs[] = { "fq", "fq_codel", "sfq", "pfifo_fast", NULL };
static const struct knob qdisc = { .words = qdiscs, .otherwise = "pfifo_fast" };
static const struct knob hashsize = {
	.numbers = 1, .min = 1, .max = INT32_MAX, .otherwise = "65536"
};
static const struct knob conntrack = {
	.numbers = 1, .min = 0, .max = INT32_MAX, .otherwise = "262144"
};

const struct node nodes[] = {
	/* Of the container's cgroup. */
	{ "proc/cpuinfo", 0444, "the CPUs that it may use", view_cpuinfo, NULL, true },
	{ "proc/diskstats", 0444, "its transfers", view_diskstats, NULL, true },
	{ "proc/loadavg", 0444, "how many CPUs it keeps busy", view_loadavg, NULL, false },
	{ "proc/meminfo", 0444, "its memory and limit", view_meminfo, NULL, false },
	{ "proc/slabinfo", 0400, "no slab", view_slabinfo, NULL, false },
	{ "proc/stat", 0444, "its CPU time", view_stat, NULL, true },
	{ "proc/swaps", 0444, "its share of swap", view_swaps, NULL, false },
	{ "proc/uptime", 0444, "since it was started", view_uptime_file, NULL, false },
	{ "sys/devices/system/cpu/online", 0444, "the CPUs that it may use", view_cpu_list, NULL,
	  false },
	{ "sys/devices/system/cpu/possible", 0444, "the same", view_cpu_list, NULL, false },
	{ "sys/devices/system/cpu/present", 0444, "the same", view_cpu_list, NULL, false },

	/* Its own. */
	{ "sys/devices/virtual/dmi/id/product_uuid", 0400, "made of its name", view_uuid, NULL,
	  false },

	/* What is not namespaced: kept for the container, never pushed to the host. */
	{ "proc/sys/fs/file-max", 0644, "kept", view_knob, NUMBER(0, INT64_MAX), false },
	{ "proc/sys/fs/nr_open", 0644, "kept", view_knob, NUMBER(8, 2147483584), false },
	{ "proc/sys/fs/protected_fifos", 0600, "kept", view_knob, NUMBER(0, 2), false },
	{ "proc/sys/fs/protected_hardlinks", 0600, "kept", view_knob, NUMBER(0, 1), false },
	{ "proc/sys/fs/protected_regular", 0600, "kept", view_knob, NUMBER(0, 2), false },
	{ "proc/sys/fs/protected_symlinks", 0600, "kept", view_knob, NUMBER(0, 1), false },
	{ "proc/sys/kernel/dmesg_restrict", 0644, "kept", view_knob, NUMBER(0, 1), false },
	{ "proc/sys/kernel/keys/root_maxbytes", 0644, "kept", view_knob, NUMBER(0, INT32_MAX),
	  false },
	{ "proc/sys/kernel/keys/root_maxkeys", 0644, "kept", view_knob, NUMBER(0, INT32_MAX),
	  false },
	{ "proc/sys/kernel/kptr_restrict", 0644, "kept", view_knob, NUMBER(0, 3), false },
	{ "proc/sys/kernel/panic", 0644, "kept", view_knob, NUMBER(INT32_MIN, INT32_MAX), false },
	{ "proc/sys/kernel/panic_on_oops", 0644, "kept", view_knob, NUMBER(0, 1), false },
	{ "proc/sys/kernel/pid_max", 0644, "kept; the kernel's own since 6.14", view_knob,
	  NUMBER(1, 4194304), false },
	{ "proc/sys/kernel/printk", 0644, "kept", view_knob, NUMBERS(4, INT32_MIN, INT32_MAX),
	  false },
	{ "proc/sys/kernel/sysrq", 0644, "kept", view_knob, NUMBER(0, 511), false },
	{ "proc/sys/kernel/yama/ptrace_scope", 0644, "kept", view_knob, NUMBER(0, 3), false },
	{ "proc/sys/net/core/default_qdisc", 0644, "kept", view_knob, &qdisc, false },
	{ "proc/sys/net/netfilter/nf_conntrack_max", 0644, "kept", view_knob, &conntrack, false },
	{ "proc/sys/vm/mmap_min_addr", 0644, "kept", view_knob, NUMBER(0, INT64_MAX), false },
	{ "proc/sys/vm/overcommit_memory", 0644, "kept", view_knob, NUMBER(0, 2), false },
	{ "proc/sys/vm/panic_on_oom", 0644, "kept", view_knob, NUMBER(0, 2), false },
	{ "sys/module/nf_conntrack/parameters/hashsize", 0600, "kept", view_knob, &hashsize,
	  false },
};
static_assert(ARRAY_SIZE(nodes) <= NODES_MAX, "struct host has no room");

size_t nodes_count(void)
{
	return ARRAY_SIZE(nodes);
}

const char *nodes_known(struct slice path, struct slice value)
{
	char text[VALUE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (nodes[i].knob && slice_eq_str(path, nodes[i].path))
			return knob_check(nodes[i].knob, value, text, sizeof(text)) == 0
				       ? nodes[i].path
				       : NULL;
	return NULL;
}

#define ALL_NUMBER 2u

/* FNV-1a, folded. 0 is nothing, 1 the container's folder, 2 its folder "all". */
static uint16_t number_of(struct slice path)
{
	uint32_t h = 0x811c9dc5u;

	for (size_t i = 0; i < path.n; i++)
		h = (h ^ (unsigned char)path.p[i]) * 0x01000193u;
	h = (h ^ h >> 16) & 0xffff;
	return (uint16_t)(path.n == 0 ? 1 : MAX(h, ALL_NUMBER + 1));
}

/* Adds what is not there yet. */
static size_t add(struct tree *t, size_t parent, struct slice path, struct slice name,
		  const struct node *row)
{
	int at = tree_child(t, parent, name);

	if (at >= 0)
		return (size_t)at;
	assert(t->n < TREE_MAX);
	t->v[t->n] = (struct tree_node){ .number = number_of(path),
					 .parent = (uint16_t)parent,
					 .row = row,
					 .path = path,
					 .name = name };
	return t->n++;
}

void tree_make(struct tree *t)
{
	*t = (struct tree){ .n = 2 };
	t->v[TREE_TOP] = (struct tree_node){ .number = number_of(SLICE_LIT("")),
					     .path = SLICE_LIT(""),
					     .name = SLICE_LIT("") };
	t->v[TREE_ALL] = (struct tree_node){ .number = ALL_NUMBER,
					     .path = SLICE_LIT(""),
					     .name = SLICE_LIT("all") };
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		struct slice rest = slice_str(nodes[i].path);
		struct slice name;
		size_t at = TREE_TOP;

		while (slice_split(&rest, '/', &name)) {
			size_t end = (size_t)(name.p - nodes[i].path) + name.n;

			at = add(t, at, (struct slice){ nodes[i].path, end }, name,
				 rest.p ? NULL : &nodes[i]);
		}
	}
}

int tree_find(const struct tree *t, uint16_t number)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].number == number)
			return (int)i;
	return -1;
}

bool tree_name(const struct tree *t, size_t folder, size_t i, struct buf *ret)
{
	const struct tree_node *n = &t->v[i];

	if (i == TREE_TOP || i == TREE_ALL || (folder == TREE_ALL ? !n->row : n->parent != folder))
		return false;
	if (folder != TREE_ALL)
		buf_add_slice(ret, n->name);
	for (size_t k = 0; folder == TREE_ALL && k < n->path.n; k++)
		buf_add(ret, n->path.p[k] == '/' ? ":" : &n->path.p[k], 1);
	return true;
}

static bool is_path(struct slice name, struct slice path)
{
	if (name.n != path.n)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != (path.p[i] == '/' ? ':' : path.p[i]))
			return false;
	return true;
}

int tree_child(const struct tree *t, size_t folder, struct slice name)
{
	if (folder == TREE_TOP && slice_eq(name, t->v[TREE_ALL].name))
		return TREE_ALL;
	for (size_t i = TREE_ALL + 1; i < t->n; i++)
		if (folder == TREE_ALL ? t->v[i].row && is_path(name, t->v[i].path)
				       : t->v[i].parent == folder && slice_eq(t->v[i].name, name))
			return (int)i;
	return -1;
}
