/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the container has the ids that a process is to run with. What setgroups(2) and setuid(2)
 * say in it of others, EINVAL, tells nobody what to do.
 */
#pragma once

#include "base/err.h"

struct runtime;

/* The container's first process; its range is known (rt->size). -EINVAL. */
int ids_check(struct runtime *rt, struct err *err);

/* The same for exec, after record_lower(). */
int ids_check_exec(struct runtime *rt, struct err *err);
