/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose the extracted files are.
 *
 * Moby: they get the archive's ids. With copyUIDGID=1, and if the container's configuration names a
 * user, they get that user's instead (the parameter's name notwithstanding); names are looked up in
 * the container's /etc/passwd and /etc/group, as for `docker run -u`.
 *
 * An id of the archive that the container does not have cannot be given away: such a file becomes
 * the container root's, and loses setuid and setgid.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct owner {
	uint32_t size; /* ids of the container: 0 to size - 1 */
	bool fixed;    /* every file gets these two */
	uint32_t uid;
	uint32_t gid;
};

/* The files of a container in which a user is looked up; either may be NULL (no such file). */
struct owner_files {
	struct slice passwd;
	struct slice group;
};

/* Looks up "user", "user:group", ids or names: as moby, an id without a passwd line has group 0, an
 * empty part is root. Returns 0 or -EINVAL with moby's text. */
int owner_lookup(const char *spec, const struct owner_files *files, uint32_t *ret_uid,
		 uint32_t *ret_gid, struct err *err);

/* The ids for a file that the archive says is uid's and gid's; clears from *mode what must not
 * survive a change of owner. */
void owner_choose(const struct owner *o, int64_t uid, int64_t gid, uint32_t *ret_uid,
		  uint32_t *ret_gid, uint32_t *mode);
