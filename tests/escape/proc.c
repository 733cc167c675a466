// SPDX-License-Identifier: Apache-2.0
/* /proc: sysctls, and files that tell about the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "ops.h"

/* A private instance of binfmt_misc is registered with only where values may be changed. */
static void binfmt(const char *arg)
{
	const char *dir = own_folder("binfmt");
	char path[256];
	int fd;
	static const char entry[] = ":gabion-escape:M::\\x7fGABION-ESCAPE::/nonexistent:";

	(void)arg;
	if (mount("none", dir, "binfmt_misc", 0, NULL) < 0)
		say_errno("mount");
	snprintf(path, sizeof(path), "%s/register", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		say_errno("register");
	if (!may_change())
		say("OPEN_OK", "register");
	if (write(fd, entry, sizeof(entry) - 1) < 0)
		say_errno("write");
	say("OWN", "registered");
}

static void kallsyms(const char *arg)
{
	char text[2048];
	int n = read_text("/proc/kallsyms", text, sizeof(text));

	(void)arg;
	if (n < 0) {
		errno = -n;
		say_errno("read");
	}
	for (char *line = strtok_r(text, "\n", &(char *){ NULL }); line; line = NULL)
		if (strtoull(line, NULL, 16) != 0)
			say("ADDRESSES", "");
	say("ZERO", "");
}

static void pagemap(const char *arg)
{
	static char page[8192];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	(void)arg;
	page[4096] = 1;
	if (fd < 0)
		say_errno("open");
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)&page[4096] / 4096 * sizeof(entry))) != sizeof(entry))
		say_errno("read");
	say(entry & ((UINT64_C(1) << 55) - 1) ? "FRAMES" : "ZERO", "");
}

static void host_paths(const char *arg)
{
	static char text[65536];

	(void)arg;
	if (read_text("/proc/self/mountinfo", text, sizeof(text)) < 0)
		say_errno("read");
	say(strstr(text, "/var/tmp/") ? "PATHS" : "NONE", "");
}

/* Limits of the container are 512 MiB and one processor: what there is of each tells whose view it
 * is. */
static void processors(const char *arg)
{
	static char text[262144];
	char number[16];
	int n = 0;

	(void)arg;
	if (read_text("/proc/cpuinfo", text, sizeof(text)) < 0)
		say_errno("read");
	for (const char *at = text; (at = strstr(at, "processor\t")); at++)
		n++;
	snprintf(number, sizeof(number), "%d", n);
	say("VALUE", number);
}

/* A second procfs: is a file there what it is at /proc? */
static void second_proc(const char *name)
{
	const char *dir = own_folder("proc");
	char path[256], text[256];
	int first, second;

	if (mount("proc", dir, "proc", 0, NULL) < 0)
		say_errno("mount");
	snprintf(path, sizeof(path), "/proc/%s", name);
	first = read_text(path, text, sizeof(text));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	second = read_text(path, text, sizeof(text));
	if (second < 0) {
		errno = -second;
		say_errno("read");
	}
	say(second > 0 && first <= 0 ? "REAL" : second > 0 ? "SAME" : "EMPTY", name);
}

/* Processes that are not of this container's pid namespace: there must be none below /proc. */
static void foreign_processes(const char *arg)
{
	char own[64], path[64], other[64];

	(void)arg;
	if (readlink("/proc/self/ns/pid", own, sizeof(own)) < 0)
		say_errno("readlink");
	for (int pid = 1; pid < 2000; pid++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
		n = readlink(path, other, sizeof(other));
		if (n > 0 && strncmp(own, other, (size_t)n) != 0)
			say("FOREIGN", path);
	}
	say("NONE", "");
}

