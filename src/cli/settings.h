/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `gabion settings`, a row of cmd-settings.c's table each. */
#pragma once

#include "cli/cli.h"
#include "settings/admin.h"
#include "settings/policy.h"
#include "json/json.h"

#define SETTINGS_ARENA_MAX (256u << 20)

struct settings_args {
	const char *state_dir;
	bool json;
};

/* What a subcommand gets; words after the options are words[0] to words[nwords - 1]. */
struct settings_call {
	struct arena *arena;
	const struct settings_args *args;
	char **words;
	int nwords;
};

/* All of them return an exit code. */
int settings_list(const struct settings_call *c);
int settings_get(const struct settings_call *c);
int settings_validate(const struct settings_call *c);
int settings_schema(const struct settings_call *c);

/* The instance that is meant and the kind of its engine. 0, or an exit code after it said what is
 * wrong. */
int settings_instance(const struct settings_call *c, struct instance *ret,
		      const struct profile **ret_profile);

/* The settings of an instance. */
struct settings_view {
	struct instance inst;
	struct policy policy;
	bool in_force; /* else what the files say, for the next start */
	bool stale;    /* in force, but the files have errors */
};

/* 0, or an exit code after it said what is wrong. */
int settings_load(const struct settings_call *c, struct settings_view *ret);

/* All findings on standard error. */
void settings_print_errors(const struct findings *found);
