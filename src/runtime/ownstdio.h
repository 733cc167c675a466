/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input, output and error of the container. crun gives them to the container's user
 * (fchown), which is meant for pipes; engines pass the host's /dev/null for "no input", and the
 * container would own, and could close to everybody, that node of the host. So a device that is no
 * terminal is replaced by a node of the same number on a file system of its own.
 */
#pragma once

#include "base/err.h"

/* For every command that starts a process: create, run, restore, exec. Costs three fstat(2) where
 * there is nothing to replace. */
int stdio_own(struct err *err);

struct runtime;

/* For exec in a container whose ids record_lower() has read: pipes are given to the user of the
 * process, so that it can open them again by /dev/stdin and /dev/stdout. (For a container's first
 * process crun does that itself, before it enters the user namespace; for others it tries it from
 * inside, where the kernel says no, and goes on.) */
void stdio_give(struct runtime *rt);
