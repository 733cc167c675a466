/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/mountinfo.h"

#define ARENA_MAX (256u << 20)
#define MOUNTINFO_MAX (64u << 20)

void runtime_init(struct runtime *rt)
{
	*rt = (struct runtime){
		.arena = ARENA_INIT(ARENA_MAX),
		.mountinfo = BUF_INIT(MOUNTINFO_MAX),
		.userns = -EBADF,
		.timens = -EBADF,
		.lease = LEASE_INIT,
		.rootfs = ROOTFS_INIT,
		.stage = STAGE_INIT,
	};
}

void runtime_done(struct runtime *rt)
{
	for (size_t i = 0; i < rt->nbinds; i++) {
		rt->binds[i].mnt = fd_close(rt->binds[i].mnt);
		if (rt->binds[i].layers)
			layers_done(rt->binds[i].layers);
	}
	for (size_t i = 0; i < rt->nask_maps; i++)
		(void)fd_close(rt->ask_maps[i].userns);
	rootfs_done(&rt->rootfs);
	lease_done(&rt->lease);
	(void)fd_close(rt->userns);
	(void)fd_close(rt->timens);
	(void)fd_close(rt->stage.engine_ns);
	(void)fd_close(rt->stage.dir);
	buf_done(&rt->mountinfo);
	arena_done(&rt->arena);
}

int runtime_read_json(struct runtime *rt, const char *path, size_t max, struct json **ret,
		      struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(max);
	struct json_limits limits = JSON_LIMITS;
	int r = file_read(path, &text);

	if (r == -ENOENT || r == -ENOTDIR)
		return r;
	if (r < 0)
		return err_errno(err, r, "%s", path);
	r = json_parse(&rt->arena, buf_slice(&text), &limits, ret, NULL, err);
	if (r < 0)
		(void)err_wrap(err, "%s", path);
	return r;
}

int runtime_mountinfo(struct runtime *rt, struct slice *ret, struct err *err)
{
	int r = rt->mountinfo.n ? 0 : mountinfo_read(&rt->mountinfo, err);

	*ret = buf_slice(&rt->mountinfo);
	return r;
}
