/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uids that an account has by /etc/subuid: in a user namespace it is any of them, so that each
 * would have what a user may have at once. gabiond hands over the file, anew whenever it has
 * changed. Root's entries give nobody anything.
 */
#pragma once

#include "gate/ask.h"
#include "settings/ranges.h"

struct subordinate {
	struct ask *ask;
	struct ask_call call;
	struct ranges uids;
	void (*loaded)(struct subordinate *s); /* or not, for good */
};

void subordinate_init(struct subordinate *s, struct ask *ask,
		      void (*loaded)(struct subordinate *s));
/* Asks for it, and calls loaded() in any case; perhaps at once. */
void subordinate_load(struct subordinate *s);
void subordinate_done(struct subordinate *s);

bool subordinate_has(const struct subordinate *s, uid_t uid);
