/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/entries.h"

static void check_image(struct slice text, const struct finding_at *at, struct findings *found)
{
	if (text.n == 0)
		finding_add(found, FINDING_ERROR, at,
			    "an empty image: NAME[:TAG], NAME:*, NAME@DIGEST or * is expected");
}

static void check_command(struct slice text, const struct finding_at *at, struct findings *found)
{
	if (text.n == 0)
		finding_add(found, FINDING_ERROR, at,
			    "an empty command: a name of `docker --help` is expected");
}

static bool is_drive(struct slice text)
{
	return text.n >= 2 && text.p[1] == ':' &&
	       ((text.p[0] >= 'a' && text.p[0] <= 'z') || (text.p[0] >= 'A' && text.p[0] <= 'Z'));
}

enum entries_folder entries_folder_parse(struct slice text, struct slice *ret_rest)
{
	static const struct {
		struct slice name;
		enum entries_folder kind;
	} variables[] = {
		{ { "$HOME", 5 }, ENTRIES_FOLDER_HOME },
		{ { "$TMP", 4 }, ENTRIES_FOLDER_TMP },
		{ { "$TEMP", 5 }, ENTRIES_FOLDER_TMP },
	};

	*ret_rest = text;
	if (slice_starts(text, SLICE_LIT("/")))
		return ENTRIES_FOLDER_PATH;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		struct slice rest = slice_from(text, variables[i].name.n);

		if (!slice_starts(text, variables[i].name) || (rest.n > 0 && rest.p[0] != '/'))
			continue;
		*ret_rest = rest;
		return variables[i].kind;
	}
	return is_drive(text) || slice_starts(text, SLICE_LIT("\\\\")) ? ENTRIES_FOLDER_FOREIGN
								       : ENTRIES_FOLDER_BAD;
}

static void check_folder(struct slice text, const struct finding_at *at, struct findings *found)
{
	struct slice rest;

	switch (entries_folder_parse(text, &rest)) {
	case ENTRIES_FOLDER_PATH:
	case ENTRIES_FOLDER_HOME:
	case ENTRIES_FOLDER_TMP:
		return;
	case ENTRIES_FOLDER_FOREIGN:
		finding_add(found, FINDING_NOTE, at, "a path of Windows: no folder of this host");
		return;
	case ENTRIES_FOLDER_BAD:
		break;
	}
	finding_add(found, FINDING_ERROR, at,
		    "not a folder: an absolute path is expected, or one that begins with $HOME, "
		    "$TMP or $TEMP");
}

void entries_check(enum schema_text kind, struct slice text, const struct profile *profile,
		   const struct finding_at *at, struct findings *found)
{
	(void)profile;
	switch (kind) {
	case SCHEMA_TEXT_ANY:
		return;
	case SCHEMA_TEXT_IMAGE:
		check_image(text, at, found);
		return;
	case SCHEMA_TEXT_COMMAND:
		check_command(text, at, found);
		return;
	case SCHEMA_TEXT_FOLDER:
		check_folder(text, at, found);
		return;
	}
}
