/* SPDX-License-Identifier: Apache-2.0 */
/* What is protected on this host, as far as it is there: the policy's tables, the instance's own
 * folders, gabion.json, engines' sockets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "hostpath/hostpath.h"
#include "hostpath/place.h"
#include "settings/entries.h"
#include "settings/users.h"

/* Sockets of engines and of containerd, beside those of this instance: hard links to them, or binds
 * of them under another name, are the same inode. */
static const char *const sockets[] = {
	"/run/docker.sock",	   "/var/run/docker.sock", "/run/containerd/containerd.sock",
	"/run/podman/podman.sock", "/run/crio/crio.sock",  "/run/buildkit/buildkitd.sock",
	"/var/run/iechor.sock",
};

static const char *const user_sockets[] = { "docker.sock", "docker", "podman", "containerd",
					    "buildkit" };

struct rule_list {
	struct hostmount_rule *r;
	size_t n;
};

static int add_rule(const struct hostpath *h, struct rule_list *l, enum hostmount_kind kind,
		    const char *path, struct err *err)
{
	struct hostmount_rule *rule = &l->r[l->n];
	int r = place_of_path(h, path, &rule->place, err);

	if (r < 0)
		return r;
	if (r == 0) {
		rule->kind = kind;
		l->n++;
	}
	return 0;
}

/* What is not there yet may be made while a container runs: then the folder that will hold it is
 * what must stay out, on every host alike. */
static int add_tree(const struct hostpath *h, struct rule_list *l, const char *path,
		    struct err *err)
{
	const char *whole = hostpath_clean(h->arena, path);
	char *above = arena_must(arena_strdup(h->arena, whole));
	size_t before = l->n;
	int r = add_rule(h, l, HOSTMOUNT_TREE, whole, err);

	while (r == 0 && l->n == before) {
		char *slash = strrchr(above, '/');

		if (!slash)
			return err_set(err, -EINVAL, "%s is not an absolute path", path);
		*slash = '\0';
		r = add_rule(h, l, HOSTMOUNT_ABOVE, slash == above ? "/" : above, err);
		l->r[before].missing = whole + (slash - above) + 1;
	}
	return r;
}

static int add_configured(const struct hostpath *h, struct rule_list *l, struct err *err)
{
	size_t before = l->n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < h->facts->restricted.n; i++)
		r = add_tree(h, l, h->facts->restricted.items[i], err);
	for (size_t i = before; i < l->n; i++)
		l->r[i].configured = true;
	return r;
}

/* Of rootless engines, in the one folder of /run that a user may have. */
static int add_user_sockets(const struct hostpath *h, struct rule_list *l, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(user_sockets); i++)
		r = add_rule(h, l, HOSTMOUNT_TREE,
			     arena_must(arena_printf(h->arena, "/run/user/%u/%s", h->asker,
						     user_sockets[i])),
			     err);
	return r;
}

static int add_rules(const struct hostpath *h, struct rule_list *l, struct err *err)
{
	const char *own[] = { h->inst->etc, h->inst->run, h->inst->lib, instance_ids_dir(),
			      h->inst->private_dir ? h->inst->dir : h->inst->run };
	int r = add_rule(h, l, HOSTMOUNT_SINGLE, "/", err);

	for (size_t i = 0; r == 0 && hostmount_protected[i]; i++)
		r = add_tree(h, l, hostmount_protected[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own); i++)
		r = add_tree(h, l, own[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sockets); i++)
		r = add_rule(h, l, HOSTMOUNT_TREE, sockets[i], err);
	if (r == 0 && h->has_asker)
		r = add_user_sockets(h, l, err);
	for (size_t i = 0; r == 0 && i < h->facts->engines.n; i++)
		r = add_tree(h, l, h->facts->engines.items[i], err);
	return r == 0 ? add_configured(h, l, err) : r;
}

static size_t count_protected(void)
{
	size_t n = 0;

	while (hostmount_protected[n])
		n++;
	return n;
}

/* Where the folder is missing that is made: it, in the one that will hold it. */
static int add_made(const struct hostpath *h, struct hostmount_exception *list,
		    struct hostmount_policy *ret, struct err *err)
{
	const char *path =
		arena_must(arena_printf(h->arena, "%s/%s", hostmount_made_in, hostmount_made));
	struct hostmount_exception *e = &list[ret->nexceptions];
	int r = place_of_path(h, path, &e->place, err);

