/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/entries.h"

#include <errno.h>

#include "base/util.h"
#include "policy/imagelist.h"

static void check_image(struct slice text, const struct profile *profile,
			const struct finding_at *at, struct findings *found)
{
	struct imagelist_entry entry;
	struct err err = ERR_INIT;

	if (text.n == 0)
		finding_add(found, FINDING_ERROR, at,
			    "an empty image: NAME[:TAG], NAME:*, NAME@DIGEST or * is expected");
	else if (imagelist_parse_entry(profile, text, &entry, &err) < 0)
		finding_add(found, FINDING_ERROR, at, "%s", err.text);
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
	switch (kind) {
	case SCHEMA_TEXT_ANY:
		return;
	case SCHEMA_TEXT_IMAGE:
		check_image(text, profile, at, found);
		return;
	case SCHEMA_TEXT_COMMAND:
		check_command(text, at, found);
		return;
	case SCHEMA_TEXT_FOLDER:
		check_folder(text, at, found);
		return;
	}
}

/* --- lists of commands --- */

#define COMMANDS_MAX 1000u

/* The member of the object that this key of the table is. */
static const struct json_member *member(const struct json *obj, const struct schema_key *unit,
					const char *name)
{
	const struct schema_key *key = schema_child(unit, slice_str(name));

	for (size_t i = 0; i < obj->n; i++)
		if (schema_child(unit, obj->members[i].key) == key)
			return &obj->members[i];
	return NULL;
}

/* What is no string has been found before. */
static struct slice text_of(const struct json *v)
{
	return v->kind == JSON_STRING ? v->text : SLICE_LIT("");
}

int entries_commands(struct arena *a, const struct schema_key *unit, const struct json *obj,
		     const struct profile *profile, struct command_list *ret,
		     struct command_problems *ret_problems)
{
	const struct json_member *type = member(obj, unit, "type");
	const struct json_member *report = member(obj, unit, "reportOnly");
	const struct json_member *names = member(obj, unit, "commands");
	size_t n = names && names->value->kind == JSON_ARRAY ? names->value->n : 0;
	struct slice *texts = arena_array(a, MAX(n, (size_t)1), sizeof(*texts));
	bool allow = type && slice_eq_str(text_of(type->value), "allow");

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		texts[i] = text_of(names->value->items[i]);
	*ret = entries_command_list(profile, allow,
				    report && json_is(report->value, JSON_BOOL) &&
					    report->value->boolean);
	return command_list_parse(a, texts, n, ret, ret_problems);
}

struct command_list entries_command_list(const struct profile *profile, bool allow,
					 bool report_only)
{
	return (struct command_list){ .type = allow ? COMMAND_LIST_ALLOW : COMMAND_LIST_DENY,
				      .flags = COMMAND_LIST_TUNNEL_READ |
					       (report_only ? COMMAND_LIST_REPORT_ONLY : 0u),
				      .profile = { .engine = profile->engine,
						   .product = profile->product,
						   .unknown = profile->unknown_commands } };
}

static void say_problem(const struct finding_at *at, const struct json_member *names,
			const struct command_problem *p, struct findings *found)
{
	const struct path list = PATH_KEY(at->path, names->key);
	const struct path here = PATH_INDEX(&list, p->at);
	const struct json *v = names->value->items[p->at];
	struct finding_at place = *at;

	place.path = &here;
	place.at = v->at;
	/* The empty one and what is no string are errors already. */
	if (text_of(v).n > 0)
		finding_add(found, p->error ? FINDING_ERROR : FINDING_WARNING, &place, "%s",
			    p->text);
}

void entries_check_commands(const struct schema_key *unit, const struct json *obj,
			    const struct profile *profile, const struct finding_at *at,
			    struct findings *found)
{
	const struct json_member *names = member(obj, unit, "commands");
	struct command_problems problems;
	struct command_list list;

	if (!names || !json_is(names->value, JSON_ARRAY))
		return;
	/* Each unknown one is compared with each that is known. */
	if (names->value->n > COMMANDS_MAX) {
		const struct path path = PATH_KEY(at->path, names->key);
		struct finding_at place = *at;

		place.path = &path;
		place.at = names->value->at;
		finding_add(found, FINDING_ERROR, &place, "more than %u commands", COMMANDS_MAX);
		return;
	}
	if (entries_commands(found->arena, unit, obj, profile, &list, &problems) == -ENOMEM) {
		found->no_memory = true;
		return;
	}
	for (size_t i = 0; i < problems.n; i++)
		say_problem(at, names, &problems.items[i], found);
}
