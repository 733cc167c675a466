// SPDX-License-Identifier: Apache-2.0
/* /sys: power, firmware, cgroups. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ops.h"

static void open_agent(const char *path)
{
	if (open(path, O_WRONLY | O_CLOEXEC) >= 0)
		say("OPEN_OK", path);
}

static int try_agent(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)where;
	if (type == FTW_F && strcmp(strrchr(path, '/') + 1, "release_agent") == 0)
		open_agent(path);
	return 0;
}

/* A release_agent below the mounts that there are: it is only opened. */
static void agent_there(const char *arg)
{
	(void)arg;
	if (nftw("/sys/fs/cgroup", try_agent, 16, FTW_PHYS) < 0)
		say_errno("nftw");
	say("NONE", "");
}

/* The same in a hierarchy that is mounted for it, as CDK and deepce do. */
static void agent_mounted(const char *controller)
{
	const char *dir = own_folder("cgroup");
	char path[256];

	if (mount("cgroup", dir, "cgroup", 0, controller) < 0)
		say_errno("mount");
	snprintf(path, sizeof(path), "%s/release_agent", dir);
	open_agent(path);
	say_errno("release_agent");
}

/* CVE-2022-0492: capabilities of a further user namespace were enough. */
static void agent_deeper(const char *controller)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
		say_errno("unshare");
	agent_mounted(controller);
}

/* A hierarchy of one's own is a new one on the host; it is gone with its last mount. */
static void named_hierarchy(const char *arg)
{
	const char *dir = own_folder("named");

	(void)arg;
	if (mount("cgroup", dir, "cgroup", 0, "none,name=gabion-escape") < 0)
		say_errno("mount");
	if (umount2(dir, 0) < 0)
		say_errno("umount");
	say("MOUNTED", "");
}

/* Folders in a hierarchy that is mounted afresh: groups of others. Its root should be the own
 * group, which has none. */
static void foreign_groups(const char *type)
{
	const char *dir = own_folder("groups");
	DIR *groups;
	struct dirent *entry;

	if (mount("cgroup", dir, type, 0, strcmp(type, "cgroup") == 0 ? "memory" : NULL) < 0)
		say_errno("mount");
	groups = opendir(dir);
	if (!groups)
		say_errno("opendir");
	while ((entry = readdir(groups)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			say("FOREIGN", entry->d_name);
	say("NONE", dir);
}

/* A second sysfs: what is masked at /sys/firmware is so there, too. */
static void second_sys(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", own_folder("sys"));
	if (mount("sysfs", path, "sysfs", 0, NULL) < 0)
		say_errno("mount");
	snprintf(path + strlen(path), 64, "/%s", name);
	op_list(path);
}

static int changed;

/* What is a namespace's own, or everybody's to write; the rest is the host's. */
static const char *const own[] = {
	"/proc/sys/net",
	"/proc/sys/user",
	"/proc/sys/fs/mqueue",
	"/proc/sys/kernel/hostname",
	"/proc/sys/kernel/domainname",
	"/proc/sys/kernel/sem",
	"/proc/sys/kernel/shm",
	"/proc/sys/kernel/msg",
	"/proc/sys/kernel/auto_msg",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/kernel/pid_max",
	"/proc/pressure",
	"/sys/fs/cgroup",
	"/proc/sys/fs/binfmt_misc",
	NULL,
};

static bool is_own(const char *path)
{
	for (size_t i = 0; own[i]; i++)
		if (strncmp(path, own[i], strlen(own[i])) == 0)
			return true;
	/* network devices are the network namespace's; processes are the pid namespace's */
	return strstr(path, "/net/") ||
	       (strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9');
}

/* One of gabion-vfs's: what is written is the container's own (tests/vfs; host-side oracles). */
static bool is_emulated(const char *path)
{
	struct statfs st;

	return statfs(path, &st) == 0 && st.f_type == FUSE_SUPER_MAGIC;
}

static int try_write(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)where;
	if (type == FTW_D || type == FTW_DNR)
		return is_own(path) || strcmp(path, "/proc/self") == 0 ? FTW_SKIP_SUBTREE
								       : FTW_CONTINUE;
	if (type != FTW_F || !S_ISREG(st->st_mode) || is_own(path) || is_emulated(path))
		return FTW_CONTINUE;
	/* without O_TRUNC and without a byte written nothing changes */
	if (open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK) >= 0)
		say("OPEN_OK", path);
	return FTW_CONTINUE;
}

/* Any file of the host's that opens for writing. */
static void walk(const char *top)
{
	if (nftw(top, try_write, 32, FTW_PHYS | FTW_ACTIONRETVAL) < 0)
		say_errno("nftw");
	say("NONE", top);
}

/* Numbers that a namespace may change: one more is written, and the harness looks whether the
 * host's have changed. */
static int try_change(const char *path, const struct stat *st, int type, struct FTW *where)
{
	char text[64];
	int fd;

	(void)where;
	if (type != FTW_F || !S_ISREG(st->st_mode) || read_text(path, text, sizeof(text)) <= 0)
		return FTW_CONTINUE;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || text[strspn(text, "0123456789")] != '\n')
		return FTW_CONTINUE;
	if (may_change())
		snprintf(text, sizeof(text), "%lld", strtoll(text, NULL, 10) + 1);
	changed += write(fd, text, strlen(text)) > 0;
	close(fd);
	return FTW_CONTINUE;
}

