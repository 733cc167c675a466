/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's socket as the source of a bind. What the container gets is never that one but its
 * own, run/sock/ID/docker.sock, over which every command is checked; and only if its image is on
 * the list, which is decided here once more, by what is kept with the container (settings/grant.h),
 * by what registries said (settings/digests.h) and by the policy in force: nobody but the runtime
 * is asked when a restart policy starts a container, or the engine after a reboot.
 */
#pragma once

#include "runtime/runtime.h"

enum enginesock_result {
	ENGINESOCK_OK = 0,  /* *fd is the container's own socket now */
	ENGINESOCK_NOT = 1, /* it is another thing */
};

/* fd: the resolved source. Returns one of these, or -EPERM with the text of design 4.4. */
int enginesock_take(struct runtime *rt, int *fd, struct err *err);
