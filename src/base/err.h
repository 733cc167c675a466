/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error that a person will read.
 *
 * Results are `int r`: negative is -errno, fatal, forwarded unchanged; zero is done; positive is an
 * outcome that the function's comment names. A `struct err *` goes last where the text matters. It
 * lives on the caller's stack and owns no memory. err may be NULL: then the text is dropped.
 */
#pragma once

#include "base/util.h"

#define ERR_TEXT_MAX 1024

struct err {
	int code;		 /* negative errno, 0 while unset */
	char text[ERR_TEXT_MAX]; /* one line, no trailing newline or full stop */
};

#define ERR_INIT ((struct err){ .code = 0 })

/* Sets code and text, overwriting what was there; returns code, so that it can be returned. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Like err_set, and appends ": " and the text of the errno `-code`. */
int err_errno(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "context: " before the text that is there; returns the code that is there. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
