/* SPDX-License-Identifier: Apache-2.0 */
/* One line a record on standard error, with the program's name; programs log, libraries do not
 * (above debug). Lines name the object ("client 7: …"), never secrets or bodies. */
#pragma once

#include "base/util.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Called once by main(); until then the name is "gabion" and the level info. */
void log_init(const char *program, enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
