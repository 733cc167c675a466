/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/mountinfo.h"
#include "runtime/runtime.h"
#include "settings/entries.h"
#include "settings/users.h"

#define DEPTH_MAX 256

/* Sockets of engines and of containerd, beside those of this instance: hard links to them, or binds
 * of them under another name, are the same inode. */
static const char *const sockets[] = {
	"/run/docker.sock",	   "/var/run/docker.sock", "/run/containerd/containerd.sock",
	"/run/podman/podman.sock", "/run/crio/crio.sock",  "/run/buildkit/buildkitd.sock",
	"/var/run/iechor.sock",
};

static const char *const user_sockets[] = { "docker.sock", "docker", "podman", "containerd",
					    "buildkit" };

static uint64_t dev_of(uint32_t major, uint32_t minor)
{
	return (uint64_t)major << 32 | minor;
}

/* The folder that holds the file behind fd, checked to be so: its name there is the same inode. */
static int parent_of_file(int fd, const struct at_ident *self, struct err *err)
{
	CLEANUP_FD int dir = -EBADF;
	CLEANUP_FD int again = -EBADF;
	char path[PATH_MAX];
	struct at_ident found;
	char *slash;
	int r;

	r = at_path_of(fd, path, sizeof(path));
	if (r < 0)
		return err_errno(err, r, "path of a mount source");
	slash = strrchr(path, '/');
	if (!slash)
		return err_set(err, -ENOENT, "%s has no place in the host's file system", path);
	again = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	*slash = '\0';
	dir = open(slash == path ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || again < 0 || at_identify(again, &found) < 0 || found.ino != self->ino ||
	    found.dev_major != self->dev_major || found.dev_minor != self->dev_minor)
		return err_set(err, -ESTALE, "%s/%s was renamed while it was looked at", path,
			       slash + 1);
	return TAKE_FD(dir);
}

static int walk_up(struct runtime *rt, int start, const struct at_ident *self,
		   struct hostmount_place *ret, struct err *err)
{
	struct hostmount_node *chain =
		arena_must(arena_array(&rt->arena, DEPTH_MAX, sizeof(*chain)));
	struct at_ident last = *self;
	CLEANUP_FD int at = S_ISDIR(self->mode)
				    ? openat(start, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)
				    : parent_of_file(start, self, err);
	bool first = !S_ISDIR(self->mode);

	chain[0] = (struct hostmount_node){ dev_of(self->dev_major, self->dev_minor), self->ino };
	ret->chain = chain;
	ret->nchain = 1;
	while (at >= 0) {
		struct at_ident up;
		CLEANUP_FD int next = first ? openat(at, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)
					    : openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (next < 0 || at_identify(next, &up) < 0)
			return err_errno(err, -errno, "%s: walking up", ret->path);
		if (!first && up.ino == last.ino && up.mnt_id == last.mnt_id)
			return 0;
		if (ret->nchain == DEPTH_MAX)
			return err_set(err, -ELOOP, "%s lies too deep", ret->path);
		chain[ret->nchain++] =
			(struct hostmount_node){ dev_of(up.dev_major, up.dev_minor), up.ino };
		last = up;
		first = false;
		(void)fd_close(at);
		at = TAKE_FD(next);
	}
	return -EIO;
}

/* Path from the root of its file system: the mount's root and what follows its mount point. */
static void fs_path_of(struct runtime *rt, uint64_t mnt_id, struct slice info,
		       struct hostmount_place *ret)
{
	struct mountinfo_entry m;
	size_t n;

	if (mountinfo_find(&rt->arena, info, mnt_id, &m, NULL) != 0)
		return;
	n = strcmp(m.point, "/") == 0 ? 0 : strlen(m.point);
	if (strncmp(ret->path, m.point, n) != 0)
		return;
	ret->dev = dev_of(m.dev_major, m.dev_minor);
	ret->fs_path = arena_must(arena_printf(
		&rt->arena, "%s%s", strcmp(m.root, "/") == 0 ? "" : m.root, ret->path + n));
	if (*ret->fs_path == '\0')
		ret->fs_path = "/";
}

