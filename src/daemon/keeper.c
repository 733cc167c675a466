/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "settings/compose.h"
#include "settings/registryauth.h"

#define SAID_ARENA_MAX (4u << 20)
#define SAY_MAX 8u /* findings of a kind, in the log and in STATUS */

void keeper_init(struct keeper *k, const struct instance *inst, const struct profile *profile)
{
	*k = KEEPER_INIT;
	k->inst = inst;
	k->profile = profile;
	k->arena = ARENA_INIT(POLICY_ARENA_MAX);
	k->said = ARENA_INIT(SAID_ARENA_MAX);
	admin_places(inst, &k->places);
	k->files[0] = k->places.own;
	k->files[1] = k->places.host[0];
	k->files[2] = k->places.host[1];
	(void)snprintf(k->auth, sizeof(k->auth), "%s/" REGISTRYAUTH_NAME, inst->etc);
	k->files[KEEPER_GATES] = k->auth;
	k->files[KEEPER_GATES + 1] = "/etc/subuid";
}

void keeper_done(struct keeper *k)
{
	watch_stop(&k->watch);
	arena_done(&k->arena);
	arena_done(&k->said);
}

/* --- what is wrong --- */

static size_t count(const struct findings *f, enum finding_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->list[i].kind == kind;
	return n;
}

void keeper_print_findings(const struct keeper *k, struct buf *b)
{
	size_t warnings = count(&k->found, FINDING_WARNING);
	size_t n = 0;

	for (size_t i = 0; i < k->found.n; i++) {
		const struct finding *f = &k->found.list[i];

		if (f->kind == FINDING_NOTE || (f->kind == FINDING_WARNING && n++ >= SAY_MAX))
			continue;
		buf_add_str(b, f->kind == FINDING_WARNING ? "warning: " : "");
		finding_print(f, b);
		buf_add_char(b, '\n');
	}
	if (warnings > SAY_MAX)
		buf_printf(b, "and %zu more warnings; `gabion settings validate` has them all\n",
			   warnings - SAY_MAX);
}

/* A policy is in force, but not all of it has an effect, or not the one that was meant. */
static void log_warnings(const struct keeper *k)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	struct slice rest;
	struct slice line;

	keeper_print_findings(k, &b);
	rest = buf_slice(&b);
	while (slice_split(&rest, '\n', &line))
		if (line.n > 0)
			log_warning("settings: %.*s", SLICE_ARG(line));
}

/* One line, and not the same line again. */
static void log_errors(const struct keeper *k)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	const struct finding *first = finding_first_error(&k->found);

	if (first)
		finding_print(first, &b);
	if (k->found.errors > 1)
		buf_printf(&b, " (and %zu more)", k->found.errors - 1);
	log_error("%s; the policy of generation %llu stays in force", b.p ? b.p : "out of memory",
		  (unsigned long long)k->policy.generation);
}

static void print_all(const struct findings *found, struct buf *b)
{
	for (size_t i = 0; i < found->n; i++) {
		finding_print(&found->list[i], b);
		buf_add_char(b, '\n');
	}
}

static bool same_findings(const struct findings *a, const struct findings *b)
{
	CLEANUP_BUF struct buf x = BUF_INIT(1u << 20);
	CLEANUP_BUF struct buf y = BUF_INIT(1u << 20);

	print_all(a, &x);
	print_all(b, &y);
	return slice_eq(buf_slice(&x), buf_slice(&y));
}

/* --- reading --- */

/* A policy on its way into force, and what there was to say. */
struct attempt {
	struct arena arena;
	struct policy policy;
	struct arena said;
	struct findings found;
};

static void attempt_init(struct attempt *t)
{
	*t = (struct attempt){ .arena = ARENA_INIT(POLICY_ARENA_MAX),
			       .said = ARENA_INIT(SAID_ARENA_MAX) };
	t->found = FINDINGS_INIT(&t->said);
}

static void attempt_done(struct attempt *t)
{
	arena_done(&t->arena);
	arena_done(&t->said);
}

static void attempt_done_p(struct attempt *t)
{
	attempt_done(t);
}
#define CLEANUP_ATTEMPT __attribute__((cleanup(attempt_done_p)))

