/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: for every setting of the schema, which of the files has a say, and what becomes
 * of what they say. The result is a list of rows; policy_digest() makes the rest of it.
 */
#include "settings/compose.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"

struct composer {
	struct arena *arena;
	const struct admin_file *host;
	const struct admin_file *own;
	struct findings *found;
	struct policy *policy;
	bool binds; /* the host's file locks the group that is being looked at */
};

static const char *source_of(struct arena *a, const struct admin_file *file,
			     const struct admin_setting *s)
{
	return arena_printf(a, "%s:%zu:%zu", file->name, s->place.line, s->place.column);
}

static int add_row(struct composer *c, const struct schema_key *key, size_t layer,
		   const struct json *value, bool locked, const char *source)
{
	struct policy *p = c->policy;

	if (!value || !source)
		return -ENOMEM;
	p->settings[p->nsettings++] = (struct policy_setting){
		.key = key, .layer = layer, .value = value, .locked = locked, .source = source
	};
	return 0;
}

/* What a file says, or the default where it says nothing. */
static int add_from(struct composer *c, const struct schema_key *key, size_t layer,
		    const struct admin_file *file, bool locked)
{
	const struct admin_setting *s = file ? admin_find(file, key) : NULL;

	if (s)
		return add_row(c, key, layer, s->value, s->locked || locked,
			       source_of(c->arena, file, s));
	if (!key->fallback || key->state != SCHEMA_ENFORCED)
		return 0;
	return add_row(c, key, layer, schema_fallback(c->arena, key), locked, POLICY_DEFAULT);
}

/* --- who has a say --- */

/* Whether the file locks the group of this key; what has no lock of its own always binds. */
static bool locks(const struct admin_file *file, const struct schema_key *key)
{
	const struct schema_key *group = schema_lock_of(key);

	if (key->flags & SCHEMA_BINDS)
		return admin_find(file, key) != NULL;
	for (size_t i = 0; group && i < file->n; i++)
		if (file->settings[i].locked && schema_lock_of(file->settings[i].key) == group)
			return true;
	return false;
}

static const struct schema_key *unit_of(const struct schema_key *key)
{
	const struct schema_key *parent = schema_parent(key);

	return parent && (parent->flags & SCHEMA_UNIT) ? parent : NULL;
}

/* Whether a file says something about the key, or about the unit that it is part of. */
static bool speaks(const struct admin_file *file, const struct schema_key *key)
{
	const struct schema_key *unit = unit_of(key);

	if (!unit)
		return admin_find(file, key) != NULL;
	for (size_t i = 0; i < file->n; i++)
		if (unit_of(file->settings[i].key) == unit)
			return true;
	return false;
}

/* Whether a file says anything about the permissions of this socket. */
static bool speaks_of_socket(const struct admin_file *file, const char *socket)
{
	for (size_t i = 0; i < file->n; i++)
		if (file->settings[i].key->socket &&
		    strcmp(file->settings[i].key->socket, socket) == 0)
			return true;
	return false;
}

/* --- how it is merged --- */

static int merge_layers(struct composer *c, const struct schema_key *key)
{
	bool own = key->socket ? speaks_of_socket(c->own, key->socket) : speaks(c->own, key);
	int r;

	if (!c->binds)
		return add_from(c, key, 0, c->own, false);
	r = add_from(c, key, 0, c->host, true);
	if (r < 0 || !own)
		return r;
	return add_from(c, key, 1, speaks(c->own, key) ? c->own : c->host, true);
}

static void say_bound(struct composer *c, const struct admin_setting *host,
		      const struct admin_setting *own)
{
	finding_add_file(c->found, FINDING_WARNING, c->own->name, own->place,
			 "%s is locked by %s:%zu: that one holds", own->key->path, c->host->name,
			 host->place.line);
}

