/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ID-mapped mounts: tried on the file system of the engine's data, by a child in a mount namespace
 * of its own, which tells by its exit status what the kernel answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/doctor.h"
#include "linux/mnt.h"
#include "linux/userns.h"

#define STAGE "/tmp" /* hidden by a tmpfs in the child's namespace only */

/* The engine's data: where it is, or where it will be made. */
static int open_data_root(const struct doctor *d, char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "%s",
			 d->inst->private_dir ? d->inst->lib : "/var/lib/docker");

	while (n > 0 && (size_t)n < size) {
		int fd = open(ret_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		char *slash;

		if (fd >= 0)
			return fd;
		slash = strrchr(ret_path, '/');
		if (!slash)
			break;
		slash[slash == ret_path ? 1 : 0] = '\0';
	}
	return -ENOENT;
}

static int make_userns(void)
{
	CLEANUP_FREE struct idmap *map = calloc(1, sizeof(*map));

	if (!map || idmap_add(map, 0, RANGES_START, FACTS_IDS_PER_CONTAINER) < 0)
		return -ENOMEM;
	return userns_create(map, map, RANGES_START, NULL);
}

/* Makes this process's mounts its own and STAGE an empty tmpfs. */
static int enter_stage(void)
{
	CLEANUP_FD int tmpfs = -EBADF;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	tmpfs = mnt_tmpfs("0755");
	return tmpfs < 0 ? tmpfs : mnt_attach_at(tmpfs, AT_FDCWD, STAGE);
}

/* An ID-mapped copy of the mount that fd is on. */
static int map_mount(int fd)
{
	CLEANUP_FD int userns = make_userns();
	struct mnt_attr attr = { .userns = userns, .propagation = MS_PRIVATE };
	CLEANUP_FD int copy = -EBADF;
	int r;

	if (userns < 0)
		return userns;
	copy = mnt_clone(fd, false);
	if (copy < 0)
		return copy;
	r = mnt_prepare(copy, &attr);
	return r < 0 ? r : TAKE_FD(copy);
}

static int try_idmap(int fd)
{
	CLEANUP_FD int copy = map_mount(fd);

	return copy < 0 ? copy : 0;
}

/* A read-only overlay of two layers, one of them ID-mapped. */
static int try_overlay(int fd)
{
	/* Before the stage: a mount of another namespace cannot be copied. */
	CLEANUP_FD int copy = map_mount(fd);
	int r = copy < 0 ? copy : enter_stage();

	if (r < 0)
		return r;
	if (mkdir(STAGE "/layer", 0755) < 0 || mkdir(STAGE "/empty", 0755) < 0 ||
	    mkdir(STAGE "/merged", 0755) < 0)
		return -errno;
	r = mnt_attach_at(copy, AT_FDCWD, STAGE "/layer");
	if (r < 0)
		return r;
	if (mount("overlay", STAGE "/merged", "overlay", MS_RDONLY,
		  "lowerdir=" STAGE "/layer:" STAGE "/empty") < 0)
		return -errno;
	return 0;
}

static int try_tmpfs(int fd)
{
	CLEANUP_FD int copy = -EBADF;
	CLEANUP_FD int stage = -EBADF;
	int r = enter_stage();

	(void)fd;
	if (r < 0)
		return r;
	stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (stage < 0)
		return -errno;
	copy = map_mount(stage);
	return copy < 0 ? copy : 0;
}

/* Runs one of the above in a child. */
static int in_child(int (*attempt)(int fd), int fd)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(-attempt(fd));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

void doctor_idmap(const struct doctor *d, struct finding *f)
{
	char path[INSTANCE_PATH_MAX];
	CLEANUP_FD int fd = open_data_root(d, path, sizeof(path));
	char type[32];
	int r;

	if (!d->root) {
		doctor_needs_root(f, "whether mounts can be ID-mapped");
		return;
	}
	if (fd < 0) {
		doctor_problem(f, "%s: %s", path, strerror(-fd));
		return;
	}
	mnt_fs_name(fd, type, sizeof(type));
	r = in_child(try_idmap, fd);
	if (r == 0) {
		doctor_ok(f, "ID-mapped mounts (5.12) work on %s, which %s is on", type, path);
		return;
	}
	doctor_problem(f, "%s is on %s, which cannot be ID-mapped: %s", path, type, strerror(-r));
	doctor_consequence(f, "images there cannot be shown to containers: no container starts");
	doctor_cure(f,
		    "keep the engine's data on ext4, xfs, btrfs or another file system that can be "
		    "(`gabion up --state-dir`, or dockerd's --data-root), or a newer kernel");
}

void doctor_overlay(const struct doctor *d, struct finding *f)
{
	char path[INSTANCE_PATH_MAX];
	CLEANUP_FD int fd = open_data_root(d, path, sizeof(path));
	int r;

	if (!d->root) {
		doctor_needs_root(f, "whether overlay takes ID-mapped layers");
		return;
	}
	r = fd < 0 ? fd : in_child(try_overlay, fd);
	if (r == 0) {
		doctor_ok(f, "overlay takes ID-mapped layers (5.19)");
		return;
	}
	doctor_problem(f, "overlay does not take ID-mapped layers (5.19): %s", strerror(-r));
	doctor_consequence(f, "containers on the overlay2 storage driver do not start");
	doctor_cure(f, "see the line above; else Linux 5.19 or later with CONFIG_OVERLAY_FS, or "
		       "another storage driver (dockerd --storage-driver)");
}

void doctor_tmpfs(const struct doctor *d, struct finding *f)
{
	int r;

	if (!d->root) {
		doctor_needs_root(f, "whether a tmpfs can be ID-mapped");
		return;
	}
	r = in_child(try_tmpfs, -EBADF);
	if (r == 0) {
		doctor_ok(f, "a tmpfs can be ID-mapped (6.3)");
		return;
	}
	doctor_warning(f, "a tmpfs cannot be ID-mapped (6.3): %s", strerror(-r));
	doctor_consequence(
		f, "host folders on a tmpfs (/tmp on some hosts, /run/user) cannot be bound "
		   "into containers");
	doctor_cure(f,
		    "Linux 6.3 or later; else keep what is bound on a disk's file system, or let "
		    "such binds show their files as nobody's: \"unmappableFilesystem\" in "
		    "gabion.json");
}
