/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "linux/mnt.h"
#include "runtime/attach.h"
#include "runtime/runtime.h"

static const struct {
	const char *path;
	unsigned minor; /* of major 1, "memory devices"; tty is 5:0 */
	unsigned major;
} nodes[] = {
	{ "/dev/null", 3, 1 },	 { "/dev/zero", 5, 1 },	   { "/dev/full", 7, 1 },
	{ "/dev/random", 8, 1 }, { "/dev/urandom", 9, 1 }, { "/dev/tty", 0, 5 },
};

static int cover(struct runtime *rt, size_t i)
{
	CLEANUP_FD int target = open(nodes[i].path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_FD int node = -EBADF;
	CLEANUP_FD int mnt = -EBADF;
	char name[24];
	int r;

	if (target < 0)
		return errno == ENOENT ? 0 : -errno;
	(void)snprintf(name, sizeof(name), "n%zu", i);
	r = attach_own_node(rt, name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor), 0,
			    0);
	if (r < 0)
		return r;
	node = openat(rt->stage.dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (node < 0)
		return -errno;
	mnt = mnt_clone(node, false);
	return mnt < 0 ? mnt : mnt_attach(mnt, target);
}

int nodes_cover(struct runtime *rt, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		int r = cover(rt, i);

		if (r < 0)
			return err_errno(err, r, "a node in the place of %s", nodes[i].path);
	}
	return 0;
}
