/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this works: the document is walked together with the table. Each value that fits its row is
 * copied, so that the copy holds what is known and nothing else; a row that is a setting puts its
 * copy on the list. What does not fit is a finding, and the walk goes on.
 */
#include "settings/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "settings/entries.h"
#include "json/fold.h"

#define DEPTH_MAX 32u
#define SHOWN_MAX 200u
#define MEMBERS_MAX 1000u /* of one object: each is compared with each */

struct reader {
	struct arena *arena;
	struct slice text;
	const char *file;
	const struct profile *profile;
	struct findings *found;
	struct admin_file *ret;
};

/* Where a value stands in the document, and whether what is above it is locked. */
struct spot {
	const struct path *path;
	bool locked;
};

static struct json *read_value(struct reader *r, const struct spot *spot,
			       const struct schema_key *key, const struct json *v);

static struct finding_at at_value(const struct reader *r, const struct path *path,
				  const struct json *v)
{
	return (struct finding_at){ .file = r->file, .text = r->text, .path = path, .at = v->at };
}

static struct finding_at at_key(const struct reader *r, const struct path *path,
				const struct json *v)
{
	struct finding_at at = at_value(r, path, v);

	at.at = json_key_at(r->text, v);
	return at;
}

/* What is wrong with a key that nothing here enforces must not keep the rest from being enforced.
 */
static enum finding_kind severity(const struct schema_key *key)
{
	return key->state == SCHEMA_ENFORCED ? FINDING_ERROR : FINDING_WARNING;
}

/* --- members --- */

static void say_unknown(struct reader *r, const struct path *path, const struct schema_key *parent,
			const struct json_member *m)
{
	struct finding_at at = at_key(r, path, m->value);
	bool elsewhere;
	const char *hint = schema_hint(parent, m->key, &elsewhere);

	if (!hint)
		finding_add(r->found, FINDING_WARNING, &at, "unknown key: it has no effect");
	else if (elsewhere)
		finding_add(r->found, FINDING_WARNING, &at,
			    "unknown key here: it has no effect; it belongs where %s is", hint);
	else
		finding_add(r->found, FINDING_WARNING, &at,
			    "unknown key: it has no effect; \"%s\" is a known one", hint);
}

static void say_state(struct reader *r, const struct path *path, const struct schema_key *parent,
		      const struct schema_key *key, const struct json *v)
{
	struct finding_at at = at_key(r, path, v);

	if (key->state == SCHEMA_ENFORCED || (parent && parent->state == key->state))
		return;
	finding_add(r->found, FINDING_NOTE, &at, "%s",
		    key->state == SCHEMA_PENDING
			    ? "not enforced yet: it has no effect"
			    : "means nothing to an engine on Linux: it has no effect");
}

/* A known member; whether it is to be read. */
static bool accept_member(struct reader *r, const struct path *path,
			  const struct schema_key *parent, const struct schema_key *key,
			  const struct json_member *m)
{
	struct finding_at at = at_key(r, path, m->value);

	if (!schema_applies(key, r->profile)) {
		finding_add(r->found, FINDING_WARNING, &at,
			    "not for this engine (engineProfile \"%s\" of gabion.json): it has no "
			    "effect; \"%s\" is its key",
			    r->profile->name, r->profile->socket_mount_key);
		return false;
	}
	if (!slice_eq_str(m->key, schema_name(key)))
		finding_add(r->found, FINDING_WARNING, &at, "taken for \"%s\": write it so",
			    schema_name(key));
	say_state(r, path, parent, key, m->value);
	return true;
}

/* Two keys that are one to Go: nobody can say which of them was meant. */
static bool check_twice(struct reader *r, const struct path *up, const struct json *obj, size_t i,
			const struct schema_key *parent, const struct schema_key *key)
{
	const struct path here = PATH_KEY(up, obj->members[i].key);
	struct finding_at at = at_key(r, &here, obj->members[i].value);

	for (size_t j = 0; j < i; j++) {
		const struct json_member *other = &obj->members[j];
		struct json_place first;

		if (key ? schema_child(parent, other->key) != key
			: !slice_eq(other->key, obj->members[i].key))
			continue;
		first = json_place(r->text, json_key_at(r->text, other->value));
		finding_add(r->found, FINDING_ERROR, &at, "given twice, first in line %zu",
			    first.line);
		return false;
	}
	return true;
}

