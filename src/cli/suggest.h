/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a report-only list of commands would have blocked to the list that lets it through.
 *
 * An allow list gets what it has and the narrowest set of commands besides (command_suggest()). A
 * deny list loses the commands that own what was asked for, and keeps the rest: nobody knows what
 * else was asked for, because a deny list has nothing to report of it.
 */
#pragma once

#include "base/arena.h"
#include "policy/command.h"
#include "policy/profile.h"

struct suggest {
	struct route_class_set seen;
	size_t requests; /* that are in it */
	size_t strange;	 /* that could not be read: cut off, or of a route that is not known */
};

/* Adds a request as the audit log has it. mark: the class that its target does not show; empty:
 * none. */
void suggest_add(struct suggest *s, struct slice method, struct slice target, struct slice mark);

struct suggest_list {
	bool allow;
	const char *
		*names; /* in the order of the table, but entries that stay as they were first */
	size_t n;
	size_t missed; /* classes of requests that no list of this kind lets through */
};

/* The list in place of that one (entries: its commands). 0 or -ENOMEM. */
int suggest_make(struct arena *a, const struct suggest *s, const struct profile *profile,
		 bool allow, const char *const *entries, size_t n, struct suggest_list *ret);
