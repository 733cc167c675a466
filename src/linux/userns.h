/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces: made with a map, found behind other namespaces. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "linux/idmap.h"

/*
 * Creates a user namespace with these maps and returns a descriptor of it. Its owner is `owner`,
 * not root: what is charged per user and user namespace (inotify, keyrings, …: ucounts) then has an
 * account of its own on every level (seen: namespaces created by uid 0 share one). The process that
 * was needed to make it is gone when this returns.
 */
int userns_create(const struct idmap *uids, const struct idmap *gids, uid_t owner, struct err *err);

/* Descriptor of the user namespace that owns namespace fd (NS_GET_USERNS, Linux 4.9), or -errno. */
int userns_owner_of(int nsfd);

/* Whether two namespace descriptors are the same namespace. 1 yes, 0 no, or -errno. */
int userns_same(int a, int b);

/* Maps of a user namespace, as the initial one sees them. */
int userns_read_maps(int userns, struct idmap *uids, struct idmap *gids, struct err *err);