	if (r <= 0)
		return r; /* it is there */
	r = place_of_path(h, hostmount_made_in, &e->place, err);
	if (r == 0) {
		e->missing = hostmount_made;
		ret->nexceptions++;
	}
	return r;
}

static int add_exceptions(const struct hostpath *h, struct hostmount_policy *ret, struct err *err)
{
	struct hostmount_exception *list;
	char run_user[64];
	size_t n = 0;
	int r = 0;

	while (hostmount_exceptions[n].path)
		n++;
	list = arena_must(arena_array(h->arena, n + 2, sizeof(*list)));
	ret->exceptions = list;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = place_of_path(h, hostmount_exceptions[i].path, &list[ret->nexceptions].place,
				  err);
		if (r == 0)
			list[ret->nexceptions++].writable = hostmount_exceptions[i].writable;
	}
	if (r >= 0)
		r = add_made(h, list, ret, err);
	if (r >= 0 && h->has_asker && h->asker != 0) {
		(void)snprintf(run_user, sizeof(run_user), "/run/user/%u", h->asker);
		r = place_of_path(h, run_user, &list[ret->nexceptions].place, err);
		if (r == 0)
			list[ret->nexceptions++].writable = true;
	}
	return r < 0 ? r : 0;
}

/* A folder of the settings as a path of this host, NULL where it is none: $HOME is the home folder
 * of who asked for the container. */
static const char *expand(const struct hostpath *h, const char *folder)
{
	struct slice rest;
	const char *home;

	switch (entries_folder_parse(slice_str(folder), &rest)) {
	case ENTRIES_FOLDER_PATH:
		return folder;
	case ENTRIES_FOLDER_HOME:
		home = users_home(h->arena, h->has_asker ? h->asker : 0);
		return home ? arena_must(arena_printf(h->arena, "%s%.*s", home, SLICE_ARG(rest)))
			    : NULL;
	case ENTRIES_FOLDER_TMP:
		return arena_must(arena_printf(h->arena, "/tmp%.*s", SLICE_ARG(rest)));
	case ENTRIES_FOLDER_FOREIGN:
	case ENTRIES_FOLDER_BAD:
		break;
	}
	return NULL;
}

/* One list more. What is not there shares nothing. */
static int add_sharing(const struct hostpath *h, const char *const *folders, size_t n,
		       struct hostmount_sharing *ret, struct err *err)
{
	struct hostmount_place *places = arena_must(arena_array(h->arena, n + 1, sizeof(*places)));

	*ret = (struct hostmount_sharing){ .places = places };
	for (size_t i = 0; i < n; i++) {
		const char *path = expand(h, folders[i]);
		int r = path ? place_of_path(h, path, &places[ret->n], err) : 1;

		if (r < 0)
			return r;
		if (r == 0)
			ret->n++;
	}
	return 0;
}

/* gabion.json may narrow, and so may each file of settings. */
static int add_sharings(const struct hostpath *h, struct hostmount_policy *ret, struct err *err)
{
	struct hostmount_sharing *lists =
		arena_must(arena_array(h->arena, POLICY_LAYERS_MAX + 1, sizeof(*lists)));
	int r = 0;

	ret->sharing = lists;
	if (h->facts->has_sharing)
		r = add_sharing(h, h->facts->sharing.items, h->facts->sharing.n,
				&lists[ret->nsharing++], err);
	for (size_t i = 0; r == 0 && i < h->settings->nsharing; i++)
		r = add_sharing(h, h->settings->sharing[i].paths, h->settings->sharing[i].n,
				&lists[ret->nsharing++], err);
	return r;
}

static int load_policy(struct hostpath *h, struct err *err)
{
	struct hostmount_policy *p = &h->policy;
	size_t most = count_protected() + ARRAY_SIZE(sockets) + ARRAY_SIZE(user_sockets) +
		      h->facts->restricted.n + h->facts->engines.n + 8;
	struct rule_list l = { .r = arena_must(arena_array(h->arena, most, sizeof(*l.r))) };
	int r;

	*p = (struct hostmount_policy){ .nsharing = 0 };
	r = add_rules(h, &l, err);
	if (r == 0)
		r = add_exceptions(h, p, err);
	if (r == 0)
		r = add_sharings(h, p, err);
	p->rules = l.r;
	p->nrules = l.n;
	return r;
}

int hostpath_load(struct hostpath *h, struct err *err)
{
	hostpath_sockets_find(h->inst, h->settings->profile, &h->sockets);
	device_list_load(h->arena, h->facts, &h->devices);
	return load_policy(h, err);
}
