/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/slice.h"
#include "base/util.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define GROUPS_MAX 65536u

static const char *const delegated[] = { "cgroup.procs", "tasks", "cgroup.threads",
					 "cgroup.subtree_control", "memory.oom.group" };

static int give(const char *dir, uid_t uid, gid_t gid, struct err *err)
{
	CLEANUP_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, -errno, "cgroup %s", dir);
	if (fchown(fd, uid, gid) < 0)
		return err_errno(err, -errno, "cgroup %s", dir);
	for (size_t i = 0; i < ARRAY_SIZE(delegated); i++)
		if (fchownat(fd, delegated[i], uid, gid, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno != ENOENT)
			return err_errno(err, -errno, "cgroup %s/%s", dir, delegated[i]);
	return 0;
}

/* Folder of a line of /proc/PID/cgroup, "ID:controllers:path". 0; 1: it says nothing of a group
 * below the root; -ENAMETOOLONG. */
static int folder_of(struct slice line, struct slice *ret_controllers, char ret[PATH_MAX])
{
	struct slice id;
	struct slice controllers;
	struct statfs st;
	const char *folder = "";
	int n;

	if (!slice_split(&line, ':', &id) || !slice_split(&line, ':', &controllers) || !line.p ||
	    slice_eq_str(line, "/"))
		return 1;
	*ret_controllers = controllers;
	if (controllers.n == 0 && statfs(CGROUP_ROOT, &st) == 0 && st.f_type != CGROUP2_SUPER_MAGIC)
		folder = "unified";
	if (slice_starts(controllers, SLICE_LIT("name=")))
		controllers = slice_from(controllers, strlen("name="));
	n = snprintf(ret, PATH_MAX, CGROUP_ROOT "/%s%.*s%.*s", folder, SLICE_ARG(controllers),
		     SLICE_ARG(line));
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int read_groups(pid_t pid, struct buf *b)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	return file_read(path, b);
}

int cgroup_delegate(pid_t pid, uid_t uid, gid_t gid, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(GROUPS_MAX);
	struct slice controllers;
	struct slice text;
	struct slice line;
	char dir[PATH_MAX];
	int r = read_groups(pid, &b);

	if (r < 0)
		return err_errno(err, r, "cgroups of process %d", pid);
	text = buf_slice(&b);
	while (slice_split(&text, '\n', &line)) {
		r = folder_of(line, &controllers, dir);
		if (r < 0)
			return err_errno(err, r, "cgroup %.*s", SLICE_ARG(line));
		if (r == 0)
			r = give(dir, uid, gid, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_share_memory(pid_t pid)
{
	CLEANUP_BUF struct buf b = BUF_INIT(GROUPS_MAX);
	struct slice controllers;
	struct slice text;
	struct slice line;
	char dir[PATH_MAX];
	char best[PATH_MAX] = "";
	int r = read_groups(pid, &b);

	text = buf_slice(&b);
	while (r >= 0 && slice_split(&text, '\n', &line)) {
		bool counts;

		r = folder_of(line, &controllers, dir);
		/* Version 1's, where there is one, else version 2's. */
		counts = r == 0 &&
			 (slice_eq_str(controllers, "memory") || (controllers.n == 0 && !best[0]));
		if (counts)
			(void)snprintf(best, sizeof(best), "%s", dir);
	}
	if (r < 0 || !best[0])
		return MIN(r, 0);
	if (strlen(best) + sizeof("/cgroup.procs") > sizeof(best))
		return -ENAMETOOLONG;
	memcpy(best + strlen(best), "/cgroup.procs", sizeof("/cgroup.procs"));
	return file_write_once(best, SLICE_LIT("0"));
}
