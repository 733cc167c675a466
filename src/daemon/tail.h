/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that did not start said last. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* Appends to b, from the log at path, what was written since `at`: first the line that says why the
 * program ended (without its time stamp and the like), then the last lines as they are, two blanks
 * before each. Nothing when there is nothing. */
void tail_log(const char *path, uint64_t at, struct buf *b);

/* The same from text. */
void tail_text(struct slice text, struct buf *b);
