/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user namespace: a lease of ids and a new namespace with them, or, for a container that joins
 * another's network, pid or ipc namespace, the namespace that owns those: only in it has the
 * container's root any right over them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "linux/userns.h"
#include "runtime/edit.h"
#include "runtime/ids.h"
#include "runtime/network.h"
#include "runtime/runtime.h"

/* Opens the owner of one joined namespace. -EBADF when the entry joins nothing, or is the clock of
 * edit-time.c, over which the container's root needs no right. */
static int owner_of_entry(struct runtime *rt, const struct json *ns, struct err *err)
{
	const char *type = json_get_str(ns, "type");
	const char *path = json_get_str(ns, "path");
	CLEANUP_FD int fd = -EBADF;
	int owner;

	if (!path || !*path || (rt->own_time && type && strcmp(type, "time") == 0))
		return -EBADF;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, -errno, "namespace %s", path);
	if (type && strcmp(type, "network") == 0) {
		int r = network_claim(rt, fd, err);

		if (r != 0)
			return r < 0 ? r : -EBADF;
	}
	owner = userns_owner_of(fd);
	return owner < 0 ? err_errno(err, owner == -EBADF ? -EINVAL : owner,
				     "owner of namespace %s", path)
			 : owner;
}

static int check_owner(int owner, int joined, const char *type, struct err *err)
{
	CLEANUP_FD int own = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	if (own < 0)
		return err_errno(err, -errno, "/proc/self/ns/user");
	if (userns_same(owner, own) != 0)
		return err_set(err, -EPERM,
			       "can't join the %s namespace of a container that runs without "
			       "isolation (made before "
			       "gabion, or by another runtime); create it again",
			       type);
	if (joined >= 0 && userns_same(owner, joined) != 1)
		return err_set(err, -EINVAL,
			       "can't join namespaces of two different containers: each has its "
			       "own user namespace, "
			       "and a container can be in one only");
	return 0;
}

/* The one user namespace behind all joined namespaces; -EBADF in *ret when none is joined. */
static int find_joined(struct runtime *rt, int *ret, struct err *err)
{
	const struct json *list = json_at(rt->spec, "linux.namespaces");
	CLEANUP_FD int joined = -EBADF;

	for (size_t i = 0; i < list->n; i++) {
		const char *type = json_get_str(list->items[i], "type");
		CLEANUP_FD int owner = owner_of_entry(rt, list->items[i], err);
		int r;

		if (owner == -EBADF)
			continue;
		if (owner < 0)
			return owner;
		r = check_owner(owner, joined, type, err);
		if (r < 0)
			return r;
		if (joined < 0)
			joined = TAKE_FD(owner);
	}
	*ret = TAKE_FD(joined);
	return 0;
}

static int join(struct runtime *rt, struct err *err)
{
	CLEANUP_FREE struct idmap *maps = calloc(2, sizeof(*maps));
	int r;

	arena_must(maps);
	r = userns_read_maps(rt->userns, &maps[0], &maps[1], err);
	if (r < 0)
		return r;
	if (maps[0].n != 1 || !idmap_equal(&maps[0], &maps[1]) || maps[0].e[0].inside != 0)
		return err_set(err, -EINVAL,
			       "can't join a container whose ids are not one range from 0");
	rt->joined = true;
	rt->base = maps[0].e[0].outside;
	rt->size = maps[0].e[0].count;
	return 0;
}

static int create(struct runtime *rt, struct err *err)
{
	CLEANUP_FREE struct ranges *pool = calloc(2, sizeof(*pool));
	CLEANUP_FREE struct idmap *map = calloc(1, sizeof(*map));
	int r;

	arena_must(pool);
	arena_must(map);
	r = ranges_pool(&rt->facts, &pool[0], err);
	if (r == 0)
		r = ranges_taken(&pool[1], err);
	if (r == 0)
		r = lease_take(instance_ids_dir(), &pool[0], &pool[1], rt->facts.ids_per_container,
			       rt->args.id, &rt->lease, err);
	if (r < 0)
		return r;
	rt->base = rt->lease.base;
	rt->size = rt->lease.size;
	r = idmap_add(map, 0, rt->base, rt->size);
	if (r < 0)
		return err_errno(err, r, "id map");
	rt->userns = userns_create(map, map, rt->base, err);
	return rt->userns < 0 ? rt->userns : 0;
}

static int set_mapping(struct runtime *rt, struct json *spec_linux, const char *key)
{
	struct json *list = json_new(&rt->arena, JSON_ARRAY);
	struct json *m = json_new(&rt->arena, JSON_OBJECT);
	int r = list && m ? 0 : -ENOMEM;

	if (r == 0)
		r = json_set(&rt->arena, m, "containerID", json_new_uint(&rt->arena, 0));
	if (r == 0)
		r = json_set(&rt->arena, m, "hostID", json_new_uint(&rt->arena, rt->base));
	if (r == 0)
		r = json_set(&rt->arena, m, "size", json_new_uint(&rt->arena, rt->size));
	if (r == 0)
		r = json_append(&rt->arena, list, m);
	return r == 0 ? json_set(&rt->arena, spec_linux, key, list) : r;
}

/* runc 1.1 wants the mappings beside the path, crun takes both. */
static int tell_spec(struct runtime *rt, struct err *err)
{
	struct json *spec_linux = json_get(rt->spec, "linux");
	struct json *ns = json_new(&rt->arena, JSON_OBJECT);
	int r = ns ? 0 : -ENOMEM;

	if (r == 0)
		r = json_set(&rt->arena, ns, "type", json_new_str(&rt->arena, "user"));
	if (r == 0)
		r = json_set(&rt->arena, ns, "path",
			     json_new_str(&rt->arena, stage_path(rt, "userns")));
	if (r == 0)
		r = json_append(&rt->arena, json_get(spec_linux, "namespaces"), ns);
	if (r == 0)
		r = set_mapping(rt, spec_linux, "uidMappings");
	if (r == 0)
		r = set_mapping(rt, spec_linux, "gidMappings");
	return r < 0 ? err_errno(err, r, "spec") : 0;
}

int edit_userns(struct runtime *rt, struct err *err)
{
	int r = find_joined(rt, &rt->userns, err);

	if (r == 0)
		r = rt->userns >= 0 ? join(rt, err) : create(rt, err);
	if (r == 0)
		r = ids_check(rt, err);
	return r == 0 ? tell_spec(rt, err) : r;
}

void undo_userns(struct runtime *rt)
{
	rt->userns = fd_close(rt->userns);
	lease_drop(&rt->lease);
}
