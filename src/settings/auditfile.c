/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/auditfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "json/json.h"

#define SIZE_MAX_BYTES (16 * 1024 * 1024)
#define ARENA_BYTES 65536u
#define LINE_BYTES 16384u

void auditfile_path(const char *lib, int number, char ret[PATH_MAX])
{
	if (number == 0)
		(void)snprintf(ret, PATH_MAX, "%s/audit.log", lib);
	else
		(void)snprintf(ret, PATH_MAX, "%s/audit.log.%d", lib, number);
}

void auditfile_now(char ret[AUDITFILE_TIME_MAX])
{
	struct timespec now;
	struct tm tm;
	char date[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret, AUDITFILE_TIME_MAX, "%s.%03ldZ", date, now.tv_nsec / 1000000);
}

static void put_aside(const char *lib)
{
	char from[PATH_MAX];
	char to[PATH_MAX];

	for (int i = AUDITFILE_KEEP; i > 0; i--) {
		auditfile_path(lib, i - 1, from);
		auditfile_path(lib, i, to);
		(void)rename(from, to);
	}
}

static int open_log(const char *lib)
{
	char path[PATH_MAX];
	int fd;

	auditfile_path(lib, 0, path);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	return fd < 0 ? -errno : fd;
}

static bool is_current(const char *lib, const struct stat *st)
{
	char path[PATH_MAX];
	struct stat now;

	auditfile_path(lib, 0, path);
	return stat(path, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

/* A full disk may have cut the line before: it shall not take this one with it. */
static int write_line(int fd, struct slice line)
{
	char end[] = "\n";
	struct iovec parts[] = { { end, 1 }, { (void *)line.p, line.n } };
	size_t first = 1;
	struct stat st;
	char last;
	ssize_t n;

	if (fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	    last != '\n')
		first = 0;
	n = writev(fd, parts + first, (int)(ARRAY_SIZE(parts) - first));
	return n < 0 ? -errno : (size_t)n == line.n + !first ? 0 : -EIO;
}

int auditfile_append(const char *lib, struct slice line)
{
	CLEANUP_FD int fd = open_log(lib);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size + (off_t)line.n > SIZE_MAX_BYTES) {
		if (flock(fd, LOCK_EX) < 0)
			return -errno;
		if (is_current(lib, &st)) /* else somebody has just done that */
			put_aside(lib);
		(void)fd_close(TAKE_FD(fd));
		fd = open_log(lib);
		if (fd < 0)
			return fd;
	}
	return write_line(fd, line);
}

int auditfile_deny(const char *lib, const struct auditfile_denial *d)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_BYTES);
	CLEANUP_BUF struct buf line = BUF_INIT(LINE_BYTES);
	struct json *o = json_new(&a, JSON_OBJECT);
	char now[AUDITFILE_TIME_MAX];

	auditfile_now(now);
	(void)json_set(&a, o, "time", json_new_str(&a, now));
	(void)json_set(&a, o, "verdict", json_new_str(&a, "deny"));
	(void)json_set(&a, o, "rule", json_new_str(&a, d->rule));
	(void)json_set(&a, o, "uid", json_new_uint(&a, d->uid));
	if (d->subject)
		(void)json_set(&a, o, "subject", json_new_str(&a, d->subject));
	(void)json_set(&a, o, "message", json_new_str(&a, d->message));
	json_emit(o, &line);
	buf_add_char(&line, '\n');
	return buf_ok(&line) ? auditfile_append(lib, buf_slice(&line)) : -ENOMEM;
}
