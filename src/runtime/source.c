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
#include "runtime/dockerdata.h"
#include "runtime/runtime.h"

enum own_flags {
	OWN_BUILD = 1u << 0,	   /* only while BuildKit runs a step */
	OWN_VOLUME = 1u << 1,	   /* may hide a mount of a volume driver; never a build's */
	OWN_JOINED = 1u << 2,	   /* only for who joined another container's namespaces */
	OWN_IMAGE_MOUNT = 1u << 3, /* only if Docker made it for this container */
	OWN_IMAGE = 1u << 4,	   /* an image */
};

/* Paths below an engine's data root ("*": any run of bytes in a name, "**": anything below, or
 * nothing, "@": the container's own id at the start of a name). Docker's
 * daemon/container_operations_unix.go, daemon/mounts.go, volumes/local, BuildKit's executor and
 * solver; containerd's snapshotters; Podman's overlay-containers and volumes. */
static const struct {
	const char *pattern;
	unsigned flags;
} own[] = {
	{ "containers/@/hosts", 0 },
	{ "containers/@/hostname", 0 },
	{ "containers/@/resolv.conf", 0 },
	{ "containers/@/mounts/shm", 0 },
	{ "containers/*/hosts", OWN_JOINED },
	{ "containers/*/hostname", OWN_JOINED },
	{ "containers/*/resolv.conf", OWN_JOINED },
	{ "containers/*/mounts/shm", OWN_JOINED },
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
	{ "io.containerd.snapshotter.v1.*/snapshots/**", OWN_BUILD },
	{ "overlay2/*/merged/**", OWN_IMAGE_MOUNT | OWN_IMAGE },
	{ "vfs/dir/**", OWN_IMAGE_MOUNT | OWN_IMAGE },
	{ "rootfs/*/@-*/**", OWN_IMAGE },
	{ "overlay-containers/@/userdata/**", 0 },
	{ "overlay-containers/*/userdata/**", OWN_JOINED },
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
	"/var/lib/containerd",
	"/var/lib/containers/storage",
	"/run/containers/storage",
	"/run/containerd/io.containerd.grpc.v1.cri",
};

const char *const *source_engine_roots(struct runtime *rt)
{
	size_t most = ARRAY_SIZE(system_roots) + rt->facts.engines.n + 4;
	const char **list = arena_must(arena_array(&rt->arena, most, sizeof(*list)));
	size_t n = 0;

	if (rt->inst.private_dir) {
		list[n++] = arena_must(arena_printf(&rt->arena, "%s/engine", rt->inst.lib));
		list[n++] = arena_must(arena_printf(&rt->arena, "%s/containerd", rt->inst.lib));
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(system_roots); i++)
			list[n++] = system_roots[i];
	}
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

/* The same where the pattern may begin with "@". */
static bool component_matches(struct slice id, struct slice pattern, struct slice name)
{
	if (pattern.n == 0 || pattern.p[0] != '@')
		return name_matches(pattern, name);
	return slice_starts(name, id) &&
	       name_matches(slice_from(pattern, 1), slice_from(name, id.n));
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
		if (!slice_split(&q, '/', &name) || !component_matches(slice_str(id), want, name))
			return false;
	}
	return !q.p;
}

const char *source_below_root(struct runtime *rt, const char *path, const char **ret_root)
{
	for (const char *const *root = source_engine_roots(rt); *root; root++) {
		size_t n = strlen(*root);

		if (strncmp(path, *root, n) == 0 && path[n] == '/') {
			*ret_root = *root;
			return path + n + 1;
		}
	}
	return NULL;
}

/* BuildKit's executor keeps its bundles below the data root; containers' lie in containerd's state.
 */
bool source_is_build(struct runtime *rt)
{
	const char *root;
	const char *rest = source_below_root(rt, rt->bundle, &root);

	return rest && strncmp(rest, "buildkit/executor/", strlen("buildkit/executor/")) == 0;
}

/* An object below an engine's root. */
struct own_path {
	const char *root;
	const char *rest;  /* its path from there */
	const char *point; /* of the mount that it is on */
	uint32_t major;	   /* of its file system, as mountinfo has it */
	uint32_t minor;
	bool overlay;
};

struct elsewhere {
	struct runtime *rt;
	const struct own_path *p;
};

