/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staged self-isolation of a worker. Each stage says what is gone after it; they are called in this
 * order, and any failure means that the worker must not run.
 *
 *   1. sandbox_user()    other uid and gid, no supplementary groups, no capability in any set, none
 *                        can be gained again (no_new_privs); core dumps and ptrace are off.
 *      sandbox_keep()    instead, for a worker that stays root: only some capabilities are left.
 *   2. sandbox_limits()  what the process may use.
 *   3. sandbox_seccomp() every system call that is not on the list.
 *
 * What a stage still needs must be done before it: sockets bound, files opened, paths resolved.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SANDBOX_KEEP ((uid_t)-1)

struct sandbox_limit {
	int resource;  /* RLIMIT_… */
	uint64_t most; /* soft and hard; never raises what there is */
};

struct sandbox_rule {
	const char *call; /* name of the system call, as seccomp_syscall_resolve_name(3) knows it */
	unsigned argument; /* with `only`: which argument is compared, counted from 0 */
	const uint64_t
		*only; /* NULL: any arguments; else the values allowed, ended by UINT64_MAX */
};

/* uid or gid may be SANDBOX_KEEP: then that one stays. Needs CAP_SETUID, CAP_SETGID, CAP_SETPCAP
 * unless both stay. Returns 0 or -errno with a text. */
int sandbox_user(uid_t uid, gid_t gid, struct err *err);

/* Stays root, with these capabilities (CAP_…) alone, in the bounding set too. Needs CAP_SETPCAP,
 * and gives it up unless it is one of them. Capabilities that the process lacks stay lacking. */
int sandbox_keep(const uint8_t *caps, size_t n, struct err *err);

int sandbox_limits(const struct sandbox_limit *limits, size_t n, struct err *err);

/* For every thread there is. Calls that are not listed fail with EPERM; foreign architectures kill
 * the process. An unknown name is skipped where this kernel's headers do not have it (another
 * architecture's). */
int sandbox_seccomp(const struct sandbox_rule *rules, size_t n, struct err *err);

/* The same for a whole program, as its last stage. Under a sanitizer nothing, and ptrace is on: the
 * sanitizer's own calls are on nobody's list, and it looks for leaks by ptrace. */
int sandbox_program(const struct sandbox_rule *rules, size_t n, struct err *err);
