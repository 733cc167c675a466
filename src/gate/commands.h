/* SPDX-License-Identifier: Apache-2.0 */
/* What a container may ask over its socket: its image must still be on the list, and the command
 * lists of every layer of the policy must let the request pass (policy/command.h decides). */
#pragma once

#include "gate/conn.h"
#include "gate/images.h"

/* Makes the lists of a layer. -EINVAL: gabiond has let a bad one through. */
int commands_make(struct arena *a, const struct policy *p, size_t layer,
		  struct commands_layer *ret);

/* d: the container's. True when the client has been told that it may not. */
bool commands_refused(struct conn *c, struct door *d);

/* The same, once its body is known to give labels of compose's. */
bool commands_compose_refused(struct conn *c, struct door *d);

struct solve;

/* The same for a build in the builder's tunnel, which c became; of users of the host, too, where it
 * could reach the host. True: no, it is in the audit log, and `text` says why. */
bool commands_build_refused(struct conn *c, const struct solve *solve, struct buf *text);
