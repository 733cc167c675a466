/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/slice.h"
#include "base/util.h"
#include "policy/cgroup.h"

#define MIB (1024u * 1024u)
#define DEFAULT_LEAST 1024u /* MiB */
#define FILE_MAX 65536u

/* The files of the two versions. */
struct files {
	const char *limit;
	const char *with_swap; /* the same again: what is swapped out counts; version 2: none is */
	const char *swap_limit;
	const char *no_limit;
	const char *events; /* has a line "oom_kill N" */
};

static const struct files v1 = {
	.limit = "memory.limit_in_bytes",
	.with_swap = "memory.memsw.limit_in_bytes",
	.no_limit = "-1",
	.events = "memory.oom_control",
};

static const struct files v2 = {
	.limit = "memory.max",
	.with_swap = "memory.swap.max",
	.swap_limit = "0",
	.no_limit = "max",
	.events = "memory.events",
};

static uint64_t read_number(int dir, const char *file, uint64_t otherwise)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FILE_MAX);
	struct slice rest;
	struct slice line;
	uint64_t v;

	if (file_read_at(dir, file, &b) < 0)
		return otherwise;
	rest = buf_slice(&b);
	return slice_split(&rest, '\n', &line) && num_parse_u64(line, UINT64_MAX, &v) == 0
		       ? v
		       : otherwise;
}

static uint32_t default_limit(const struct cgroup_hierarchy *h, const struct files *f,
			      const char *data)
{
	uint64_t bytes = 0;
	struct sysinfo info;
	struct statfs fs;

	if (sysinfo(&info) == 0)
		bytes = (uint64_t)info.totalram * info.mem_unit;
	bytes = MIN(bytes, read_number(h->root, f->limit, UINT64_MAX)) / 2;
	if (bytes / MIB < DEFAULT_LEAST || (statfs(data, &fs) == 0 && fs.f_type == TMPFS_MAGIC))
		return 0;
	return (uint32_t)MIN(bytes / MIB, (uint64_t)UINT32_MAX - 1);
}

/* Version 1 has the limit with swap be no less than that without, whichever is written first. */
static int set(int group, const struct files *f, uint32_t mib)
{
	char text[32];
	const char *swap = mib > 0 && f->swap_limit ? f->swap_limit : text;
	int r;

	if (mib == 0)
		(void)snprintf(text, sizeof(text), "%s", f->no_limit);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)mib * MIB);
	(void)cgroups_write(group, f->with_swap, swap);
	r = cgroups_write(group, f->limit, text);
	(void)cgroups_write(group, f->with_swap, swap);
	return r;
}

static const struct cgroup_hierarchy *find(const struct cgroups *c, const struct files **ret)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct files *f = c->h[i].v2 ? &v2 : &v1;
		char path[CGROUP_NAME_MAX + 64];

		(void)snprintf(path, sizeof(path), "%s/" CGROUP_SERVICES "/%s", c->name, f->limit);
		if ((!c->h[i].v2 || c->n == 1) && faccessat(c->h[i].root, path, F_OK, 0) == 0) {
			*ret = f;
			return &c->h[i];
		}
	}
	return NULL;
}

static int open_group(const struct cgroups *c, const struct cgroup_hierarchy *h, bool make)
{
	char path[CGROUP_NAME_MAX + 32];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" CGROUP_DOCKERD, c->name);
	if (make && mkdirat(h->root, path, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(h->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static uint64_t count_kills(const struct memory *m)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FILE_MAX);
	struct slice rest;
	struct slice line;
	struct slice word;
	uint64_t v;

	if (file_read_at(m->group, v2.events, &b) < 0 && file_read_at(m->group, v1.events, &b) < 0)
		return 0;
	rest = buf_slice(&b);
	while (slice_split(&rest, '\n', &line))
		if (slice_split(&line, ' ', &word) && slice_eq_str(word, "oom_kill") &&
		    num_parse_u64(line, UINT64_MAX, &v) == 0)
			return v;
	return 0;
}

int memory_limit(struct memory *m, const struct cgroups *c, uint32_t mib, const char *data,
		 struct err *err)
{
	const struct files *f;
	const struct cgroup_hierarchy *h = find(c, &f);
	CLEANUP_FD int group = -EBADF;
	int r;

	if (!h)
		return err_set(err, -ENOENT,
			       "archives and images can have the engine take all memory of this "
			       "host: no cgroup can keep it from that (the memory controller of "
			       "version 1, or of version 2 alone)");
	if (mib == MEMORY_MIB_DEFAULT)
		mib = default_limit(h, f, data);
	group = open_group(c, h, mib > 0);
	if (group == -ENOENT)
		return 0;
	r = group < 0 ? group : set(group, f, mib);
	if (r < 0)
		return err_errno(err, r, "limiting the engine's memory to %u MiB (%s/%s/%s)", mib,
				 h->label, c->name, CGROUP_DOCKERD);
	m->group = TAKE_FD(group);
	m->mib = mib;
	m->kills = count_kills(m);
	return 0;
}

void memory_done(struct memory *m)
{
	m->group = fd_close(m->group);
}

int memory_enter(const struct memory *m, pid_t pid)
{
	char text[16];

	if (m->group < 0)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", pid);
	return cgroups_write(m->group, "cgroup.procs", text);
}

bool memory_killed(struct memory *m)
{
	uint64_t before = m->kills;

	if (m->group >= 0)
		m->kills = count_kills(m);
	return m->kills > before;
}
