/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/schema.h"

#include <stdint.h>
#include <string.h>

#include "base/near.h"
#include "base/util.h"
#include "json/fold.h"

bool schema_applies(const struct schema_key *key, const struct profile *profile)
{
	return !key->socket || strcmp(key->socket, profile->socket_mount_key) == 0;
}

static const struct schema_key *find(struct slice path)
{
	for (size_t i = 0; i < schema_keys_n; i++)
		if (slice_eq_str(path, schema_keys[i].path))
			return &schema_keys[i];
	return NULL;
}

const struct schema_key *schema_find(const char *path)
{
	return find(slice_str(path));
}

/* The part before the last dot; p is NULL at the top. An element is no member of its list. */
static struct slice up(const char *path)
{
	const char *dot = strrchr(path, '.');
	const char *element = strrchr(path, '[');

	if (!dot || (element && element > dot))
		return SLICE_NULL;
	return (struct slice){ path, (size_t)(dot - path) };
}

const char *schema_name(const struct schema_key *key)
{
	const char *dot = strrchr(key->path, '.');
	const char *element = strrchr(key->path, '[');

	if (element && (!dot || element > dot))
		return "";
	return dot ? dot + 1 : key->path;
}

/* Whether key stands directly in the object `parent` (NULL: at the top). */
static bool is_member(const struct schema_key *key, const struct schema_key *parent)
{
	struct slice above = up(key->path);

	if (*schema_name(key) == '\0')
		return false;
	return parent ? above.p && slice_eq_str(above, parent->path) : !above.p;
}

const struct schema_key *schema_child(const struct schema_key *parent, struct slice key)
{
	const struct schema_key *folded = NULL;

	if (parent && (parent->flags & SCHEMA_LOCKABLE) && fold_match("locked", key))
		return &schema_locked;
	for (size_t i = 0; i < schema_keys_n; i++) {
		const struct schema_key *k = &schema_keys[i];

		if (!is_member(k, parent))
			continue;
		if (slice_eq_str(key, schema_name(k)))
			return k;
		if (!folded && fold_match(schema_name(k), key))
			folded = k;
	}
	return folded;
}

const struct schema_key *schema_element(const struct schema_key *list)
{
	size_t n = strlen(list->path);

	for (size_t i = 0; i < schema_keys_n; i++) {
		const char *path = schema_keys[i].path;

		if (strncmp(path, list->path, n) == 0 && strcmp(path + n, "[]") == 0)
			return &schema_keys[i];
	}
	return NULL;
}

const struct schema_key *schema_parent(const struct schema_key *key)
{
	struct slice above = up(key->path);

	return above.p ? find(above) : NULL;
}

const struct schema_key *schema_lock_of(const struct schema_key *key)
{
	while (key && !(key->flags & SCHEMA_LOCKABLE))
		key = schema_parent(key);
	return key;
}

const char *schema_hint(const struct schema_key *parent, struct slice key, bool *ret_elsewhere)
{
	const struct schema_key *only = NULL;
	struct near best = NEAR_NONE;
	size_t places = 0;

	for (size_t i = 0; i < schema_keys_n; i++) {
		const struct schema_key *k = &schema_keys[i];

		if (is_member(k, parent))
			near_offer(&best, key, slice_str(schema_name(k)));
		if (strchr(k->path, '[') || !slice_eq_str(key, schema_name(k)))
			continue;
		if (!only)
			only = k;
		places += !k->socket || strcmp(k->socket, only->socket) == 0;
	}
	if (parent && (parent->flags & SCHEMA_LOCKABLE))
		near_offer(&best, key, slice_str(schema_locked.path));
	*ret_elsewhere = places == 1;
	return places == 1 ? only->path : best.word.p;
}

const char *schema_hint_path(struct slice path)
{
	struct near best = NEAR_NONE;
	const char *ending = NULL;
	size_t endings = 0;

	for (size_t i = 0; i < schema_keys_n; i++) {
		const struct schema_key *k = &schema_keys[i];

		if (strchr(k->path, '['))
			continue;
		near_offer(&best, path, slice_str(k->path));
		if (!slice_eq_nocase(path, slice_str(schema_name(k))))
			continue;
		ending = ending ? ending : k->path;
		endings++;
	}
	return endings == 0 ? best.word.p : ending;
}

static const struct {
	enum schema_type type;
	enum json_kind kind;
	const char *text;
} types[] = {
	{ SCHEMA_BOOL, JSON_BOOL, "true or false" }, { SCHEMA_INT, JSON_NUMBER, "a whole number" },
	{ SCHEMA_STRING, JSON_STRING, "a string" },  { SCHEMA_LIST, JSON_ARRAY, "a list" },
	{ SCHEMA_OBJECT, JSON_OBJECT, "an object" },
};

void schema_type_text(unsigned set, struct buf *b)
{
	const char *between = "";

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!(set & types[i].type))
			continue;
		buf_printf(b, "%s%s", between, types[i].text);
		between = " or ";
	}
}

static bool is_whole(struct slice text)
{
	uint64_t v;

	if (slice_starts(text, SLICE_LIT("-")))
		text = slice_from(text, 1);
	return num_parse_u64(text, INT64_MAX, &v) == 0;
}

bool schema_type_fits(unsigned set, const struct json *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((set & types[i].type) && v->kind == types[i].kind)
			return v->kind != JSON_NUMBER || is_whole(v->text);
	return false;
}

bool schema_allows(const struct schema_key *key, const struct json *v)
{
	if (!key->allowed || (v->kind != JSON_STRING && v->kind != JSON_NUMBER))
		return true;
	for (const char *const *a = key->allowed; *a; a++)
		if (slice_eq_str(v->text, *a))
			return true;
	return false;
}

struct json *schema_fallback(struct arena *a, const struct schema_key *key)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v = NULL;

	if (key->fallback)
		(void)json_parse(a, slice_str(key->fallback), &limits, &v, NULL, NULL);
	return v;
}

const char *schema_state_name(enum schema_state state)
{
	switch (state) {
	case SCHEMA_ENFORCED:
		return "enforced";
	case SCHEMA_PENDING:
		return "pending";
	case SCHEMA_ELSEWHERE:
		break;
	}
	return "elsewhere";
}
