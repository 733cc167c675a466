/* SPDX-License-Identifier: Apache-2.0 */
/* What src/daemon/devices.h builds on: a cgroup says which device nodes its members may open. */
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "contract.h"

#define V1 "/sys/fs/cgroup/devices"
#define V2 "/sys/fs/cgroup"
#define NAME "gabion-contract"

static void write_to(const char *dir, const char *file, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" NAME "/%s", dir, file);
	if (write_file(path, text) < 0)
		check_failed(__FILE__, __LINE__, "writing %s to %s: %s", text, path,
			     strerrorname_np(errno));
}

static void opens(const char *path, int flags, int error)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (error)
		CHECK(fd < 0 && errno == error);
	else
		CHECK(fd >= 0);
	if (fd >= 0)
		(void)close(fd);
}

/* Runs body as a member of the cgroup, which is removed afterwards. */
static void as_member(const char *dir, void (*body)(void))
{
	char path[128];
	int status;
	pid_t child = fork();

	CHECK_OK(child);
	if (child == 0) {
		write_to(dir, "cgroup.procs", "0");
		body();
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	(void)snprintf(path, sizeof(path), "%s/" NAME, dir);
	for (int i = 0; rmdir(path) < 0 && i < 100; i++)
		(void)usleep(10000);
	CHECK_EQ(status, 0);
}

static void only_null(void)
{
	opens("/dev/zero", O_RDONLY, EPERM);
	opens("/dev/zero", O_PATH, 0);
	opens("/dev/null", O_RDWR, 0);
	CHECK_OK(mknod("node", S_IFBLK | 0600, makedev(7, 0)));
	opens("node", O_RDONLY, EPERM);
}

static void say_again(void)
{
	only_null();
	write_to(V1, "devices.deny", "a");
	write_to(V1, "devices.allow", "c 1:3 rw");
	write_to(V1, "devices.allow", "b *:* m");
	CHECK_OK(unlink("node"));
	only_null();
}

static void version_1(void)
{
	if (access(V1 "/devices.deny", F_OK) < 0 && access(V1 "/tasks", F_OK) < 0)
		skip_because("this host has no devices controller of version 1");
	(void)mkdir(V1 "/" NAME, 0755);
	write_to(V1, "devices.deny", "a");
	write_to(V1, "devices.allow", "c 1:3 rw");
	write_to(V1, "devices.allow", "b *:* m");
	as_member(V1, say_again);
}
TEST(version_1)

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A program that gives each question the same answer. */
static void attach_answer(int dir, int answer)
{
	const struct bpf_insn ops[] = {
		{ .code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = answer },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	int prog;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)ops;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "Apache-2.0";
	prog = bpf(BPF_PROG_LOAD, &attr);
	CHECK_OK(prog);
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	CHECK_OK(bpf(BPF_PROG_ATTACH, &attr));
	(void)close(prog);
}

static void nothing(void)
{
	opens("/dev/null", O_RDONLY, EPERM);
	opens("/dev/null", O_PATH, 0);
}

static void everything(void)
{
	opens("/dev/null", O_RDONLY, 0);
}

/* Attached without a flag, a program takes the place of the one before. */
static void version_2(void)
{
	int dir;

	if (access(V2 "/cgroup.controllers", F_OK) < 0)
		skip_because("this host's cgroups are not of version 2 alone");
	for (int answer = 0; answer < 2; answer++) {
		(void)mkdir(V2 "/" NAME, 0755);
		dir = open(V2 "/" NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK_OK(dir);
		attach_answer(dir, !answer);
		attach_answer(dir, answer);
		as_member(V2, answer ? everything : nothing);
		(void)close(dir);
	}
}
TEST(version_2)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_version_1),
	cmocka_unit_test(test_version_2),
};

CONTRACT_MAIN(tests)
