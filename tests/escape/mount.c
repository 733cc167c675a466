// SPDX-License-Identifier: Apache-2.0
/* Mounts that a container makes itself. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/mount.h>

#include "ops.h"

/* File systems on a disk: that there is none is only seen behind the permission check. */
static void mount_disk(const char *type)
{
	if (mount("/nonexistent/disk", own_folder(type), type, MS_RDONLY, NULL) < 0)
		say_reached("mount", ENOENT);
	say("MOUNTED", type);
}

/* The same through the new interface, as far as creating it. */
static void fsopen_disk(const char *type)
{
	int fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fd < 0)
		say_errno("fsopen");
	if (syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, "source", "/nonexistent/disk", 0) < 0)
		say_errno("fsconfig");
	if (syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		say_reached("create", ENOENT);
	say("MOUNTED", type);
}

static const char *const namespaced[] = { "sysfs",  "proc",	   "tmpfs",   "ramfs",	 "devpts",
					  "mqueue", "cgroup",	   "cgroup2", "overlay", "fuse",
					  "bpf",    "binfmt_misc", "fuseblk", "cpuset",	 NULL };

/* Every type that the kernel knows but those which are made for user namespaces. */
static void mount_any(const char *arg)
{
	static char text[8192];
	char *rest = text;
	const char *dir = own_folder("any");

	(void)arg;
	if (read_text("/proc/filesystems", text, sizeof(text)) < 0)
		say_errno("read");
	for (char *type; (type = strsep(&rest, "\n"));) {
		bool known = !strchr(type, '\t');

		if (known)
			continue;
		type = strchr(type, '\t') + 1;
		for (size_t i = 0; namespaced[i]; i++)
			known |= strcmp(type, namespaced[i]) == 0;
		if (known || !*type)
			continue;
		if (mount("/nonexistent/disk", dir, type, MS_RDONLY, NULL) == 0)
			say("MOUNTED", type);
		if (errno != EPERM)
			say(errno == ENODEV ? "ENODEV" : "REACHED", type);
	}
	say("EPERM", "every type");
}

/* The way out of a chroot: a descriptor of a folder above the new root. */
static void leave_chroot(const char *arg)
{
	struct stat before, after;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)arg;
	if (fd < 0 || fstat(fd, &before) < 0)
		say_errno("open");
	if (chroot(own_folder("root")) < 0)
		say_errno("chroot");
	if (fchdir(fd) < 0)
		say_errno("fchdir");
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			say_errno("chdir");
	if (stat(".", &after) < 0)
		say_errno("stat");
	say(before.st_dev == after.st_dev && before.st_ino == after.st_ino ? "OWN" : "OUT", "");
}

/* Another root, and then what was mounted taken apart from there. */
static void pivot(const char *target)
{
	char root[128], old[160], path[300];

	snprintf(root, sizeof(root), "%s", own_folder("pivot"));
	if (mount("none", root, "tmpfs", 0, NULL) < 0)
		say_errno("tmpfs");
	snprintf(old, sizeof(old), "%s/old", root);
	if (mkdir(old, 0755) < 0 || syscall(SYS_pivot_root, root, old) < 0)
		say_errno("pivot_root");
	snprintf(path, sizeof(path), "/old%s", target);
	if (mount("none", path, NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		write_in(path);
	if (umount2(path, MNT_DETACH) < 0)
		say_errno("umount");
	say("UMOUNTED", path);
}

static void move_proc(const char *arg)
{
	(void)arg;
	if (mount("/proc", own_folder("proc"), NULL, MS_MOVE, NULL) < 0)
		say_errno("move");
	say("MOVED", "");
}

static void over_proc_sys(const char *arg)
{
	(void)arg;
	if (mount("none", "/proc/sys", "tmpfs", 0, NULL) < 0)
		say_errno("mount");
	say("MOUNTED", "");
}

/* An overlay whose lower folder lies on the host, and a capability on a file that is copied up. */
static void overlay_caps(const char *arg)
{
	static const struct vfs_cap_data data = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = { { .permitted = 1u << CAP_SYS_ADMIN } }
	};
	char options[512], path[256], up[64], work[64];
	int fd;

	(void)arg;
	if (mount("none", own_folder("up"), "tmpfs", 0, NULL) < 0)
		say_errno("tmpfs");
	snprintf(up, sizeof(up), "/tmp/escape-M15-up-%d/u", (int)getpid());
	snprintf(work, sizeof(work), "/tmp/escape-M15-up-%d/w", (int)getpid());
	if (mkdir(up, 0755) < 0 || mkdir(work, 0755) < 0)
		say_errno("mkdir");
	snprintf(options, sizeof(options), "lowerdir=" RW_BIND ",upperdir=%s,workdir=%s", up, work);
	snprintf(path, sizeof(path), "%s", own_folder("merged"));
	if (mount("none", path, "overlay", 0, options) < 0)
		say_errno("mount");
	snprintf(path + strlen(path), 16, "/file");
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		say_errno("open");
	if (fsetxattr(fd, "security.capability", &data, XATTR_CAPS_SZ_2, 0) < 0)
		say_errno("setxattr");
	say("MOUNTED", "");
}

static int child_with_userns(void)
{
	int p[2];
	char c;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		say_errno("pipe");
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(1);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (read(p[0], &c, 1) != 1)
		say("EPERM", "unshare");
	return pid;
}

/* Somebody else's folder with other owners. The map is left empty, which the kernel takes for a
 * mount's. */
static void idmap(const char *source)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	char path[64], map[32];
	int pid = child_with_userns();
	int fd, tree;

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	snprintf(map, sizeof(map), "0 0 1");
	(void)!write(fd, map, strlen(map));
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	(void)!write(fd, map, strlen(map));
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	attr.userns_fd = (uint64_t)open(path, O_RDONLY | O_CLOEXEC);
	(void)kill(pid, 9);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		say_errno("open_tree");
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		say_errno("mount_setattr");
	say("MAPPED", source);
}

