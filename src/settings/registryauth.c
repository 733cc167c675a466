/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/registryauth.h"

#include <errno.h>

#include "base/base64.h"
#include "base/util.h"
#include "json/json.h"
#include "json/utf8.h"

#define FIELD_ARENA_MAX (4u * REGISTRYAUTH_HEADER_MAX)

enum member_kind {
	MEMBER_SECRET, /* stored at `offset` */
	MEMBER_AUTH,   /* username and password in one */
	MEMBER_IDLE,   /* says nothing that counts */
};

static const struct {
	const char *key;
	enum member_kind kind;
	size_t offset;
} members[] = {
	{ "auth", MEMBER_AUTH, 0 },
	{ "username", MEMBER_SECRET, offsetof(struct registryauth, username) },
	{ "password", MEMBER_SECRET, offsetof(struct registryauth, password) },
	{ "identitytoken", MEMBER_SECRET, offsetof(struct registryauth, identity_token) },
	{ "registrytoken", MEMBER_SECRET, offsetof(struct registryauth, registry_token) },
	{ "email", MEMBER_IDLE, 0 },
	{ "serveraddress", MEMBER_IDLE, 0 },
};

/* A file that is being read. */
struct reading {
	struct arena *arena;
	const char *name;
	struct slice key; /* of the registry, as it is written */
	struct registryauth *to;
	struct err *err;
};

static int wrong(const struct reading *r, const char *member, const char *what)
{
	return err_set(r->err, -EINVAL, "%s: \"auths\": \"%.*s\": \"%s\" %s", r->name,
		       SLICE_ARG(r->key), member, what);
}

/* --- one registry --- */

/* The engine reads it as JSON, which would make something else of other bytes. */
static bool is_text(struct slice s)
{
	while (s.n > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);

		if (n == 0 || c == 0)
			return false;
		s = slice_from(s, n);
	}
	return true;
}

/* NAME:PASSWORD, of which the name has no colon. */
static int take_pair(struct arena *a, struct slice coded, struct registryauth *to)
{
	CLEANUP_BUF_WIPE struct buf plain = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	const char *copy;
	size_t colon;

	if (coded.n > REGISTRYAUTH_HEADER_MAX || !buf_reserve(&plain, REGISTRYAUTH_HEADER_MAX) ||
	    base64_decode(coded, &plain) < 0)
		return -EINVAL;
	colon = slice_find(buf_slice(&plain), ':');
	if (colon == 0 || colon == plain.n || !is_text(buf_slice(&plain)))
		return -EINVAL;
	copy = arena_dup(a, plain.p, plain.n);
	if (!copy)
		return -ENOMEM;
	to->username = (struct slice){ copy, colon };
	to->password = (struct slice){ copy + colon + 1, plain.n - colon - 1 };
	return 0;
}

static bool is_complete(const struct registryauth *r)
{
	return (r->username.n && r->password.n) || r->identity_token.n || r->registry_token.n;
}

static int take_member(const struct reading *r, const struct json_member *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct slice *to = (struct slice *)((char *)r->to + members[i].offset);
		int got;

		if (!slice_eq_str(m->key, members[i].key))
			continue;
		if (!json_is(m->value, JSON_STRING))
			return wrong(r, members[i].key, "must be a string");
		if (m->value->text.n > REGISTRYAUTH_HEADER_MAX)
			return wrong(r, members[i].key, "is too long");
		if (members[i].kind == MEMBER_SECRET)
			*to = m->value->text;
		if (members[i].kind != MEMBER_AUTH || m->value->text.n == 0)
			return 0;
		got = take_pair(r->arena, m->value->text, r->to);
		return got == -EINVAL
			       ? wrong(r, "auth", "must be the base64 of NAME:PASSWORD in UTF-8")
			       : got;
	}
	return err_set(r->err, -EINVAL, "%s: \"auths\": \"%.*s\": unknown key \"%.*s\"", r->name,
		       SLICE_ARG(r->key), SLICE_ARG(m->key));
}

