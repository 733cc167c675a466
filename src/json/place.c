/* SPDX-License-Identifier: Apache-2.0 */
/* Places in a text, for messages: worked out when they are asked for, so that parsing pays nothing
 * but one store a value. */
#include <assert.h>

#include "json/json.h"

/* One value fills three quarters of a cache line; its offset fits in what was padding. */
static_assert(sizeof(struct json) == 48, "a value has grown");

struct json_place json_place(struct slice text, size_t at)
{
	struct json_place place = { .line = 1, .column = 1 };
	size_t start = 0;

	for (size_t i = 0; i < at && i < text.n; i++) {
		if (text.p[i] != '\n')
			continue;
		place.line++;
		start = i + 1;
	}
	place.column += at - start;
	return place;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t back_over_space(struct slice text, size_t at)
{
	while (at > 0 && is_space(text.p[at - 1]))
		at--;
	return at;
}

/* A quote inside of a string has an odd number of backslashes before it. */
static bool is_escaped(struct slice text, size_t at)
{
	size_t n = 0;

	while (n < at && text.p[at - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

size_t json_key_at(struct slice text, const struct json *value)
{
	size_t at = back_over_space(text, MIN(value->at, text.n));

	if (at == 0 || text.p[at - 1] != ':')
		return value->at;
	at = back_over_space(text, at - 1);
	if (at == 0 || text.p[at - 1] != '"')
		return value->at;
	for (at--; at > 0; at--)
		if (text.p[at - 1] == '"' && !is_escaped(text, at - 1))
			return at - 1;
	return value->at;
}
