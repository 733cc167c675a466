/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table of keys cannot say about the texts in a settings file: whether an entry of an image
 * list, the name of a command, a folder is one. The one place where the reader of settings asks the
 * policy layer.
 */
#pragma once

#include "policy/command.h"
#include "settings/finding.h"
#include "settings/schema.h"

/* Adds what there is to say about one text, if anything, at that place. */
void entries_check(enum schema_text kind, struct slice text, const struct profile *profile,
		   const struct finding_at *at, struct findings *found);

/* A folder of filesharingAllowedDirectories. */
enum entries_folder {
	ENTRIES_FOLDER_PATH,	/* absolute */
	ENTRIES_FOLDER_HOME,	/* $HOME and what follows: below the asker's home folder */
	ENTRIES_FOLDER_TMP,	/* $TMP or $TEMP and what follows: below /tmp */
	ENTRIES_FOLDER_FOREIGN, /* a path of Windows: no folder of this host */
	ENTRIES_FOLDER_BAD,
};

/* *ret_rest is what follows the variable: "" or a path that begins with a slash. */
enum entries_folder entries_folder_parse(struct slice text, struct slice *ret_rest);

/* An empty list of commands of that kind, for command_list_parse(). */
struct command_list entries_command_list(const struct profile *profile, bool allow,
					 bool report_only);

/* The list of commands that an object of a file says. unit: the key with SCHEMA_UNIT that it is;
 * what does not fit its table counts as not said. Results of command_list_parse(). */
int entries_commands(struct arena *a, const struct schema_key *unit, const struct json *obj,
		     const struct profile *profile, struct command_list *ret,
		     struct command_problems *ret_problems);

/* Adds what there is to say about the names in such an object, which stands at that place. */
void entries_check_commands(const struct schema_key *unit, const struct json *obj,
			    const struct profile *profile, const struct finding_at *at,
			    struct findings *found);
