/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: one recursive descent over the text. The grammar is that of Go's scanner, which
 * is RFC 8259 to the letter; what differs from other parsers is what a string decodes to. A string
 * that simply stands there stays where it is, in a copy of the whole text; another one is walked
 * twice by the same code: once to check and measure it, once to write its bytes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "json/json.h"
#include "json/plain.h"
#include "json/utf8.h"

#define GO_DEPTH_MAX 10000u
/* Of the arena's room, the text's copy takes no more than a fourth: the rest is for the tree. */
#define COPY_PART 4u

struct parser {
	struct arena *arena;
	struct slice text;
	char *copy; /* of the text, where strings end in a NUL and not in a quote; NULL: too large
		     */
	size_t at;  /* next byte to read */
	const struct json_limits *limits;
	size_t depth_max;
	struct json_place *place; /* NULL: the place goes into the error's text */
	struct err *err;
};

/* One character of a string literal. */
struct piece {
	uint32_t rune;
	size_t used;   /* bytes of source text */
	bool replaced; /* stands for something that is not Unicode */
};

static int parse_value(struct parser *p, size_t depth, struct json **ret);

static int PRINTF_LIKE(4, 5) fail(struct parser *p, size_t at, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX / 2];
	struct json_place place;
	va_list ap;

	if (!p->err)
		return code;
	place = json_place(p->text, at);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->place) {
		*p->place = place;
		return err_set(p->err, code, "%s", text);
	}
	return err_set(p->err, code, "line %zu, column %zu: %s", place.line, place.column, text);
}

static int fail_char(struct parser *p, size_t at, const char *wanted)
{
	unsigned char c;

	if (at >= p->text.n)
		return fail(p, p->text.n, -EINVAL, "the text ends where there should be %s",
			    wanted);
	c = (unsigned char)p->text.p[at];
	if (c > ' ' && c < 0x7f)
		return fail(p, at, -EINVAL, "'%c' where there should be %s", c, wanted);
	return fail(p, at, -EINVAL, "byte 0x%02x where there should be %s", c, wanted);
}

static int fail_memory(struct parser *p)
{
	return fail(p, p->at, -ENOMEM, "the document needs more memory than is allowed");
}

static int peek(const struct parser *p)
{
	return p->at < p->text.n ? (unsigned char)p->text.p[p->at] : -1;
}

