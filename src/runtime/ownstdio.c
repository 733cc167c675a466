/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ownstdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/mnt.h"

static int replace(int fd, dev_t rdev, struct err *err)
{
	CLEANUP_FD int dir = mnt_tmpfs("0700");
	CLEANUP_FD int node = -EBADF;
	int flags = fcntl(fd, F_GETFL);

	if (dir < 0)
		return err_errno(err, dir, "a file system for descriptor %d", fd);
	if (flags < 0 || mknodat(dir, "node", S_IFCHR | 0666, rdev) < 0 ||
	    fchmodat(dir, "node", 0666, 0) < 0)
		return err_errno(err, -errno, "a device node for descriptor %d", fd);
	node = openat(dir, "node",
		      (flags & (O_ACCMODE | O_APPEND | O_NONBLOCK)) | O_CLOEXEC | O_NOCTTY);
	if (node < 0 || dup2(node, fd) < 0)
		return err_errno(err, -errno, "replacing descriptor %d", fd);
	return 0;
}

int stdio_own(struct err *err)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat st;
		int r;

		if (fstat(fd, &st) < 0) {
			if (errno == EBADF)
				continue;
			return err_errno(err, -errno, "descriptor %d", fd);
		}
		if (!S_ISCHR(st.st_mode) || isatty(fd))
			continue;
		r = replace(fd, st.st_rdev, err);
		if (r < 0)
			return r;
	}
	return 0;
}
