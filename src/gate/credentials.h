/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials by which registries are asked about the images of an imageList: the administrator's,
 * of etc/registry-auth.json, and those that users of this host sent along with a pull, a push or a
 * question that the engine answered well.
 *
 * A registry that the file names is asked with the file's and no others. Users' are kept in memory
 * only, for registries of the list only, a few a registry, newest first; one that a registry
 * refuses is forgotten. What containers send is not looked at. Memory is zeroed before it is
 * given back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "settings/registryauth.h"

#define CREDENTIALS_PER_HOST 4u /* users' */
#define CREDENTIALS_SEEN_MAX 32u

struct credential {
	uint64_t serial; /* never used twice, the newest has the highest; 0: this is none */
	bool of_file;
	char *host;	  /* owned */
	struct buf field; /* the value of X-Registry-Auth, and a NUL after it */
};

struct credentials {
	struct credential list[REGISTRYAUTH_HOSTS_MAX + CREDENTIALS_SEEN_MAX];
	size_t n;
	uint64_t serial;
};

void credentials_done(struct credentials *c);

/* The file's now, in the place of what it said before. Returns 0 or -ENOMEM (then some are
 * missing). */
int credentials_take_file(struct credentials *c, const struct registryauth_list *list,
			  const struct profile *p);

/* What a client sent to that registry. True: it was not known. */
bool credentials_learn(struct credentials *c, const struct registryauth *r,
		       const struct profile *p);

/* What that registry is asked with: the file's, else the newest. NULL: there is nothing. */
const struct credential *credentials_find(const struct credentials *c, struct slice host);

/* The registry refused it: a user's is forgotten, the file's stays. True: it was forgotten. */
bool credentials_refused(struct credentials *c, uint64_t serial);

/* Forgets users' for registries of which wanted() says no. */
void credentials_trim(struct credentials *c, bool (*wanted)(void *ctx, struct slice host),
		      void *ctx);
