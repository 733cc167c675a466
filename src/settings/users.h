/* SPDX-License-Identifier: Apache-2.0 */
/* What gabion must know of a user of the host: its name, and 65536 ids for the container users that
 * act for it. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "settings/ranges.h"

/* Name of a user in /etc/passwd; NULL when it is not there (other sources of accounts are not
 * asked: what can be loaded into a process of root must be little). */
const char *users_name(struct arena *a, uint32_t uid);

/* Its home folder there; NULL when it has none. */
const char *users_home(struct arena *a, uint32_t uid);

/* The user's subordinate uids and gids: its first entries in /etc/subuid and /etc/subgid, else the
 * range set aside for it in the leases' folder, now and for good (files on disk bear these ids). A
 * uid that is somebody's subordinate id itself gets none: an error. */
int users_subordinate(struct arena *a, const char *ids_dir, uint32_t uid, struct range *ret_uids,
		      struct range *ret_gids, struct err *err);