static int look_elsewhere(const struct mountinfo_entry *m, void *data)
{
	const struct elsewhere *e = data;
	const char *root;

	return m->dev_major == e->p->major && m->dev_minor == e->p->minor &&
	       !source_below_root(e->rt, m->point, &root);
}

/*
 * A volume's folder with something mounted on it: by the volume driver. If that file system can be
 * reached elsewhere on the host it is a bind of a host path in disguise (local driver, o=bind).
 */
static int volume_is_host(struct runtime *rt, const struct own_path *p, struct err *err)
{
	struct elsewhere e = { .rt = rt, .p = p };
	struct slice info;
	const char *root;
	const char *rest = source_below_root(rt, p->point, &root);
	int r;

	/* The data root's own file system; daemon/guard.h has a mount of the volumes' folder. */
	if (!rest || strcmp(rest, "volumes") == 0)
		return 0;
	r = runtime_mountinfo(rt, &info, err);
	return r < 0 ? r : mountinfo_each(info, look_elsewhere, &e, err);
}

static bool is_tool(const char *asked, const char *dest, const struct at_ident *ident)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		if (strcmp(asked, tools[i].asked) == 0 && strcmp(dest, tools[i].dest) == 0)
			return ident->uid == 0 && S_ISREG(ident->mode) && !(ident->mode & 022);
	return false;
}

static bool applies(struct runtime *rt, unsigned flags, const struct own_path *p)
{
	if ((flags & OWN_BUILD) && !source_is_build(rt))
		return false;
	if ((flags & OWN_VOLUME) && source_is_build(rt))
		return false;
	if ((flags & OWN_JOINED) && !rt->joined)
		return false;
	return !(flags & OWN_IMAGE_MOUNT) ||
	       dockerdata_is_image_mount(p->root, p->rest, rt->args.id);
}

static int classify_own(struct runtime *rt, const struct own_path *p, enum source_kind *ret,
			struct err *err)
{
	*ret = SOURCE_HOST;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		unsigned flags = own[i].flags;
		int r = 0;

		if (!path_matches(rt->args.id, own[i].pattern, p->rest) || !applies(rt, flags, p))
			continue;
		if (flags & OWN_VOLUME)
			r = volume_is_host(rt, p, err);
		if (r < 0)
			return r;
		if (r > 0)
			*ret = SOURCE_HOST;
		else if (flags & OWN_IMAGE)
			*ret = SOURCE_IMAGE;
		else
			*ret = (flags & OWN_BUILD) && p->overlay ? SOURCE_OVERLAY : SOURCE_ENGINE;
		return 0;
	}
	return 0;
}

/* The whole of a part under a temporary name: that is what is judged. 1: it is part of nothing. */
static int find_whole(struct runtime *rt, const char *path, uint64_t mnt_id, struct own_path *p,
		      struct err *err)
{
	const char *whole;
	int r = dockerdata_whole(rt, mnt_id, path, &whole, &p->point, err);

	if (r == 0)
		p->rest = source_below_root(rt, whole, &p->root);
	return r;
}

/* 1: not below an engine's root, or under a name there that stands for nothing. */
static int find_own(struct runtime *rt, int fd, const char *path, const struct at_ident *ident,
		    struct own_path *ret, struct err *err)
{
	struct mountinfo_entry m;
	struct slice info;
	char fs[32];
	int r;

	*ret = (struct own_path){ .root = NULL };
	ret->rest = source_below_root(rt, path, &ret->root);
	if (!ret->rest)
		return 1;
	r = runtime_mountinfo(rt, &info, err);
	if (r == 0)
		r = mountinfo_find(&rt->arena, info, ident->mnt_id, &m, err);
	if (r != 0)
		return r;
	ret->point = m.point;
	ret->major = m.dev_major;
	ret->minor = m.dev_minor;
	mnt_fs_name(fd, fs, sizeof(fs));
	ret->overlay = strcmp(fs, "overlay") == 0;
	return dockerdata_is_part(ret->rest) ? find_whole(rt, path, ident->mnt_id, ret, err) : 0;
}

int source_classify(struct runtime *rt, int fd, const char *asked, const char *dest,
		    enum source_kind *ret, struct err *err)
{
	char path[PATH_MAX];
	struct at_ident ident;
	struct own_path p;
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
	*ret = SOURCE_HOST;
	r = find_own(rt, fd, path, &ident, &p, err);
	return r == 0 ? classify_own(rt, &p, ret, err) : r < 0 ? r : 0;
}
