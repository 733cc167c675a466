/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: the settings are the policy; the fields for those who decide are worked out of
 * them in one place (policy_digest), whether they come from files or from a snapshot. So what is
 * listed and what is decided cannot differ.
 */
#include "settings/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define ECI "enhancedContainerIsolation"
#define DEPTH_MAX 32u
#define ROWS_MAX 1000u

/* --- the digest --- */

struct digest {
	struct arena *arena;
	struct policy *policy;
	struct err *err;
};

/* Room for an array that may have no elements. */
static void *array(struct arena *a, size_t n, size_t each)
{
	return arena_array(a, n ? n : 1, each);
}

static int take_texts(struct arena *a, const struct json *list, const char ***ret, size_t *ret_n)
{
	const char **texts = array(a, list->n, sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		texts[i] = list->items[i]->text.p;
	*ret = texts;
	*ret_n = list->n;
	return 0;
}

static int take_isolation(struct digest *d, const struct policy_setting *s)
{
	d->policy->isolation = s->value->boolean;
	return 0;
}

/* A folder is a string or an object with a path. */
static int take_sharing(struct digest *d, const struct policy_setting *s)
{
	struct policy_sharing *to = &d->policy->sharing[s->layer];
	const struct json *list = s->value;

	to->paths = array(d->arena, list->n, sizeof(*to->paths));
	if (!to->paths)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct json *v = list->items[i];

		to->paths[i] = v->kind == JSON_STRING ? v->text.p : json_get_str(v, "path");
	}
	to->n = list->n;
	d->policy->nsharing++;
	return 0;
}

/* The commandList of an entry; its members may be missing. */
static int take_own_commands(struct digest *d, const struct json *v,
			     const struct policy_commands **ret)
{
	struct policy_commands *c = arena_alloc(d->arena, sizeof(*c));
	const struct json *names = json_get(v, "commands");
	const char *type = json_get_str(v, "type");

	if (!c)
		return -ENOMEM;
	c->allow = type && strcmp(type, "allow") == 0;
	c->report_only = json_get_bool(v, "reportOnly", false);
	*ret = c;
	return names ? take_texts(d->arena, names, &c->names, &c->n) : 0;
}

static int take_images(struct digest *d, const struct policy_setting *s)
{
	struct policy_socket *to = &d->policy->sockets[s->layer];
	const struct json *list = s->value;
	struct policy_image *images = array(d->arena, list->n, sizeof(*images));

	if (!images)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct json *v = list->items[i];
		const struct json *commands = json_get(v, "commandList");

		images[i].text = v->kind == JSON_STRING ? v->text.p : json_get_str(v, "image");
		if (commands && take_own_commands(d, commands, &images[i].commands) < 0)
			return -ENOMEM;
	}
	to->images = images;
	to->nimages = list->n;
	return 0;
}

static int take_type(struct digest *d, const struct policy_setting *s)
{
	d->policy->sockets[s->layer].commands.allow = slice_eq_str(s->value->text, "allow");
	return 0;
}

static int take_commands(struct digest *d, const struct policy_setting *s)
{
	struct policy_commands *c = &d->policy->sockets[s->layer].commands;

	return take_texts(d->arena, s->value, &c->names, &c->n);
}

static int take_report_only(struct digest *d, const struct policy_setting *s)
{
	d->policy->sockets[s->layer].commands.report_only = s->value->boolean;
	return 0;
}

static int take_derived(struct digest *d, const struct policy_setting *s)
{
	d->policy->sockets[s->layer].allow_derived = s->value->boolean;
	return 0;
}

static int take_previous(struct digest *d, const struct policy_setting *s)
{
	d->policy->sockets[s->layer].keep_previous = s->value->boolean;
	return 0;
}

static int take_children(struct digest *d, const struct policy_setting *s)
{
	d->policy->sockets[s->layer].own_children = s->value->boolean;
	return 0;
}

/* Below the engine's own key where `socket` says so. */
static const struct taker {
	bool socket;
	const char *path;
	int (*take)(struct digest *d, const struct policy_setting *s);
} takers[] = {
	{ false, ECI ".value", take_isolation },
	{ false, "filesharingAllowedDirectories", take_sharing },
	{ true, ".imageList.images", take_images },
	{ true, ".imageList.allowDerivedImages", take_derived },
	{ true, ".imageList.keepPreviousDigests", take_previous },
	{ true, ".commandList.type", take_type },
	{ true, ".commandList.commands", take_commands },
	{ true, ".commandList.reportOnly", take_report_only },
	{ true, ".ownChildrenOnly", take_children },
};

static const struct taker *find_taker(const struct schema_key *key)
{
	const char *path = key->path;

	if (key->socket)
		path += strlen(ECI ".") + strlen(key->socket);
	for (size_t i = 0; i < ARRAY_SIZE(takers); i++)
		if (takers[i].socket == (key->socket != NULL) && strcmp(takers[i].path, path) == 0)
			return &takers[i];
	return NULL;
}

