/* SPDX-License-Identifier: Apache-2.0 */
#include "json/path.h"

#include <stdarg.h>
#include <stdio.h>

#include "json/json.h"

#define PATH_TEXT_MAX 400u /* leaves room for the message in struct err */

static bool is_word(struct slice key)
{
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return false;
	}
	return key.n > 0;
}

void path_quote(struct slice key, struct buf *b)
{
	const struct json quoted = { .kind = JSON_STRING, .text = key };

	json_emit(&quoted, b);
}

void path_text(const struct path *at, struct buf *b)
{
	if (!at)
		return;
	path_text(at->up, b);
	if (!at->key.p) {
		buf_printf(b, "[%zu]", at->index);
	} else if (is_word(at->key)) {
		if (at->up)
			buf_add_char(b, '.');
		buf_add_slice(b, at->key);
	} else {
		buf_add_char(b, '[');
		path_quote(at->key, b);
		buf_add_char(b, ']');
	}
}

int path_fail(struct err *err, const struct path *at, int code, const char *fmt, ...)
{
	CLEANUP_BUF struct buf b = BUF_INIT(PATH_TEXT_MAX);
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	path_text(at, &b);
	if (!buf_ok(&b))
		return err_set(err, code, "%s...: %s", b.p ? b.p : "", text);
	return err_set(err, code, "%s%s%s", b.p ? b.p : "", b.n ? ": " : "", text);
}
