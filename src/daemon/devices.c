/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/util.h"
#include "policy/cgroup.h"

#define ANY UINT32_MAX

/* Character devices that are read and written. What never ends (zero, full) is not among them, as
 * files of others are read whole; but for the one that git takes its random bytes from. */
static const struct {
	uint32_t major;
	uint32_t minor;
} open_to_all[] = {
	{ 1, 9 },     /* /dev/urandom */
	{ 1, 3 },     /* /dev/null */
	{ 5, 2 },     /* /dev/ptmx */
	{ 136, ANY }, /* /dev/pts, which only opens in a devpts */
	{ 10, 200 },  /* /dev/net/tun: the way out of the network */
	{ 10, 229 },  /* /dev/fuse: gabion-vfs, fuse-overlayfs */
};

/* --- version 1 --- */

/* Nothing was said yet: then everything is allowed. Else it is not denied for a moment to daemons
 * that outlived a gabiond. */
static bool is_open(int dir)
{
	CLEANUP_BUF struct buf list = BUF_INIT(65536);

	return file_read_at(dir, "devices.list", &list) < 0 || list.n == 0 || list.p[0] == 'a';
}

static int limit_v1(int dir)
{
	int r = is_open(dir) ? cgroups_write(dir, "devices.deny", "a") : 0;

	if (r == 0)
		r = cgroups_write(dir, "devices.allow", "c *:* m");
	if (r == 0)
		r = cgroups_write(dir, "devices.allow", "b *:* m");
	for (size_t i = 0; i < ARRAY_SIZE(open_to_all) && r == 0; i++) {
		char line[64];
		char minor[16] = "*";

		if (open_to_all[i].minor != ANY)
			(void)snprintf(minor, sizeof(minor), "%u", open_to_all[i].minor);
		(void)snprintf(line, sizeof(line), "c %u:%s rw", open_to_all[i].major, minor);
		r = cgroups_write(dir, "devices.allow", line);
		if (r == -EPERM)
			r = 0; /* this host's own limits do not have it */
	}
	return r;
}

/* --- version 2 --- */

#define OPS_MAX 64

struct program {
	size_t n;
	struct bpf_insn ops[OPS_MAX];
};

static void add(struct program *p, struct bpf_insn op)
{
	p->ops[p->n++] = op;
}

static void load(struct program *p, unsigned reg, size_t offset)
{
	add(p, (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
				  .dst_reg = reg & 15u,
				  .src_reg = BPF_REG_1,
				  .off = (int16_t)offset });
}

/* op: BPF_JEQ, BPF_JNE; skips so many instructions. */
static void jump(struct program *p, unsigned op, unsigned reg, uint32_t value, int16_t skip)
{
	add(p, (struct bpf_insn){ .code = (uint8_t)(BPF_JMP | op | BPF_K),
				  .dst_reg = reg & 15u,
				  .off = skip,
				  .imm = (int32_t)value });
}

static void arithmetic(struct program *p, unsigned op, unsigned reg, uint32_t value)
{
	add(p, (struct bpf_insn){ .code = (uint8_t)(BPF_ALU | op | BPF_K),
				  .dst_reg = reg & 15u,
				  .imm = (int32_t)value });
}

static void answer(struct program *p, uint32_t verdict)
{
	arithmetic(p, BPF_MOV, BPF_REG_0, verdict);
	add(p, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

/* struct bpf_cgroup_dev_ctx: what is asked for in the upper half of access_type, the kind of the
 * device in the lower. */
static void write_program(struct program *p)
{
	load(p, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	load(p, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	load(p, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	add(p, (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X,
				  .dst_reg = BPF_REG_3,
				  .src_reg = BPF_REG_2 });
	arithmetic(p, BPF_RSH, BPF_REG_3, 16);
	jump(p, BPF_JSET, BPF_REG_3, BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE, 2);
	answer(p, 1);
	arithmetic(p, BPF_AND, BPF_REG_2, 0xffff);
	jump(p, BPF_JEQ, BPF_REG_2, BPF_DEVCG_DEV_CHAR, 2);
	answer(p, 0);
	for (size_t i = 0; i < ARRAY_SIZE(open_to_all); i++) {
		bool any = open_to_all[i].minor == ANY;

		jump(p, BPF_JNE, BPF_REG_4, open_to_all[i].major, any ? 2 : 3);
		if (!any)
			jump(p, BPF_JNE, BPF_REG_5, open_to_all[i].minor, 2);
		answer(p, 1);
	}
	answer(p, 0);
}

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* Attached without a flag, it takes the place of one that was attached so before. */
static int limit_v2(int dir)
{
	struct program p = { .n = 0 };
	union bpf_attr attr;
	CLEANUP_FD int prog = -EBADF;

	write_program(&p);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)p.ops;
	attr.insn_cnt = (uint32_t)p.n;
	attr.license = (uintptr_t) "Apache-2.0";
	prog = bpf(BPF_PROG_LOAD, &attr);
	if (prog < 0)
		return prog;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	return bpf(BPF_PROG_ATTACH, &attr);
}

/* --- */

static int open_group(const struct cgroups *c, const struct cgroup_hierarchy *h, const char *name)
{
	char path[CGROUP_NAME_MAX + 16];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", c->name, name);
	fd = openat(h->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* dockerd has a group of its own where its memory is limited. */
static int limit_both_v2(const struct cgroups *c, const struct cgroup_hierarchy *h, int dir)
{
	CLEANUP_FD int dockerd = open_group(c, h, CGROUP_DOCKERD);
	int r = limit_v2(dir);

	return r == 0 && dockerd >= 0 ? limit_v2(dockerd) : r;
}

static int limit(const struct cgroups *c)
{
	int r = -ENOENT;

	for (size_t i = 0; i < c->n; i++) {
		CLEANUP_FD int dir = open_group(c, &c->h[i], CGROUP_SERVICES);

		if (dir < 0)
			return dir;
		if (!c->h[i].v2 && faccessat(dir, "devices.deny", F_OK, 0) == 0)
			return limit_v1(dir);
		/* Where both versions are, containers are in NAME/engine of version 2, too. */
		if (c->h[i].v2 && c->n == 1)
			r = limit_both_v2(c, &c->h[i], dir);
	}
	return r;
}

int devices_limit(const struct cgroups *c, struct err *err)
{
	int r = limit(c);

	return r < 0 ? err_errno(err, r,
				 "device nodes in images and archives are opened by the engine, as "
				 "root: no cgroup can keep it from that (the devices controller of "
				 "version 1, or BPF with version 2 alone)")
		     : 0;
}
