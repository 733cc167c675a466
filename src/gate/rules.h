/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy in the gate: gabiond opens run/policy.json for it, now and whenever there is another
 * one. Until the first has come, and where there is no gabiond (tests), the defaults hold, which
 * allow the least.
 */
#pragma once

#include "gate/ask.h"
#include "settings/policy.h"

struct gate;

struct rules {
	struct gate *gate;
	struct ask_call call; /* OPEN */
	struct arena arena;   /* of the policy */
	struct policy policy;
};

int rules_init(struct rules *r, struct gate *g);
/* Asks for the policy; also when gabiond says that there is another one. */
void rules_load(struct rules *r);
void rules_done(struct rules *r);

/* Isolation is off: rules about namespaces and mounts do not apply. (design: "The runtime") */
static inline bool rules_plain(const struct rules *r)
{
	return !r->policy.isolation;
}
