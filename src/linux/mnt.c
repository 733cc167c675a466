/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/creds.h"

int mnt_clone(int fd, bool recursive)
{
	int mnt = open_tree(fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				    (recursive ? (unsigned)AT_RECURSIVE : 0u));

	return mnt < 0 ? -errno : mnt;
}

int mnt_prepare(int mnt, const struct mnt_attr *attr)
{
	struct mount_attr ma = { .attr_set = attr->set,
				 .attr_clr = attr->clear,
				 .propagation = attr->propagation };

	if (attr->userns >= 0) {
		ma.attr_set |= MOUNT_ATTR_IDMAP;
		ma.userns_fd = (uint64_t)attr->userns;
	}
	if (mount_setattr(mnt, "", AT_EMPTY_PATH | (attr->recursive ? (unsigned)AT_RECURSIVE : 0u),
			  &ma, sizeof(ma)) < 0)
		return -errno;
	return 0;
}

bool mnt_nosymfollow(int fd)
{
	const long nosymfollow = 0x2000; /* ST_NOSYMFOLLOW of linux/statfs.h */
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (st.f_flags & nosymfollow);
}

int mnt_attach(int mnt, int target)
{
	if (move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

int mnt_attach_at(int mnt, int dirfd, const char *path)
{
	return move_mount(mnt, "", dirfd, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int mnt_tmpfs(const char *mode)
{
	CLEANUP_FD int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int mnt;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", "gabion", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return mnt < 0 ? -errno : mnt;
}

int mnt_overlay(const char *target, const char *options, unsigned long flags, uid_t owner)
{
	int token = creds_fs_begin(owner);
	int r = 0;
	int end;

	if (token < 0)
		return token;
	if (mount("overlay", target, "overlay", flags, options) < 0)
		r = -errno;
	end = creds_fs_end(token);
	return r < 0 ? r : end;
}

void mnt_fs_name(int fd, char *ret, size_t size)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {
		{ OVERLAYFS_SUPER_MAGIC, "overlay" },
		{ NFS_SUPER_MAGIC, "nfs" },
		{ FUSE_SUPER_MAGIC, "fuse" },
		{ 0xff534d42, "cifs" },
		{ 0xfe534d42, "smb2" },
		{ PROC_SUPER_MAGIC, "proc" },
		{ SYSFS_MAGIC, "sysfs" },
		{ TMPFS_MAGIC, "tmpfs" },
		{ V9FS_MAGIC, "9p" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ EXT4_SUPER_MAGIC, "ext4" },
		{ XFS_SUPER_MAGIC, "xfs" },
		{ 0x2fc12fc1, "zfs" },
		{ DEVPTS_SUPER_MAGIC, "devpts" },
	};
	struct statfs sf;

	if (fstatfs(fd, &sf) < 0) {
		(void)snprintf(ret, size, "unknown");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].magic == (unsigned long)sf.f_type) {
			(void)snprintf(ret, size, "%s", names[i].name);
			return;
		}
	}
	(void)snprintf(ret, size, "type 0x%lx", (unsigned long)sf.f_type);
}