/* "shocker": the host's root by a handle made of an inode number, on a folder of its disk. */
static void handle_of_root(const char *where)
{
	struct {
		struct file_handle h;
		uint32_t id[2];
	} handle = { .h = { .handle_bytes = 8, .handle_type = 1 }, .id = { 2, 0 } };
	int mount_fd = open(where, O_RDONLY | O_CLOEXEC);

	if (mount_fd < 0)
		say_errno("open");
	if (open_by_handle_at(mount_fd, &handle.h, O_RDONLY | O_CLOEXEC) < 0)
		say_errno("open_by_handle_at");
	say("OPEN_OK", where);
}

/* Linux 6.18 gives handles of namespaces. The harness tells one of the host's: type, then bytes as
 * hexadecimal. */
static void handle_of_namespace(const char *arg)
{
	struct {
		struct file_handle h;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = { 0 };
	const char *text = getenv("ESCAPE_HANDLE");
	char *rest;

	(void)arg;
	if (!text || !*text)
		say("ENOSYS", "no handles of namespaces");
	handle.h.handle_type = (int)strtol(text, &rest, 10);
	for (rest++; rest[0] && rest[1] && handle.h.handle_bytes < MAX_HANDLE_SZ; rest += 2) {
		const char two[] = { rest[0], rest[1], 0 };

		handle.bytes[handle.h.handle_bytes++] = (unsigned char)strtoul(two, NULL, 16);
	}
	if (open_by_handle_at(-10003, &handle.h, O_RDONLY | O_CLOEXEC) < 0)
		say_errno("open_by_handle_at");
	say("OPEN_OK", "");
}

const struct probe probes_mount[] = {
	{ "M09", "move", PROBE_MOUNTS, move_proc, NULL },
	{ "M09", "over", PROBE_MOUNTS, over_proc_sys, NULL },
	{ "M11", "ext4", PROBE_MOUNTS, mount_disk, "ext4" },
	{ "M11", "squashfs", PROBE_MOUNTS, mount_disk, "squashfs" },
	{ "M11", "erofs", PROBE_MOUNTS, fsopen_disk, "erofs" },
	{ "M11", "fsopen", PROBE_MOUNTS, fsopen_disk, "ext4" },
	{ "M31", "", PROBE_MOUNTS, mount_any, NULL },
	{ "M33", "", 0, leave_chroot, NULL },
	{ "M35", "", PROBE_MOUNTS, pivot, RO_BIND },
	{ "M15", "", PROBE_MOUNTS, overlay_caps, NULL },
	{ "M19", "", PROBE_MOUNTS, idmap, RO_BIND },
	{ "M27", "debugfs", PROBE_MOUNTS, op_mount, "debugfs" },
	{ "M27", "tracefs", PROBE_MOUNTS, op_mount, "tracefs" },
	{ "M27", "securityfs", PROBE_MOUNTS, op_mount, "securityfs" },
	{ "M27", "devtmpfs", PROBE_MOUNTS, op_mount, "devtmpfs" },
	{ "M27", "pstore", PROBE_MOUNTS, op_mount, "pstore" },
	{ "M27", "configfs", PROBE_MOUNTS, op_mount, "configfs" },
	{ "M29", "ro", 0, handle_of_root, RO_BIND },
	{ "M29", "rw", 0, handle_of_root, RW_BIND },
	{ "M29", "hosts", 0, handle_of_root, "/etc/hosts" },
	{ "C13", "", 0, handle_of_namespace, NULL },
	{ .id = NULL },
};