int place_of(struct runtime *rt, int fd, struct hostmount_place *ret, struct err *err)
{
	struct at_ident self;
	char path[PATH_MAX];
	struct slice info;
	int r;

	*ret = (struct hostmount_place){ .path = NULL };
	r = at_path_of(fd, path, sizeof(path));
	if (r == 0)
		r = at_identify(fd, &self);
	if (r < 0)
		return err_errno(err, r, "mount source");
	ret->path = arena_must(arena_strdup(&rt->arena, path));
	r = runtime_mountinfo(rt, &info, err);
	if (r < 0)
		return r;
	fs_path_of(rt, self.mnt_id, info, ret);
	return walk_up(rt, fd, &self, ret, err);
}

/* Place of a path that may not exist: then 1. */
static int place_of_path(struct runtime *rt, const char *path, struct hostmount_place *ret,
			 struct err *err)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? 1
			       : err_errno(err, -errno, "%s", path);
	return place_of(rt, fd, ret, err);
}

struct rule_list {
	struct hostmount_rule *r;
	size_t n;
};

static int add_rule(struct runtime *rt, struct rule_list *l, enum hostmount_kind kind,
		    const char *path, struct err *err)
{
	int r = place_of_path(rt, path, &l->r[l->n].place, err);

	if (r < 0)
		return r;
	if (r == 0)
		l->r[l->n++].kind = kind;
	return 0;
}

/* What is not there yet may be made while a container runs: then the folder that will hold it is
 * what must stay out, on every host alike. */
static int add_tree(struct runtime *rt, struct rule_list *l, const char *path, struct err *err)
{
	size_t before = l->n;
	int r = add_rule(rt, l, HOSTMOUNT_TREE, path, err);

	while (r == 0 && l->n == before) {
		const char *slash = strrchr(path, '/');

		if (!slash)
			return err_set(err, -EINVAL, "%s is not an absolute path", path);
		path = slash == path ? "/"
				     : arena_must(arena_printf(&rt->arena, "%.*s",
							       (int)(slash - path), path));
		r = add_rule(rt, l, HOSTMOUNT_ABOVE, path, err);
	}
	return r;
}

/* Of rootless engines, in the one folder of /run that a user may have. */
static int add_user_sockets(struct runtime *rt, struct rule_list *l, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(user_sockets); i++)
		r = add_rule(rt, l, HOSTMOUNT_TREE,
			     arena_must(arena_printf(&rt->arena, "/run/user/%u/%s", rt->asker.uid,
						     user_sockets[i])),
			     err);
	return r;
}

static int add_rules(struct runtime *rt, struct rule_list *l, struct err *err)
{
	const char *own[] = { rt->inst.etc, rt->inst.run, rt->inst.lib, instance_ids_dir(),
			      rt->inst.private_dir ? rt->inst.dir : rt->inst.run };
	int r = add_rule(rt, l, HOSTMOUNT_SINGLE, "/", err);

	for (size_t i = 0; r == 0 && hostmount_protected[i]; i++)
		r = add_tree(rt, l, hostmount_protected[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own); i++)
		r = add_tree(rt, l, own[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sockets); i++)
		r = add_rule(rt, l, HOSTMOUNT_TREE, sockets[i], err);
	if (r == 0 && rt->has_asker)
		r = add_user_sockets(rt, l, err);
	for (size_t i = 0; r == 0 && i < rt->facts.restricted.n; i++)
		r = add_tree(rt, l, rt->facts.restricted.items[i], err);
	for (size_t i = 0; r == 0 && i < rt->facts.engines.n; i++)
		r = add_tree(rt, l, rt->facts.engines.items[i], err);
	return r;
}

static size_t count_protected(void)
{
	size_t n = 0;

	while (hostmount_protected[n])
		n++;
	return n;
}

