/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion settings schema`: the table of settings/schema.h. */
#include <stdio.h>
#include <string.h>

#include "cli/print.h"
#include "cli/settings.h"

#define LINE_MAX_BYTES 1024u

static const struct {
	enum schema_type type;
	const char *name;
} types[] = {
	{ SCHEMA_BOOL, "boolean" }, { SCHEMA_INT, "integer" },	 { SCHEMA_STRING, "string" },
	{ SCHEMA_LIST, "array" },   { SCHEMA_OBJECT, "object" },
};

static const char *state_text(enum schema_state state)
{
	switch (state) {
	case SCHEMA_ENFORCED:
		break;
	case SCHEMA_PENDING:
		return "not enforced yet";
	case SCHEMA_ELSEWHERE:
		return "means nothing on Linux";
	}
	return "enforced";
}

static void print_key(const struct schema_key *key)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LINE_MAX_BYTES);

	schema_type_text(key->types, &b);
	for (const char *const *a = key->allowed; a && *a; a++)
		buf_printf(&b, "%s%s", a == key->allowed ? ": " : ", ", *a);
	if (key->fallback)
		buf_printf(&b, "; default %s", key->fallback);
	if (key->flags & SCHEMA_REQUIRED)
		buf_add_str(&b, "; must be there");
	if (key->flags & SCHEMA_LOCKABLE)
		buf_add_str(&b, "; may have \"locked\"");
	buf_printf(&b, "; %s", state_text(key->state));
	(void)printf("%s\n", key->path);
	if (buf_ok(&b))
		print_wrapped("    ", b.p);
	print_wrapped("    ", key->meaning);
}

static struct json *list_types(struct arena *a, const struct schema_key *key)
{
	struct json *list = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (key->types & types[i].type)
			(void)json_append(a, list, json_new_str(a, types[i].name));
	return list;
}

static struct json *list_allowed(struct arena *a, const struct schema_key *key)
{
	struct json *list = arena_must(json_new(a, JSON_ARRAY));

	for (const char *const *v = key->allowed; v && *v; v++)
		(void)json_append(a, list, json_new_str(a, *v));
	return list;
}

static struct json *list_profiles(struct arena *a, const struct schema_key *key)
{
	struct json *list = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < nprofiles; i++)
		if (schema_applies(key, &profiles[i]))
			(void)json_append(a, list, json_new_str(a, profiles[i].name));
	return list;
}

static struct json *key_json(struct arena *a, const struct schema_key *key)
{
	struct json *row = arena_must(json_new(a, JSON_OBJECT));
	struct json *fallback = schema_fallback(a, key);

	(void)json_set(a, row, "key", json_new_str(a, key->path));
	(void)json_set(a, row, "types", list_types(a, key));
	(void)json_set(a, row, "allowed", list_allowed(a, key));
	(void)json_set(a, row, "default", fallback ? fallback : json_new(a, JSON_NULL));
	(void)json_set(a, row, "setting", json_new_bool(a, key->flags & SCHEMA_VALUE));
	(void)json_set(a, row, "lockable", json_new_bool(a, key->flags & SCHEMA_LOCKABLE));
	(void)json_set(a, row, "required", json_new_bool(a, key->flags & SCHEMA_REQUIRED));
	(void)json_set(a, row, "specified", json_new_bool(a, !(key->flags & SCHEMA_OURS)));
	(void)json_set(a, row, "state", json_new_str(a, schema_state_name(key->state)));
	(void)json_set(a, row, "profiles", list_profiles(a, key));
	(void)json_set(a, row, "meaning", json_new_str(a, key->meaning));
	return row;
}

int settings_schema(const struct settings_call *c)
{
	struct json *doc = arena_must(json_new(c->arena, JSON_OBJECT));
	struct json *keys = arena_must(json_new(c->arena, JSON_ARRAY));

	for (size_t i = 0; i < schema_keys_n; i++) {
		if (c->args->json)
			(void)json_append(c->arena, keys, key_json(c->arena, &schema_keys[i]));
		else
			print_key(&schema_keys[i]);
	}
	(void)json_set(c->arena, doc, "keys", keys);
	if (c->args->json)
		print_json(doc);
	return CLI_EXIT_OK;
}
