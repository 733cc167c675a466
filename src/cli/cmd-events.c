/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion events`: the audit log, lib/audit.log and the older ones beside it, oldest line first. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "settings/instance.h"
#include "json/json.h"

#define OLDER 4
#define LINE_LIMIT (1u << 20)
#define ARENA_LIMIT (4u << 20)

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

/* Times in the log are RFC 3339 in UTC with milliseconds, so they sort as text. */
static int read_since(const char *text, char ret[32], struct err *err)
{
	static const struct {
		char unit;
		time_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct slice s = slice_str(text);
	struct tm tm = { 0 };
	const char *rest;
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		time_t then;

		if (s.n < 2 || s.p[s.n - 1] != units[i].unit ||
		    num_parse_u32((struct slice){ s.p, s.n - 1 }, &n) < 0)
			continue;
		then = time(NULL) - (time_t)n * units[i].seconds;
		(void)gmtime_r(&then, &tm);
		(void)strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
		return 0;
	}
	rest = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!rest)
		rest = strptime(text, "%Y-%m-%d", &tm);
	if (!rest || *rest)
		return err_set(err, -EINVAL,
			       "--since %s: not a time; 2026-11-28T09:00:00Z and 10m (ago) are",
			       text);
	(void)strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	return 0;
}

static const char *text_of(const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s ? s : "";
}

/* Control characters in what clients wrote must not reach a terminal; in JSON they are escaped. */
static void print_safe(const char *s)
{
	for (; *s; s++)
		(void)putchar((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s);
}

static void print_text(const struct json *o)
{
	const char *container = text_of(o, "container");
	uint64_t uid = 0;
	uint64_t lost = 0;

	(void)json_get_u64(o, "uid", &uid);
	if (json_get_u64(o, "lost", &lost) == 0 && lost)
		(void)printf("(%llu lines were lost here)\n", (unsigned long long)lost);
	(void)printf("%s %s ", text_of(o, "time"), text_of(o, "verdict"));
	print_safe(text_of(o, "rule"));
	if (*container)
		(void)printf(" container=%.12s for uid=%llu", container, (unsigned long long)uid);
	else
		(void)printf(" uid=%llu", (unsigned long long)uid);
	if (*text_of(o, "method")) {
		(void)putchar(' ');
		print_safe(text_of(o, "method"));
		(void)putchar(' ');
		print_safe(text_of(o, "target"));
	}
	(void)printf(": ");
	print_safe(text_of(o, "message"));
	if (*text_of(o, "hint")) {
		(void)printf(" (");
		print_safe(text_of(o, "hint"));
		(void)putchar(')');
	}
	(void)putchar('\n');
}

static void print_line(const struct args *args, const char *since, struct slice line)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct json_limits limits = JSON_LIMITS;
	struct json *o;

	if (line.n == 0)
		return;
	if (json_parse(&a, line, &limits, &o, NULL, NULL) < 0 || !json_is(o, JSON_OBJECT)) {
		cli_error("a line of the log is damaged and left out");
		return;
	}
	if (strcmp(text_of(o, "time"), since) < 0)
		return;
	if (args->json)
		(void)printf("%.*s\n", SLICE_ARG(line));
	else
		print_text(o);
}

/* Prints the lines that have come to their end. */
static int drain(const struct args *args, const char *since, int fd, struct buf *b, struct err *err)
{
	char chunk[65536];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0)
			return err_errno(err, -errno, "audit log");
		if (n == 0)
			return 0;
		buf_add(b, chunk, (size_t)n);
		if (!buf_ok(b))
			return err_set(err, -EFBIG, "audit log: a line of more than %u bytes",
				       LINE_LIMIT);
		for (;;) {
			struct slice all = buf_slice(b);
			size_t end = slice_find(all, '\n');

			if (end == all.n)
				break;
			print_line(args, since, (struct slice){ all.p, end });
			buf_consume(b, end + 1);
		}
	}
}

static int open_log(const char *lib, int number, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	if (number)
		(void)snprintf(path, sizeof(path), "%s/audit.log.%d", lib, number);
	else
		(void)snprintf(path, sizeof(path), "%s/audit.log", lib);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(err, -errno, "%s", path);
	return fd;
}

static int print_one(const struct args *args, const char *since, int fd, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LINE_LIMIT + 65536);

	return drain(args, since, fd, &b, err);
}

static bool is_same(int fd, const char *lib)
{
	struct stat a;
	struct stat b;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/audit.log", lib);
	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int follow(const struct args *args, const char *since, const char *lib, int take_fd,
		  struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LINE_LIMIT + 65536);
	CLEANUP_FD int fd = take_fd;
	CLEANUP_FD int watch = inotify_init1(IN_CLOEXEC);
	char events[4096];

	if (watch < 0 ||
	    inotify_add_watch(watch, lib, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
		return err_errno(err, -errno, "watching %s", lib);
	for (;;) {
		int r = fd >= 0 ? drain(args, since, fd, &b, err) : 0;

		if (r < 0)
			return r;
		if (fflush(stdout) != 0)
			return err_errno(err, -errno, "standard output");
		if (fd < 0 || !is_same(fd, lib)) { /* it has been put aside for a new one */
			int now = open_log(lib, 0, err);

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

static int print_all(const struct args *args, const char *since, const char *lib, struct err *err)
{
	for (int i = OLDER; i >= 0; i--) {
		CLEANUP_FD int fd = open_log(lib, i, err);
		int r = 0;

		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (i == 0 && args->follow)
			return follow(args, since, lib, TAKE_FD(fd), err);
		if (fd >= 0)
			r = print_one(args, since, fd, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cmd_events(int argc, char **argv)
{
	struct args args = { 0 };
	struct err err = ERR_INIT;
	struct instance inst;
	char since[32] = "";
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	if (args.since && read_since(args.since, since, &err) < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_USAGE;
	}
	r = instance_find(&inst, args.state_dir, &err);
	if (r == 0 && faccessat(AT_FDCWD, inst.lib, F_OK, 0) < 0)
		r = err_errno(&err, -errno, "no instance: %s", inst.lib);
	if (r == 0)
		r = print_all(&args, since, inst.lib, &err);
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	return CLI_EXIT_OK;
}