static int merge_true(struct composer *c, const struct schema_key *key)
{
	const struct admin_setting *host = admin_find(c->host, key);
	const struct admin_setting *own = admin_find(c->own, key);

	if (!c->binds || !host)
		return add_from(c, key, 0, c->own, c->binds);
	if (own && own->value->boolean && !host->value->boolean)
		return add_from(c, key, 0, c->own, true);
	if (own && !own->value->boolean && host->value->boolean)
		say_bound(c, host, own);
	return add_from(c, key, 0, c->host, true);
}

static int merge_lock(struct composer *c, const struct schema_key *key)
{
	const struct admin_setting *host = admin_find(c->host, key);
	const struct admin_setting *own = admin_find(c->own, key);

	if (c->binds && host && own && key->state == SCHEMA_ENFORCED)
		say_bound(c, host, own);
	return add_from(c, key, 0, c->binds && host ? c->host : c->own, c->binds);
}

static int merge(struct composer *c, const struct schema_key *key)
{
	c->binds = locks(c->host, key);
	switch (key->merge) {
	case SCHEMA_MERGE_LAYERS:
		return merge_layers(c, key);
	case SCHEMA_MERGE_TRUE:
		return merge_true(c, key);
	case SCHEMA_MERGE_LOCK:
		break;
	}
	return merge_lock(c, key);
}

static int add_key(struct composer *c, const struct schema_key *key)
{
	if (c->host && c->own)
		return merge(c, key);
	return add_from(c, key, 0, c->own ? c->own : c->host, false);
}

int compose(struct arena *a, const struct profile *profile, const struct admin_file *host,
	    const struct admin_file *own, struct findings *found, struct policy *ret)
{
	struct composer c = { .arena = a, .host = host, .own = own, .found = found, .policy = ret };
	int r = 0;

	*ret = (struct policy){ .profile = profile };
	ret->settings = arena_array(a, schema_keys_n * POLICY_LAYERS_MAX, sizeof(*ret->settings));
	if (!ret->settings)
		return -ENOMEM;
	if (host)
		ret->files[ret->nfiles++] = host->name;
	if (own)
		ret->files[ret->nfiles++] = own->name;
	for (size_t i = 0; r == 0 && i < schema_keys_n; i++)
		if ((schema_keys[i].flags & SCHEMA_VALUE) &&
		    schema_applies(&schema_keys[i], profile))
			r = add_key(&c, &schema_keys[i]);
	return r == 0 ? policy_digest(a, ret, NULL) : r;
}

/* --- files --- */

/* The first of the host's files that is there. */
static int read_host(struct arena *a, const struct admin_places *places,
		     const struct profile *profile, struct findings *found, struct admin_file *ret)
{
	int r = ADMIN_MISSING;

	for (size_t i = 0; r == ADMIN_MISSING && i < ARRAY_SIZE(places->host); i++)
		if (*places->host[i])
			r = admin_read(a, places->host[i], 0, profile, found, ret);
	return r;
}

int compose_read(struct arena *a, const struct admin_places *places, const struct profile *profile,
		 struct findings *found, struct compose_files *ret)
{
	int h = read_host(a, places, profile, found, &ret->host);
	int o = ADMIN_MISSING;

	if (h < 0)
		return h;
	if (*places->own)
		o = admin_read(a, places->own, places->own_owner, profile, found, &ret->own);
	if (o < 0)
		return o;
	ret->has_host = h == ADMIN_READ;
	ret->has_own = o == ADMIN_READ;
	return h == ADMIN_BROKEN || o == ADMIN_BROKEN ? COMPOSE_BROKEN : COMPOSE_OK;
}

int compose_load(struct arena *a, const struct admin_places *places, const struct profile *profile,
		 struct findings *found, struct policy *ret)
{
	struct compose_files files = { .has_host = false };
	int r = compose_read(a, places, profile, found, &files);

	if (r != COMPOSE_OK)
		return r;
	return compose(a, profile, files.has_host ? &files.host : NULL,
		       files.has_own ? &files.own : NULL, found, ret);
}