static int add_exceptions(struct runtime *rt, struct hostmount_policy *ret, struct err *err)
{
	struct hostmount_exception *list;
	char run_user[64];
	size_t n = 0;
	int r = 0;

	while (hostmount_exceptions[n].path)
		n++;
	list = arena_must(arena_array(&rt->arena, n + 1, sizeof(*list)));
	ret->exceptions = list;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = place_of_path(rt, hostmount_exceptions[i].path, &list[ret->nexceptions].place,
				  err);
		if (r == 0)
			list[ret->nexceptions++].writable = hostmount_exceptions[i].writable;
	}
	if (r >= 0 && rt->has_asker && rt->asker.uid != 0) {
		(void)snprintf(run_user, sizeof(run_user), "/run/user/%u", rt->asker.uid);
		r = place_of_path(rt, run_user, &list[ret->nexceptions].place, err);
		if (r == 0)
			list[ret->nexceptions++].writable = true;
	}
	return r < 0 ? r : 0;
}

/* A folder of the settings as a path of this host, NULL where it is none: $HOME is the home folder
 * of who asked for the container. */
static const char *expand(struct runtime *rt, const char *folder)
{
	struct slice rest;
	const char *home;

	switch (entries_folder_parse(slice_str(folder), &rest)) {
	case ENTRIES_FOLDER_PATH:
		return folder;
	case ENTRIES_FOLDER_HOME:
		home = users_home(&rt->arena, rt->has_asker ? rt->asker.uid : 0);
		return home ? arena_must(arena_printf(&rt->arena, "%s%.*s", home, SLICE_ARG(rest)))
			    : NULL;
	case ENTRIES_FOLDER_TMP:
		return arena_must(arena_printf(&rt->arena, "/tmp%.*s", SLICE_ARG(rest)));
	case ENTRIES_FOLDER_FOREIGN:
	case ENTRIES_FOLDER_BAD:
		break;
	}
	return NULL;
}

/* One list more. What is not there shares nothing. */
static int add_sharing(struct runtime *rt, const char *const *folders, size_t n,
		       struct hostmount_sharing *ret, struct err *err)
{
	struct hostmount_place *places =
		arena_must(arena_array(&rt->arena, n + 1, sizeof(*places)));

	*ret = (struct hostmount_sharing){ .places = places };
	for (size_t i = 0; i < n; i++) {
		const char *path = expand(rt, folders[i]);
		int r = path ? place_of_path(rt, path, &places[ret->n], err) : 1;

		if (r < 0)
			return r;
		if (r == 0)
			ret->n++;
	}
	return 0;
}

/* gabion.json may narrow, and so may each file of settings. */
static int add_sharings(struct runtime *rt, struct hostmount_policy *ret, struct err *err)
{
	struct hostmount_sharing *lists =
		arena_must(arena_array(&rt->arena, POLICY_LAYERS_MAX + 1, sizeof(*lists)));
	int r = 0;

	ret->sharing = lists;
	if (rt->facts.has_sharing)
		r = add_sharing(rt, rt->facts.sharing.items, rt->facts.sharing.n,
				&lists[ret->nsharing++], err);
	for (size_t i = 0; r == 0 && i < rt->policy.nsharing; i++)
		r = add_sharing(rt, rt->policy.sharing[i].paths, rt->policy.sharing[i].n,
				&lists[ret->nsharing++], err);
	return r;
}

int place_policy(struct runtime *rt, struct hostmount_policy *ret, struct err *err)
{
	size_t most = count_protected() + ARRAY_SIZE(sockets) + ARRAY_SIZE(user_sockets) +
		      rt->facts.restricted.n + rt->facts.engines.n + 8;
	struct rule_list l = { .r = arena_must(arena_array(&rt->arena, most, sizeof(*l.r))) };
	int r;

	*ret = (struct hostmount_policy){ .nsharing = 0 };
	r = add_rules(rt, &l, err);
	if (r == 0)
		r = add_exceptions(rt, ret, err);
	if (r == 0)
		r = add_sharings(rt, ret, err);
	ret->rules = l.r;
	ret->nrules = l.n;
	return r;
}
