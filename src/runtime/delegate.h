/* SPDX-License-Identifier: Apache-2.0 */
/* The createRuntime hook that hands a container its cgroup (edit-cgroup.c): a command of
 * gabion-runc that is for the lower runtime only. */
#pragma once

#include "base/err.h"

#define DELEGATE_COMMAND "gabion-delegate-cgroup"

/* owner: host id of the container's root, decimal. Reads the state from standard input. */
int delegate_main(const char *owner, struct err *err);
