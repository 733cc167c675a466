/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asked for a container: lib/askers/ID, one line of JSON,
 *   {"uid":1000,"gid":1000,"groups":[4,27,1000]}
 * with "truncated":true when the user has more groups than the list holds, "binds":true when the
 * container has paths of the host, "ownNumber":true when these show the user's files under the
 * user's own number, and "line":["ID",…] when another container made it over its socket: that one,
 * then the one that made that, and so on, so that it stays the grandmother's descendant when the
 * mother and her record are gone. Written by gabiond at the gate's word before
 * the creation is answered, read by gabion-runc (binds act with the asker's rights) and by gabiond
 * for the gate (others may not act on a user's container).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define ASKER_ID_LEN 64
#define ASKER_GROUPS_MAX 1024
#define ASKER_LINE_MAX 64

struct asker {
	uid_t uid;
	gid_t gid;	 /* primary */
	bool truncated;	 /* there were more groups than these */
	bool binds;	 /* the container has paths of the host, and so acts for the asker */
	bool own_number; /* the asker's files have the asker's number in there, not root's */
	size_t ngroups;
	gid_t groups[ASKER_GROUPS_MAX]; /* supplementary */
	size_t nline;
	char line[ASKER_LINE_MAX][ASKER_ID_LEN]; /* who made it, the nearest first; no NULs */
};

enum asker_result {
	ASKER_OK = 0,
	ASKER_NONE = 1, /* there is no record of that container */
};

/* lib: the instance's lib folder; id: the container's full id, 64 lower-case hexadecimal digits.
 * Any other id is -EINVAL, so that a name never becomes a path. */
int asker_load(const char *lib, const char *id, struct asker *ret, struct err *err);

/* Returns when the record would survive a power cut. Makes lib/askers where it is missing. */
int asker_store(const char *lib, const char *id, const struct asker *a, struct err *err);

/* Done also when there was no record. */
int asker_forget(const char *lib, const char *id, struct err *err);
