/* SPDX-License-Identifier: Apache-2.0 */
/* Time namespaces (time_namespaces(7), Linux 5.6). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Whether the kernel has them. */
bool timens_there(void);

/* Makes one in which CLOCK_BOOTTIME was 0 when the caller's said born_ns, and returns a descriptor
 * of it. It belongs to the caller's user namespace. The caller, which has one thread and shares its
 * memory with no other process, stays in its own, and so do its children. -EPERM: it has no
 * CAP_SYS_ADMIN or CAP_SYS_TIME, or is in a namespace of another owner's, to which it could not
 * return; -ENOSPC: user.max_time_namespaces of them are there. */
int timens_create(uint64_t born_ns, struct err *err);

/* What was born_ns, by the caller's clock, of the namespace of a process whose folder in /proc this
 * is; 0: it has the caller's time or one before, or its children get another one, or nothing is
 * known. */
uint64_t timens_born(const char *proc);
