/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/slice.h"
#include "linux/at.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"
#include "runtime/runtime.h"

enum own_flags {
	OWN_BUILD = 1u << 0,  /* only while BuildKit runs a step */
	OWN_VOLUME = 1u << 1, /* may hide a mount of a volume driver */
};

/* Paths below an engine's data root ("*": one name, "**": anything below, or nothing, "@": the
 * container's own id). Docker's daemon/container_operations_unix.go, volumes/local, BuildKit's
 * executor and solver; Podman's overlay-containers and volumes. */
static const struct {
	const char *pattern;
	unsigned flags;
} own[] = {
	{ "containers/*/hosts", 0 },
	{ "containers/*/hostname", 0 },
	{ "containers/*/resolv.conf", 0 },
	{ "containers/*/mounts/shm", 0 },
	{ "containers/@/mounts/secrets/**", 0 },
	{ "containers/@/mounts/configs/**", 0 },
	{ "containers/@/mounts/config*", 0 },
	{ "containers/@/secrets/**", 0 },
	{ "volumes/*/_data/**", OWN_VOLUME },
	{ "volumes/*/*/_data/**", OWN_VOLUME },
	{ "buildkit/executor/**", OWN_BUILD },
	{ "tmp/**", OWN_BUILD },
	{ "overlay2/*/diff/**", OWN_BUILD },
	{ "overlay2/*/merged/**", OWN_BUILD },
	{ "vfs/dir/**", OWN_BUILD },
	{ "containerd/daemon/**", OWN_BUILD },
	{ "overlay-containers/*/userdata/**", 0 },
};

/* Fixed files of the engine's packages. */
static const struct {
	const char *asked;
	const char *dest;
} tools[] = {
	{ "/usr/bin/docker-init", "/sbin/docker-init" },
	{ "/usr/sbin/docker-init", "/sbin/docker-init" },
	{ "/usr/libexec/docker/docker-init", "/sbin/docker-init" },
	{ "/usr/local/bin/docker-init", "/sbin/docker-init" },
	{ "/usr/bin/tini-static", "/sbin/docker-init" },
	{ "/usr/libexec/podman/catatonit", "/run/podman-init" },
};

static const char *const system_roots[] = {
	"/var/lib/docker",
	"/var/lib/containers/storage",
	"/run/containers/storage",
	"/run/containerd/io.containerd.grpc.v1.cri",
};

const char *const *source_engine_roots(struct runtime *rt)
{
	size_t most = ARRAY_SIZE(system_roots) + rt->facts.engines.n + 3;
	const char **list = arena_must(arena_array(&rt->arena, most, sizeof(*list)));
	size_t n = 0;

	if (rt->inst.private_dir)
		list[n++] = arena_must(arena_printf(&rt->arena, "%s/engine", rt->inst.lib));
	else
		for (size_t i = 0; i < ARRAY_SIZE(system_roots); i++)
			list[n++] = system_roots[i];
	for (size_t i = 0; i < rt->facts.engines.n; i++)
		list[n++] = rt->facts.engines.items[i];
	list[n] = NULL;
	return list;
}

/* One name against one pattern component, where "*" stands for any run of bytes. */
static bool name_matches(struct slice pattern, struct slice name)
{
	size_t star = slice_find(pattern, '*');

	if (star == pattern.n)
		return slice_eq(pattern, name);
	return name.n + 1 >= pattern.n && slice_starts(name, (struct slice){ pattern.p, star }) &&
	       slice_ends(name, slice_from(pattern, star + 1));
}

static bool path_matches(const char *id, const char *pattern, const char *path)
{
	struct slice p = slice_str(pattern);
	struct slice q = slice_str(path);
	struct slice want;
	struct slice name;

	while (slice_split(&p, '/', &want)) {
		if (slice_eq_str(want, "**"))
			return true;
		if (!slice_split(&q, '/', &name))
			return false;
		if (slice_eq_str(want, "@") ? !slice_eq_str(name, id) : !name_matches(want, name))
			return false;
	}
	return !q.p;
}

