/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion settings validate`: a file of its own, or those of an instance as gabiond would take
 * them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/print.h"
#include "cli/settings.h"
#include "settings/advice.h"
#include "settings/compose.h"
#include "settings/registryauth.h"

#define LINE_MAX_BYTES 8192u

struct check {
	const struct settings_call *call;
	const struct profile *profile;
	struct findings found;
	const char *files[POLICY_FILES_MAX]; /* that were looked at */
	size_t nfiles;
	const char *auth; /* registry-auth.json, which was looked at too; NULL: there is none */
	enum registryauth_state auth_state;
};

/* What cannot be read is neither right nor wrong. 0; 1 when there is no such file; -errno. */
static int look(const char *path, struct err *err)
{
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return 1;
	return err_errno(err, -errno, "%s", path);
}

static int check_file(struct check *k, const char *path, struct err *err)
{
	struct admin_file file;
	int r = look(path, err);

	if (r != 0)
		return r < 0 ? r : err_errno(err, -ENOENT, "%s", path);
	k->files[k->nfiles++] = path;
	r = admin_read(k->call->arena, path, ADMIN_ANYBODY, k->profile, &k->found, &file);
	if (r == ADMIN_READ)
		r = advice_add(&file, k->profile, &k->found);
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int compose_all(struct check *k, const struct compose_files *files)
{
	struct policy policy;
	int r = 0;

	if (files->has_host)
		r = advice_add(&files->host, k->profile, &k->found);
	if (r == 0 && files->has_own)
		r = advice_add(&files->own, k->profile, &k->found);
	if (r < 0)
		return r;
	return compose(k->call->arena, k->profile, files->has_host ? &files->host : NULL,
		       files->has_own ? &files->own : NULL, &k->found, &policy);
}

/* The host's first one that is there, and the instance's own. */
static int look_at_all(struct check *k, const struct admin_places *places, struct err *err)
{
	const char *const paths[] = { places->host[0], places->host[1], places->own };
	bool host = false;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		bool own = paths[i] == places->own;
		int r = *paths[i] && (own || !host) ? look(paths[i], err) : 1;

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		host |= !own;
		k->files[k->nfiles++] = arena_must(arena_strdup(k->call->arena, paths[i]));
	}
	return 0;
}

/* What the file says of itself begins with its name, which stands before findings anyway. */
static const char *without_name(const char *text, const char *path)
{
	size_t n = strlen(path);

	if (strncmp(text, path, n) != 0)
		return text;
	return text + n + strspn(text + n, ": ");
}

static void check_credentials(struct check *k, const struct instance *inst)
{
	struct json_place whole = { 0 };
	struct err err = ERR_INIT;
	char buf[PATH_MAX];
	int r = registryauth_check(inst, k->profile, buf, &err);
	const char *path = arena_must(arena_strdup(k->call->arena, buf));

	if (r == REGISTRYAUTH_NONE)
		return;
	k->auth = path;
	k->auth_state = (enum registryauth_state)r;
	if (r == REGISTRYAUTH_HIDDEN)
		finding_add_file(&k->found, FINDING_NOTE, path, whole,
				 "not looked at: you may not read it (try sudo)");
	else if (r == REGISTRYAUTH_BAD)
		finding_add_file(&k->found, FINDING_ERROR, path, whole, "%s",
				 without_name(err.text, path));
}

static int check_instance(struct check *k, const struct instance *inst, struct err *err)
{
	struct compose_files files = { .has_host = false };
	struct admin_places places;
	int r;

	admin_places(inst, &places);
	r = look_at_all(k, &places, err);
	if (r < 0)
		return r;
	r = compose_read(k->call->arena, &places, k->profile, &k->found, &files);
	if (r == COMPOSE_OK)
		r = compose_all(k, &files);
	check_credentials(k, inst);
	return r < 0 ? err_errno(err, r, "settings") : 0;
}

static size_t count(const struct findings *f, enum finding_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->list[i].kind == kind;
	return kind == FINDING_ERROR ? f->errors : n;
}

static void print_human(const struct check *k)
{
	const struct findings *f = &k->found;
	size_t errors = f->errors - (k->auth_state == REGISTRYAUTH_BAD);

	for (size_t i = 0; i < f->n; i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(LINE_MAX_BYTES);

		finding_print(&f->list[i], &b);
		(void)printf("%s: %s\n", finding_kind_name(f->list[i].kind),
			     buf_ok(&b) ? b.p : f->list[i].text);
	}
	if (f->lost > 0)
		(void)printf("and %zu more\n", f->lost);
	for (size_t i = 0; i < k->nfiles; i++)
		(void)printf("%s%s", i ? ", " : "", k->files[i]);
	if (k->nfiles == 0)
		(void)printf("there is no settings file, so the defaults hold");
	else if (errors > 0)
		(void)printf(": %zu error%s, not taken", errors, errors == 1 ? "" : "s");
	else
		(void)printf(": no errors");
	(void)printf("\n");
	if (k->auth && k->auth_state != REGISTRYAUTH_HIDDEN)
		(void)printf("%s: %s\n", k->auth,
			     k->auth_state == REGISTRYAUTH_BAD ? "its credentials are not used"
							       : "no errors");
}

static void print_document(const struct check *k)
{
	struct arena *a = k->call->arena;
	struct json *doc = arena_must(json_new(a, JSON_OBJECT));
	struct json *files = arena_must(json_new(a, JSON_ARRAY));
	struct json *found = arena_must(json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < k->nfiles; i++)
		(void)json_append(a, files, json_new_str(a, k->files[i]));
	if (k->auth)
		(void)json_append(a, files, json_new_str(a, k->auth));
	for (size_t i = 0; i < k->found.n; i++)
		(void)json_append(a, found, finding_json(a, &k->found.list[i]));
	(void)json_set(a, doc, "ok", json_new_bool(a, k->found.errors == 0));
	(void)json_set(a, doc, "profile", json_new_str(a, k->profile->name));
	(void)json_set(a, doc, "files", files);
	(void)json_set(a, doc, "errors", json_new_uint(a, count(&k->found, FINDING_ERROR)));
	(void)json_set(a, doc, "warnings", json_new_uint(a, count(&k->found, FINDING_WARNING)));
	(void)json_set(a, doc, "notes", json_new_uint(a, count(&k->found, FINDING_NOTE)));
	(void)json_set(a, doc, "lost", json_new_uint(a, k->found.lost));
	(void)json_set(a, doc, "findings", found);
	print_json(doc);
}

int settings_validate(const struct settings_call *c)
{
	struct check k = { .call = c, .found = FINDINGS_INIT(c->arena) };
	struct err err = ERR_INIT;
	struct instance inst;
	int r = settings_instance(c, &inst, &k.profile);

	if (r != 0)
		return r;
	r = c->nwords > 0 ? check_file(&k, c->words[0], &err) : check_instance(&k, &inst, &err);
	if (r == 0 && k.found.no_memory)
		r = err_errno(&err, -ENOMEM, "settings");
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	if (c->args->json)
		print_document(&k);
	else
		print_human(&k);
	return k.found.errors > 0 ? CLI_EXIT_NO : CLI_EXIT_OK;
}
