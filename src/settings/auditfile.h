/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the audit log: lib/audit.log, and the older ones beside it, lib/audit.log.1 to .4. A
 * line is one JSON object. gabiond writes the gate's lines; gabion-runc and what it starts, which
 * work without gabiond, their own.
 */
#pragma once

#include <linux/limits.h>
#include <sys/types.h>

#include "base/slice.h"

#define AUDITFILE_KEEP 4 /* older ones */
#define AUDITFILE_TIME_MAX 48

/* number 0: the one that is written to. */
void auditfile_path(const char *lib, int number, char ret[PATH_MAX]);

/* Now, as the member "time" has it: RFC 3339, UTC, milliseconds. */
void auditfile_now(char ret[AUDITFILE_TIME_MAX]);

/* Appends a line, which ends in a newline, in one write; a file that would get too long is put
 * aside before, by one process at a time. Returns 0 or -errno. */
int auditfile_append(const char *lib, struct slice line);

/* What was refused without a request that the gate would write about. */
struct auditfile_denial {
	uid_t uid;	     /* whose container it is */
	const char *subject; /* its id; NULL: unknown */
	const char *rule;
	const char *message;
};

/* Appends that line. Returns 0, -ENOENT (there never was an instance) or -errno. */
int auditfile_deny(const char *lib, const struct auditfile_denial *d);
