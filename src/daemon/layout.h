/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folders of an instance: made, locked, swept. DIR/run exists only while the instance does;
 * what is left in it of an earlier boot or of a killed instance means nothing and is removed.
 */
#pragma once

#include "daemon/daemon.h"

/* Longest name below DIR that a client has to connect to; it has to fit in sun_path (unix(7)). */
#define LAYOUT_LONGEST_SOCKET "/run/control.sock"

/* Makes DIR and DIR/run. */
int layout_make_run(struct daemon *d, struct err *err);
/* Makes everything else that has to be there before the services start. */
int layout_make(struct daemon *d, struct err *err);

#define LAYOUT_BUSY 1 /* a gabiond of this instance is alive */
#define LAYOUT_NONE 2 /* there is no DIR/run */
/* Takes DIR/run/gabiond.lock, waiting for it until the time is up. Returns 0, one of these, or
 * -errno. With `make`, DIR/run is made if need be. */
int layout_lock(struct daemon *d, bool make, uint64_t timeout_ns, struct err *err);

/* A pidfd of the process that holds the lock, or -ESRCH. */
int layout_holder(const struct daemon *d);

/* The instance's cgroup: "gabion-" and eight digits that belong to DIR (path, device, inode). */
int layout_cgroup_name(const struct daemon *d, char ret[CGROUP_NAME_MAX], struct err *err);

/* Removes what is in DIR/run but the lock; with `all`, then the lock and DIR/run itself. */
int layout_sweep(const struct daemon *d, bool all, struct err *err);

/* Removes records in lib/askers of containers that the engine does not have any more. */
void layout_forget_askers(const struct daemon *d);

/* Fills d->record from d and writes DIR/run/instance.json. */
void layout_save_record(struct daemon *d);

/* Keeps the logs in DIR/run/log from growing for ever. */
void layout_trim_logs(const struct daemon *d);

/* Unmounts what is mounted below DIR/run, DIR/lib/engine and DIR/lib/containerd in this mount
 * namespace. */
void layout_unmount(const struct daemon *d);
