/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/auditlog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "settings/auditfile.h"

#define ARENA_LIMIT (4u << 20)

/* Times in the log are RFC 3339 in UTC with milliseconds, so they sort as text. */
int auditlog_since(const char *text, char ret[AUDITLOG_TIME_MAX], struct err *err)
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
		(void)strftime(ret, AUDITLOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
		return 0;
	}
	rest = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!rest)
		rest = strptime(text, "%Y-%m-%d", &tm);
	if (!rest || *rest)
		return err_set(err, -EINVAL,
			       "--since %s: not a time; 2026-11-28T09:00:00Z and 10m (ago) are",
			       text);
	(void)strftime(ret, AUDITLOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	return 0;
}

const char *auditlog_text(const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s ? s : "";
}

static void take_line(const struct auditlog_reader *r, struct slice line)
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
	if (strcmp(auditlog_text(o, "time"), r->since) >= 0)
		r->take(r->data, o, line);
}

int auditlog_drain(const struct auditlog_reader *r, int fd, struct buf *b, struct err *err)
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
				       AUDITLOG_LINE_MAX);
		for (;;) {
			struct slice all = buf_slice(b);
			size_t end = slice_find(all, '\n');

			if (end == all.n)
				break;
			take_line(r, (struct slice){ all.p, end });
			buf_consume(b, end + 1);
		}
	}
}

int auditlog_open(const char *lib, int number, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	auditfile_path(lib, number, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(err, -errno, "%s", path);
	return fd;
}

static int read_from(const struct auditlog_reader *r, const char *lib, int last, struct err *err)
{
	for (int i = AUDITFILE_KEEP; i >= last; i--) {
		CLEANUP_BUF struct buf b = AUDITLOG_BUF;
		CLEANUP_FD int fd = auditlog_open(lib, i, err);
		int n = 0;

		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (fd >= 0)
			n = auditlog_drain(r, fd, &b, err);
		if (n < 0)
			return n;
	}
	return 0;
}

int auditlog_read_older(const struct auditlog_reader *r, const char *lib, struct err *err)
{
	return read_from(r, lib, 1, err);
}

int auditlog_read(const struct auditlog_reader *r, const char *lib, struct err *err)
{
	return read_from(r, lib, 0, err);
}
