/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run/views/ID.json: what container ID is to see in /proc and /sys; gabion-vfs may read it, by the
 * group of the folder. gabion-runc writes it before
 * the container is made (edit-proc.c), and adds what is known then only from its hook:
 *   id, base, size        the container and its ids on the host
 *   proc, sys             objects {attr: [MOUNT_ATTR_* as words of mount(8)], options: "…"}, if it
 * has them masked, readonly      paths, as the engine asked for nodes                 folder of its
 * emulated nodes, if there are any root, stage           for the hook: where the root file system
 * is, and a folder to work in delegate              for the hook: its cgroup becomes its own pid,
 * start, cgroup    its first process; CLOCK_BOOTTIME in ns when it was made; cgroups by controller
 * ("unified" for version 2), paths as in /proc/PID/cgroup
 */
#pragma once

#include <stdbool.h>

#include "view/view.h"
#include "json/json.h"

/* Words of mount(8) that a mount of procfs or sysfs can have, and what they are. 0: another. */
uint64_t view_attr_of(const char *word);

/* Whether these options, comma-separated, are all procfs's own and say nothing but how it looks: of
 * others a file system takes names of files, which it opens as who mounts (pidns=, Linux 6.17). */
bool view_options_ok(const char *options);

/* Adds `proc` or `sys`: options as the mount of an OCI spec has them. */
int view_record_tree(struct arena *a, struct json *record, enum view_tree tree,
		     const struct json *options);

/* Adds `cgroup` from the text of /proc/PID/cgroup. */
int view_record_cgroup(struct arena *a, struct json *record, struct slice text);

/* The view of a record; it borrows from the record and from the arena. */
int view_of_record(struct arena *a, const struct json *record, struct view *ret, struct err *err);