/* What follows an engine's root in a path, or NULL. */
static const char *below_root(struct runtime *rt, const char *path)
{
	for (const char *const *root = source_engine_roots(rt); *root; root++) {
		size_t n = strlen(*root);

		if (strncmp(path, *root, n) == 0 && path[n] == '/')
			return path + n + 1;
	}
	return NULL;
}

/* BuildKit's executor keeps its bundles below the data root; containers' lie in containerd's state.
 */
static bool is_build(struct runtime *rt)
{
	const char *rest = below_root(rt, rt->bundle);

	return rest && strncmp(rest, "buildkit/executor/", strlen("buildkit/executor/")) == 0;
}

struct elsewhere {
	struct runtime *rt;
	uint32_t major;
	uint32_t minor;
	bool found;
};

static int look_elsewhere(const struct mountinfo_entry *m, void *data)
{
	struct elsewhere *e = data;

	if (m->dev_major == e->major && m->dev_minor == e->minor && !below_root(e->rt, m->point))
		e->found = true;
	return e->found;
}

/*
 * A volume's folder with something mounted on it: by the volume driver. If that file system can be
 * reached elsewhere on the host it is a bind of a host path in disguise (local driver, o=bind).
 */
static int volume_is_host(struct runtime *rt, const struct at_ident *ident, bool *ret,
			  struct err *err)
{
	struct elsewhere e = { .rt = rt };
	struct mountinfo_entry m;
	struct slice info;
	int r;

	*ret = false;
	r = runtime_mountinfo(rt, &info, err);
	if (r == 0)
		r = mountinfo_find(&rt->arena, info, ident->mnt_id, &m, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!below_root(rt, m.point)) /* the data root's own file system */
		return 0;
	e.major = m.dev_major;
	e.minor = m.dev_minor;
	r = mountinfo_each(info, look_elsewhere, &e, err);
	*ret = e.found;
	return r < 0 ? r : 0;
}

static bool is_tool(const char *asked, const char *dest, const struct at_ident *ident)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		if (strcmp(asked, tools[i].asked) == 0 && strcmp(dest, tools[i].dest) == 0)
			return ident->uid == 0 && S_ISREG(ident->mode) && !(ident->mode & 022);
	return false;
}

static int classify_own(struct runtime *rt, int fd, const char *rest, const struct at_ident *ident,
			enum source_kind *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		bool host = false;
		char fs[32];
		int r;

		if (!path_matches(rt->args.id, own[i].pattern, rest) ||
		    ((own[i].flags & OWN_BUILD) && !is_build(rt)))
			continue;
		if (own[i].flags & OWN_VOLUME) {
			r = volume_is_host(rt, ident, &host, err);
			if (r < 0)
				return r;
		}
		mnt_fs_name(fd, fs, sizeof(fs));
		*ret = host							  ? SOURCE_HOST
		       : strcmp(fs, "overlay") == 0 && (own[i].flags & OWN_BUILD) ? SOURCE_OVERLAY
										  : SOURCE_ENGINE;
		return 0;
	}
	*ret = SOURCE_HOST;
	return 0;
}

int source_classify(struct runtime *rt, int fd, const char *asked, const char *dest,
		    enum source_kind *ret, struct err *err)
{
	char path[PATH_MAX];
	struct at_ident ident;
	const char *rest;
	int r;

	r = at_path_of(fd, path, sizeof(path));
	if (r == 0)
		r = at_identify(fd, &ident);
	if (r < 0)
		return err_errno(err, r, "mount source %s", asked);
	if (strcmp(path, "/sys/fs/cgroup") == 0) {
		*ret = SOURCE_CGROUP;
		return 0;
	}
	if (is_tool(asked, dest, &ident)) {
		*ret = SOURCE_ENGINE;
		return 0;
	}
	rest = below_root(rt, path);
	if (rest)
		return classify_own(rt, fd, rest, &ident, ret, err);
	*ret = SOURCE_HOST;
	return 0;
}