#define SYS "/proc/sys/"
const struct probe probes_proc[] = {
	{ "K01", "core_pattern", 0, op_write_back, SYS "kernel/core_pattern" },
	{ "K01", "core_pipe_limit", 0, op_write_back, SYS "kernel/core_pipe_limit" },
	{ "K01", "suid_dumpable", 0, op_write_back, SYS "fs/suid_dumpable" },
	{ "K03", "bset", 0, op_open_write, SYS "kernel/usermodehelper/bset" },
	{ "K03", "inheritable", 0, op_open_write, SYS "kernel/usermodehelper/inheritable" },
	{ "K03", "modprobe", 0, op_open_write, SYS "kernel/modprobe" },
	{ "K03", "poweroff_cmd", 0, op_open_write, SYS "kernel/poweroff_cmd" },
	{ "K05", "panic", 0, op_change, SYS "kernel/panic" },
	{ "K05", "panic_on_oops", 0, op_change, SYS "kernel/panic_on_oops" },
	{ "K07", "", 0, op_write_back, SYS "kernel/randomize_va_space" },
	{ "K09", "", 0, op_change, SYS "kernel/yama/ptrace_scope" },
	{ "K11", "threads-max", 0, op_write_back, SYS "kernel/threads-max" },
	{ "K11", "maxkeys", 0, op_write_back, SYS "kernel/keys/maxkeys" },
	{ "K11", "file-max", 0, op_change, SYS "fs/file-max" },
	{ "K13", "", 0, op_open_write, SYS "kernel/ns_last_pid" },
	{ "K15", "drop_caches", 0, op_open_write, SYS "vm/drop_caches" },
	{ "K15", "compact_memory", 0, op_open_write, SYS "vm/compact_memory" },
	{ "K15", "panic_on_oom", 0, op_write_back, SYS "vm/panic_on_oom" },
	{ "K15", "overcommit_memory", 0, op_write_back, SYS "vm/overcommit_memory" },
	{ "K17", "", 0, op_write_back, SYS "fs/inotify/max_user_watches" },
	{ "K19", "", PROBE_MOUNTS, binfmt, NULL },
	{ "K21", "ip_forward", 0, op_write_back, SYS "net/ipv4/ip_forward" },
	{ "K21", "somaxconn", 0, op_change, SYS "net/core/somaxconn" },
	{ "K23", "hostname", 0, op_change, SYS "kernel/hostname" },
	{ "K23", "domainname", 0, op_change, SYS "kernel/domainname" },
	{ "K25", "", 0, op_write_back, SYS "kernel/io_uring_disabled" },
	{ "P01", "", 0, op_open_write, "/proc/sysrq-trigger" },
	{ "P03", "", 0, kallsyms, NULL },
	{ "P05", "timer_list", 0, op_read, "/proc/timer_list" },
	{ "P05", "kcore", 0, op_read, "/proc/kcore" },
	{ "P05", "sched_debug", 0, op_read, "/proc/sched_debug" },
	{ "P07", "acpi", 0, op_list, "/proc/acpi" },
	{ "P07", "asound", 0, op_list, "/proc/asound" },
	{ "P07", "scsi", 0, op_open_write, "/proc/scsi/scsi" },
	{ "P09", "interrupts", 0, op_read, "/proc/interrupts" },
	{ "P11", "", 0, pagemap, NULL },
	{ "P13", "uptime", 0, op_value, "/proc/uptime" },
	{ "P13", "swaps", 0, op_value, "/proc/swaps" },
	{ "P15", "cmdline", 0, op_read, "/proc/cmdline" },
	{ "P15", "config.gz", 0, op_read, "/proc/config.gz" },
	{ "P19", "", 0, host_paths, NULL },
	{ "P21", "timer_list", PROBE_MOUNTS, second_proc, "timer_list" },
	{ "P21", "interrupts", PROBE_MOUNTS, second_proc, "interrupts" },
	{ "P27", "kpageflags", 0, op_read, "/proc/kpageflags" },
	{ "P27", "kmsg", 0, op_open_read, "/proc/kmsg" },
	{ "P27", "vmallocinfo", 0, op_read, "/proc/vmallocinfo" },
	{ "P27", "pagetypeinfo", 0, op_read, "/proc/pagetypeinfo" },
	{ "P25", "meminfo", 0, op_value, "/proc/meminfo" },
	{ "P25", "cpuinfo", 0, processors, NULL },
	{ "C11", "", 0, foreign_processes, NULL },
	{ .id = NULL },
};
