/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container may have procfs and sysfs mounted: at paths that end in the names under which
 * it got them, until one is mounted, bound or moved. So an unmount anywhere else needs no look at
 * what is there, which takes longer than all the rest of an answer.
 *
 * What this says decides about no access. An unmount that is wrongly let go on is the kernel's,
 * which says EBUSY of a tree with its parts mounted over it; that happens where open_tree(2) and
 * move_mount(2) brought one to a path of another name, and where a link of another name leads to
 * it.
 */
#pragma once

#include <stdbool.h>

/* From now on one may be anywhere in the container. Any thread. */
void trees_note(const char *container);

/* The same of all containers: somebody else answered for them before. */
void trees_note_all(void);

/* Whether one may be at this path, as somebody in the container writes it. Any thread. */
bool trees_may_be_at(const char *container, const char *path);
