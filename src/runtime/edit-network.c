/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines that make the network first (Podman, CRI) hand over a namespace that the host's root
 * owns, bound to a path: root of the container would have no right in it, over sysctls, ports
 * below 1024, /sys. Where nobody lives in it yet, what is in it moves to a new one that belongs to
 * the container, and that one takes its place at the path, where the engine and further containers
 * of the same pod look for it.
 *
 * There is nothing to take back: an engine whose container could not be made ends the network.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"
#include "linux/netns.h"
#include "runtime/edit.h"
#include "runtime/network.h"
#include "runtime/runtime.h"

int network_claim(struct runtime *rt, int ns, struct err *err)
{
	struct mountinfo_entry m;
	struct at_ident ident;
	struct slice info;
	int r;

	r = at_identify(ns, &ident);
	if (r < 0)
		return err_errno(err, r, "network namespace");
	r = runtime_mountinfo(rt, &info, err);
	if (r == 0)
		r = mountinfo_find(&rt->arena, info, ident.mnt_id, &m, err);
	if (r != 0) /* /proc/PID/ns/net is on no mount: a container's */
		return r < 0 ? r : 0;
	r = netns_in_use(ns, err);
	if (r != 0)
		return r < 0 ? r : 0;
	rt->network = m.point;
	return 1;
}

static int replace(struct runtime *rt, int old, int now, struct err *err)
{
	CLEANUP_FD int mnt = mnt_clone(now, false);
	CLEANUP_FD int place = -EBADF;
	int r;

	if (mnt < 0)
		return err_errno(err, mnt, "network namespace: open_tree");
	r = netns_move(old, now, err);
	if (r < 0)
		return r;
	if (umount2(rt->network, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return err_errno(err, -errno, "unmounting %s", rt->network);
	place = open(rt->network, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = place < 0 ? -errno : mnt_attach(mnt, place);
	return r < 0 ? err_errno(err, r, "mounting the container's network on %s", rt->network) : 0;
}

int edit_network(struct runtime *rt, struct err *err)
{
	CLEANUP_FD int old = -EBADF;
	CLEANUP_FD int now = -EBADF;

	if (!rt->network)
		return 0;
	old = open(rt->network, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (old < 0)
		return err_errno(err, -errno, "%s", rt->network);
	now = netns_create(rt->userns, err);
	return now < 0 ? now : replace(rt, old, now, err);
}
