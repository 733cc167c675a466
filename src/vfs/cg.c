/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/cg.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/util.h"
#include "linux/at.h"
#include "linux/mountinfo.h"

#define SPARE 1024u /* descriptors that are not for cgroups, or that requests take meanwhile */
#define MOUNTINFO_MAX (16u * 1024u * 1024u)

static const char *const names[] = {
	[CG_MEMORY] = "memory",	  [CG_CPU] = "cpu",   [CG_CPUACCT] = "cpuacct",
	[CG_CPUSET] = "cpuset",	  [CG_PIDS] = "pids", [CG_BLKIO] = "blkio",
	[CG_UNIFIED] = "unified",
};
static_assert(ARRAY_SIZE(names) == CG_CONTROLLERS, "a controller has no name");

static const struct {
	enum cg_controller controller;
	const char *v1;
	const char *v2;
} files[] = {
	[CG_MEMORY_LIMIT] = { CG_MEMORY, "memory.limit_in_bytes", "memory.max" },
	[CG_MEMORY_USAGE] = { CG_MEMORY, "memory.usage_in_bytes", "memory.current" },
	[CG_MEMORY_STAT] = { CG_MEMORY, "memory.stat", "memory.stat" },
	[CG_SWAP_LIMIT] = { CG_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max" },
	[CG_SWAP_USAGE] = { CG_MEMORY, "memory.memsw.usage_in_bytes", "memory.swap.current" },
	[CG_CPU_MAX] = { CG_CPU, NULL, "cpu.max" },
	[CG_CPU_QUOTA] = { CG_CPU, "cpu.cfs_quota_us", NULL },
	[CG_CPU_PERIOD] = { CG_CPU, "cpu.cfs_period_us", NULL },
	[CG_CPU_USED] = { CG_CPUACCT, "cpuacct.usage_all", "cpu.stat" },
	[CG_CPU_BUSY] = { CG_CPUACCT, "cpuacct.usage", "cpu.stat" },
	[CG_CPUS] = { CG_CPUSET, "cpuset.effective_cpus", "cpuset.cpus.effective" },
	[CG_PIDS_CURRENT] = { CG_PIDS, "pids.current", "pids.current" },
	[CG_IO] = { CG_BLKIO, "blkio.throttle.io_service_bytes_recursive", "io.stat" },
	[CG_IO_OPS] = { CG_BLKIO, "blkio.throttle.io_serviced_recursive", NULL },
};
static_assert(ARRAY_SIZE(files) == CG_FILES, "a file has no name");

const char *cg_name(enum cg_controller c)
{
	return names[c];
}

/* Whether the options of a hierarchy of version 1 name the controller. */
static bool has_option(struct slice options, const char *name)
{
	struct slice option;

	while (slice_split(&options, ',', &option))
		if (slice_eq_str(option, name))
			return true;
	return false;
}

static void take_mount(struct cg_host *h, enum cg_controller c, const struct mountinfo_entry *m)
{
	if (h->root[c] >= 0)
		return;
	h->root[c] = open(m->point, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	h->prefix[c] = strdup(strcmp(m->root, "/") == 0 ? "" : m->root);
}

static int find_mount(const struct mountinfo_entry *m, void *data)
{
	struct cg_host *h = data;

	if (strcmp(m->type, "cgroup2") == 0)
		take_mount(h, CG_UNIFIED, m);
	if (strcmp(m->type, "cgroup") != 0)
		return 0;
	for (enum cg_controller c = 0; c < CG_UNIFIED; c++)
		if (has_option(m->super, names[c]))
			take_mount(h, c, m);
	return 0;
}

int cg_host_open(struct cg_host *h, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);
	struct rlimit limit;
	int r;

	for (enum cg_controller c = 0; c < CG_CONTROLLERS; c++) {
		h->root[c] = -EBADF;
		h->prefix[c] = NULL;
	}
	h->open = 0;
	h->most = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		h->most = limit.rlim_cur < SPARE * 4 ? limit.rlim_cur / 4 : limit.rlim_cur - SPARE;
	r = mountinfo_read(&text, err);
	return r == 0 ? mountinfo_each(buf_slice(&text), find_mount, h, err) : r;
}

bool cg_crowded(const struct cg_host *h)
{
	return __atomic_load_n(&h->open, __ATOMIC_RELAXED) > h->most;
}

void cg_host_done(struct cg_host *h)
{
	for (enum cg_controller c = 0; c < CG_CONTROLLERS; c++) {
		h->root[c] = fd_close(h->root[c]);
		free(h->prefix[c]);
		h->prefix[c] = NULL;
	}
}

/* The hierarchy that the controller is in, or CG_CONTROLLERS. */
static enum cg_controller hierarchy(const struct cg_host *h, const struct cg_box *b,
				    enum cg_controller c)
{
	if (b->path[c] && h->root[c] >= 0)
		return c;
	return b->path[CG_UNIFIED] && h->root[CG_UNIFIED] >= 0 ? CG_UNIFIED : CG_CONTROLLERS;
}

int cg_version(const struct cg_host *h, const struct cg_box *b, enum cg_controller c)
{
	enum cg_controller at = hierarchy(h, b, c);

	return at == CG_CONTROLLERS ? 0 : at == CG_UNIFIED ? 2 : 1;
}

/* What is below the mounted root, without slashes at its ends. */
static struct slice below(const struct cg_host *h, const struct cg_box *b, enum cg_controller at)
{
	struct slice path = slice_str(b->path[at]);
	struct slice prefix = slice_str(h->prefix[at]);

	if (slice_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/'))
		path = slice_from(path, prefix.n);
	while (path.n > 0 && path.p[0] == '/')
		path = slice_from(path, 1);
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

unsigned int cg_levels(const struct cg_host *h, const struct cg_box *b, enum cg_controller c)
{
	enum cg_controller at = hierarchy(h, b, c);
	struct slice path = at == CG_CONTROLLERS ? SLICE_NULL : below(h, b, at);
	struct slice part;
	unsigned int n = 0;

	while (path.n > 0 && slice_split(&path, '/', &part))
		n += part.n > 0;
	return MIN(n, CG_LEVELS_MAX);
}

static int open_file(const struct cg_host *h, const struct cg_box *b, enum cg_file file,
		     unsigned int level)
{
	enum cg_controller at = hierarchy(h, b, files[file].controller);
	const char *name = at == CG_UNIFIED ? files[file].v2 : files[file].v1;
	struct slice path;
	char full[PATH_MAX];
	int n;

	if (at == CG_CONTROLLERS || !name)
		return -ENOENT;
	path = below(h, b, at);
	for (; level > 0 && path.n > 0; level--)
		while (path.n > 0 && path.p[--path.n] != '/')
			;
	n = snprintf(full, sizeof(full), "%.*s%s%s", SLICE_ARG(path), path.n > 0 ? "/" : "", name);
	if (n < 0 || (size_t)n >= sizeof(full))
		return -ENAMETOOLONG;
	return at_open_plain(h->root[at], full, O_RDONLY, 0);
}

static struct cg_open *find_open(struct cg_box *b, enum cg_file file, unsigned int level)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->open[i].file == file && b->open[i].level == level)
			return &b->open[i];
	return NULL;
}

ssize_t cg_read(struct cg_host *h, struct cg_box *b, enum cg_file file, unsigned int level,
		char *buf, size_t size)
{
	struct cg_open *o = find_open(b, file, level);
	CLEANUP_FD int fd = -EBADF;
	ssize_t n = -1;

	if (o)
		n = pread(o->fd, buf, size, 0);
	if (n >= 0)
		return n;
	/* A cgroup that was removed and made again has other files. */
	if (o) {
		(void)fd_close(o->fd);
		*o = b->open[--b->n];
		(void)__atomic_sub_fetch(&h->open, 1, __ATOMIC_RELAXED);
	}
	fd = open_file(h, b, file, level);
	if (fd < 0)
		return fd;
	n = pread(fd, buf, size, 0);
	if (n < 0)
		return -errno;
	if (b->n == CG_OPEN_MAX)
		return n;
	b->open[b->n++] = (struct cg_open){ .file = (uint8_t)file,
					    .level = (uint8_t)level,
					    .fd = TAKE_FD(fd) };
	(void)__atomic_add_fetch(&h->open, 1, __ATOMIC_RELAXED);
	return n;
}

void cg_close(struct cg_host *h, struct cg_box *b)
{
	(void)__atomic_sub_fetch(&h->open, b->n, __ATOMIC_RELAXED);
	while (b->n > 0)
		(void)fd_close(b->open[--b->n].fd);
}

void cg_done(struct cg_host *h, struct cg_box *b)
{
	cg_close(h, b);
	for (enum cg_controller c = 0; c < CG_CONTROLLERS; c++) {
		free(b->path[c]);
		b->path[c] = NULL;
	}
}
