// SPDX-License-Identifier: Apache-2.0
/* Parts of the kernel that count for the whole host: bpf, perf, the log, ports, sockets. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>

#include "ops.h"

/* return 0; as a program that looks at packets of a cgroup. Loaded, attached to nothing. */
static void bpf_program(const char *arg)
{
	static const struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K,
						  .dst_reg = BPF_REG_0 },
						{ .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_SKB,
				.insn_cnt = 2,
				.insns = (uint64_t)(uintptr_t)code,
				.license = (uint64_t)(uintptr_t) "GPL" };

	(void)arg;
	if (syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)) < 0)
		say_errno("BPF_PROG_LOAD");
	say("LOADED", "");
}

/* A bpffs that hands on rights: Linux 6.9. */
static void bpf_delegate(const char *arg)
{
	int fd = (int)syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC);

	(void)arg;
	if (fd < 0)
		say_errno("fsopen");
	if (syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, "delegate_cmds", "any", 0) < 0)
		say_errno("fsconfig");
	say("DELEGATED", "");
}

static void perf(const char *arg)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };

	(void)arg;
	if (syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC) < 0)
		say_errno("perf_event_open");
	say("OPEN_OK", "");
}

static void kernel_log(const char *arg)
{
	char text[64];

	(void)arg;
	if (klogctl(3, text, sizeof(text)) < 0)
		say_errno("syslog");
	say("READ", "");
}

static void ports(const char *arg)
{
	(void)arg;
	if (ioperm(0x80, 1, 1) < 0)
		say_errno("ioperm");
	say("REACHED", "");
}

/* Not a magic number: EINVAL is behind the check of init's capability. */
static void restart(const char *arg)
{
	(void)arg;
	if (syscall(SYS_reboot, 0, 0, 0, NULL) < 0)
		say_reached("reboot", EINVAL);
	say("REACHED", "");
}

static void family(const char *number)
{
	if (socket((int)strtol(number, NULL, 10), SOCK_SEQPACKET | SOCK_CLOEXEC, 0) < 0 &&
	    socket((int)strtol(number, NULL, 10), SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
		say_errno("socket");
	say("OPEN_OK", number);
}

/* What the host's devices do, told to its own network namespace and to those whose user namespace
 * owns them. */
static void uevents(const char *arg)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	(void)arg;
	if (fd < 0)
		say_errno("socket");
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		say_errno("bind");
	say("BOUND", "audit");
}

/* An abstract socket of the host, whose name the harness tells. */
static void abstract(const char *arg)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *name = getenv("ESCAPE_SOCKET");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	if (!name)
		say("UNDECIDED", "no ESCAPE_SOCKET");
	memcpy(un.sun_path + 1, name, strlen(name));
	if (connect(fd, (struct sockaddr *)&un,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0)
		say_errno("connect");
	say("CONNECTED", name);
}

/* Namespaces of the first process, which are the host's if there is no pid namespace of our own. */
static void join_first(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/1/ns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		say_errno("open");
	if (setns(fd, 0) < 0)
		say_errno("setns");
	say("JOINED", name);
}

/* SB8 and SB9: what the profile of whoever started the container refuses stays refused. */
static void refused_bpf(const char *arg)
{
	(void)arg;
	if (syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, NULL, 0) < 0)
		say_errno("bpf");
	say("REACHED", "");
}

static void refused_uts(const char *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWUTS) < 0)
		say_errno("unshare");
	say("REACHED", "");
}

static void refused_argument(const char *arg)
{
	(void)arg;
	if (syscall(SYS_personality, 8) < 0)
		say_errno("personality");
	say("REACHED", "");
}

const struct probe probes_kernel[] = {
	{ "C05", "program", 0, bpf_program, NULL },
	{ "C05", "delegate", 0, bpf_delegate, NULL },
	{ "C31", "", 0, perf, NULL },
	{ "C33", "", 0, kernel_log, NULL },
	{ "C35", "", 0, ports, NULL },
	{ "C37", "", 0, restart, NULL },
	{ "N01", "", 0, abstract, NULL },
	{ "N03", "alg", 0, family, "38" },
	{ "N03", "vsock", 0, family, "40" },
	{ "N05", "", 0, uevents, NULL },
	{ "C39", "mnt", 0, join_first, "mnt" },
	{ "C39", "uts", 0, join_first, "uts" },
	{ "SB8", "bpf", PROBE_ASKED, refused_bpf, NULL },
	{ "SB8", "unshare", PROBE_ASKED, refused_uts, NULL },
	{ "SB8", "argument", PROBE_ASKED, refused_argument, NULL },
	{ "SB9", "bpf", PROBE_ASKED, refused_bpf, NULL },
	{ "SB9", "unshare", PROBE_ASKED, refused_uts, NULL },
	{ "SB9", "argument", PROBE_ASKED, refused_argument, NULL },
	{ .id = NULL },
};
