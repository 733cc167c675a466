// SPDX-License-Identifier: Apache-2.0
/* Mounts that the engine made for the container: read-only binds, their flags, masks. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "lock.h"
#include "ops.h"

/* A remount that leaves out the flags named in `keep`, then a file is made where the mount was
 * read-only. */
static void remount_with(const char *target, const char *type, unsigned long flags)
{
	if (mount("none", target, type, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
		say_errno("remount");
	write_in(target);
}

static void remount_rw(const char *target)
{
	remount_with(target, NULL, 0);
}

/* Sysbox looks at the type, which the kernel ignores here. */
static void remount_as_proc(const char *target)
{
	remount_with(target, "proc", 0);
}

/* The kernel looks at MS_REMOUNT first; whoever looks at another flag first sees something
 * harmless. */
static void remount_move(const char *target)
{
	remount_with(target, NULL, MS_MOVE);
}

static void remount_private(const char *target)
{
	remount_with(target, NULL, MS_PRIVATE);
}

/* Not of this mount alone: of the file system, for everybody. Only done to one that is made for
 * this. */
static void remount_superblock(const char *target)
{
	if (mount("none", target, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		say_errno("remount");
	say("REACHED", target);
}

static void remount_in_chroot(const char *target)
{
	if (chroot("/proc/self/root") < 0 && chroot("/") < 0)
		say_errno("chroot");
	remount_rw(target);
}

static void bind_part(const char *source)
{
	const char *dir = own_folder("part");

	if (mount(source, dir, NULL, MS_BIND, NULL) < 0)
		say_errno("bind");
	if (mount("none", dir, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		say_errno("remount");
	write_in(dir);
}

static void bind_all(const char *source)
{
	const char *dir = own_folder("all");

	if (mount(source, dir, NULL, MS_BIND | MS_REC, NULL) < 0)
		say_errno("bind");
	if (mount("none", dir, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		say_errno("remount");
	write_in(dir);
}

static const struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };

static void setattr(const char *target)
{
	if (syscall(SYS_mount_setattr, AT_FDCWD, target, 0, &writable, sizeof(writable)) < 0)
		say_errno("mount_setattr");
	write_in(target);
}

static int clone_of(const char *source, unsigned flags)
{
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, source,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

	if (fd < 0)
		say_errno("open_tree");
	return fd;
}

static void clone_writable(const char *source)
{
	const char *dir = own_folder("clone");
	int fd = clone_of(source, AT_RECURSIVE);

	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &writable, sizeof(writable)) < 0)
		say_errno("mount_setattr");
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		say_errno("move_mount");
	write_in(dir);
}

/* open_tree_attr, Linux 6.15: both in one call. */
static void tree_attr(const char *source)
{
	const char *dir = own_folder("attr");
	int fd = (int)syscall(467, AT_FDCWD, source,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE, &writable,
			      sizeof(writable));

	if (fd < 0)
		say_errno("open_tree_attr");
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		say_errno("move_mount");
	write_in(dir);
}

static void unmount(const char *target)
{
	if (umount2(target, MNT_DETACH) < 0)
		say_errno("umount2");
	say("UMOUNTED", target);
}

static void move_away(const char *target)
{
	if (mount(target, own_folder("moved"), NULL, MS_MOVE, NULL) < 0)
		say_errno("move");
	say("MOVED", target);
}

/* A mount put under the one that is there, which is then taken away: Linux 6.5. */
static void beneath(const char *target)
{
	const char *dir = own_folder("beneath");
	int fd;

	if (mount("none", dir, "tmpfs", 0, NULL) < 0)
		say_errno("mount");
	fd = clone_of(dir, 0);
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | 0x200) < 0)
		say_errno("move_mount");
	unmount(target);
}

/* Flags that the host's mount has: nosuid, nodev and noexec. */
static void clear_flags(const char *target)
{
	if (mount("none", target, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		say_errno("remount");
	say("CLEARED", target);
}

/* The container's root file system, reconfigured as it is: its super block is the engine's. */
static void reconfigure(const char *target)
{
	int fd = (int)syscall(SYS_fspick, AT_FDCWD, target, FSPICK_CLOEXEC);

	if (fd < 0)
		say_errno("fspick");
	if (syscall(SYS_fsconfig, fd, FSCONFIG_SET_FLAG, "rw", NULL, 0) < 0)
		say_errno("fsconfig");
	if (syscall(SYS_fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		say_errno("reconfigure");
	say("REACHED", target);
}

/* What is mounted on /proc and /sys, but cgroups: calls a function with each until one does not
 * come back. */
static void each_mask(void (*call)(const char *target))
{
	static char text[65536];
	char *rest = text;
	int masks = 0;
	const char *last = "";

	if (read_text("/proc/self/mountinfo", text, sizeof(text)) < 0)
		say_errno("mountinfo");
	errno = 0;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *word = line;

		for (int i = 0; i < 4 && word; i++)
			(void)strsep(&word, " ");
		if (!word)
			continue;
		line = strsep(&word, " ");
		if (strncmp(line, "/proc/", 6) != 0 && strncmp(line, "/sys/firmware", 13) != 0)
			continue;
		masks++;
		last = line;
		call(line);
	}
	say(masks && errno != 0 ? strerrorname_np(errno) : "NONE", last);
}

static void unmount_mask(const char *target)
{
	if (umount2(target, MNT_DETACH) == 0)
		say("UMOUNTED", target);
}

static void unmount_masks(const char *arg)
{
	(void)arg;
	each_mask(unmount_mask);
}

static void remount_mask(const char *target)
{
	if (strcmp(target, "/proc/sys") == 0 &&
	    mount("none", target, NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		say("REMOUNTED", target);
}

static void remount_masks(const char *arg)
{
	(void)arg;
	each_mask(remount_mask);
}

/* Binds /proc without what is mounted on it. */
static void bind_below(const char *source)
{
	const char *dir = own_folder("below");
	char path[256], text[64];

	if (mount(source, dir, NULL, MS_BIND, NULL) < 0)
		say_errno("bind");
	snprintf(path, sizeof(path), "%s/timer_list", dir);
	if (read_text("/proc/timer_list", text, sizeof(text)) == 0 &&
	    read_text(path, text, sizeof(text)) != 0)
		say("REVEALED", path);
	say("NONE", "nothing is masked");
}

static void move_below(const char *source)
{
	const char *dir = own_folder("clone");
	int fd = clone_of(source, 0);

	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		say_errno("move_mount");
	bind_below(dir);
}

/* In one more user namespace the kernel locks what was there before. */
static void masks_deeper(const char *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		say_errno("unshare");
	each_mask(unmount_mask);
}

const struct probe probes_lock[] = {
	{ "M01", "bind", PROBE_MOUNTS, remount_rw, RO_BIND },
	{ "M01", "volume", PROBE_MOUNTS, remount_rw, "/vol" },
	{ "M01", "whole", PROBE_MOUNTS, bind_all, RO_BIND },
	{ "M03", "clone", PROBE_MOUNTS, clone_writable, RO_BIND },
	{ "M03", "open_tree_attr", PROBE_MOUNTS, tree_attr, RO_BIND },
	{ "M05", "umount", PROBE_MOUNTS, unmount_masks, NULL },
	{ "M05", "remount", PROBE_MOUNTS, remount_masks, NULL },
	{ "M05", "bind", PROBE_MOUNTS, bind_below, "/proc" },
	{ "M05", "clone", PROBE_MOUNTS, move_below, "/proc" },
	{ "M07", "", PROBE_MOUNTS, masks_deeper, NULL },
	{ "M17", "fspick", PROBE_MOUNTS, reconfigure, "/" },
	{ "M17", "remount", PROBE_MOUNTS, remount_superblock, "/flags" },
	{ "M21", "chroot", PROBE_MOUNTS, remount_in_chroot, RO_BIND },
	{ "M21", "umount", PROBE_MOUNTS, unmount, RO_BIND },
	{ "M21", "move", PROBE_MOUNTS, move_away, RO_BIND },
	{ "M21", "root", PROBE_MOUNTS, unmount, "/" },
	{ "M23", "", PROBE_MOUNTS, beneath, RO_BIND },
	{ "M25", "", PROBE_MOUNTS, clear_flags, "/flags" },
	{ "SB1", "", PROBE_MOUNTS, remount_as_proc, RO_BIND },
	{ "SB2", "move", PROBE_MOUNTS, remount_move, RO_BIND },
	{ "SB2", "private", PROBE_MOUNTS, remount_private, RO_BIND },
	{ "SB3", "", PROBE_MOUNTS, bind_part, RO_BIND "/part" },
	{ "SB5", "", PROBE_MOUNTS, setattr, RO_BIND },
	{ "SB6", "", PROBE_MOUNTS, old_umount, RO_BIND },
	{ "M16", "", PROBE_MOUNTS, old_remount, RO_BIND },
	{ "M26", "", PROBE_MOUNTS, old_proc, "timer_list" },
	{ "M18", "", PROBE_MOUNTS, x32_remount, RO_BIND },
	{ "SB7", "ro", PROBE_MOUNTS, remount_rw, "/both-ro" },
	{ "SB7", "bind", PROBE_MOUNTS, bind_part, "/both-ro" },
	{ .id = NULL },
};
