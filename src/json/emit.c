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

/* As json_not_plain(), of what is not written as it is. */
static uint64_t not_as_is(uint64_t w)
{
	return json_not_plain(w) | json_bytes_like(w, '<') | json_bytes_like(w, '>') |
	       json_bytes_like(w, '&');
}

static size_t plain_run(struct slice s)
{
	size_t at = 0;

	for (; s.n - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
		uint64_t mask = not_as_is(json_word(s.p + at));

		if (mask)
			return at + json_first(mask);
	}
	if (at > 0 && at < s.n)
		return at + json_first(not_as_is(json_last_word(s.p, s.n, s.n - at)));
	while (at < s.n && json_is_plain(s.p[at]) && !needs_escape((unsigned char)s.p[at]))
		at++;
	return at;
}

/* One that is written as it is, and up to one byte on either side of it. */
static void emit_plain(char before, struct slice s, char after, struct buf *b)
{
	char *to = buf_reserve(b, s.n + 4);
	char *end = to;

	if (!to)
		return;
	if (before)
		*end++ = before;
	*end++ = '"';
	if (s.n)
		memcpy(end, s.p, s.n);
	end += s.n;
	*end++ = '"';
	if (after)
		*end++ = after;
	buf_commit(b, (size_t)(end - to));
}

static void emit_escaped(struct slice s, size_t run, struct buf *b)
{
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

/* before, after: a byte, or '\0' for none. */
static void emit_string(char before, struct slice s, char after, struct buf *b)
{
	size_t run = plain_run(s);

	if (run == s.n) {
		emit_plain(before, s, after, b);
		return;
	}
	if (before)
		buf_add_char(b, before);
	emit_escaped(s, run, b);
	if (after)
		buf_add_char(b, after);
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
		bool joined = is_object && level == COMPACT;

		if (i && !joined)
			buf_add_char(b, ',');
		emit_break(inner, b);
		if (is_object)
			emit_string(i && joined ? ',' : '\0', v->members[i].key, ':', b);
		if (is_object && !joined)
			buf_add_char(b, ' ');
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
		emit_string('\0', v->text, '\0', b);
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
