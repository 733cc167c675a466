/* SPDX-License-Identifier: Apache-2.0 */
/* Printing on standard output, shared by the commands. */
#pragma once

#include <stddef.h>

#include "json/json.h"

/* Text that somebody else wrote, with a question mark for each character that a terminal could obey
 * or be confused by (controls, changes of direction, what is not UTF-8), and for those in `also`.
 */
void print_safe(const char *text, const char *also);

/* The text, made safe like that, in lines of at most 80 columns; the first one after `prefix`, the
 * others after as many blanks. */
void print_wrapped(const char *prefix, const char *text);

/* The document, indented. */
void print_json(const struct json *doc);

/* The option of every command that prints JSON; its documents are described in docs/json-output.md.
 */
#define OPT_JSON(type, field)                                                      \
	{                                                                          \
		.name = "json", .kind = OPT_FLAG, .offset = offsetof(type, field), \
		.help = "print JSON (docs/json-output.md)"                         \
	}
