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

/* A line of /proc/PID/cgroup: "ID:controllers:path". */
static int give_line(struct slice line, uid_t uid, gid_t gid, struct err *err)
{
	char dir[PATH_MAX];
	struct slice id;
	struct slice controllers;
	struct statfs st;
	const char *folder = "";
	int n;

	if (!slice_split(&line, ':', &id) || !slice_split(&line, ':', &controllers) || !line.p ||
	    slice_eq_str(line, "/"))
		return 0;
	if (controllers.n == 0 && statfs(CGROUP_ROOT, &st) == 0 && st.f_type != CGROUP2_SUPER_MAGIC)
		folder = "unified";
	if (slice_starts(controllers, SLICE_LIT("name=")))
		controllers = slice_from(controllers, strlen("name="));
	n = snprintf(dir, sizeof(dir), CGROUP_ROOT "/%s%.*s%.*s", folder, SLICE_ARG(controllers),
		     SLICE_ARG(line));
	if (n < 0 || (size_t)n >= sizeof(dir))
		return err_set(err, -ENAMETOOLONG, "cgroup %.*s: path too long", SLICE_ARG(line));
	return give(dir, uid, gid, err);
}

int cgroup_delegate(pid_t pid, uid_t uid, gid_t gid, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	struct slice text;
	struct slice line;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	r = file_read(path, &b);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	text = buf_slice(&b);
	while (slice_split(&text, '\n', &line)) {
		r = give_line(line, uid, gid, err);
		if (r < 0)
			return r;
	}
	return 0;
}
