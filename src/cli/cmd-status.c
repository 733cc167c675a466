/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion status`: what of an instance is on, what is wrong with it and what to do. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/containers.h"
#include "cli/print.h"
#include "cli/state.h"
#include "settings/facts.h"
#include "settings/policy.h"
#include "settings/registryauth.h"

#define ARENA_MAX (256u << 20)
#define PROBLEMS_MAX 16

struct problem {
	const char *text;
	const char *cure;
};

struct status {
	struct arena *arena;
	struct instance inst;
	bool running; /* gabiond lives */
	struct state state;
	bool counted; /* the caller may know about containers */
	size_t nrunning;
	size_t nproblems;
	struct problem problems[PROBLEMS_MAX];
};

struct args {
	const char *state_dir;
	bool json;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct args, state_dir),
	OPT_JSON(struct args, json),
};

static const struct opts opts = {
	.command = "status",
	.usage = "[--state-dir DIR] [--json]",
	.about =
		"Says what of the instance is on, what is wrong and what to do. Exits with 1 when\n"
		"something is wrong, with 3 when that cannot be found out.",
	.table = table,
	.count = ARRAY_SIZE(table),
};

static void add_problem(struct status *s, const char *text, const char *cure)
{
	if (s->nproblems < PROBLEMS_MAX)
		s->problems[s->nproblems++] = (struct problem){ text, cure };
}

/* A way out of the network is there only where slirp4netns is; it is then never started. */
static bool no_way_out(const struct state_service *v)
{
	return strcmp(v->name, "network") == 0 && strcmp(v->state, "down") == 0;
}

static const char *log_name(const struct state_service *v)
{
	return strcmp(v->name, "engine") == 0 ? "dockerd" : v->name;
}

static void check_services(struct status *s)
{
	for (size_t i = 0; i < s->state.nservices; i++) {
		const struct state_service *v = &s->state.services[i];

		if (strcmp(v->state, "up") == 0 || no_way_out(v))
			continue;
		add_problem(
			s, arena_printf(s->arena, "%s is %s", v->name, v->state),
			arena_printf(s->arena,
				     "gabiond starts it again by itself; its log is %s/log/%s.log",
				     s->inst.run, log_name(v)));
	}
}

static void check_daemon(struct status *s, int found)
{
	const char *dir = s->inst.private_dir ? s->inst.dir : "DIR";

	if (s->running && !s->state.answered)
		add_problem(s, "gabiond lives but does not answer",
			    arena_printf(s->arena, "`gabion down --state-dir %s` ends it", dir));
	else if (!s->running && found == 0)
		add_problem(s, "gabiond was killed: containers go on, clients are not served",
			    arena_printf(s->arena, "`gabion up --state-dir %s` takes over", dir));
	else if (!s->running)
		add_problem(s, "no instance runs here",
			    arena_printf(s->arena, "`gabion up --state-dir %s` starts one", dir));
}

static void check_credentials(struct status *s, const struct profile *p)
{
	struct err err = ERR_INIT;
	char path[PATH_MAX];

	if (registryauth_check(&s->inst, p, path, &err) == REGISTRYAUTH_BAD)
		add_problem(s,
			    arena_printf(s->arena, "no credentials of registries are used: %s",
					 err.text),
			    "correct the file; until then registries are asked with what users "
			    "of this host pull with, else without any");
}

static void check_facts(struct status *s)
{
	struct err err = ERR_INIT;
	struct facts facts = { .profile = profile_default() };

	if (facts_load(s->arena, &s->inst, &facts, &err) < 0)
		add_problem(s, arena_strdup(s->arena, err.text),
			    "no container starts until gabion.json reads well; see gabion.json(5)");
	check_credentials(s, facts.profile);
}

/* Where gabiond does not say it, what it left behind is still obeyed by whoever starts containers.
 */
static void find_policy(struct status *s, int found)
{
	struct state_policy *to = &s->state.policy;
	struct err err = ERR_INIT;
	struct policy policy;
	int r;

	if (to->generation > 0 || found != 0)
		return;
	r = policy_load(s->arena, &s->inst, &policy, &err);
	if (r < 0)
		add_problem(s, arena_strdup(s->arena, err.text),
			    "no container starts without it; `gabion up` writes it again");
	if (r != POLICY_OK)
		return;
	to->generation = policy.generation;
	to->isolation = policy.isolation;
	for (; to->nfiles < policy.nfiles; to->nfiles++)
		to->files[to->nfiles] = policy.files[to->nfiles];
}

static void check_policy(struct status *s)
{
	const struct state_policy *p = &s->state.policy;
	CLEANUP_BUF struct buf text = BUF_INIT(4096);

	if (!p->stale)
		return;
	if (p->nerrors > 0)
		finding_print(&p->errors[0], &text);
	add_problem(s,
		    arena_printf(s->arena,
				 "the settings do not read well, and the policy of generation "
				 "%llu stays in force: %s",
				 (unsigned long long)p->generation,
				 p->nerrors > 0 && buf_ok(&text) ? text.p
								 : "gabiond's log says why"),
		    arena_printf(s->arena,
				 "correct the file; `gabion settings validate%s%s` names all "
				 "errors in it",
				 s->inst.private_dir ? " --state-dir " : "",
				 s->inst.private_dir ? s->inst.dir : ""));
}

static int count_containers(struct status *s, struct err *err)
{
	struct containers all;
	int r = containers_load(s->arena, &s->inst, s->state.inside, &all, err);

	s->counted = r == 0;
	for (size_t i = 0; i < all.n; i++)
		s->nrunning += all.list[i].state == CONTAINER_RUNNING;
	return r == -EACCES ? 0 : r;
}

/* 0, or -errno when that cannot be found out. */
static int collect(struct status *s, struct err *err)
{
	int found = state_load(s->arena, &s->inst, &s->state, err);
	int r;

	if (found < 0)
		return found;
	s->running = s->state.pid > 0;
	r = count_containers(s, err);
	if (r < 0)
		return r;
	check_daemon(s, found);
	if (s->running)
		check_services(s);
	find_policy(s, found);
	check_policy(s);
	check_facts(s);
	return 0;
}

static void line(const char *name, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void line(const char *name, const char *fmt, ...)
{
	va_list ap;

	(void)printf("%-11s ", name);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf("\n");
}

/* Without a policy the defaults are what gabion-runc goes by. */
static bool is_isolated(const struct status *s)
{
	return s->state.policy.generation == 0 || s->state.policy.isolation;
}

static void print_policy(const struct state_policy *p)
{
	CLEANUP_BUF struct buf from = BUF_INIT(4 * PATH_MAX);

	for (size_t i = 0; i < p->nfiles; i++)
		buf_printf(&from, "%s%s", i ? ", " : "from ", p->files[i]);
	if (p->generation > 0)
		line("policy", "generation %llu, %s%s", (unsigned long long)p->generation,
		     p->nfiles > 0 ? from.p : "the defaults: there is no settings file",
		     p->stale ? ", as it was before the last change" : "");
}

static void print_warnings(const struct state_policy *p)
{
	for (size_t i = 0; i < p->nwarnings; i++) {
		CLEANUP_BUF struct buf text = BUF_INIT(8192);

		finding_print(&p->warnings[i], &text);
		print_wrapped("warning: ", buf_ok(&text) ? text.p : p->warnings[i].text);
	}
}

static void print_human(const struct status *s)
{
	line("instance", "%s", s->inst.private_dir ? s->inst.dir : "of this system");
	line("isolation", is_isolated(s) ? "on" : "off: the settings say so");
	print_policy(&s->state.policy);
	if (s->running) {
		line("clients", "DOCKER_HOST=unix://%s/docker.sock", s->inst.run);
		line("gabiond", "up since %s, pid %d", s->state.started ? s->state.started : "?",
		     s->state.pid);
	}
	for (size_t i = 0; i < s->state.nservices; i++)
		line(s->state.services[i].name, "%s",
		     no_way_out(&s->state.services[i]) ? "no way out: slirp4netns is not installed"
						       : s->state.services[i].state);
	if (s->counted)
		line("containers", "%zu running", s->nrunning);
	else
		line("containers", "only root may know");
	for (size_t i = 0; i < s->nproblems; i++) {
		print_wrapped("problem: ", s->problems[i].text);
		print_wrapped("  to do: ", s->problems[i].cure);
	}
	print_warnings(&s->state.policy);
}

static struct json *services_json(const struct status *s)
{
	struct arena *a = s->arena;
	struct json *obj = arena_must(json_new(a, JSON_OBJECT));

	for (size_t i = 0; i < s->state.nservices; i++) {
		const struct state_service *v = &s->state.services[i];
		struct json *row = arena_must(json_new(a, JSON_OBJECT));

		(void)json_set(a, row, "state", json_new_str(a, v->state));
		(void)json_set(a, row, "pid", json_new_int(a, v->pid));
		(void)json_set(a, obj, v->name, row);
	}
	return obj;
}

static struct json *problems_json(const struct status *s)
{
	struct arena *a = s->arena;
	struct json *list = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < s->nproblems; i++) {
		struct json *row = arena_must(json_new(a, JSON_OBJECT));

		(void)json_set(a, row, "problem", json_new_str(a, s->problems[i].text));
		(void)json_set(a, row, "cure", json_new_str(a, s->problems[i].cure));
		(void)json_append(a, list, row);
	}
	return list;
}

static struct json *policy_of(const struct status *s)
{
	const struct state_policy *p = &s->state.policy;
	struct arena *a = s->arena;
	struct json *doc = arena_must(json_new(a, p->generation > 0 ? JSON_OBJECT : JSON_NULL));
	struct json *files = arena_must(json_new(a, JSON_ARRAY));
	struct json *errors = arena_must(json_new(a, JSON_ARRAY));
	struct json *warnings = arena_must(json_new(a, JSON_ARRAY));

	if (p->generation == 0)
		return doc;
	for (size_t i = 0; i < p->nfiles; i++)
		(void)json_append(a, files, json_new_str(a, p->files[i]));
	for (size_t i = 0; i < p->nerrors; i++)
		(void)json_append(a, errors, finding_json(a, &p->errors[i]));
	(void)json_set(a, doc, "generation", json_new_uint(a, p->generation));
	(void)json_set(a, doc, "source", json_new_str(a, p->nfiles > 0 ? "files" : "defaults"));
	(void)json_set(a, doc, "files", files);
	(void)json_set(a, doc, "stale", json_new_bool(a, p->stale));
	for (size_t i = 0; i < p->nwarnings; i++)
		(void)json_append(a, warnings, finding_json(a, &p->warnings[i]));
	(void)json_set(a, doc, "errors", errors);
	(void)json_set(a, doc, "warnings", warnings);
	return doc;
}

static void print_document(const struct status *s)
{
	struct arena *a = s->arena;
	struct json *doc = arena_must(json_new(a, JSON_OBJECT));
	char socket[PATH_MAX];

	(void)snprintf(socket, sizeof(socket), "unix://%s/docker.sock", s->inst.run);
	(void)json_set(a, doc, "ok", json_new_bool(a, s->nproblems == 0));
	(void)json_set(a, doc, "instance", json_new_str(a, s->inst.private_dir ? s->inst.dir : ""));
	(void)json_set(a, doc, "isolation", json_new_bool(a, is_isolated(s)));
	(void)json_set(a, doc, "policy", policy_of(s));
	(void)json_set(a, doc, "running", json_new_bool(a, s->running));
	(void)json_set(a, doc, "pid", json_new_int(a, s->state.pid));
	(void)json_set(a, doc, "started",
		       json_new_str(a, s->running && s->state.started ? s->state.started : ""));
	(void)json_set(a, doc, "dockerHost", json_new_str(a, s->running ? socket : ""));
	(void)json_set(a, doc, "services", services_json(s));
	(void)json_set(a, doc, "containers",
		       s->counted ? json_new_uint(a, s->nrunning) : json_new(a, JSON_NULL));
	(void)json_set(a, doc, "problems", problems_json(s));
	print_json(doc);
}

int cmd_status(int argc, char **argv)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct status s = { .arena = &a };
	struct args args = { 0 };
	struct err err = ERR_INIT;
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	r = instance_find(&s.inst, args.state_dir, &err);
	if (r == 0)
		r = collect(&s, &err);
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES || r == -EPERM ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	if (args.json)
		print_document(&s);
	else
		print_human(&s);
	return s.nproblems > 0 ? CLI_EXIT_NO : CLI_EXIT_OK;
}