static bool is_locked(const struct json *obj)
{
	for (size_t i = 0; i < obj->n; i++)
		if (fold_match(schema_locked.path, obj->members[i].key) &&
		    json_is(obj->members[i].value, JSON_BOOL) && obj->members[i].value->boolean)
			return true;
	return false;
}

static bool has_member(const struct json *obj, const struct schema_key *parent,
		       const struct schema_key *key)
{
	for (size_t i = 0; i < obj->n; i++)
		if (schema_child(parent, obj->members[i].key) == key)
			return true;
	return false;
}

/* Members that have to be there. */
static void check_complete(struct reader *r, const struct spot *spot, const struct schema_key *key,
			   const struct json *obj)
{
	const struct schema_key *value = schema_child(key, SLICE_LIT("value"));
	struct finding_at at = at_value(r, spot->path, obj);

	if (value && is_locked(obj) && !has_member(obj, key, value))
		finding_add(r->found, severity(key), &at,
			    "\"locked\" is true, but there is no \"value\" to lock it to");
	for (size_t i = 0; i < schema_keys_n; i++) {
		const struct schema_key *k = &schema_keys[i];

		if ((k->flags & SCHEMA_REQUIRED) && schema_parent(k) == key &&
		    !has_member(obj, key, k))
			finding_add(r->found, severity(key), &at, "\"%s\" is missing",
				    schema_name(k));
	}
}

static int read_member(struct reader *r, const struct spot *spot, const struct schema_key *parent,
		       const struct json *obj, size_t i, struct json *out)
{
	const struct json_member *m = &obj->members[i];
	const struct schema_key *key = schema_child(parent, m->key);
	const struct path path = PATH_KEY(spot->path, m->key);
	const struct spot here = { .path = &path, .locked = spot->locked };
	struct json *v;

	if (!check_twice(r, spot->path, obj, i, parent, key))
		return 0;
	if (!key) {
		say_unknown(r, &path, parent, m);
		return 0;
	}
	if (!accept_member(r, &path, parent, key, m))
		return 0;
	v = read_value(r, &here, key, m->value);
	if (!v || key == &schema_locked)
		return 0;
	return json_add(r->arena, out, slice_str(schema_name(key)), v);
}

/* parent is NULL for the document. NULL: out of memory. */
static struct json *read_object(struct reader *r, const struct spot *spot,
				const struct schema_key *key, const struct json *obj)
{
	struct json *out = json_new(r->arena, JSON_OBJECT);
	struct spot inside = *spot;
	int n = 0;

	if (obj->n > MEMBERS_MAX) {
		struct finding_at at = at_value(r, spot->path, obj);

		finding_add(r->found, FINDING_ERROR, &at, "more than %u keys", MEMBERS_MAX);
		return out;
	}
	if (key && (key->flags & SCHEMA_LOCKABLE))
		inside.locked = is_locked(obj);
	if (key)
		check_complete(r, spot, key, obj);
	for (size_t i = 0; out && n == 0 && i < obj->n; i++)
		n = read_member(r, &inside, key, obj, i, out);
	return n == 0 ? out : NULL;
}

/* --- values --- */

static struct json *read_list(struct reader *r, const struct spot *spot,
			      const struct schema_key *key, const struct json *list)
{
	const struct schema_key *element = schema_element(key);
	struct json *out = json_new(r->arena, JSON_ARRAY);

	for (size_t i = 0; out && i < list->n; i++) {
		const struct path path = PATH_INDEX(spot->path, i);
		const struct spot here = { .path = &path, .locked = spot->locked };
		struct json *v = read_value(r, &here, element, list->items[i]);

		if (v && json_append(r->arena, out, v) < 0)
			return NULL;
	}
	return out;
}

static void show(const struct json *v, struct buf *b)
{
	json_emit(v, b);
	if (!buf_ok(b)) {
		buf_reset(b);
		buf_add_str(b, "this");
	}
}

