/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etc/registry-auth.json: credentials of private registries, by which the gate asks them about the
 * images of an imageList. The form is that of the "auths" in a docker config.json:
 *
 *   {"auths": {"registry.example:5000": {"auth": "base64 of NAME:PASSWORD"},
 *              "https://index.docker.io/v1/": {"username": "NAME", "password": "PASSWORD"},
 *              "other.example": {"identitytoken": "TOKEN"}}}
 *
 * Other members of such a file say nothing about credentials and are passed over; what stands in
 * "auths" has to be understood, so that a typo does not end as a registry that is never asked.
 *
 * No text of an error holds a credential. Whoever holds some wipes the memory afterwards
 * (arena_wipe, buf_wipe).
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "policy/profile.h"
#include "settings/instance.h"

#define REGISTRYAUTH_NAME "registry-auth.json"
#define REGISTRYAUTH_FILE_MAX (256u << 10)
#define REGISTRYAUTH_HOSTS_MAX 64u
#define REGISTRYAUTH_HEADER_MAX 16384u /* bytes of an X-Registry-Auth field */

/* What one registry is told. Null where there is nothing. */
struct registryauth {
	struct slice host; /* as in references: docker.io, registry.example:5000 */
	struct slice username;
	struct slice password;
	struct slice identity_token; /* exchanged for others at the registry's token service */
	struct slice registry_token; /* sent as it is */
};

struct registryauth_list {
	struct registryauth *items; /* in the arena */
	size_t n;
};

/* Reads the text of a file; `name` is what errors call it. All that is returned, and parts of the
 * credentials besides, are in the arena. Returns 0, -EINVAL, -E2BIG or -ENOMEM. */
int registryauth_parse(struct arena *a, struct slice text, const char *name,
		       const struct profile *p, struct registryauth_list *ret, struct err *err);

/* What a client says in a field X-Registry-Auth, but for the host. -EINVAL: it makes no sense, or
 * holds no credentials (clients that have none send an empty object). */
int registryauth_from_field(struct arena *a, struct slice value, struct registryauth *ret);

/* Such a field's value. b has to have room for REGISTRYAUTH_HEADER_MAX already. Failure is b's. */
void registryauth_field(const struct registryauth *r, const struct profile *p, struct buf *b);

/* Credentials are for those alone who may have them: -EACCES where the open file is not root's or
 * owner's (0: root's only), or others could use it. */
int registryauth_private(int fd, const char *path, uid_t owner, struct err *err);

enum registryauth_state {
	REGISTRYAUTH_USED,
	REGISTRYAUTH_NONE,   /* there is no such file */
	REGISTRYAUTH_HIDDEN, /* this process may not read it */
	REGISTRYAUTH_BAD,    /* no credentials in it are used; err says why */
};

/* What becomes of an instance's file: for whoever has to tell people. */
int registryauth_check(const struct instance *i, const struct profile *p, char ret_path[PATH_MAX],
		       struct err *err);
