/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion settings list` and `gabion settings get`. */
#include <stdio.h>
#include <string.h>

#include "cli/print.h"
#include "cli/settings.h"

#define VALUE_MAX (4u << 20)

static const char *state_text(enum schema_state state)
{
	switch (state) {
	case SCHEMA_ENFORCED:
		break;
	case SCHEMA_PENDING:
		return ", not enforced yet";
	case SCHEMA_ELSEWHERE:
		return ", means nothing on Linux";
	}
	return "";
}

static void print_row(const struct policy_setting *s)
{
	CLEANUP_BUF struct buf b = BUF_INIT(VALUE_MAX);

	json_emit(s->value, &b);
	(void)printf("%s = %s (%s%s%s%s)\n", s->key->path, buf_ok(&b) ? b.p : "…", s->source,
		     s->locked ? ", locked" : "", s->layer ? ", second layer" : "",
		     state_text(s->key->state));
}

static struct json *row_json(struct arena *a, const struct policy_setting *s)
{
	struct json *row = arena_must(policy_setting_json(a, s));

	(void)json_set(a, row, "state", json_new_str(a, schema_state_name(s->key->state)));
	return row;
}

/* Whether the setting is that key or below it; NULL: any. */
static bool is_asked(const struct policy_setting *s, const char *key)
{
	size_t n = key ? strlen(key) : 0;

	return !key || (strncmp(s->key->path, key, n) == 0 &&
			(s->key->path[n] == '\0' || s->key->path[n] == '.'));
}

/* Returns how many rows there are. */
static size_t print_document(struct arena *a, const struct settings_view *v, const char *key)
{
	struct json *doc = arena_must(json_new(a, JSON_OBJECT));
	struct json *rows = arena_must(json_new(a, JSON_ARRAY));
	struct json *files = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < v->policy.nfiles; i++)
		(void)json_append(a, files, json_new_str(a, v->policy.files[i]));
	for (size_t i = 0; i < v->policy.nsettings; i++)
		if (is_asked(&v->policy.settings[i], key))
			(void)json_append(a, rows, row_json(a, &v->policy.settings[i]));
	(void)json_set(a, doc, "inForce", json_new_bool(a, v->in_force));
	(void)json_set(a, doc, "stale", json_new_bool(a, v->stale));
	(void)json_set(a, doc, "generation", json_new_uint(a, v->policy.generation));
	(void)json_set(a, doc, "profile", json_new_str(a, v->policy.profile->name));
	(void)json_set(a, doc, "files", files);
	(void)json_set(a, doc, "settings", rows);
	print_json(doc);
	return rows->n;
}

int settings_list(const struct settings_call *c)
{
	struct settings_view v;
	int r = settings_load(c, &v);

	if (r != 0)
		return r;
	if (c->args->json) {
		(void)print_document(c->arena, &v, NULL);
		return CLI_EXIT_OK;
	}
	if (v.in_force)
		(void)printf("# the policy of generation %llu, in force\n",
			     (unsigned long long)v.policy.generation);
	else
		(void)printf("# nothing is in force: for the next start\n");
	for (size_t i = 0; i < v.policy.nsettings; i++)
		print_row(&v.policy.settings[i]);
	return CLI_EXIT_OK;
}

static void print_value(const struct policy_setting *s)
{
	CLEANUP_BUF struct buf b = BUF_INIT(VALUE_MAX);

	if (s->value->kind == JSON_STRING)
		buf_add_slice(&b, s->value->text);
	else
		json_emit(s->value, &b);
	if (buf_ok(&b) && b.n > 0)
		(void)fwrite(b.p, 1, b.n, stdout);
	(void)printf("\n");
}

/* The key that a word names, or NULL after it said what is wrong. */
static const struct schema_key *find_key(const char *word, const struct profile *profile)
{
	const struct schema_key *key = schema_find(word);
	const char *hint;

	if (key && !strchr(word, '[') && schema_applies(key, profile))
		return key;
	if (key && strchr(word, '[')) {
		cli_error("settings get: %s is part of a list: get the list", word);
		return NULL;
	}
	if (key) {
		cli_error("settings get: %s is not for this engine; its key is %s", word,
			  profile->socket_mount_key);
		return NULL;
	}
	hint = schema_hint_path(slice_str(word));
	cli_error("settings get: there is no key \"%s\"; %s%s%s", word,
		  hint ? "do you mean " : "`gabion settings schema` prints all", hint ? hint : "",
		  hint ? "?" : "");
	return NULL;
}

static int say_unset(const struct schema_key *key)
{
	if (key->state != SCHEMA_ENFORCED && key->fallback)
		cli_error("settings get: nothing sets %s; the specification's default is %s, but "
			  "it is not enforced here",
			  key->path, key->fallback);
	else
		cli_error("settings get: nothing sets %s", key->path);
	return CLI_EXIT_NO;
}

int settings_get(const struct settings_call *c)
{
	const struct schema_key *key;
	struct settings_view v;
	size_t n = 0;
	int r = settings_load(c, &v);

	if (r != 0)
		return r;
	key = find_key(c->words[0], v.policy.profile);
	if (!key)
		return CLI_EXIT_USAGE;
	if (c->args->json)
		return print_document(c->arena, &v, key->path) > 0 ? CLI_EXIT_OK : CLI_EXIT_NO;
	for (size_t i = 0; i < v.policy.nsettings; i++) {
		const struct policy_setting *s = &v.policy.settings[i];

		if (!is_asked(s, key->path))
			continue;
		n++;
		if (key->flags & SCHEMA_VALUE)
			print_value(s);
		else
			print_row(s);
	}
	return n > 0 ? CLI_EXIT_OK : say_unset(key);
}
