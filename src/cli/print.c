/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "json/utf8.h"

#define COLUMNS 80
#define JSON_TEXT_MAX (16u << 20)

static bool is_safe(uint32_t c)
{
	return c >= ' ' && !(c >= 0x7f && c < 0xa0) && c != 0x200e && c != 0x200f &&
	       !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

static void print_slice(struct slice rest, const char *also)
{
	while (rest.n > 0) {
		uint32_t c;
		size_t n = utf8_decode(rest, &c);

		if (n > 0 && is_safe(c) && (n > 1 || !strchr(also, rest.p[0])))
			(void)fwrite(rest.p, 1, n, stdout);
		else
			(void)putchar('?');
		rest = slice_from(rest, n ? n : 1);
	}
}

void print_safe(const char *text, const char *also)
{
	print_slice(slice_str(text), also);
}

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
		(void)printf("%s", between);
		print_slice((struct slice){ text, n }, "");
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
