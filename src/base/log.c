/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static const char *log_program = "gabion";
static enum log_level log_max = LOG_LEVEL_INFO;

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	int saved = errno;
	va_list ap;
	int used;

	if (level > log_max)
		return;
	used = snprintf(line, sizeof(line), "%s: %s: ", log_program, level_names[level]);
	va_start(ap, fmt);
	(void)vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, ap);
	va_end(ap);
	for (char *c = line; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	used = (int)strlen(line);
	line[used] = '\n';
	(void)fd_write_all(STDERR_FILENO, line, (size_t)used + 1);
	errno = saved;
}
