/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings files to a policy.
 *
 * An instance obeys its own file; where it has none, the host's. What the host's file locks binds
 * private instances that have a file of their own, too: theirs may only tighten it. So
 *
 *   - isolation is on if either of them says so;
 *   - permissions of the socket and shared folders become two layers, and both have to allow: what
 *     the instance's own file says nothing about is there as in the host's;
 *   - where the host's file does not lock, the instance's own stands alone.
 */
#pragma once

#include "settings/admin.h"
#include "settings/policy.h"

/* host and own may be NULL: there is no such file. *ret has generation 0. What an own file wanted
 * and did not get is a warning. 0 or -ENOMEM. */
int compose(struct arena *a, const struct profile *profile, const struct admin_file *host,
	    const struct admin_file *own, struct findings *found, struct policy *ret);

enum compose_result {
	COMPOSE_OK = 0,
	COMPOSE_BROKEN = 1, /* a file has errors: they are among what was found */
};

/* The files that count. */
struct compose_files {
	bool has_host;
	bool has_own;
	struct admin_file host;
	struct admin_file own;
};

/* Reads the files of these places. COMPOSE_OK, COMPOSE_BROKEN (then *ret is not to be used),
 * -ENOMEM. */
int compose_read(struct arena *a, const struct admin_places *places, const struct profile *profile,
		 struct findings *found, struct compose_files *ret);

/* Reads the files of these places and composes. COMPOSE_OK, COMPOSE_BROKEN, -ENOMEM. */
int compose_load(struct arena *a, const struct admin_places *places, const struct profile *profile,
		 struct findings *found, struct policy *ret);