static void skip_space(struct parser *p)
{
	for (int c = peek(p); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(p))
		p->at++;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Value of \uXXXX at that place, or -1; *bad is the first byte that does not fit. */
static int32_t hex_escape(struct slice text, size_t at, size_t *bad)
{
	int32_t v = 0;

	for (size_t i = 0; i < 6; i++) {
		char c = at + i < text.n ? text.p[at + i] : '\0';
		int digit = i < 2 ? 0 : hex_digit(c);

		*bad = at + i;
		if ((i == 0 && c != '\\') || (i == 1 && c != 'u') || digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

/* A high surrogate joins a low one that follows at once; any other surrogate is U+FFFD by itself
 * and what follows is read anew. */
static int read_unicode(struct parser *p, size_t at, struct piece *ret)
{
	size_t bad;
	int32_t high = hex_escape(p->text, at, &bad);
	int32_t low;

	if (high < 0)
		return fail_char(p, bad, "four hexadecimal digits after \\u");
	*ret = (struct piece){ .rune = (uint32_t)high, .used = 6 };
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	low = hex_escape(p->text, at + 6, &bad);
	if (high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
		ret->rune = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
		ret->used = 12;
		return 0;
	}
	ret->rune = UTF8_REPLACEMENT;
	ret->replaced = true;
	return 0;
}

static int read_escape(struct parser *p, size_t at, struct piece *ret)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	char c = at + 1 < p->text.n ? p->text.p[at + 1] : '\0';
	const char *hit = c ? strchr(names, c) : NULL;

	if (c == 'u')
		return read_unicode(p, at, ret);
	if (!hit)
		return fail_char(p, at + 1, "one of \"\\/bfnrtu after a backslash");
	*ret = (struct piece){ .rune = (unsigned char)values[hit - names], .used = 2 };
	return 0;
}

static int read_piece(struct parser *p, size_t at, struct piece *ret)
{
	unsigned char c = (unsigned char)p->text.p[at];

	if (c == '\\')
		return read_escape(p, at, ret);
	if (c < ' ')
		return fail_char(p, at, "an escape such as \\n or \\u00XX in a string");
	*ret = (struct piece){ .rune = c, .used = 1 };
	if (c < 0x80)
		return 0;
	ret->used = utf8_decode(slice_from(p->text, at), &ret->rune);
	if (ret->used == 0) {
		ret->used = 1;
		ret->replaced = true;
	}
	return 0;
}

static int check_piece(struct parser *p, size_t at, const struct piece *c)
{
	if (c->rune == 0 && p->limits->no_nul)
		return fail(p, at, -EINVAL, "a NUL character in a string is not allowed");
	if (c->replaced && p->limits->valid_utf8)
		return fail(p, at, -EINVAL, "a string is not valid UTF-8");
	return 0;
}

/* Walks a literal whose first byte is at `at`. Returns the place of the closing quote in *end and
 * the decoded length in *n; writes the bytes to `out` unless it is NULL. */
static int walk_string(struct parser *p, size_t at, char *out, size_t *end, size_t *n)
{
	char scratch[UTF8_MAX];

	*n = 0;
	while (at < p->text.n && p->text.p[at] != '"') {
		size_t run = json_plain_run(p->text.p + at, p->text.n - at);
		struct piece c;
		int r;

		if (run > 0) {
			if (out)
				memcpy(out + *n, p->text.p + at, run);
			*n += run;
			at += run;
			continue;
		}
		r = read_piece(p, at, &c);
		if (r == 0)
			r = check_piece(p, at, &c);
		if (r < 0)
			return r;
		*n += utf8_encode(c.rune, out ? out + *n : scratch);
		at += c.used;
	}
	if (at >= p->text.n)
		return fail_char(p, at, "the closing quote of a string");
	*end = at;
	return 0;
}

/* p->at is at the opening quote. */
static int parse_string(struct parser *p, struct slice *ret)
{
	size_t start = p->at + 1, end, n;
	size_t run = json_plain_run(p->text.p + start, p->text.n - start);
	char *out;
	int r;

	if (start + run < p->text.n && p->text.p[start + run] == '"') {
		out = p->copy ? p->copy + start : arena_dup(p->arena, p->text.p + start, run);
		if (!out)
			return fail_memory(p);
		out[run] = '\0';
		*ret = (struct slice){ out, run };
		p->at = start + run + 1;
		return 0;
	}
	r = walk_string(p, start, NULL, &end, &n);
	if (r < 0)
		return r;
	out = arena_alloc(p->arena, n + 1);
	if (!out)
		return fail_memory(p);
	(void)walk_string(p, start, out, &end, &n);
	*ret = (struct slice){ out, n };
	p->at = end + 1;
	return 0;
}

static size_t skip_digits(struct parser *p)
{
	size_t start = p->at;

	while (peek(p) >= '0' && peek(p) <= '9')
		p->at++;
	return p->at - start;
}

static int parse_number(struct parser *p, struct json *v)
{
	size_t start = p->at;
	char *out;

	if (peek(p) == '-')
		p->at++;
	if (peek(p) == '0')
		p->at++;
	else if (skip_digits(p) == 0)
		return fail_char(p, p->at, "a digit");
	if (peek(p) == '.') {
		p->at++;
		if (skip_digits(p) == 0)
			return fail_char(p, p->at, "a digit after the decimal point");
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->at++;
		if (peek(p) == '+' || peek(p) == '-')
			p->at++;
		if (skip_digits(p) == 0)
			return fail_char(p, p->at, "a digit of the exponent");
	}
	out = arena_dup(p->arena, p->text.p + start, p->at - start);
	if (!out)
		return fail_memory(p);
	v->text = (struct slice){ out, p->at - start };
	return 0;
}

static int parse_word(struct parser *p, const char *word)
{
	for (const char *c = word; *c; c++) {
		char wanted[32];

		if (peek(p) == *c) {
			p->at++;
			continue;
		}
		(void)snprintf(wanted, sizeof(wanted), "the rest of %s", word);
		return fail_char(p, p->at, wanted);
	}
	return 0;
}

static int parse_item(struct parser *p, size_t depth, struct json *arr)
{
	struct json *item;
	int r = parse_value(p, depth, &item);

	if (r < 0)
		return r;
	return json_append(p->arena, arr, item) < 0 ? fail_memory(p) : 0;
}

static int parse_member(struct parser *p, size_t depth, struct json *obj)
{
	struct json *value;
	struct slice key;
	int r;

	if (peek(p) != '"')
		return fail_char(p, p->at, "a key in double quotes");
	r = parse_string(p, &key);
	if (r < 0)
		return r;
	skip_space(p);
	if (peek(p) != ':')
		return fail_char(p, p->at, "a colon after a key");
	p->at++;
	r = parse_value(p, depth, &value);
	if (r < 0)
		return r;
	return json_add(p->arena, obj, key, value) < 0 ? fail_memory(p) : 0;
}

/* Elements up to and with the closing bracket; p->at is behind the opening one. */
static int parse_list(struct parser *p, size_t depth, struct json *v)
{
	bool is_object = v->kind == JSON_OBJECT;
	char close = is_object ? '}' : ']';

	skip_space(p);
	if (peek(p) == close) {
		p->at++;
		return 0;
	}
	for (;;) {
		int r;

		skip_space(p);
		r = is_object ? parse_member(p, depth, v) : parse_item(p, depth, v);
		if (r < 0)
			return r;
		skip_space(p);
		if (peek(p) == close)
			break;
		if (peek(p) != ',')
			return fail_char(p, p->at, is_object ? "a comma or }" : "a comma or ]");
		p->at++;
	}
	p->at++;
	return 0;
}

static int parse_nested(struct parser *p, size_t depth, struct json *v)
{
	if (depth >= p->depth_max)
		return fail(p, p->at, -E2BIG, "nested deeper than %zu levels", p->depth_max);
	p->at++;
	return parse_list(p, depth + 1, v);
}

/* What a value is shows in its first byte. */
static int kind_of(int c)
{
	switch (c) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? JSON_NUMBER : -1;
	}
}

static int parse_value(struct parser *p, size_t depth, struct json **ret)
{
	int kind;
	struct json *v;

	skip_space(p);
	kind = kind_of(peek(p));
	if (kind < 0)
		return fail_char(p, p->at, "a value");
	v = json_new(p->arena, (enum json_kind)kind);
	if (!v)
		return fail_memory(p);
	v->at = (uint32_t)MIN(p->at, (size_t)UINT32_MAX);
	*ret = v;
	switch (v->kind) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return parse_nested(p, depth, v);
	case JSON_STRING:
		return parse_string(p, &v->text);
	case JSON_NUMBER:
		return parse_number(p, v);
	case JSON_BOOL:
		v->boolean = peek(p) == 't';
		return parse_word(p, v->boolean ? "true" : "false");
	case JSON_NULL:
		return parse_word(p, "null");
	}
	return -EINVAL;
}

static int parse_document(struct parser *p, struct json **ret)
{
	struct json *v = NULL;
	int r;

	p->depth_max = MIN(p->limits->depth, (size_t)GO_DEPTH_MAX);
	if (p->text.n <= (p->arena->max - MIN(p->arena->used, p->arena->max)) / COPY_PART)
		p->copy = arena_dup(p->arena, p->text.p, p->text.n);
	r = parse_value(p, 0, &v);
	if (r < 0)
		return r;
	if (p->limits->one_value) {
		skip_space(p);
		if (p->at < p->text.n)
			return fail_char(p, p->at, "the end of the text");
	}
	*ret = v;
	return 0;
}

int json_parse(struct arena *a, struct slice text, const struct json_limits *limits,
	       struct json **ret, size_t *used, struct err *err)
{
	struct parser p = { .arena = a, .text = text, .limits = limits, .err = err };
	int r = parse_document(&p, ret);

	if (r == 0 && used)
		*used = p.at;
	return r;
}

int json_parse_place(struct arena *a, struct slice text, const struct json_limits *limits,
		     struct json **ret, struct json_place *ret_wrong, struct err *err)
{
	struct parser p = {
		.arena = a, .text = text, .limits = limits, .place = ret_wrong, .err = err
	};

	return parse_document(&p, ret);
}