/* "https://index.docker.io/v1/": what docker login writes for the default registry. */
static struct slice host_of(const struct profile *p, struct slice key)
{
	static const struct slice schemes[] = { { "https://", 8 }, { "http://", 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (slice_starts(key, schemes[i])) {
			key = slice_from(key, schemes[i].n);
			break;
		}
	key.n = slice_find(key, '/');
	return slice_eq_str(key, p->registry_alias) ? slice_str(p->registry) : key;
}

static int take_registry(struct reading *r, const struct profile *p, const struct json_member *m,
			 const struct registryauth_list *list)
{
	r->to->host = host_of(p, m->key);
	if (r->to->host.n == 0)
		return err_set(r->err, -EINVAL, "%s: \"auths\": \"%.*s\" names no registry",
			       r->name, SLICE_ARG(r->key));
	for (size_t i = 0; i < list->n; i++)
		if (slice_eq(list->items[i].host, r->to->host))
			return err_set(r->err, -EINVAL,
				       "%s: \"auths\": \"%.*s\": %.*s has credentials already",
				       r->name, SLICE_ARG(r->key), SLICE_ARG(r->to->host));
	if (!json_is(m->value, JSON_OBJECT))
		return err_set(r->err, -EINVAL, "%s: \"auths\": \"%.*s\" must be an object",
			       r->name, SLICE_ARG(r->key));
	for (size_t i = 0; i < m->value->n; i++) {
		int got = take_member(r, &m->value->members[i]);

		if (got < 0)
			return got;
	}
	if (!is_complete(r->to))
		return err_set(r->err, -EINVAL,
			       "%s: \"auths\": \"%.*s\" has no credentials: it needs \"auth\", or "
			       "\"username\" and \"password\", or \"identitytoken\" (what a "
			       "credential helper keeps cannot be used)",
			       r->name, SLICE_ARG(r->key));
	return 0;
}

int registryauth_parse(struct arena *a, struct slice text, const char *name,
		       const struct profile *p, struct registryauth_list *ret, struct err *err)
{
	struct reading r = { .arena = a, .name = name, .err = err };
	struct json_limits limits = JSON_LIMITS;
	struct registryauth_list list = { 0 };
	const struct json *auths;
	struct json *doc;
	int got;

	limits.no_nul = true;
	got = json_parse(a, text, &limits, &doc, NULL, err);
	if (got < 0) {
		(void)err_wrap(err, "%s", name);
		return got;
	}
	auths = json_get(doc, "auths");
	if (!json_is(auths, JSON_OBJECT))
		return err_set(err, -EINVAL, "%s: must be an object with an object \"auths\"",
			       name);
	if (auths->n > REGISTRYAUTH_HOSTS_MAX)
		return err_set(err, -E2BIG, "%s: \"auths\": more than %u registries", name,
			       REGISTRYAUTH_HOSTS_MAX);
	list.items = arena_array(a, auths->n + 1, sizeof(*list.items));
	if (!list.items)
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	for (size_t i = 0; i < auths->n; i++) {
		r.key = auths->members[i].key;
		r.to = &list.items[i];
		got = take_registry(&r, p, &auths->members[i], &list);
		if (got < 0)
			return got;
		list.n++;
	}
	*ret = list;
	return 0;
}

/* --- the field --- */

int registryauth_from_field(struct arena *a, struct slice value, struct registryauth *ret)
{
	CLEANUP_BUF_WIPE struct buf plain = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct registryauth found = { 0 };
	struct reading r = { .arena = a, .name = "X-Registry-Auth", .to = &found };
	struct json *doc;

	if (value.n > REGISTRYAUTH_HEADER_MAX || !buf_reserve(&plain, REGISTRYAUTH_HEADER_MAX) ||
	    base64_decode(value, &plain) < 0)
		return -EINVAL;
	limits.no_nul = true;
	if (json_parse(a, buf_slice(&plain), &limits, &doc, NULL, NULL) < 0 ||
	    !json_is(doc, JSON_OBJECT))
		return -EINVAL;
	for (size_t i = 0; i < doc->n; i++)
		if (take_member(&r, &doc->members[i]) < 0)
			return -EINVAL;
	if (!is_complete(&found))
		return -EINVAL;
	*ret = found;
	return 0;
}

static void set(struct arena *a, struct json *o, const char *key, struct slice v)
{
	if (v.n)
		(void)json_set(a, o, key, json_new_slice(a, v));
}

void registryauth_field(const struct registryauth *r, const struct profile *p, struct buf *b)
{
	CLEANUP_ARENA_WIPE struct arena a = ARENA_INIT(FIELD_ARENA_MAX);
	CLEANUP_BUF_WIPE struct buf text = BUF_INIT(REGISTRYAUTH_HEADER_MAX);
	struct json *o = json_new(&a, JSON_OBJECT);

	if (!o || !buf_reserve(&text, REGISTRYAUTH_HEADER_MAX)) {
		b->failed = true;
		return;
	}
	set(&a, o, "username", r->username);
	set(&a, o, "password", r->password);
	set(&a, o, "identitytoken", r->identity_token);
	set(&a, o, "registrytoken", r->registry_token);
	if (slice_eq_str(r->host, p->registry))
		(void)json_set(&a, o, "serveraddress",
			       json_new_str(&a,
					    arena_printf(&a, "https://%s/v1/", p->registry_alias)));
	else
		set(&a, o, "serveraddress", r->host);
	json_emit(o, &text);
	if (buf_ok(&text))
		base64_encode(BASE64_URL, buf_slice(&text), b);
	else
		b->failed = true;
}