static void change_all(const char *top)
{
	char number[16];

	if (nftw(top, try_change, 32, FTW_PHYS | FTW_ACTIONRETVAL) < 0)
		say_errno("nftw");
	snprintf(number, sizeof(number), "%d", changed);
	say(changed ? "WRITE_OK" : "NONE", number);
}

/* The rules of the own device cgroup: what is allowed anyway is allowed once more. */
static int try_allow(const char *path, const struct stat *st, int type, struct FTW *where)
{
	int fd;

	(void)st;
	(void)where;
	if (type != FTW_F || strcmp(strrchr(path, '/') + 1, "devices.allow") != 0)
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "c 1:3 rwm", 9) < 0)
		say_errno("devices.allow");
	say("WRITE_OK", path);
	return 0;
}

static void device_rules(const char *arg)
{
	(void)arg;
	if (nftw("/sys/fs/cgroup", try_allow, 16, FTW_PHYS) < 0)
		say_errno("nftw");
	say("NONE", "");
}

#define SYS "/sys/"
const struct probe probes_sys[] = {
	{ "Y01", "", 0, op_open_write, SYS "kernel/uevent_helper" },
	{ "Y03", "firmware", 0, op_list, SYS "firmware" },
	{ "Y03", "efivarfs", PROBE_MOUNTS, op_mount, "efivarfs" },
	{ "Y05", "power", 0, op_open_write, SYS "power/state" },
	{ "Y05", "cpu", 0, op_open_write, SYS "devices/system/cpu/cpu1/online" },
	{ "Y05", "pci", 0, op_open_write, SYS "bus/pci/rescan" },
	{ "Y05", "thp", 0, op_open_write, SYS "kernel/mm/transparent_hugepage/enabled" },
	{ "Y05", "ksm", 0, op_open_write, SYS "kernel/mm/ksm/run" },
	{ "Y05", "profiling", 0, op_open_write, SYS "kernel/profiling" },
	{ "Y05", "wakeup", 0, op_open_write, SYS "power/wakeup_count" },
	{ "Y07", "", 0, op_value, SYS "class/dmi/id/product_uuid" },
	{ "Y09", "", 0, op_list, SYS "devices/virtual/powercap" },
	{ "Y11", "", 0, op_read, SYS "kernel/vmcoreinfo" },
	{ "K27", "", 0, walk, "/proc/sys" },
	{ "K29", "net", 0, change_all, "/proc/sys/net" },
	{ "K29", "user", 0, change_all, "/proc/sys/user" },
	{ "K29", "mqueue", 0, change_all, "/proc/sys/fs/mqueue" },
	{ "K29", "ipc", 0, change_all, "/proc/sys/kernel/msgmax" },
	{ "G13", "", 0, device_rules, NULL },
	{ "P23", "", 0, walk, "/proc" },
	{ "Y13", "", 0, walk, "/sys" },
	{ "G01", "there", 0, agent_there, NULL },
	{ "G01", "memory", PROBE_MOUNTS, agent_mounted, "memory" },
	{ "G01", "rdma", PROBE_MOUNTS, agent_mounted, "rdma" },
	{ "G01", "pids", PROBE_MOUNTS, agent_mounted, "pids" },
	{ "G11", "v1", PROBE_MOUNTS, foreign_groups, "cgroup" },
	{ "G11", "v2", PROBE_MOUNTS, foreign_groups, "cgroup2" },
	{ "Y15", "", PROBE_MOUNTS, second_sys, "firmware" },
	{ "G03", "memory", PROBE_MOUNTS, agent_deeper, "memory" },
	{ "G05", "", PROBE_MOUNTS, named_hierarchy, NULL },
	{ .id = NULL },
};
