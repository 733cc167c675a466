/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp profile of a spec (OCI runtime spec, "Seccomp"), for edits that make it stricter. */
#pragma once

#include <stdbool.h>

#include "json/json.h"

struct runtime;

#define PROFILE_ALLOW "SCMP_ACT_ALLOW"
#define PROFILE_ERRNO "SCMP_ACT_ERRNO"
#define PROFILE_NOTIFY "SCMP_ACT_NOTIFY"

/* The spec's; a new one that allows everything, in every ABI of this machine, where it has none. 0
 * or -ENOMEM. */
int profile_need(struct runtime *rt, struct json **ret);

/* Whether a call with this action is made. */
bool profile_permits(const char *action);

/* A new rule for one name; NULL: out of memory. */
struct json *profile_rule(struct runtime *rt, const char *name, const char *action);

/* Whether the rule is about this call. */
bool profile_has_name(const struct json *rule, const char *name);

/* Takes the name out of a rule: true when it was in there. */
bool profile_take_name(struct json *rule, const char *name);

/* Appends the rule once more, for this name only and with this action. */
int profile_copy_rule(struct runtime *rt, struct json *rules, const struct json *rule,
		      const char *name, const char *action, bool conditions);

/* Removes rules that have lost all their names. */
void profile_drop_empty(struct json *profile);