static bool check_type(struct reader *r, const struct path *path, const struct schema_key *key,
		       const struct json *v)
{
	CLEANUP_BUF struct buf want = BUF_INIT(SHOWN_MAX);
	CLEANUP_BUF struct buf shown = BUF_INIT(SHOWN_MAX);
	struct finding_at at = at_value(r, path, v);

	if (schema_type_fits(key->types, v))
		return true;
	schema_type_text(key->types, &want);
	if (v->kind == JSON_NUMBER && (key->types & SCHEMA_INT)) {
		show(v, &shown);
		finding_add(r->found, severity(key), &at, "%s where %s is expected", shown.p,
			    want.p);
	} else {
		finding_add(r->found, severity(key), &at, "%s where %s is expected",
			    json_kind_name(v->kind), want.p);
	}
	return false;
}

static bool check_allowed(struct reader *r, const struct path *path, const struct schema_key *key,
			  const struct json *v)
{
	CLEANUP_BUF struct buf want = BUF_INIT(SHOWN_MAX);
	CLEANUP_BUF struct buf shown = BUF_INIT(SHOWN_MAX);
	struct finding_at at = at_value(r, path, v);
	const char *quote = v->kind == JSON_STRING ? "\"" : "";

	if (schema_allows(key, v))
		return true;
	for (const char *const *a = key->allowed; *a; a++)
		buf_printf(&want, "%s%s%s%s", a == key->allowed ? "" : " or ", quote, *a, quote);
	show(v, &shown);
	finding_add(r->found, severity(key), &at, "%s where %s is expected", shown.p, want.p);
	return false;
}

static int add_setting(struct reader *r, const struct spot *spot, const struct schema_key *key,
		       const struct json *v)
{
	struct admin_file *f = r->ret;

	if (!f->settings)
		f->settings = arena_array(r->arena, schema_keys_n, sizeof(*f->settings));
	if (!f->settings)
		return -ENOMEM;
	f->settings[f->n++] = (struct admin_setting){
		.key = key,
		.value = v,
		.place = json_place(r->text, v->at),
		.locked = spot->locked || (key->flags & SCHEMA_BINDS),
	};
	return 0;
}

/* A copy of v that holds what is known; NULL where it does not fit (or memory is out, which ends in
 * admin_parse() as an arena that is full). */
static struct json *read_value(struct reader *r, const struct spot *spot,
			       const struct schema_key *key, const struct json *v)
{
	struct finding_at at = at_value(r, spot->path, v);
	struct json *out;

	if (!check_type(r, spot->path, key, v) || !check_allowed(r, spot->path, key, v))
		return NULL;
	if (v->kind == JSON_OBJECT)
		out = read_object(r, spot, key, v);
	else if (v->kind == JSON_ARRAY)
		out = read_list(r, spot, key, v);
	else
		out = json_clone(r->arena, v);
	if (!out) {
		r->found->no_memory = true;
		return NULL;
	}
	if (v->kind == JSON_STRING)
		entries_check(key->text, v->text, r->profile, &at, r->found);
	if (v->kind == JSON_OBJECT && (key->flags & SCHEMA_UNIT))
		entries_check_commands(key, v, r->profile, &at, r->found);
	out->at = v->at;
	if ((key->flags & SCHEMA_VALUE) && add_setting(r, spot, key, out) < 0)
		r->found->no_memory = true;
	return out;
}

/* --- files --- */

static struct slice without_mark(struct slice text)
{
	static const struct slice mark = { "\xef\xbb\xbf", 3 };

	return slice_starts(text, mark) ? slice_from(text, mark.n) : text;
}

int admin_parse(struct arena *a, struct slice text, const char *name, const struct profile *profile,
		struct findings *found, struct admin_file *ret)
{
	static const struct json_limits limits = {
		.depth = DEPTH_MAX, .one_value = true, .no_nul = true, .valid_utf8 = true
	};
	struct reader r = { .arena = a,
			    .text = without_mark(text),
			    .file = name,
			    .profile = profile,
			    .found = found,
			    .ret = ret };
	const struct spot top = { .path = NULL };
	struct json_place place = { 0 };
	struct err err = ERR_INIT;
	size_t before = found->errors;
	struct json *doc;

