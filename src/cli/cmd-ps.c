/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion ps`: the containers of an instance with their id ranges. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/containers.h"
#include "cli/print.h"
#include "cli/state.h"

#define ARENA_MAX (256u << 20)
#define ID_SHOWN 12

struct args {
	const char *state_dir;
	bool all;
	bool json;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct args, state_dir),
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct args, all),
	  .help = "also containers that do not run any more but are not deleted" },
	OPT_JSON(struct args, json),
};

static const struct opts opts = {
	.command = "ps",
	.usage = "[--state-dir DIR] [--all] [--json]",
	.about = "Lists the containers that gabion-runc made, build steps too, with the host ids "
		 "that\n"
		 "each of them has to itself.",
	.table = table,
	.count = ARRAY_SIZE(table),
};

static bool shown(const struct args *args, const struct container *c)
{
	return args->all || c->state != CONTAINER_STOPPED;
}

static void print_table(const struct args *args, const struct containers *all)
{
	(void)printf("%-*s  %-23s  %-8s  %s\n", ID_SHOWN, "CONTAINER", "IDS", "STATE", "PID");
	for (size_t i = 0; i < all->n; i++) {
		const struct container *c = &all->list[i];
		char ids[32] = "-";
		char pid[16] = "-";

		if (!shown(args, c))
			continue;
		if (c->size > 0)
			(void)snprintf(ids, sizeof(ids), "%u-%u", c->base, c->base + c->size - 1);
		if (c->pid > 0)
			(void)snprintf(pid, sizeof(pid), "%d", c->pid);
		(void)printf("%-*.*s  %-23s  %-8s  %s\n", ID_SHOWN, ID_SHOWN, c->id, ids,
			     container_state_name(c->state), pid);
	}
}

static struct json *container_json(struct arena *a, const struct container *c)
{
	struct json *row = arena_must(json_new(a, JSON_OBJECT));
	struct json *ids = arena_must(json_new(a, JSON_OBJECT));

	(void)json_set(a, row, "id", json_new_str(a, c->id));
	(void)json_set(a, row, "state", json_new_str(a, container_state_name(c->state)));
	(void)json_set(a, row, "pid", json_new_int(a, c->pid));
	(void)json_set(a, ids, "start", json_new_uint(a, c->base));
	(void)json_set(a, ids, "count", json_new_uint(a, c->size));
	(void)json_set(a, row, "ids", ids);
	(void)json_set(a, row, "bundle", json_new_str(a, c->bundle));
	return row;
}

static void print_list(struct arena *a, const struct args *args, const struct containers *all)
{
	struct json *doc = arena_must(json_new(a, JSON_OBJECT));
	struct json *list = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < all->n; i++)
		if (shown(args, &all->list[i]))
			(void)json_append(a, list, container_json(a, &all->list[i]));
	(void)json_set(a, doc, "containers", list);
	print_json(doc);
}

int cmd_ps(int argc, char **argv)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct args args = { 0 };
	struct err err = ERR_INIT;
	struct state state = { .pid = 0 };
	struct containers all;
	struct instance inst;
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	r = instance_find(&inst, args.state_dir, &err);
	if (r == 0 && inst.private_dir)
		r = state_load(&a, &inst, &state, &err);
	if (r >= 0)
		r = containers_load(&a, &inst, state.inside, &all, &err);
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	if (args.json)
		print_list(&a, &args, &all);
	else
		print_table(&args, &all);
	return CLI_EXIT_OK;
}
