/* SPDX-License-Identifier: Apache-2.0 */
/* gabion-runc: an OCI runtime that puts every container into its own user namespace, then becomes
 * crun or runc. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/frontend.h"
#include "runtime/habits.h"
#include "runtime/hook.h"
#include "runtime/ids.h"
#include "runtime/lower.h"
#include "runtime/ownstdio.h"
#include "runtime/record.h"
#include "runtime/refusal.h"
#include "runtime/runtime.h"

#define EXIT_FAILED 1

static int find_bundle(struct runtime *rt, struct err *err)
{
	char config[PATH_MAX];
	int n;

	if (!realpath(rt->args.bundle, rt->bundle))
		return err_errno(err, -errno, "bundle %s", rt->args.bundle);
	n = rt->args.config ? snprintf(config, sizeof(config), "%s", rt->args.config)
			    : snprintf(config, sizeof(config), "%s/config.json", rt->bundle);
	if (n < 0 || (size_t)n >= sizeof(config))
		return err_set(err, -ENAMETOOLONG, "bundle %s: path too long", rt->args.bundle);
	if (!realpath(config, rt->config))
		return err_errno(err, -errno, "spec %s", config);
	return 0;
}

static int load_spec(struct runtime *rt, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(SPEC_MAX);
	int r;

	r = file_read(rt->config, &text);
	if (r < 0)
		return err_errno(err, r, "spec %s", rt->config);
	r = oci_spec_load(&rt->arena, buf_slice(&text), &rt->spec, err);
	if (r < 0)
		(void)err_wrap(err, "spec %s", rt->config);
	return r;
}

/* Ids of containers that the gate knows are 64 hexadecimal digits; others have no record. */
static int load_asker(struct runtime *rt, struct err *err)
{
	const char *id = rt->args.id;
	int r;

	if (strlen(id) != ASKER_ID_LEN || !slice_is_lower_hex(slice_str(id)))
		return 0;
	r = asker_load(rt->inst.lib, id, &rt->asker, err);
	if (r < 0)
		return r;
	rt->has_asker = r == ASKER_OK;
	return 0;
}

/* Isolation is off: the lower runtime gets what the engine wrote, in a version that it knows. */
static int leave_plain(struct runtime *rt, struct err *err)
{
	int r = find_bundle(rt, err);

	if (r == 0 && !rt->args.config)
		r = platform_plain(rt, err);
	return r == 0 ? record_plain(rt, err) : r;
}

static int isolate(struct runtime *rt, struct err *err)
{
	int r = geteuid() == 0
			? find_bundle(rt, err)
			: err_set(err, -EPERM,
				  "containers are made by root only: gabion isolates them by "
				  "itself, no rootless engine is needed");

	if (r == 0)
		r = load_spec(rt, err);
	if (r == 0)
		r = load_asker(rt, err);
	if (r == 0)
		r = frontend_relay(rt, err);
	return r == 0 ? edits_make(rt, err) : r;
}

static int become_lower(struct runtime *rt, struct err *err)
{
	char *name = strrchr(rt->lower, '/') + 1;
	int r;

	/* Held until the last process of the lower runtime is gone: settings/leases.h. */
	if (rt->lease.fd >= 0) {
		r = fd_cloexec(rt->lease.fd, false);
		if (r < 0)
			return err_errno(err, r, "lease");
	}
	rt->args.argv[0] = name;
	r = lower_become(rt->lower, rt->args.argv);
	return err_errno(err, r, "lower runtime %s", rt->lower);
}

/* What the engine reads: one JSON object a line in the --log file (runc's format), or plain text.
 */
static void report(const struct args *args, const char *text)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(65536);
	CLEANUP_BUF struct buf line = BUF_INIT(16384);
	CLEANUP_FILE FILE *log = args->log ? fopen(args->log, "ae") : NULL;
	struct json *o = json_new(&arena, JSON_OBJECT);
	time_t now = time(NULL);
	struct tm tm;
	char when[32] = "";

	log_error("%s", text);
	if (!log)
		return;
	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!args->log_format || strcmp(args->log_format, "json") != 0) {
		(void)fprintf(log, "time=\"%s\" level=error msg=\"%s\"\n", when, text);
		return;
	}
	(void)json_set(&arena, o, "level", json_new_str(&arena, "error"));
	(void)json_set(&arena, o, "msg", json_new_str(&arena, text));
	(void)json_set(&arena, o, "time", json_new_str(&arena, when));
	json_emit(o, &line);
	if (buf_ok(&line))
		(void)fprintf(log, "%s\n", line.p);
}

static int run(struct runtime *rt, int argc, char **argv, struct err *err)
{
	bool plain;
	int r = args_parse(argc, argv, &rt->args, err);

	if (r == 0)
		r = instance_find(&rt->inst, NULL, err);
	if (r == 0 && rt->args.makes_container)
		r = policy_load(&rt->arena, &rt->inst, &rt->policy, err);
	plain = rt->args.makes_container && r >= 0 && !rt->policy.isolation;
	if (r >= 0 && (rt->args.makes_container || !record_lower(rt, rt->lower))) {
		r = facts_load(&rt->arena, &rt->inst, &rt->facts, err);
		if (r == 0)
			r = lower_find(&rt->facts, rt->lower, err);
		if (r == 0 && rt->args.keep)
			r = lower_for_keep(&rt->facts, rt->lower, err);
	}
	if (r < 0)
		return r;
	if (rt->args.makes_process && !plain)
		r = stdio_own(err);
	if (r == 0 && rt->args.makes_process && !rt->args.makes_container) {
		r = ids_check_exec(rt, err);
		if (r < 0)
			return r;
		stdio_give(rt);
		r = habits_keep_exec(rt, err);
	}
	if (r == 0 && rt->args.makes_container)
		r = plain ? leave_plain(rt, err) : isolate(rt, err);
	if (r < 0)
		return r;
	if (rt->args.command && strcmp(rt->args.command, "delete") == 0)
		record_forget(rt);
	r = become_lower(rt, err);
	if (plain)
		undo_record(rt);
	else if (rt->args.makes_container)
		edits_undo(rt, edits_n);
	return r;
}

int main(int argc, char **argv)
{
	struct runtime rt;
	struct err err = ERR_INIT;
	int r;

	log_init("gabion-runc", LOG_LEVEL_INFO);
	r = hook_main(argc, argv, &err);
	if (r <= 0) {
		if (r < 0)
			log_error("%s", err.text);
		return r < 0 ? EXIT_FAILED : 0;
	}
	runtime_init(&rt);
	(void)run(&rt, argc, argv, &err); /* comes back only when it failed */
	refusal_audit(&rt, &err);
	report(&rt.args, err.text);
	runtime_done(&rt);
	return EXIT_FAILED;
}