	*ret = (struct admin_file){ .name = name, .text = r.text };
	if (json_parse_place(a, r.text, &limits, &doc, &place, &err) < 0) {
		if (err.code == -ENOMEM)
			return -ENOMEM;
		finding_add_file(found, FINDING_ERROR, name, place, "not JSON: %s", err.text);
		return ADMIN_BROKEN;
	}
	if (doc->kind != JSON_OBJECT) {
		struct finding_at at = at_value(&r, NULL, doc);

		finding_add(found, FINDING_ERROR, &at, "%s where an object is expected",
			    json_kind_name(doc->kind));
		return ADMIN_BROKEN;
	}
	if (!read_object(&r, &top, NULL, doc) || found->no_memory)
		return -ENOMEM;
	return found->errors > before ? ADMIN_BROKEN : ADMIN_READ;
}

static int broken(struct findings *found, const char *path, const char *text)
{
	finding_add_file(found, FINDING_ERROR, path, (struct json_place){ 0 }, "%s", text);
	return ADMIN_BROKEN;
}

/* Whoever can write it decides what is isolated. */
static const char *distrust(const struct stat *st, uid_t owner)
{
	if (st->st_uid != 0 && st->st_uid != owner)
		return "belongs to somebody else than root: `chown root` it";
	if ((st->st_mode & S_IWOTH) && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX)))
		return "everybody may write to it: `chmod o-w` it";
	if ((st->st_mode & S_IWGRP) && st->st_gid != 0)
		return "a group may write to it: `chmod g-w` it";
	return NULL;
}

/* NULL when both the file and its folder are in the right hands. */
static const char *check_hands(struct arena *a, int fd, const char *path, uid_t owner)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FD int dir = -EBADF;
	const char *why;
	struct stat st;

	if (owner == ADMIN_ANYBODY)
		return NULL;
	if (fstat(fd, &st) < 0)
		return strerror(errno);
	why = distrust(&st, owner);
	if (why || !slash)
		return why;
	path = arena_printf(a, "%.*s", (int)(slash - path), path);
	if (!path)
		return strerror(ENOMEM);
	dir = open(*path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0)
		return strerror(errno);
	why = distrust(&st, owner);
	return why ? arena_printf(a, "its folder %s", why) : NULL;
}

int admin_read(struct arena *a, const char *path, uid_t owner, const struct profile *profile,
	       struct findings *found, struct admin_file *ret)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	CLEANUP_BUF struct buf b = BUF_INIT(ADMIN_FILE_MAX);
	struct slice text;
	const char *why;
	struct stat st;
	int r;

	*ret = (struct admin_file){ .name = path };
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ADMIN_MISSING
							   : broken(found, path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return broken(found, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return broken(found, path, "is no file");
	why = check_hands(a, fd, path, owner);
	if (why)
		return broken(found, path, why);
	r = file_read_fd(fd, &b);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return broken(found, path, r == -EFBIG ? "is larger than 1 MiB" : strerror(-r));
	text = (struct slice){ arena_dup(a, b.n ? b.p : "", b.n), b.n };
	path = arena_strdup(a, path);
	if (!text.p || !path)
		return -ENOMEM;
	return admin_parse(a, text, path, profile, found, ret);
}

const struct admin_setting *admin_find(const struct admin_file *file, const struct schema_key *key)
{
	for (size_t i = 0; i < file->n; i++)
		if (file->settings[i].key == key)
			return &file->settings[i];
	return NULL;
}

void admin_places(const struct instance *inst, struct admin_places *ret)
{
	struct stat st;

	*ret = (struct admin_places){ .own_owner = 0 };
	(void)snprintf(ret->host[0], PATH_MAX, "/etc/gabion/%s", ADMIN_NAME);
	(void)snprintf(ret->host[1], PATH_MAX, "/usr/share/docker-desktop/%s", ADMIN_NAME);
	if (!inst->private_dir)
		return;
	(void)snprintf(ret->own, PATH_MAX, "%s/%s", inst->etc, ADMIN_NAME);
	if (stat(inst->dir, &st) == 0)
		ret->own_owner = st.st_uid;
}
