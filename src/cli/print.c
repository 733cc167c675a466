/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define COLUMNS 80
#define JSON_TEXT_MAX (16u << 20)

void print_wrapped(const char *prefix, const char *text)
{
	size_t indent = strlen(prefix);
	size_t column = indent;
	const char *between = "";

	(void)printf("%s", prefix);
	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > indent && column + 1 + n > COLUMNS) {
			(void)printf("\n%*s", (int)indent, "");
			column = indent;
			between = "";
		}
		(void)printf("%s%.*s", between, (int)n, text);
		column += strlen(between) + n;
		between = " ";
		text += n + (text[n] == ' ');
	}
	(void)printf("\n");
}

void print_json(const struct json *doc)
{
	CLEANUP_BUF struct buf b = BUF_INIT(JSON_TEXT_MAX);

	json_emit_pretty(doc, &b);
	if (buf_ok(&b))
		(void)fwrite(b.p, 1, b.n, stdout);
}
