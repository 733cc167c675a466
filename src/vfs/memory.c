/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "vfs/views.h"

#define KB 1024u
#define TEXT_SIZE 16384

/* What /proc/meminfo says, in kB. */
enum fact {
	FACT_TOTAL,
	FACT_FREE,
	FACT_AVAILABLE,
	FACT_CACHED,
	FACT_SWAP_TOTAL,
	FACT_SWAP_FREE,
	FACT_ACTIVE,
	FACT_INACTIVE,
	FACT_ACTIVE_ANON,
	FACT_INACTIVE_ANON,
	FACT_ACTIVE_FILE,
	FACT_INACTIVE_FILE,
	FACT_UNEVICTABLE,
	FACT_DIRTY,
	FACT_WRITEBACK,
	FACT_ANON,
	FACT_MAPPED,
	FACT_SHMEM,
	FACT_SLAB,
	FACT_RECLAIMABLE,
	FACT_UNRECLAIMABLE,
	FACT_ZERO, /* what is the host's, or nobody's, to know */
	FACT_COUNT,
};

/* Lines in the kernel's order. */
static const struct {
	const char *name;
	enum fact fact;
} lines[] = {
	{ "MemTotal", FACT_TOTAL },
	{ "MemFree", FACT_FREE },
	{ "MemAvailable", FACT_AVAILABLE },
	{ "Buffers", FACT_ZERO },
	{ "Cached", FACT_CACHED },
	{ "SwapCached", FACT_ZERO },
	{ "Active", FACT_ACTIVE },
	{ "Inactive", FACT_INACTIVE },
	{ "Active(anon)", FACT_ACTIVE_ANON },
	{ "Inactive(anon)", FACT_INACTIVE_ANON },
	{ "Active(file)", FACT_ACTIVE_FILE },
	{ "Inactive(file)", FACT_INACTIVE_FILE },
	{ "Unevictable", FACT_UNEVICTABLE },
	{ "Mlocked", FACT_ZERO },
	{ "SwapTotal", FACT_SWAP_TOTAL },
	{ "SwapFree", FACT_SWAP_FREE },
	{ "Dirty", FACT_DIRTY },
	{ "Writeback", FACT_WRITEBACK },
	{ "AnonPages", FACT_ANON },
	{ "Mapped", FACT_MAPPED },
	{ "Shmem", FACT_SHMEM },
	{ "KReclaimable", FACT_RECLAIMABLE },
	{ "Slab", FACT_SLAB },
	{ "SReclaimable", FACT_RECLAIMABLE },
	{ "SUnreclaim", FACT_UNRECLAIMABLE },
	{ "KernelStack", FACT_ZERO },
	{ "PageTables", FACT_ZERO },
	{ "NFS_Unstable", FACT_ZERO },
	{ "Bounce", FACT_ZERO },
	{ "WritebackTmp", FACT_ZERO },
	{ "CommitLimit", FACT_TOTAL },
	{ "Committed_AS", FACT_ANON },
	{ "VmallocTotal", FACT_ZERO },
	{ "VmallocUsed", FACT_ZERO },
	{ "VmallocChunk", FACT_ZERO },
	{ "Percpu", FACT_ZERO },
	{ "AnonHugePages", FACT_ZERO },
	{ "ShmemHugePages", FACT_ZERO },
	{ "ShmemPmdMapped", FACT_ZERO },
};

/* Where memory.stat says it: key in version 1 (with what is below the cgroup) and 2; bytes. */
static const struct {
	enum fact fact;
	const char *v1;
	const char *v2;
} stats[] = {
	{ FACT_CACHED, "total_cache", "file" },
	{ FACT_ACTIVE_ANON, "total_active_anon", "active_anon" },
	{ FACT_INACTIVE_ANON, "total_inactive_anon", "inactive_anon" },
	{ FACT_ACTIVE_FILE, "total_active_file", "active_file" },
	{ FACT_INACTIVE_FILE, "total_inactive_file", "inactive_file" },
	{ FACT_UNEVICTABLE, "total_unevictable", "unevictable" },
	{ FACT_DIRTY, "total_dirty", "file_dirty" },
	{ FACT_WRITEBACK, "total_writeback", "file_writeback" },
	{ FACT_ANON, "total_rss", "anon" },
	{ FACT_MAPPED, "total_mapped_file", "file_mapped" },
	{ FACT_SHMEM, "total_shmem", "shmem" },
	{ FACT_RECLAIMABLE, NULL, "slab_reclaimable" },
	{ FACT_UNRECLAIMABLE, NULL, "slab_unreclaimable" },
};

struct memory {
	uint64_t kb[FACT_COUNT];
};

static uint64_t number_of(struct host *h, struct box *box, enum cg_file file, unsigned int level,
			  uint64_t otherwise)
{
	char text[128];
	ssize_t n = cg_read(&h->cg, &box->cg, file, level, text, sizeof(text));
	uint64_t v;

	return n > 0 && parse_limit((struct slice){ text, (size_t)n }, &v) == 0 ? v : otherwise;
}

/* The smallest on the way up, in kB. */
static uint64_t limit_kb(struct host *h, struct box *box, enum cg_file file)
{
	unsigned int levels = cg_levels(&h->cg, &box->cg, CG_MEMORY);
	uint64_t limit = PARSE_NO_LIMIT;

	for (unsigned int i = 0; i < levels; i++)
		limit = MIN(limit, number_of(h, box, file, i, PARSE_NO_LIMIT));
	return limit == PARSE_NO_LIMIT ? limit : limit / KB;
}

