/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion doctor`: runs the checks and prints what they found, for people or as JSON. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/print.h"
#include "json/json.h"

static const struct doctor_check checks[] = {
	{ "kernel", "kernel", doctor_kernel },
	{ "kernel-fixes", "kernel fixes", doctor_holes },
	{ "openat2", "openat2", doctor_openat2 },
	{ "user-namespaces", "user namespaces", doctor_userns },
	{ "idmapped-mounts", "ID-mapped mounts", doctor_idmap },
	{ "idmapped-overlay", "overlay", doctor_overlay },
	{ "idmapped-tmpfs", "tmpfs", doctor_tmpfs },
	{ "seccomp-notify", "seccomp", doctor_seccomp },
	{ "pidfd", "pidfd", doctor_pidfd },
	{ "fuse", "FUSE", doctor_fuse },
	{ "cgroup", "cgroups", doctor_cgroup },
	{ "cgroup-hybrid", "cgroups, crun", doctor_hybrid },
	{ "lsm", "security module", doctor_lsm },
	{ "wsl", "WSL 2", doctor_wsl },
	{ "settings", "gabion.json", doctor_settings },
	{ "id-ranges", "id ranges", doctor_ids },
	{ "dockerd", "dockerd", doctor_dockerd },
	{ "containerd", "containerd", doctor_containerd },
	{ "docker-cli", "docker CLI", doctor_docker_cli },
	{ "crun", "crun", doctor_crun },
	{ "runc", "runc", doctor_runc },
	{ "iptables", "iptables", doctor_iptables },
	{ "slirp4netns", "slirp4netns", doctor_slirp },
};

static const char *const state_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_PROBLEM] = "problem",
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
	.command = "doctor",
	.usage = "[--state-dir DIR] [--json]",
	.about = "Says what this kernel, its settings, the engine and the lower runtime can do, "
		 "what\n"
		 "follows from each gap and what to do about it. Exits with 1 when there is a "
		 "problem.",
	.table = table,
	.count = ARRAY_SIZE(table),
};

PRINTF_LIKE(2, 0)
static void fill(char *text, const char *fmt, va_list ap)
{
	(void)vsnprintf(text, DOCTOR_TEXT_MAX, fmt, ap);
}

void doctor_ok(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	f->state = DOCTOR_OK;
	fill(f->found, fmt, ap);
	va_end(ap);
}

void doctor_warning(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	f->state = DOCTOR_WARNING;
	fill(f->found, fmt, ap);
	va_end(ap);
}

void doctor_problem(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	f->state = DOCTOR_PROBLEM;
	fill(f->found, fmt, ap);
	va_end(ap);
}

void doctor_consequence(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f->consequence, fmt, ap);
	va_end(ap);
}

void doctor_cure(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f->cure, fmt, ap);
	va_end(ap);
}

void doctor_needs_root(struct finding *f, const char *what)
{
	doctor_warning(f, "only root can find out %s", what);
	doctor_consequence(f, "it is not known");
	doctor_cure(f, "sudo gabion doctor");
}

static struct version kernel_version(void)
{
	CLEANUP_BUF struct buf signature = BUF_INIT(1024);
	struct version v = { 0 };
	struct utsname u;

	if (uname(&u) < 0)
		return v;
	(void)file_read("/proc/version_signature", &signature);
	(void)kernel_base_version(slice_str(u.release), slice_str(u.version), buf_slice(&signature),
				  &v);
	return v;
}

static void print_human(const struct doctor_check *c, const struct finding *f)
{
	static const char *const marks[] = { "ok", "warn", "FAIL" };
	char prefix[64];

	(void)snprintf(prefix, sizeof(prefix), "%-4s  %-16s  ", marks[f->state], c->title);
	print_wrapped(prefix, f->found);
	if (f->consequence[0])
		print_wrapped("      ", f->consequence);
	if (f->cure[0])
		print_wrapped("      cure: ", f->cure);
}

static int add_json(struct arena *a, struct json *list, const struct doctor_check *c,
		    const struct finding *f)
{
	struct json *row = json_new(a, JSON_OBJECT);
	int r = json_append(a, list, row);

	if (r < 0)
		return r;
	r |= json_set(a, row, "id", json_new_str(a, c->id));
	r |= json_set(a, row, "state", json_new_str(a, state_names[f->state]));
	r |= json_set(a, row, "finding", json_new_str(a, f->found));
	r |= json_set(a, row, "consequence", json_new_str(a, f->consequence));
	return r | json_set(a, row, "cure", json_new_str(a, f->cure));
}

/* Runs all checks; the results go to the terminal or into list. Returns how many of each state. */
static void run(const struct doctor *d, struct arena *a, struct json *list, size_t count[3])
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding f = { .state = DOCTOR_PROBLEM, .found = "the check failed" };

		checks[i].run(d, &f);
		count[f.state]++;
		if (list)
			(void)arena_must(add_json(a, list, &checks[i], &f) == 0 ? list : NULL);
		else
			print_human(&checks[i], &f);
		(void)fflush(stdout);
	}
}

int cmd_doctor(int argc, char **argv)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct args args = { 0 };
	struct err err = ERR_INIT;
	struct instance inst;
	struct doctor d = { .inst = &inst, .root = geteuid() == 0 };
	size_t count[3] = { 0 };
	struct json *doc = NULL;
	struct json *list = NULL;
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	r = instance_find(&inst, args.state_dir, &err);
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_UNKNOWN;
	}
	d.kernel = kernel_version();
	if (args.json) {
		doc = arena_must(json_new(&a, JSON_OBJECT));
		list = arena_must(json_new(&a, JSON_ARRAY));
	}
	run(&d, &a, list, count);
	if (args.json) {
		(void)json_set(&a, doc, "ok", json_new_bool(&a, count[DOCTOR_PROBLEM] == 0));
		(void)json_set(&a, doc, "checks", list);
		print_json(doc);
	} else {
		(void)printf("\n%zu ok, %zu warnings, %zu problems\n", count[DOCTOR_OK],
			     count[DOCTOR_WARNING], count[DOCTOR_PROBLEM]);
	}
	return count[DOCTOR_PROBLEM] > 0 ? CLI_EXIT_NO : CLI_EXIT_OK;
}
