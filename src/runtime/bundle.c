/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/runtime.h"

static int open_bundle(const struct runtime *rt)
{
	int fd = open(rt->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The group first: the mode is for that one. */
static int set(int fd, gid_t gid, mode_t mode)
{
	return fchown(fd, (uid_t)-1, gid) < 0 || fchmod(fd, mode) < 0 ? -errno : 0;
}

int bundle_show(struct runtime *rt, struct err *err)
{
	CLEANUP_FD int fd = open_bundle(rt);
	struct stat st;
	int r = fd;

	if (r >= 0)
		r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && (st.st_mode & S_IXOTH))
		return 0;
	if (r == 0) {
		rt->bundle_was = (struct bundle_was){ true, st.st_gid, st.st_mode & 07777 };
		r = set(fd, rt->base, (st.st_mode & 0700) | S_IXGRP);
	}
	return r < 0 ? err_errno(err, r, "bundle %s", rt->bundle) : 0;
}

void bundle_hide(struct runtime *rt)
{
	CLEANUP_FD int fd = -EBADF;
	int r;

	if (!rt->bundle_was.changed)
		return;
	rt->bundle_was.changed = false;
	fd = open_bundle(rt);
	r = fd < 0 ? fd : set(fd, rt->bundle_was.gid, rt->bundle_was.mode);
	if (r < 0)
		log_warning("bundle %s is left to group %u: %s", rt->bundle, rt->base,
			    strerror(-r));
}
