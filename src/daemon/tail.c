/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"

#define TAIL_BYTES 65536u
#define TAIL_LINES 10

/* How lines look that end a program of the engine, the surest first. */
static const char *const fatal_marks[] = {
	"failed to start daemon",
	"unable to configure the Docker daemon",
	"level=fatal",
	"panic: ",
	"unknown flag",
	"invalid argument",
	"Status: ",
};

static bool contains(struct slice s, const char *what)
{
	return s.n > 0 && memmem(s.p, s.n, what, strlen(what)) != NULL;
}

/* The last line with the first mark that any line has, else the last line. */
static struct slice find_fatal(struct slice text)
{
	struct slice last = SLICE_NULL;

	for (size_t i = 0; i < ARRAY_SIZE(fatal_marks); i++) {
		struct slice rest = text;
		struct slice found = SLICE_NULL;
		struct slice line;

		while (slice_split(&rest, '\n', &line)) {
			if (line.n > 0)
				last = line;
			if (contains(line, fatal_marks[i]))
				found = line;
		}
		if (found.n > 0)
			return found;
	}
	return last;
}

/* The text of a line `time="…" level=fatal msg="…"`, or the line. */
static struct slice message_of(struct slice line)
{
	static const char mark[] = " msg=\"";
	const char *at = line.n > 0 ? memmem(line.p, line.n, mark, sizeof(mark) - 1) : NULL;
	const char *end;

	if (!at)
		return line;
	at += sizeof(mark) - 1;
	for (end = at; end < line.p + line.n && *end != '"'; end++)
		if (*end == '\\')
			end++;
	return (struct slice){ at, (size_t)(MIN(end, line.p + line.n) - at) };
}

void tail_text(struct slice text, struct buf *b)
{
	struct slice fatal = find_fatal(text);
	size_t lines = 0;
	size_t at = text.n;

	if (fatal.n == 0)
		return;
	buf_add_slice(b, message_of(fatal));
	buf_add_char(b, '\n');
	while (at > 0 && text.p[at - 1] == '\n')
		at--;
	text.n = at;
	while (at > 0) {
		if (text.p[at - 1] == '\n' && ++lines == TAIL_LINES)
			break;
		at--;
	}
	text = slice_from(text, at);
	while (slice_split(&text, '\n', &fatal))
		buf_printf(b, "  %.*s\n", SLICE_ARG(fatal));
}

void tail_log(const char *path, uint64_t at, struct buf *b)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP_FREE char *text = malloc(TAIL_BYTES);
	struct stat st;
	ssize_t n;

	if (fd < 0 || !text || fstat(fd, &st) < 0)
		return;
	if ((uint64_t)st.st_size > at + TAIL_BYTES)
		at = (uint64_t)st.st_size - TAIL_BYTES;
	n = pread(fd, text, TAIL_BYTES, (off_t)at);
	if (n > 0)
		tail_text((struct slice){ text, (size_t)n }, b);
}
