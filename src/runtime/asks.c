/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/asks.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/userns.h"
#include "runtime/runtime.h"
#include "settings/users.h"

static bool is_member(const struct asker *a, gid_t gid)
{
	if (a->gid == gid)
		return true;
	for (size_t i = 0; i < a->ngroups; i++)
		if (a->groups[i] == gid)
			return true;
	return false;
}

int asks_open(struct runtime *rt, const char *path, struct err *err)
{
	const struct asker *a = &rt->asker;
	int fd;
	int saved;

	if (!rt->has_asker || a->uid == 0) {
		fd = open(path, O_PATH | O_CLOEXEC);
		return fd < 0 ? err_errno(err, -errno, "mount source %s", path) : fd;
	}
	if (setgroups(a->ngroups, a->groups) < 0)
		return err_errno(err, -errno, "cannot take the groups of user %u", a->uid);
	(void)setfsgid(a->gid);
	(void)setfsuid(a->uid); /* takes CAP_DAC_OVERRIDE and its like away, capabilities(7) */
	fd = open(path, O_PATH | O_CLOEXEC);
	saved = errno;
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
	if (setgroups(0, NULL) < 0)
		return err_errno(err, -errno, "cannot give the groups of user %u back", a->uid);
	if (fd < 0)
		return err_errno(err, -saved, "mount source %s (as user %u)", path, a->uid);
	return fd;
}

#define NOBODY UINT32_MAX

/* Whom of the host's a container acts for, users or groups; NOBODY: for none. */
struct stand_in {
	uint32_t root;	     /* its root */
	uint32_t process;    /* its first process, when that is not root */
	uint32_t process_id; /* and that one's id in the container */
};

/*
 * One side of the map: who stands for somebody to that one, the container's further ids to the
 * subordinate range, in order. The subordinate id that the process has no need of is root's, where
 * root stands for nobody.
 */
static int build_map(struct runtime *rt, struct stand_in in, const struct range *sub,
		     struct idmap *ret)
{
	uint32_t n = MIN(sub->count, rt->size - 1);
	uint32_t spare = in.process == NOBODY ? 0 : in.process_id; /* 0: none */
	int r = 0;

	if (spare > n)
		spare = in.root == NOBODY ? n : 0;
	ret->n = 0;
	if (in.root != NOBODY)
		r = idmap_add(ret, in.root, rt->base, 1);
	else if (spare > 0)
		r = idmap_add(ret, sub->start + spare - 1, rt->base, 1);
	if (r == 0 && in.process != NOBODY)
		r = idmap_add(ret, in.process, rt->base + in.process_id, 1);
	if (r == 0 && spare > 0)
		r = idmap_add(ret, sub->start, rt->base + 1, spare - 1);
	if (r == 0)
		r = idmap_add(ret, sub->start + spare, rt->base + 1 + spare, n - spare);
	if (r == 0)
		r = idmap_fill_ghost(ret, RANGES_GHOST_LIMIT, RANGES_GHOST);
	return r;
}

/* The first process's id of the container, 0 where the container has no such id. `own`: that of the
 * asker, whose files keep their number where that is on record. */
static uint32_t process_id(const struct runtime *rt, const char *key, uint32_t own)
{
	const struct json *user = json_get(json_get(rt->spec, "process"), "user");
	uint64_t id;

	if (rt->asker.own_number && own < rt->size)
		return own;
	if (!user || json_get_u64(user, key, &id) < 0 || id >= rt->size)
		return 0;
	return (uint32_t)id;
}

/* `docker run -u "$(id -u)"`, and images for user 1000: the process is its asker. Else root is, but
 * where the asker keeps its number. */
static struct stand_in stand_in_uid(const struct runtime *rt)
{
	uint32_t id = process_id(rt, "uid", rt->asker.uid);

	if (id == rt->asker.uid)
		return (struct stand_in){ NOBODY, rt->asker.uid, id };
	return (struct stand_in){ rt->asker.uid, NOBODY, 0 };
}

/* `group`: of the source, or the asker's own. */
static struct stand_in stand_in_gid(const struct runtime *rt, gid_t group)
{
	uint32_t id = process_id(rt, "gid", rt->asker.gid);

	if (id == 0)
		return (struct stand_in){ group, NOBODY, 0 };
	if (id == group)
		return (struct stand_in){ NOBODY, group, id };
	return (struct stand_in){ group, id == rt->asker.gid ? id : NOBODY, id };
}

static int make_userns(struct runtime *rt, gid_t group, struct err *err)
{
	CLEANUP_FREE struct idmap *uids = calloc(1, sizeof(*uids));
	CLEANUP_FREE struct idmap *gids = calloc(1, sizeof(*gids));
	struct range subuids;
	struct range subgids;
	int r;

	arena_must(uids);
	arena_must(gids);
	r = users_subordinate(&rt->arena, instance_ids_dir(), rt->asker.uid, &subuids, &subgids,
			      err);
	if (r < 0)
		return r;
	r = build_map(rt, stand_in_uid(rt), &subuids, uids);
	if (r == 0)
		r = build_map(rt, stand_in_gid(rt, group), &subgids, gids);
	if (r < 0)
		return err_errno(err, r,
				 "mapping the ids of user %u (subordinate ids from %u and %u)",
				 rt->asker.uid, subuids.start, subgids.start);
	return userns_create(uids, gids, rt->base, err);
}

int asks_userns(struct runtime *rt, gid_t source_group, struct err *err)
{
	gid_t group = is_member(&rt->asker, source_group) ? source_group : rt->asker.gid;
	int fd;

	if (!rt->has_asker || rt->asker.uid == 0)
		return rt->userns;
	for (size_t i = 0; i < rt->nask_maps; i++)
		if (rt->ask_maps[i].group == group)
			return rt->ask_maps[i].userns;
	if (rt->nask_maps == ARRAY_SIZE(rt->ask_maps))
		return err_set(err, -E2BIG, "binds of more than %zu different groups",
			       ARRAY_SIZE(rt->ask_maps));
	fd = make_userns(rt, group, err);
	if (fd < 0)
		return fd;
	rt->ask_maps[rt->nask_maps++] = (struct ask_map){ group, fd };
	return fd;
}

bool asks_owns(struct runtime *rt, uid_t uid)
{
	struct range uids;
	struct range gids;

	return users_subordinate(&rt->arena, instance_ids_dir(), rt->asker.uid, &uids, &gids,
				 NULL) == 0 &&
	       uid >= uids.start && uid - uids.start < uids.count;
}
