/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How gabion-cp gives up what it is. Stages, in this order:
 *
 *   sandbox_limit()   still root on the host: limits, no environment, not dumpable
 *   sandbox_become()  joins pid namespace (for children) and user namespace, becomes the
 * container's root. From here on it has no right outside the container, but still the host's mounts
 * and whatever is open fork              the parent stays behind: sandbox_watch(), and only
 * watches. The child is in the container's pid namespace: the kernel kills it before the
 * container's end is reported to anybody, so no copy holds on to the mounts of a container that
 *                     starts again
 *   sandbox_enter()   the child: mount namespace and root of the container; everything closed but
 *                     three descriptors
 *   sandbox_lock()    the child: few capabilities, no new privileges, a list of system calls. Must
 *                     come before the first byte that the container controls is read
 *
 * What the list leaves out matters: there is no way to open by name but openat2(2), which no
 * library uses, and no memory can become executable. So no library can load a plugin, a locale or a
 * name service from the container (CVE-2019-14271), nor run a program (CVE-2026-41567).
 *
 * The child can be seen and signalled from inside. It cannot be traced or looked into: it is not
 * dumpable, and its memory belongs to the initial user namespace because it was executed there.
 */
#pragma once

#include "base/err.h"
#include "cp/pin.h"

enum sandbox_fd {
	SANDBOX_DATA = 3,
	SANDBOX_STATUS = 4,
	SANDBOX_ROOT = 5,
	SANDBOX_CHILD = 5, /* of the parent: a pidfd */
	SANDBOX_INIT = 6,  /* of the parent: pidfd of the container */
};

int sandbox_limit(struct err *err);
int sandbox_become(const struct pin *p, struct err *err);

/* data is -EBADF if there is none. On success the descriptors are at their enum sandbox_fd numbers,
 * standard input, output and error lead nowhere, and nothing else is open. */
int sandbox_enter(const struct pin *p, int data, int status, struct err *err);
int sandbox_lock(struct err *err);

/* The parent's side of both: status, the child's and the container's pidfd are kept. */
int sandbox_watch(int status, int child, int init, struct err *err);
