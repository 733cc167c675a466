/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ownstdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/mnt.h"
#include "runtime/runtime.h"

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

void stdio_give(struct runtime *rt)
{
	char **file = args_process_file(&rt->args);
	struct json *doc;
	uint64_t uid = 0;
	uint64_t gid = 0;

	if (!file || runtime_read_json(rt, *file, ARGS_PROCESS_MAX, &doc, NULL) < 0 ||
	    json_get_u64(json_get(doc, "user"), "uid", &uid) < 0 ||
	    json_get_u64(json_get(doc, "user"), "gid", &gid) < 0 || uid >= rt->size ||
	    gid >= rt->size)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
			continue;
		if (fchown(fd, rt->base + (uid_t)uid, rt->base + (gid_t)gid) < 0)
			return; /* the descriptors themselves work all the same */
	}
}
