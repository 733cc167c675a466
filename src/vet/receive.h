/* SPDX-License-Identifier: Apache-2.0 */
/* What a lower runtime sends to linux.seccomp.listenerPath (OCI runtime spec, "The Container
 * Process State"): one message, JSON with a descriptor. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

/* Container id in the state; it is copied into ret[size]. -EINVAL with a text when it is none. */
int receive_parse(struct slice state, char *ret, size_t size, struct err *err);

/* Reads the message from a connection. Returns the listener, or -errno with a text. */
int receive_listener(int fd, char *id, size_t size, struct err *err);
