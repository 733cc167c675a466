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

	/* Command lists only: */
	bool reported;	    /* VERDICT_ALLOW: would have been a denial, with rule and message */
	char commands[256]; /* whose request that is, "run, create"; "" when it passed */
};
