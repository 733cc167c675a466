/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the audit log: lib/audit.log and the older ones beside it, for `gabion events`,
 * `gabion policy suggest` and `gabion explain --last`. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "json/json.h"

#define AUDITLOG_LINE_MAX (1u << 20)
#define AUDITLOG_TIME_MAX 32u

/* What is done with a line: `o` is what it says, `line` its text without the newline. */
struct auditlog_reader {
	const char *since; /* leave out what is older; "" for nothing */
	void (*take)(void *data, const struct json *o, struct slice line);
	void *data;
};

/* --since: a time, or how long ago; *ret is as times of the log are. -EINVAL with a text. */
int auditlog_since(const char *text, char ret[AUDITLOG_TIME_MAX], struct err *err);

/* A string member, "" where there is none. */
const char *auditlog_text(const struct json *o, const char *key);

/* Opens lib/audit.log (number 0) or an older one. -ENOENT without a text: there is none. */
int auditlog_open(const char *lib, int number, struct err *err);

/* Hands on the lines that have come to their end; what follows them stays in *b. 0 or -errno. */
int auditlog_drain(const struct auditlog_reader *r, int fd, struct buf *b, struct err *err);
#define AUDITLOG_BUF BUF_INIT(AUDITLOG_LINE_MAX + 65536)

/* All of audit.log.4 to audit.log.1. */
int auditlog_read_older(const struct auditlog_reader *r, const char *lib, struct err *err);
/* Those and lib/audit.log. */
int auditlog_read(const struct auditlog_reader *r, const char *lib, struct err *err);