static int fail_setting(struct digest *d, const struct schema_key *key, const char *why)
{
	return err_set(d->err, -EINVAL, "setting %s %s", key->path, why);
}

/* How many rows a key has; their layers must count from 0. */
static int count_layers(struct digest *d, const struct schema_key *key, size_t *ret)
{
	const struct policy *p = d->policy;

	*ret = 0;
	for (size_t i = 0; i < p->nsettings; i++) {
		if (p->settings[i].key != key)
			continue;
		if (p->settings[i].layer != *ret || *ret == POLICY_LAYERS_MAX)
			return fail_setting(d, key, "has the wrong layers");
		(*ret)++;
	}
	return *ret > 1 && key->merge != SCHEMA_MERGE_LAYERS
		       ? fail_setting(d, key, "is there twice")
		       : 0;
}

static int check_layers(struct digest *d, const struct schema_key *key)
{
	struct policy *p = d->policy;
	size_t n;
	int r = count_layers(d, key, &n);

	if (r < 0)
		return r;
	if (n > 0 && !schema_applies(key, p->profile))
		return fail_setting(d, key, "is not for this engine");
	if (key->state != SCHEMA_ENFORCED || !schema_applies(key, p->profile))
		return 0;
	if (n == 0 && key->fallback)
		return fail_setting(d, key, "is missing");
	if (!key->socket)
		return 0;
	if (p->nsockets == 0)
		p->nsockets = n;
	return n == p->nsockets ? 0 : fail_setting(d, key, "has too few or too many layers");
}

int policy_digest(struct arena *a, struct policy *p, struct err *err)
{
	struct digest d = { .arena = a, .policy = p, .err = err };
	int r = 0;

	p->nsockets = 0;
	p->nsharing = 0;
	for (size_t i = 0; r == 0 && i < schema_keys_n; i++)
		if (schema_keys[i].flags & SCHEMA_VALUE)
			r = check_layers(&d, &schema_keys[i]);
	for (size_t i = 0; r == 0 && i < p->nsettings; i++) {
		const struct taker *t = find_taker(p->settings[i].key);

		if (t)
			r = t->take(&d, &p->settings[i]);
	}
	return r == -ENOMEM ? err_errno(err, r, "settings") : r;
}

int policy_defaults(struct arena *a, const struct profile *profile, struct policy *ret)
{
	struct policy_setting *rows = arena_array(a, schema_keys_n, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < schema_keys_n; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (!(key->flags & SCHEMA_VALUE) || !key->fallback ||
		    key->state != SCHEMA_ENFORCED || !schema_applies(key, profile))
			continue;
		rows[n] = (struct policy_setting){ .key = key,
						   .value = schema_fallback(a, key),
						   .source = POLICY_DEFAULT };
		if (!rows[n++].value)
			return -ENOMEM;
	}
	*ret = (struct policy){ .profile = profile, .settings = rows, .nsettings = n };
	return policy_digest(a, ret, NULL);
}

/* --- writing --- */

struct json *policy_setting_json(struct arena *a, const struct policy_setting *s)
{
	struct json *row = json_new(a, JSON_OBJECT);
	int r = row ? 0 : -ENOMEM;

	if (r == 0)
		r = json_set(a, row, "key", json_new_str(a, s->key->path));
	if (r == 0)
		r = json_set(a, row, "layer", json_new_uint(a, s->layer));
	if (r == 0)
		r = json_set(a, row, "value", json_clone(a, s->value));
	if (r == 0)
		r = json_set(a, row, "locked", json_new_bool(a, s->locked));
	if (r == 0)
		r = json_set(a, row, "source", json_new_str(a, s->source));
	return r == 0 ? row : NULL;
}

struct json *policy_json(struct arena *a, const struct policy *p)
{
	struct json *doc = json_new(a, JSON_OBJECT);
	struct json *files = json_new(a, JSON_ARRAY);
	struct json *settings = json_new(a, JSON_ARRAY);
	int r = doc && files && settings ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < p->nfiles; i++)
		r = json_append(a, files, json_new_str(a, p->files[i]));
	for (size_t i = 0; r == 0 && i < p->nsettings; i++)
		r = json_append(a, settings, policy_setting_json(a, &p->settings[i]));
	if (r == 0)
		r = json_set(a, doc, "version", json_new_uint(a, POLICY_VERSION));
	if (r == 0)
		r = json_set(a, doc, "generation", json_new_uint(a, p->generation));
	if (r == 0)
		r = json_set(a, doc, "profile", json_new_str(a, p->profile->name));
	if (r == 0)
		r = json_set(a, doc, "files", files);
	if (r == 0)
		r = json_set(a, doc, "settings", settings);
	return r == 0 ? doc : NULL;
}

void policy_print(const struct policy *p, struct buf *b)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(POLICY_ARENA_MAX);
	const struct json *doc = policy_json(&a, p);

	if (!doc) {
		b->failed = true;
		return;
	}
	json_emit(doc, b);
	buf_add_char(b, '\n');
}

/* --- reading --- */

