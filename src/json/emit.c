/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "json/json.h"
#include "json/plain.h"
#include "json/utf8.h"

#define COMPACT (-1) /* as a level: no line breaks */

/* The letter of a two-byte escape, or '\0'. */
static char short_escape(uint32_t c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return '\0';
	}
}

/* <, > and & could end a script or an entity in a page, U+2028 and U+2029 a line of JavaScript. */
static bool needs_escape(uint32_t c)
{
	return c < ' ' || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029;
}

static void emit_char(struct buf *b, uint32_t c)
{
	char bytes[UTF8_MAX];
	char letter = short_escape(c);

	if (letter) {
		buf_add_char(b, '\\');
		buf_add_char(b, letter);
	} else if (needs_escape(c)) {
		buf_printf(b, "\\u%04" PRIx32, c);
	} else {
		buf_add(b, bytes, utf8_encode(c, bytes));
	}
}

/* Whether eight bytes are written as they are. */
static bool are_plain(uint64_t w)
{
	return json_are_plain(w) &&
	       (json_bytes_like(w, '<') | json_bytes_like(w, '>') | json_bytes_like(w, '&')) == 0;
}

static size_t plain_run(struct slice s)
{
	size_t at = 0;

	while (s.n - at >= sizeof(uint64_t) && are_plain(json_word(s.p + at)))
		at += sizeof(uint64_t);
	while (at < s.n && json_is_plain(s.p[at]) && !needs_escape((unsigned char)s.p[at]))
		at++;
	return at;
}

/* One that is written as it is. */
static void emit_plain(struct slice s, struct buf *b)
{
	char *to = buf_reserve(b, s.n + 2);

	if (!to)
		return;
	to[0] = '"';
	if (s.n)
		memcpy(to + 1, s.p, s.n);
	to[s.n + 1] = '"';
	buf_commit(b, s.n + 2);
}

static void emit_string(struct slice s, struct buf *b)
{
	size_t run = plain_run(s);

	if (run == s.n) {
		emit_plain(s, b);
		return;
	}
	buf_add_char(b, '"');
	for (;;) {
		size_t used;
		uint32_t c;

		buf_add(b, s.p, run);
		s = slice_from(s, run);
		if (s.n == 0)
			break;
		used = utf8_decode(s, &c);
		emit_char(b, c);
		s = slice_from(s, MAX(used, (size_t)1));
		run = plain_run(s);
	}
	buf_add_char(b, '"');
}

static void emit_break(int level, struct buf *b)
{
	if (level == COMPACT)
		return;
	buf_add_char(b, '\n');
	for (int i = 0; i < level; i++)
		buf_add(b, "  ", 2);
}

static void emit_value(const struct json *v, int level, struct buf *b);

static void emit_list(const struct json *v, int level, struct buf *b)
{
	bool is_object = v->kind == JSON_OBJECT;
	int inner = level == COMPACT ? COMPACT : level + 1;

	buf_add_char(b, is_object ? '{' : '[');
	for (size_t i = 0; i < v->n; i++) {
		if (i)
			buf_add_char(b, ',');
		emit_break(inner, b);
		if (is_object) {
			emit_string(v->members[i].key, b);
			buf_add_str(b, level == COMPACT ? ":" : ": ");
		}
		emit_value(is_object ? v->members[i].value : v->items[i], inner, b);
	}
	if (v->n)
		emit_break(level, b);
	buf_add_char(b, is_object ? '}' : ']');
}

static void emit_value(const struct json *v, int level, struct buf *b)
{
	switch (v->kind) {
	case JSON_NULL:
		buf_add_str(b, "null");
		return;
	case JSON_BOOL:
		buf_add_str(b, v->boolean ? "true" : "false");
		return;
	case JSON_NUMBER:
		buf_add_slice(b, v->text);
		return;
	case JSON_STRING:
		emit_string(v->text, b);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		emit_list(v, level, b);
		return;
	}
}

void json_emit(const struct json *v, struct buf *b)
{
	emit_value(v, COMPACT, b);
}

void json_emit_pretty(const struct json *v, struct buf *b)
{
	emit_value(v, 0, b);
	buf_add_char(b, '\n');
}
