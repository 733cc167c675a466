/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion settings`: its subcommands, and what they share. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/print.h"
#include "cli/settings.h"
#include "cli/state.h"
#include "settings/compose.h"
#include "settings/facts.h"

static const struct opt table[] = {
	OPT_STATE_DIR(struct settings_args, state_dir),
	OPT_JSON(struct settings_args, json),
};

#define OPTIONS "[--state-dir DIR] [--json]"

static const struct opts opts = {
	.command = "settings",
	.usage = "list|get|validate|schema " OPTIONS " [WORD…]",
	.about = "Settings Management (admin-settings.json), for reading:\n"
		 "  list              every setting with its value and where that comes from\n"
		 "  get KEY           one setting, or all below KEY\n"
		 "  validate [FILE]   what is wrong with a file, or with those that are in use\n"
		 "  schema            every key there is",
	.table = table,
	.count = ARRAY_SIZE(table),
	.max_args = 64, /* the subcommand's own matter */
	.word_ends = true,
};

static const struct subcommand {
	const char *name;
	int (*run)(const struct settings_call *c);
	struct opts opts;
} subcommands[] = {
	{ "list",
	  settings_list,
	  { .command = "settings list",
	    .usage = OPTIONS,
	    .about = "Prints the settings in force: value, where it comes from, locked or not. "
		     "Where no\npolicy is in force, what the settings files say.",
	    .table = table,
	    .count = ARRAY_SIZE(table) } },
	{ "get",
	  settings_get,
	  { .command = "settings get",
	    .usage = OPTIONS " KEY",
	    .about = "Prints the value of a setting, a line for each layer that has a say in it. "
		     "For a\nkey with others below it, those as `list` prints them. Exits with 1 "
		     "when nothing\nsets it.",
	    .table = table,
	    .count = ARRAY_SIZE(table),
	    .min_args = 1,
	    .max_args = 1 } },
	{ "validate",
	  settings_validate,
	  { .command = "settings validate",
	    .usage = OPTIONS " [FILE]",
	    .about = "Says what is wrong with FILE, or with the settings files of the instance: "
		     "errors,\nfor which it would not be taken, and warnings, also where more is "
		     "allowed than is\nrecommended. Exits with 1 when there are errors.",
	    .table = table,
	    .count = ARRAY_SIZE(table),
	    .max_args = 1 } },
	{ "schema",
	  settings_schema,
	  { .command = "settings schema",
	    .usage = "[--json]",
	    .about = "Prints every key of admin-settings.json: what it may be, what it is when "
		     "it is not\nthere, and whether it is enforced here.",
	    .table = &table[1],
	    .count = 1 } },
};

static int run(const struct subcommand *sub, struct settings_args *args, int argc, char **argv)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(SETTINGS_ARENA_MAX);
	struct settings_call call = { .arena = &a, .args = args };
	int rest;
	int r = opts_parse(&sub->opts, argc, argv, args, &rest);

	if (r != 0)
		return opts_exit(r);
	call.words = argv + rest;
	call.nwords = argc - rest;
	return sub->run(&call);
}

int cmd_settings(int argc, char **argv)
{
	struct settings_args args = { 0 };
	int rest;
	int r = opts_parse(&opts, argc, argv, &args, &rest);

	if (r != 0)
		return opts_exit(r);
	for (size_t i = 0; rest < argc && i < ARRAY_SIZE(subcommands); i++)
		if (strcmp(argv[rest], subcommands[i].name) == 0)
			return run(&subcommands[i], &args, argc - rest, argv + rest);
	if (rest == argc)
		cli_error("settings: list, get, validate or schema?");
	else if (strcmp(argv[rest], "set") == 0 || strcmp(argv[rest], "unset") == 0)
		cli_error("settings: \"%s\" is not there yet: edit the file; `gabion settings "
			  "validate` checks it, and a change holds within a second",
			  argv[rest]);
	else
		cli_error("settings: unknown subcommand \"%s\"; list, get, validate and schema are",
			  argv[rest]);
	return CLI_EXIT_USAGE;
}

/* --- what they share --- */

static int fail(int r, const struct err *err)
{
	cli_error("%s%s", err->text, r == -EACCES || r == -EPERM ? " (try sudo)" : "");
	return CLI_EXIT_UNKNOWN;
}

int settings_instance(const struct settings_call *c, struct instance *ret,
		      const struct profile **ret_profile)
{
	struct err err = ERR_INIT;
	struct facts facts;
	int r = instance_find(ret, c->args->state_dir, &err);

	if (r == 0)
		r = facts_load(c->arena, ret, &facts, &err);
	if (r < 0)
		return fail(r, &err);
	*ret_profile = facts.profile;
	return 0;
}

void settings_print_errors(const struct findings *found)
{
	for (size_t i = 0; i < found->n; i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(8192);

		if (found->list[i].kind != FINDING_ERROR)
			continue;
		finding_print(&found->list[i], &b);
		cli_error("%s", buf_ok(&b) ? b.p : found->list[i].text);
	}
}

/* Nothing is in force: what a start would make of the files. */
static int load_files(const struct settings_call *c, const struct profile *profile,
		      struct settings_view *ret)
{
	struct findings found = FINDINGS_INIT(c->arena);
	struct admin_places places;
	int r;

	admin_places(&ret->inst, &places);
	r = compose_load(c->arena, &places, profile, &found, &ret->policy);
	if (r == COMPOSE_OK)
		return 0;
	if (r < 0) {
		cli_error("settings: %s", strerror(-r));
		return CLI_EXIT_UNKNOWN;
	}
	settings_print_errors(&found);
	return CLI_EXIT_NO;
}

/* Whether an older policy is in force because of errors is known to gabiond only. */
static bool is_stale(const struct settings_call *c, const struct instance *inst)
{
	struct err err = ERR_INIT;
	struct state state;

	return state_load(c->arena, inst, &state, &err) == 0 && state.policy.stale;
}

int settings_load(const struct settings_call *c, struct settings_view *ret)
{
	const struct profile *profile;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct stat st;
	int r = settings_instance(c, &ret->inst, &profile);

	if (r != 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/policy.json", ret->inst.run);
	ret->in_force = lstat(path, &st) == 0;
	ret->stale = false;
	if (!ret->in_force && errno != ENOENT && errno != ENOTDIR) {
		r = err_errno(&err, -errno, "%s", path);
		return fail(r, &err);
	}
	if (!ret->in_force)
		return load_files(c, profile, ret);
	r = policy_load(c->arena, &ret->inst, &ret->policy, &err);
	if (r < 0)
		return fail(r, &err);
	ret->stale = is_stale(c, &ret->inst);
	if (ret->stale)
		cli_error("the settings files have errors: an older policy is in force; `gabion "
			  "settings validate` names them");
	return 0;
}
