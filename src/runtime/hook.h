/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-runc as a hook of its own (OCI runtime spec, "POSIX-platform Hooks"): commands that only
 * the lower runtime gives.
 *   gabion-proc RECORD     createRuntime: the container's /proc, /sys and cgroup (edit-proc.c)
 *   gabion-forget RECORD   poststop of `run`, which no delete follows: takes the record away
 */
#pragma once

#include "base/err.h"

struct runtime;

#define HOOK_PROC "gabion-proc"
#define HOOK_FORGET "gabion-forget"

/* Adds a hook that calls this program with a command and one argument. */
int hook_add(struct runtime *rt, const char *list, const char *command, const char *arg,
	     struct err *err);

/* When the command line is a hook's: does it and returns 0 or -errno with a text; 1 when it is
 * none. */
int hook_main(int argc, char **argv, struct err *err);
