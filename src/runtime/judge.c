/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/judge.h"

#include <errno.h>

#include "hostpath/hostpath.h"
#include "runtime/runtime.h"

static int no_record(struct runtime *rt, const char *asked, struct err *err)
{
	return err_set(err, -EPERM,
		       "can't mount %s: nobody is on record as having asked for container %s; "
		       "start it through %s/"
		       "docker.sock, or set \"bindsWithoutRecord\" in %s/gabion.json",
		       asked, rt->args.id, rt->inst.run, rt->inst.etc);
}

static int prepare(struct runtime *rt, struct err *err)
{
	struct hostpath *h;
	struct slice info;
	int r;

	if (rt->hostpath)
		return 0;
	r = runtime_mountinfo(rt, &info, err);
	if (r < 0)
		return r;
	h = arena_must(arena_alloc(&rt->arena, sizeof(*h)));
	*h = (struct hostpath){ .arena = &rt->arena,
				.inst = &rt->inst,
				.facts = &rt->facts,
				.settings = &rt->policy,
				.has_asker = rt->has_asker,
				.asker = rt->asker.uid,
				.mountinfo = info };
	r = hostpath_load(h, err);
	if (r == 0)
		rt->hostpath = h;
	return r;
}

static int said(const struct verdict *v, struct err *err)
{
	return v->kind == VERDICT_DENY ? err_set(err, -EPERM, "%s", v->message) : 0;
}

int judge_host(struct runtime *rt, int fd, const char *asked, bool recursive, bool *ret_read_only,
	       struct err *err)
{
	struct verdict v;
	int r;

	if (!rt->has_asker && !rt->facts.unrecorded_root)
		return no_record(rt, asked, err);
	r = prepare(rt, err);
	if (r == 0)
		r = hostpath_judge(rt->hostpath, fd, asked, recursive, &v, err);
	if (r < 0)
		return r;
	/* HOSTPATH_SOCKET too: where it may be had, it is the container's own by now
	 * (enginesock.h). */
	r = said(&v, err);
	if (r == 0)
		*ret_read_only = v.read_only;
	return r;
}

int judge_fs(int fd, const char *asked, struct err *err)
{
	struct verdict v;
	int r = hostpath_judge_fs(fd, asked, &v, err);

	return r < 0 ? r : said(&v, err);
}