static void take_stat(struct host *h, struct box *box, int version, struct memory *m)
{
	UNCLEARED char text[TEXT_SIZE];
	ssize_t n = cg_read(&h->cg, &box->cg, CG_MEMORY_STAT, 0, text, sizeof(text));
	struct slice rest = { text, n > 0 ? (size_t)n : 0 };
	struct slice line;

	while (slice_split(&rest, '\n', &line)) {
		struct slice word;
		uint64_t v;

		if (!parse_word(&line, &word) || !parse_number(&line, &v))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
			const char *key = version == 1 ? stats[i].v1 : stats[i].v2;

			if (key && slice_eq_str(word, key))
				m->kb[stats[i].fact] = v / KB;
		}
	}
}

/* Swap of version 1 is counted together with memory, of version 2 by itself. */
static void take_swap(struct host *h, struct box *box, int version, uint64_t host_total,
		      uint64_t host_free, struct memory *m, uint64_t used)
{
	uint64_t limit = host_total > 0 ? limit_kb(h, box, CG_SWAP_LIMIT) : 0;
	uint64_t usage = host_total > 0 ? number_of(h, box, CG_SWAP_USAGE, 0, 0) / KB : 0;
	uint64_t memory = m->kb[FACT_TOTAL];

	if (version == 1 && limit != PARSE_NO_LIMIT)
		limit = limit > memory ? limit - memory : 0;
	if (version == 1)
		usage = usage > used ? usage - used : 0;
	limit = MIN(limit, host_total);
	m->kb[FACT_SWAP_TOTAL] = limit;
	m->kb[FACT_SWAP_FREE] = MIN(limit > usage ? limit - usage : 0, host_free);
}

/* Nobody gets more than the host has, whatever the limit is. */
static int take_memory(struct host *h, struct box *box, struct memory *m)
{
	int version = cg_version(&h->cg, &box->cg, CG_MEMORY);
	UNCLEARED char text[TEXT_SIZE];
	ssize_t n = host_read(h->meminfo, text, sizeof(text));
	struct slice s = { text, n > 0 ? (size_t)n : 0 };
	uint64_t total = 0;
	uint64_t free_kb = 0;
	uint64_t available = 0;
	uint64_t swap_total = 0;
	uint64_t swap_free = 0;
	uint64_t used;
	uint64_t room;
	uint64_t file;

	if (n < 0)
		return (int)n;
	if (parse_key(s, "MemTotal", &total) != 0 || parse_key(s, "MemFree", &free_kb) != 0 ||
	    parse_key(s, "MemAvailable", &available) != 0)
		return -EIO;
	(void)parse_key(s, "SwapTotal", &swap_total);
	(void)parse_key(s, "SwapFree", &swap_free);
	*m = (struct memory){ 0 };
	take_stat(h, box, version, m);
	used = number_of(h, box, CG_MEMORY_USAGE, 0, 0) / KB;
	total = MIN(total, limit_kb(h, box, CG_MEMORY_LIMIT));
	room = total > used ? total - used : 0;
	file = m->kb[FACT_ACTIVE_FILE] + m->kb[FACT_INACTIVE_FILE] + m->kb[FACT_RECLAIMABLE];
	m->kb[FACT_TOTAL] = total;
	m->kb[FACT_FREE] = MIN(room, free_kb);
	m->kb[FACT_AVAILABLE] = MIN(MIN(room + file, total), available);
	m->kb[FACT_ACTIVE] = m->kb[FACT_ACTIVE_ANON] + m->kb[FACT_ACTIVE_FILE];
	m->kb[FACT_INACTIVE] = m->kb[FACT_INACTIVE_ANON] + m->kb[FACT_INACTIVE_FILE];
	m->kb[FACT_SLAB] = m->kb[FACT_RECLAIMABLE] + m->kb[FACT_UNRECLAIMABLE];
	take_swap(h, box, version, swap_total, swap_free, m, used);
	return 0;
}

int view_meminfo(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	struct memory m;
	int r = take_memory(h, box, &m);

	(void)n;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lines); i++)
		buf_printf(out, "%s:%*llu kB\n", lines[i].name, (int)(23 - strlen(lines[i].name)),
			   (unsigned long long)m.kb[lines[i].fact]);
	return r;
}

int view_swaps(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	struct memory m;
	int r = take_memory(h, box, &m);

	(void)n;
	if (r < 0)
		return r;
	buf_add_str(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	if (m.kb[FACT_SWAP_TOTAL] > 0)
		buf_printf(out,
			   "none                                    virtual\t\t%llu\t\t%llu\t\t0\n",
			   (unsigned long long)m.kb[FACT_SWAP_TOTAL],
			   (unsigned long long)(m.kb[FACT_SWAP_TOTAL] - m.kb[FACT_SWAP_FREE]));
	return 0;
}

/* The kernel counts slabs of cgroups, but tells nobody which they are (since 5.9). */
int view_slabinfo(const struct node *n, struct host *h, struct box *box, struct buf *out)
{
	(void)n;
	(void)h;
	(void)box;
	buf_add_str(out, "slabinfo - version: 2.1\n"
			 "# name            <active_objs> <num_objs> <objsize> <objperslab> "
			 "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
			 "<active_slabs> <num_slabs> <sharedavail>\n");
	return 0;
}
