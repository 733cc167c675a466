/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion policy suggest`: from the audit log of a report-only list of commands to a list. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/auditlog.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/suggest.h"
#include "settings/policy.h"

#define ARENA_MAX (64u << 20)

struct args {
	const char *state_dir;
	const char *since;
	const char *container;
	bool json;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct args, state_dir),
	{ .name = "since",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, since),
	  .value = "TIME",
	  .help = "from then on: 2026-11-28, 2026-11-28T09:00:00Z, 90s, 10m, 2h, 7d (ago)" },
	{ .name = "container",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, container),
	  .value = "ID",
	  .help = "what this container asked for only (its id, or how that begins)" },
	OPT_JSON(struct args, json),
};

static const struct opts opts = {
	.command = "policy",
	.usage = "suggest [--state-dir DIR] [--since TIME] [--container ID] [--json]",
	.about = "Prints the narrowest commandList that lets through what containers asked for "
		 "while\n"
		 "the list was reportOnly, by the audit log. An allow list gets commands, a deny "
		 "list\nloses them. Exits with 1 when nothing was reported.",
	.table = table,
	.count = ARRAY_SIZE(table),
	.max_args = 64, /* the subcommand's own matter */
	.word_ends = true,
};

/* A list and where it stands. */
struct proposal {
	size_t layer;
	const char *source; /* of the list in force; "" where no list is report-only */
	const char *entry;  /* image entry whose own list it is; "": of those that have none */
	const struct policy_commands *like;
	struct suggest seen; /* what it reported */
	struct suggest_list list;
};

struct work {
	struct arena *arena;
	const struct args *args;
	struct instance inst;
	struct policy policy;
	struct suggest seen; /* what any list reported */
	struct proposal *proposals;
	size_t n;
};

static void add(struct suggest *to, const struct json *o)
{
	suggest_add(to, slice_str(auditlog_text(o, "method")),
		    slice_str(auditlog_text(o, "target")), slice_str(auditlog_text(o, "mark")));
}

/* To the lists that may have reported it. Which layer's it was does not matter: what the other one
 * does not block either changes nothing there. */
static void take_line(void *data, const struct json *o, struct slice line)
{
	const char *container = auditlog_text(o, "container");
	struct work *w = data;

	(void)line;
	if (strcmp(auditlog_text(o, "verdict"), "report") != 0 ||
	    strcmp(auditlog_text(o, "rule"), "command-list") != 0)
		return;
	if (w->args->container &&
	    strncmp(container, w->args->container, strlen(w->args->container)) != 0)
		return;
	add(&w->seen, o);
	for (size_t i = 0; i < w->n; i++) {
		struct proposal *p = &w->proposals[i];

		if (!*p->source || strcmp(p->entry, auditlog_text(o, "entry")) == 0)
			add(&p->seen, o);
	}
}

/* The one in force, else the last good one, else the defaults. */
static int load_policy(struct work *w, struct err *err)
{
	int r = policy_load(w->arena, &w->inst, &w->policy, err);

	if (r == POLICY_OK || r == POLICY_NONE)
		return 0;
	r = policy_load_last(w->arena, &w->inst, &w->policy, err);
	if (r == POLICY_NONE)
		return policy_defaults(w->arena, profile_default(), &w->policy);
	return r;
}

/* Where the setting of that name stands that the layer has. */
static const char *source_of(const struct policy *p, size_t layer, struct slice name)
{
	for (size_t i = 0; i < p->nsettings; i++) {
		const struct policy_setting *s = &p->settings[i];

		if (s->layer == layer && s->key->socket &&
		    slice_ends(slice_str(s->key->path), name))
			return s->source;
	}
	return "";
}

/* Where the instance's own file says nothing of it, the host's list stands in both layers. */
static bool is_proposed(const struct work *w, const struct proposal *p)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->proposals[i].source, p->source) == 0 &&
		    strcmp(w->proposals[i].entry, p->entry) == 0)
			return true;
	return false;
}

static void propose(struct work *w, const struct proposal *p)
{
	if (p->like->report_only && !is_proposed(w, p))
		w->proposals[w->n++] = *p;
}

static void propose_layer(struct work *w, size_t layer)
{
	const struct policy_socket *s = &w->policy.sockets[layer];
	struct proposal p = { .layer = layer, .entry = "", .like = &s->commands };

	p.source = source_of(&w->policy, layer, SLICE_LIT(".commandList.reportOnly"));
	propose(w, &p);
	p.source = source_of(&w->policy, layer, SLICE_LIT(".imageList.images"));
	for (size_t i = 0; i < s->nimages; i++) {
		if (!s->images[i].commands)
			continue;
		p.entry = s->images[i].text;
		p.like = s->images[i].commands;
		propose(w, &p);
	}
}

/* Each list that is report-only; where none is, an allow list from the log alone. */
static int propose_all(struct work *w)
{
	static const struct policy_commands nothing = { .allow = true };
	size_t room = 1;

	for (size_t i = 0; i < w->policy.nsockets; i++)
		room += 1 + w->policy.sockets[i].nimages;
	w->proposals = arena_array(w->arena, room, sizeof(*w->proposals));
	if (!w->proposals)
		return -ENOMEM;
	for (size_t i = 0; i < w->policy.nsockets; i++)
		propose_layer(w, i);
	if (w->n == 0)
		w->proposals[w->n++] =
			(struct proposal){ .source = "", .entry = "", .like = &nothing };
	return 0;
}

static int make_all(struct work *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		struct proposal *p = &w->proposals[i];

		r = suggest_make(w->arena, &p->seen, w->policy.profile, p->like->allow,
				 p->like->names, p->like->n, &p->list);
	}
	return r < 0 ? err_errno(err, r, "commandList") : 0;
}

static struct json *list_json(struct arena *a, const struct suggest_list *list)
{
	struct json *o = arena_must(json_new(a, JSON_OBJECT));
	struct json *names = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < list->n; i++)
		(void)json_append(a, names, json_new_str(a, list->names[i]));
	(void)json_set(a, o, "type", json_new_str(a, list->allow ? "allow" : "deny"));
	(void)json_set(a, o, "commands", names);
	return o;
}

static void print_document(const struct work *w)
{
	struct arena *a = w->arena;
	struct json *doc = arena_must(json_new(a, JSON_OBJECT));
	struct json *lists = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < w->n; i++) {
		const struct proposal *p = &w->proposals[i];
		struct json *row = arena_must(json_new(a, JSON_OBJECT));

		(void)json_set(a, row, "layer", json_new_uint(a, p->layer));
		(void)json_set(a, row, "source", json_new_str(a, p->source));
		(void)json_set(a, row, "entry", json_new_str(a, p->entry));
		(void)json_set(a, row, "commandList", list_json(a, &p->list));
		(void)json_set(a, row, "complete", json_new_bool(a, p->list.missed == 0));
		(void)json_append(a, lists, row);
	}
	(void)json_set(a, doc, "requests", json_new_uint(a, w->seen.requests));
	(void)json_set(a, doc, "strange", json_new_uint(a, w->seen.strange));
	(void)json_set(a, doc, "lists", lists);
	print_json(doc);
}

static void print_proposal(struct arena *a, const struct proposal *p)
{
	struct json *doc = arena_must(json_new(a, JSON_OBJECT));
	const char *of = *p->entry
				 ? arena_printf(a, "image entry \"%s\" of %s", p->entry, p->source)
				 : p->source;

	if (*p->source && p->seen.requests == 0) {
		cli_error("nothing was reported by the list of %s", of);
		return;
	}
	if (*p->source)
		cli_error("in place of the list of %s, by %zu requests:", of, p->seen.requests);
	else
		cli_error("no list is report-only now; by %zu requests of the log:",
			  p->seen.requests);
	(void)json_set(a, doc, "commandList", list_json(a, &p->list));
	print_json(doc);
	if (p->list.missed > 0)
		cli_error("some of them no list can let through");
}

static int suggest(struct work *w, const char *since, struct err *err)
{
	struct auditlog_reader reader = { .since = since, .take = take_line, .data = w };
	int r = instance_find(&w->inst, w->args->state_dir, err);

	if (r == 0 && faccessat(AT_FDCWD, w->inst.lib, F_OK, 0) < 0)
		r = err_errno(err, -errno, "no instance: %s", w->inst.lib);
	if (r == 0)
		r = load_policy(w, err);
	if (r == 0)
		r = propose_all(w);
	if (r == 0)
		r = auditlog_read(&reader, w->inst.lib, err);
	return r == 0 ? make_all(w, err) : r;
}

static int run(const struct args *args)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct work w = { .arena = &a, .args = args };
	char since[AUDITLOG_TIME_MAX] = "";
	struct err err = ERR_INIT;
	int r;

	if (args->since && auditlog_since(args->since, since, &err) < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_USAGE;
	}
	r = suggest(&w, since, &err);
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	if (w.seen.strange > 0)
		cli_error("%zu requests cannot be read from the log and are left out",
			  w.seen.strange);
	if (args->json)
		print_document(&w);
	for (size_t i = 0; !args->json && w.seen.requests > 0 && i < w.n; i++)
		print_proposal(&a, &w.proposals[i]);
	if (!args->json && w.seen.requests == 0)
		cli_error("nothing was reported: set \"reportOnly\": true in a commandList, and "
			  "let containers do their work");
	return w.seen.requests > 0 ? CLI_EXIT_OK : CLI_EXIT_NO;
}

int cmd_policy(int argc, char **argv)
{
	struct opts sub = opts;
	struct args args = { 0 };
	int rest;
	int r = opts_parse(&opts, argc, argv, &args, &rest);

	if (r != 0)
		return opts_exit(r);
	if (rest == argc || strcmp(argv[rest], "suggest") != 0) {
		cli_error("policy: suggest is what there is; `gabion policy --help` says more");
		return CLI_EXIT_USAGE;
	}
	sub.command = "policy suggest";
	sub.usage = strchr(opts.usage, '[');
	sub.max_args = 0;
	r = opts_parse(&sub, argc - rest, argv + rest, &args, &rest);
	return r != 0 ? opts_exit(r) : run(&args);
}