static void say_failure(struct attempt *t, const char *what, const char *why)
{
	finding_add_file(&t->found, FINDING_ERROR, what, (struct json_place){ 0 }, "%s", why);
}

/* 0, or 1 with errors in t->found. */
static int try_files(const struct keeper *k, struct attempt *t)
{
	int r = compose_load(&t->arena, &k->places, k->profile, &t->found, &t->policy);

	/* Findings point into the arena of the files, which goes with the attempt: they are copies.
	 */
	if (r < 0)
		say_failure(t, ADMIN_NAME, strerror(-r));
	return r == COMPOSE_OK ? 0 : 1;
}

/* The text of a policy under a generation. */
static void print_as(const struct policy *p, uint64_t generation, struct buf *b)
{
	struct policy copy = *p;

	copy.generation = generation;
	policy_print(&copy, b);
}

static bool same_policy(const struct policy *a, const struct policy *b)
{
	CLEANUP_BUF struct buf x = BUF_INIT(POLICY_FILE_MAX);
	CLEANUP_BUF struct buf y = BUF_INIT(POLICY_FILE_MAX);

	print_as(a, 1, &x);
	print_as(b, 1, &y);
	return buf_ok(&x) && buf_ok(&y) && slice_eq(buf_slice(&x), buf_slice(&y));
}

/* Writes it to both places. The last good one failing to be kept is no reason not to obey. */
static int store(const struct keeper *k, struct attempt *t, bool last)
{
	CLEANUP_BUF struct buf b = BUF_INIT(POLICY_FILE_MAX);
	struct err err = ERR_INIT;

	policy_print(&t->policy, &b);
	if (!buf_ok(&b)) {
		say_failure(t, ADMIN_NAME, "the policy is too large");
		return 1;
	}
	if (last && policy_store_last(k->inst, buf_slice(&b), &err) < 0)
		log_error("the last good policy cannot be kept: %s", err.text);
	if (policy_store(k->inst, buf_slice(&b), &err) < 0) {
		say_failure(t, "policy", err.text);
		return 1;
	}
	return 0;
}

/* Takes what the attempt holds. */
static void take_policy(struct keeper *k, struct attempt *t)
{
	arena_done(&k->arena);
	k->arena = t->arena;
	k->policy = t->policy;
	t->arena = ARENA_INIT(0);
}

static void take_findings(struct keeper *k, struct attempt *t)
{
	arena_done(&k->said);
	k->said = t->said;
	k->found = t->found;
	k->found.arena = &k->said;
	t->said = ARENA_INIT(0);
}

/* --- at start --- */

static int no_policy(struct keeper *k, struct attempt *t, struct buf *why)
{
	take_findings(k, t);
	keeper_print_findings(k, why);
	buf_add_str(why, "there is no earlier policy that could stay in force; `gabion settings "
			 "validate` says whether the file reads well\n");
	return -EINVAL;
}

/* The last good one, if there is one for this engine. */
static bool load_last(const struct keeper *k, struct attempt *t)
{
	struct err err = ERR_INIT;
	int r = policy_load_last(&t->arena, k->inst, &t->policy, &err);

	if (r < 0)
		log_warning("the last good policy is of no use: %s", err.text);
	return r == POLICY_OK && t->policy.profile == k->profile;
}

int keeper_load(struct keeper *k, struct buf *why)
{
	CLEANUP_ATTEMPT struct attempt now;
	CLEANUP_ATTEMPT struct attempt last;
	bool has_last;
	bool same;

	attempt_init(&now);
	attempt_init(&last);
	has_last = load_last(k, &last);
	if (try_files(k, &now) == 0) {
		same = has_last && same_policy(&now.policy, &last.policy);
		now.policy.generation = has_last ? last.policy.generation + !same : 1;
		if (store(k, &now, !same) != 0)
			return no_policy(k, &now, why);
		take_policy(k, &now);
		take_findings(k, &now);
		return 0;
	}
	if (!has_last || store(k, &last, false) != 0)
		return no_policy(k, &now, why);
	k->stale = true;
	take_policy(k, &last);
	take_findings(k, &now);
	return 0;
}

/* --- later --- */

