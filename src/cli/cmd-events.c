/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion events`: the audit log, lib/audit.log and the older ones beside it, oldest line first. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/auditlog.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "settings/auditfile.h"
#include "settings/instance.h"
#include "json/json.h"

struct args {
	const char *state_dir;
	const char *since;
	bool follow;
	bool json;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct args, state_dir),
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct args, follow),
	  .help = "wait for more" },
	{ .name = "since",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, since),
	  .value = "TIME",
	  .help = "from then on: 2026-11-28, 2026-11-28T09:00:00Z, 90s, 10m, 2h, 7d (ago)" },
	OPT_JSON(struct args, json),
};

static const struct opts opts = {
	.command = "events",
	.usage = "[--state-dir DIR] [--follow] [--since TIME] [--json]",
	.about = "Prints the audit log of an instance: what was denied and what was granted, to "
		 "whom, by\nwhich rule.",
	.table = table,
	.count = ARRAY_SIZE(table),
};

/* What clients wrote must not be obeyed by a terminal; in JSON it is escaped. */
static void print_member(const struct json *o, const char *key)
{
	print_safe(auditlog_text(o, key), "");
}

/* Whoever runs it named it: it must not look like another member. */
static void print_exe(const struct json *o)
{
	if (!*auditlog_text(o, "exe"))
		return;
	(void)printf(" exe=\"");
	print_safe(auditlog_text(o, "exe"), "\"");
	(void)printf(json_get_bool(o, "exeElsewhere", false) ? "\" (elsewhere)" : "\"");
}

static void print_text(const struct json *o)
{
	const char *container = auditlog_text(o, "container");
	uint64_t uid = 0;
	uint64_t lost = 0;

	(void)json_get_u64(o, "uid", &uid);
	if (json_get_u64(o, "lost", &lost) == 0 && lost)
		(void)printf("(%llu lines were lost here)\n", (unsigned long long)lost);
	(void)printf("%s %s ", auditlog_text(o, "time"), auditlog_text(o, "verdict"));
	print_member(o, "rule");
	if (*container)
		(void)printf(" container=%.12s for uid=%llu", container, (unsigned long long)uid);
	else
		(void)printf(" uid=%llu", (unsigned long long)uid);
	print_exe(o);
	if (*auditlog_text(o, "method")) {
		(void)putchar(' ');
		print_member(o, "method");
		(void)putchar(' ');
		print_member(o, "target");
	}
	(void)printf(": ");
	print_member(o, "message");
	if (*auditlog_text(o, "hint")) {
		(void)printf(" (");
		print_member(o, "hint");
		(void)putchar(')');
	}
	(void)putchar('\n');
}

static bool is_same(int fd, const char *lib)
{
	struct stat a;
	struct stat b;
	char path[PATH_MAX];

	auditfile_path(lib, 0, path);
	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void take_line(void *data, const struct json *o, struct slice line)
{
	const struct args *args = data;

	if (args->json)
		(void)printf("%.*s\n", SLICE_ARG(line));
	else
		print_text(o);
}

static int follow(const struct auditlog_reader *reader, const char *lib, struct err *err)
{
	CLEANUP_BUF struct buf b = AUDITLOG_BUF;
	CLEANUP_FD int fd = auditlog_open(lib, 0, err);
	CLEANUP_FD int watch = inotify_init1(IN_CLOEXEC);
	char events[4096];

	if (fd < 0 && fd != -ENOENT)
		return fd;
	if (watch < 0 ||
	    inotify_add_watch(watch, lib, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
		return err_errno(err, -errno, "watching %s", lib);
	for (;;) {
		int r = fd >= 0 ? auditlog_drain(reader, fd, &b, err) : 0;

		if (r < 0)
			return r;
		if (fflush(stdout) != 0)
			return err_errno(err, -errno, "standard output");
		if (fd < 0 || !is_same(fd, lib)) { /* it has been put aside for a new one */
			int now = auditlog_open(lib, 0, err);

			if (now < 0 && now != -ENOENT)
				return now;
			if (now >= 0) {
				(void)fd_close(fd);
				fd = now;
				continue;
			}
		}
		if (read(watch, events, sizeof(events)) < 0)
			return err_errno(err, -errno, "watching %s", lib);
	}
}

int cmd_events(int argc, char **argv)
{
	struct args args = { 0 };
	struct err err = ERR_INIT;
	char since[AUDITLOG_TIME_MAX] = "";
	struct auditlog_reader reader = { .since = since, .take = take_line, .data = &args };
	struct instance inst;
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	if (args.since && auditlog_since(args.since, since, &err) < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_USAGE;
	}
	r = instance_find(&inst, args.state_dir, &err);
	if (r == 0 && faccessat(AT_FDCWD, inst.lib, F_OK, 0) < 0)
		r = err_errno(&err, -errno, "no instance: %s", inst.lib);
	if (r == 0)
		r = args.follow ? auditlog_read_older(&reader, inst.lib, &err)
				: auditlog_read(&reader, inst.lib, &err);
	if (r == 0 && args.follow)
		r = follow(&reader, inst.lib, &err);
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	return CLI_EXIT_OK;
}
