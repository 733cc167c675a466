/* SPDX-License-Identifier: Apache-2.0 */
/* What is protected on this host, as far as it is there: the policy's tables, the instance's own
 * folders, gabion.json, engines' sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "hostpath/hostpath.h"
#include "hostpath/place.h"
#include "linux/at.h"

/* Sockets of engines and of containerd, beside those of this instance: hard links to them, or binds
 * of them under another name, are the same inode. */
static const char *const sockets[] = {
	"/run/docker.sock",	   "/var/run/docker.sock", "/run/containerd/containerd.sock",
	"/run/podman/podman.sock", "/run/crio/crio.sock",  "/run/buildkit/buildkitd.sock",
	"/var/run/iechor.sock",
};

/* By which clients use an engine, and may be meant to in a container: where the documents of the
 * engines that gabion knows have it, beside DIR/run/docker.sock. */
static const char *const client_sockets[] = { "/run/docker.sock", "/var/run/docker.sock",
					      "/run/iechor.sock", "/var/run/iechor.sock" };

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

static int add_exceptions(const struct hostpath *h, struct hostmount_policy *ret, struct err *err)
{
	struct hostmount_exception *list;
	char run_user[64];
	size_t n = 0;
	int r = 0;

	while (hostmount_exceptions[n].path)
		n++;
	list = arena_must(arena_array(h->arena, n + 1, sizeof(*list)));
	ret->exceptions = list;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = place_of_path(h, hostmount_exceptions[i].path, &list[ret->nexceptions].place,
				  err);
		if (r == 0)
			list[ret->nexceptions++].writable = hostmount_exceptions[i].writable;
	}
	if (r >= 0 && h->has_asker && h->asker != 0) {
		(void)snprintf(run_user, sizeof(run_user), "/run/user/%u", h->asker);
		r = place_of_path(h, run_user, &list[ret->nexceptions].place, err);
		if (r == 0)
			list[ret->nexceptions++].writable = true;
	}
	return r < 0 ? r : 0;
}

static int load_policy(struct hostpath *h, struct err *err)
{
	struct hostmount_policy *p = &h->policy;
	size_t most = count_protected() + ARRAY_SIZE(sockets) + ARRAY_SIZE(user_sockets) +
		      h->facts->restricted.n + h->facts->engines.n + 8;
	struct rule_list l = { .r = arena_must(arena_array(h->arena, most, sizeof(*l.r))) };
	struct hostmount_place *sharing;
	int r;

	*p = (struct hostmount_policy){ .has_sharing = h->facts->has_sharing };
	r = add_rules(h, &l, err);
	if (r == 0)
		r = add_exceptions(h, p, err);
	if (r < 0)
		return r;
	p->rules = l.r;
	p->nrules = l.n;
	sharing = arena_must(arena_array(h->arena, h->facts->sharing.n + 1, sizeof(*sharing)));
	for (size_t i = 0; i < h->facts->sharing.n; i++) {
		r = place_of_path(h, h->facts->sharing.items[i], &sharing[p->nsharing], err);
		if (r < 0)
			return r;
		if (r == 0)
			p->nsharing++;
	}
	p->sharing = sharing;
	return 0;
}

static void add_socket(struct hostpath *h, const char *path)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);
	struct at_ident ident;

	if (fd >= 0 && at_identify(fd, &ident) == 0 && S_ISSOCK(ident.mode) &&
	    h->nsockets < HOSTPATH_SOCKETS_MAX)
		h->sockets[h->nsockets++] = place_node(&ident);
}

int hostpath_load(struct hostpath *h, struct err *err)
{
	h->nsockets = 0;
	add_socket(h, arena_must(arena_printf(h->arena, "%s/docker.sock", h->inst->run)));
	for (size_t i = 0; i < ARRAY_SIZE(client_sockets); i++)
		add_socket(h, client_sockets[i]);
	device_list_load(h->arena, h->facts, &h->devices);
	return load_policy(h, err);
}
