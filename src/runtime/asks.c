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

/* One side of the map: root of the container to `own`, its further ids to the subordinate range. */
static int build_map(struct runtime *rt, uint32_t own, const struct range *sub, struct idmap *ret)
{
	uint32_t n = MIN(sub->count, rt->size - 1);
	int r;

	ret->n = 0;
	r = idmap_add(ret, own, rt->base, 1);
	if (r == 0)
		r = idmap_add(ret, sub->start, rt->base + 1, n);
	if (r == 0)
		r = idmap_fill_ghost(ret, RANGES_GHOST_LIMIT, RANGES_GHOST);
	return r;
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
	r = build_map(rt, rt->asker.uid, &subuids, uids);
	if (r == 0)
		r = build_map(rt, group, &subgids, gids);
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