/* Returns whether another policy is in force now. */
static bool reload(struct keeper *k)
{
	CLEANUP_ATTEMPT struct attempt now;
	bool other = false;
	bool told;
	int r;

	attempt_init(&now);
	r = try_files(k, &now);
	if (r == 0 && !same_policy(&now.policy, &k->policy)) {
		now.policy.generation = k->policy.generation + 1;
		r = store(k, &now, true);
		other = r == 0;
	}
	told = same_findings(&k->found, &now.found);
	if (r != 0) {
		told = told && k->stale;
		k->stale = true;
		take_findings(k, &now);
		if (!told)
			log_errors(k);
		return false;
	}
	if (other)
		take_policy(k, &now);
	if (other || k->stale)
		log_info("settings: the policy of generation %llu is in force",
			 (unsigned long long)k->policy.generation);
	k->stale = false;
	take_findings(k, &now);
	if (!told)
		log_warnings(k);
	return other;
}

/* Is it another one than last time, or another's? What it says is the gate's affair. */
static bool file_changed(struct keeper *k, size_t i)
{
	struct stat was = k->was[i];
	struct stat now;

	if (stat(k->files[i], &now) < 0)
		now = (struct stat){ 0 };
	k->was[i] = now;
	return was.st_dev != now.st_dev || was.st_ino != now.st_ino || was.st_uid != now.st_uid ||
	       was.st_mode != now.st_mode || was.st_size != now.st_size ||
	       was.st_mtim.tv_sec != now.st_mtim.tv_sec ||
	       was.st_mtim.tv_nsec != now.st_mtim.tv_nsec ||
	       was.st_ctim.tv_sec != now.st_ctim.tv_sec ||
	       was.st_ctim.tv_nsec != now.st_ctim.tv_nsec;
}

static bool gates_changed(struct keeper *k)
{
	bool any = false;

	for (size_t i = KEEPER_GATES; i < ARRAY_SIZE(k->files); i++)
		any = file_changed(k, i) || any;
	return any;
}

void keeper_reload(struct keeper *k)
{
	bool gates = gates_changed(k);

	if ((reload(k) || gates) && k->changed)
		k->changed(k);
}

static void on_watch(struct watch *w)
{
	keeper_reload(CONTAINER_OF(w, struct keeper, watch));
}

void keeper_watch(struct keeper *k, struct loop *l, void (*changed)(struct keeper *k))
{
	k->changed = changed;
	watch_start(&k->watch, l, k->files, ARRAY_SIZE(k->files), on_watch);
	if (k->watch.polling)
		log_warning("settings files cannot be watched (fs.inotify limits?): they are read "
			    "every second");
	/* What changed since keeper_load() would be missed. The gate has asked for its files
	 * itself, or will. */
	(void)gates_changed(k);
	keeper_reload(k);
}

/* --- status --- */

static struct json *findings_json(struct arena *a, const struct findings *found,
				  enum finding_kind kind)
{
	struct json *list = json_new(a, JSON_ARRAY);

	for (size_t i = 0; list && i < found->n && list->n < SAY_MAX; i++)
		if (found->list[i].kind == kind &&
		    json_append(a, list, finding_json(a, &found->list[i])) < 0)
			return NULL;
	return list;
}

static struct json *files_json(struct arena *a, const struct policy *p)
{
	struct json *list = json_new(a, JSON_ARRAY);

	for (size_t i = 0; list && i < p->nfiles; i++)
		if (json_append(a, list, json_new_str(a, p->files[i])) < 0)
			return NULL;
	return list;
}

void keeper_print_status(const struct keeper *k, struct buf *b)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct json *o = json_new(&a, JSON_OBJECT);
	int r = o ? 0 : -ENOMEM;

	if (r == 0)
		r = json_set(&a, o, "generation", json_new_uint(&a, k->policy.generation));
	if (r == 0)
		r = json_set(&a, o, "files", files_json(&a, &k->policy));
	if (r == 0)
		r = json_set(&a, o, "isolation", json_new_bool(&a, k->policy.isolation));
	if (r == 0)
		r = json_set(&a, o, "stale", json_new_bool(&a, k->stale));
	if (r == 0)
		r = json_set(&a, o, "errors", findings_json(&a, &k->found, FINDING_ERROR));
	if (r == 0)
		r = json_set(&a, o, "warnings", findings_json(&a, &k->found, FINDING_WARNING));
	if (r == 0)
		json_emit(o, b);
	else
		b->failed = true;
}
