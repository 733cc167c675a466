/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ids of the host belong to whom: where containers may get theirs from, what must never be
 * handed out (subuid(5), subgid(5), accounts), and what a user may use beside its own id.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "settings/facts.h"

/* Default range for containers: as systemd's and Debian's tables leave it free. */
#define RANGES_START 1879048192u /* 0x70000000 */
#define RANGES_COUNT 268304384u	 /* up to 2147352575 */
/* Set aside for users without an entry in /etc/subuid: 65536 ids each. */
#define RANGES_USERS_START 1610612736u /* 0x60000000 */
#define RANGES_USERS_COUNT 268435456u
/* Where ids of the host go that a bind must not act as: id + this, outside of everything. */
#define RANGES_GHOST 2147483648u /* 0x80000000 */
#define RANGES_GHOST_LIMIT 2147483647u

struct range {
	uint32_t start;
	uint32_t count;
};

#define RANGES_MAX 4096
struct ranges {
	size_t n;
	struct range r[RANGES_MAX];
};

/* Whether [start, start+count) touches one of them; *ret_end is the first id after that one. */
bool ranges_hit(const struct ranges *set, uint32_t start, uint32_t count, uint64_t *ret_end);

/* Adds the entries of a subuid/subgid file: those of `only` (a name, or its number as text), or all
 * but those of `except`. Unreadable lines are skipped, as the shadow tools do. */
int ranges_parse_sub(struct slice text, const char *only, const char *only_number,
		     const char *except, struct ranges *ret);

/* Adds the ids of a passwd or group file (third field), neighbours joined. */
int ranges_parse_accounts(struct slice text, struct ranges *ret);

/* Containers' pool: gabion.json's range, else the `gabion` entries of /etc/subuid, which must stand
 * in /etc/subgid too, else the default. */
int ranges_pool(const struct facts *facts, struct ranges *ret, struct err *err);

/* All entries of /etc/subuid and /etc/subgid. */
int ranges_delegated(struct ranges *ret, struct err *err);

/* Uids that somebody can be in a user namespace: entries of /etc/subuid, but for root's. */
int ranges_delegated_uids(struct ranges *ret, struct err *err);

/* Everything on this host that the pool must not hand out. */
int ranges_taken(struct ranges *ret, struct err *err);

/* Subordinate ids of a user: its first entry in the file (/etc/subuid or /etc/subgid), by name or
 * by number. Returns 0, or 1 when it has none. */
int ranges_subordinate(const char *file, const char *user, uint32_t uid, struct range *ret,
		       struct err *err);
