/* SPDX-License-Identifier: Apache-2.0 */
/* What every decision answers: pure functions fill it, the caller acts on it and logs it. */
#pragma once

#include <stdbool.h>

enum verdict_kind {
	VERDICT_ALLOW,
	VERDICT_DENY,
};

struct verdict {
	enum verdict_kind kind;
	const char *rule;   /* short name of the rule that decided, for the audit line; static */
	bool read_only;	    /* VERDICT_ALLOW: but only so, whatever was asked */
	char message[1024]; /* what the user is told, VERDICT_DENY only */
	/* For further fields of the answer, the audit line and `gabion explain`; never part of the
	 * message, whose texts are an interface. Either may be empty. */
	char reason[512];  /* why: which entry, digest, base … */
	char way_out[512]; /* VERDICT_DENY: what may be done about it, and where */

	/* Command lists only: */
	bool reported;	    /* VERDICT_ALLOW: would have been a denial, with rule and message */
	char commands[256]; /* whose request that is, "run, create"; "" when it passed, or when it
			       is not the list that says no */
};
