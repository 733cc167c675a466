/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rights of whoever asked for the container, as an ID-map for a bind of a host path (design
 * section 5). On the host's disk the container's root is that user, the container's other ids are
 * the user's subordinate ids, and every other id of the host is a ghost: outside of the container's
 * map, so that only the rights of "others" apply to it. Where the container's first process has the
 * number of the user (`docker run -u "$(id -u)"`), it and not root is that user; with groups alike.
 * So it is, too, where the record says that the user's files keep their number (gate/number.h).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct runtime;

/* Opens a host path as the asker would, following links: O_PATH. -EACCES where the asker may not
 * go. */
int asks_open(struct runtime *rt, const char *path, struct err *err);

/* Descriptor of the user namespace to ID-map a source of that group with; borrowed, made once for
 * each group. For root, and for engine's own sources: the container's user namespace itself. */
int asks_userns(struct runtime *rt, gid_t source_group, struct err *err);

/* Whether an id on the host's disk is among the asker's subordinate ids. */
bool asks_owns(struct runtime *rt, uid_t uid);