/* Whether v is what the table says, in its exact spelling, and nothing else. */
static bool is_exact(const struct schema_key *key, const struct json *v)
{
	if (!schema_type_fits(key->types, v) || !schema_allows(key, v))
		return false;
	if (v->kind == JSON_ARRAY)
		for (size_t i = 0; i < v->n; i++)
			if (!is_exact(schema_element(key), v->items[i]))
				return false;
	if (v->kind != JSON_OBJECT)
		return true;
	for (size_t i = 0; i < v->n; i++) {
		const struct schema_key *child = schema_child(key, v->members[i].key);

		if (!child || !slice_eq_str(v->members[i].key, schema_name(child)) ||
		    json_get(v, schema_name(child)) != v->members[i].value ||
		    !is_exact(child, v->members[i].value))
			return false;
	}
	for (size_t i = 0; i < schema_keys_n; i++)
		if ((schema_keys[i].flags & SCHEMA_REQUIRED) &&
		    schema_parent(&schema_keys[i]) == key &&
		    !json_get(v, schema_name(&schema_keys[i])))
			return false;
	return true;
}

static int parse_setting(const struct json *row, struct policy_setting *ret)
{
	const char *path = json_get_str(row, "key");
	const struct json *locked = json_get(row, "locked");
	uint64_t layer;

	*ret = (struct policy_setting){ .key = path ? schema_find(path) : NULL,
					.value = json_get(row, "value"),
					.source = json_get_str(row, "source") };
	if (!json_is(row, JSON_OBJECT) || row->n != 5 || !ret->key ||
	    !(ret->key->flags & SCHEMA_VALUE) || !ret->value || !ret->source ||
	    !json_is(locked, JSON_BOOL) || json_get_u64(row, "layer", &layer) != 0 ||
	    layer >= POLICY_LAYERS_MAX)
		return -EINVAL;
	/* What is not enforced was taken as it was. */
	if (ret->key->state == SCHEMA_ENFORCED && !is_exact(ret->key, ret->value))
		return -EINVAL;
	ret->layer = layer;
	ret->locked = locked->boolean;
	return 0;
}

static int parse_settings(struct arena *a, const struct json *list, struct policy *ret,
			  struct err *err)
{
	if (!json_is(list, JSON_ARRAY) || list->n > ROWS_MAX)
		return err_set(err, -EINVAL, "\"settings\" is no list of settings");
	ret->settings = array(a, list->n, sizeof(*ret->settings));
	if (!ret->settings)
		return err_errno(err, -ENOMEM, "settings");
	for (size_t i = 0; i < list->n; i++)
		if (parse_setting(list->items[i], &ret->settings[i]) < 0)
			return err_set(err, -EINVAL, "settings[%zu] is no setting of this version",
				       i);
	ret->nsettings = list->n;
	return 0;
}

static int parse_files(const struct json *list, struct policy *ret, struct err *err)
{
	if (!json_is(list, JSON_ARRAY) || list->n > POLICY_FILES_MAX)
		return err_set(err, -EINVAL, "\"files\" is no list of files");
	for (size_t i = 0; i < list->n; i++) {
		ret->files[i] = json_str(list->items[i]);
		if (!ret->files[i])
			return err_set(err, -EINVAL, "\"files\" is no list of files");
	}
	ret->nfiles = list->n;
	return 0;
}

static int parse_document(struct arena *a, const struct json *doc, struct policy *ret,
			  struct err *err)
{
	const char *profile = json_get_str(doc, "profile");
	uint64_t version;
	int r;

	if (!json_is(doc, JSON_OBJECT) || json_get_u64(doc, "version", &version) != 0)
		return err_set(err, -EINVAL, "this is no policy");
	if (version != POLICY_VERSION)
		return err_set(err, -EINVAL,
			       "version %llu, not %d: gabion was upgraded only in "
			       "part",
			       (unsigned long long)version, POLICY_VERSION);
	ret->profile = profile ? profile_find(slice_str(profile)) : NULL;
	if (doc->n != 5 || !ret->profile ||
	    json_get_u64(doc, "generation", &ret->generation) != 0 || ret->generation == 0)
		return err_set(err, -EINVAL, "this is no policy of version %d", POLICY_VERSION);
	r = parse_files(json_get(doc, "files"), ret, err);
	if (r == 0)
		r = parse_settings(a, json_get(doc, "settings"), ret, err);
	return r == 0 ? policy_digest(a, ret, err) : r;
}

int policy_parse(struct arena *a, struct slice text, const char *name, struct policy *ret,
		 struct err *err)
{
	static const struct json_limits limits = {
		.depth = DEPTH_MAX, .one_value = true, .no_nul = true, .valid_utf8 = true
	};
	struct policy p = { .generation = 0 };
	struct json *doc;
	int r = json_parse(a, text, &limits, &doc, NULL, err);

	if (r == 0)
		r = parse_document(a, doc, &p, err);
	if (r < 0) {
		(void)err_wrap(err, "%s", name);
		return r;
	}
	*ret = p;
	return 0;
}
