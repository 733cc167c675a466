/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/enginesock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "hostpath/hostpath.h"
#include "policy/texts.h"
#include "runtime/dockerdata.h"
#include "settings/digests.h"
#include "settings/grant.h"
#include "settings/policy.h"

static int deny(const struct profile *profile, const struct grant *g, struct err *err)
{
	CLEANUP_BUF struct buf name = BUF_INIT(2048);
	CLEANUP_BUF struct buf text = BUF_INIT(4096);
	struct reference ref;

	if (reference_parse(profile, g->asked, &ref, NULL) == 0)
		reference_add_name(&ref, &name);
	else
		buf_add_slice(&name, g->asked);
	text_socket_denied(profile, buf_slice(&name), &text);
	return err_set(err, -EPERM, "%.*s", SLICE_ARG(buf_slice(&text)));
}

/* What registries said, as far as it is known; without it only entries that need no registry allow.
 */
static void load_digests(struct runtime *rt, struct digests *d)
{
	CLEANUP_BUF struct buf text = BUF_INIT(DIGESTS_FILE_MAX);
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/digests.json", rt->inst.lib);
	if (file_read(path, &text) == 0)
		(void)digests_parse(d, buf_slice(&text), NULL);
}

static int allows(struct runtime *rt, const struct policy *p, const struct grant *g,
		  const struct digests *d, struct err *err)
{
	struct imagelist_verdict *v = arena_must(arena_alloc(&rt->arena, sizeof(*v)));
	struct imagelist_facts facts;

	grant_facts(g, &facts);
	for (size_t i = 0; i < p->nsockets; i++) {
		const struct policy_socket *s = &p->sockets[i];
		struct imagelist_entry *entries =
			arena_must(arena_array(&rt->arena, s->nimages + 1, sizeof(*entries)));
		struct imagelist list = { .profile = p->profile,
					  .entries = entries,
					  .nentries = s->nimages,
					  .derived = s->allow_derived,
					  .keep_previous = s->keep_previous };

		for (size_t k = 0; k < s->nimages; k++) {
			int r = imagelist_parse_entry(p->profile, slice_str(s->images[k].text),
						      &entries[k], err);

			if (r < 0)
				return r;
		}
		if (digests_facts(d, &rt->arena, &list, (uint64_t)time(NULL), 0, &facts) < 0)
			return err_set(err, -ENOMEM, "out of memory");
		imagelist_decide(&list, &facts, v);
		if (v->verdict.kind != VERDICT_ALLOW)
			return err_set(err, -EPERM, "%s", v->verdict.message);
	}
	return 0;
}

/* The grant is about an image; the container must have that one. */
static int load_grant(struct runtime *rt, const struct policy *p, struct grant *ret,
		      struct err *err)
{
	const char *image = NULL;
	const char *asked = "";
	int r;

	(void)dockerdata_image(rt, &image, &asked);
	r = grant_load(&rt->arena, rt->inst.lib, rt->args.id, ret, err);
	if (r < 0)
		return r;
	if (r == GRANT_OK && image && slice_eq_str(ret->image.id, image))
		return 0;
	*ret = (struct grant){ .asked = slice_str(asked) };
	return deny(p->profile, ret, err);
}

int enginesock_take(struct runtime *rt, int *fd, struct err *err)
{
	CLEANUP_FD int own = -EBADF;
	struct digests digests = DIGESTS_INIT;
	struct hostpath_sockets ours;
	char path[PATH_MAX];
	struct policy p;
	struct grant g;
	struct stat st;
	int r;

	if (fstat(*fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		return ENGINESOCK_NOT;
	r = policy_load(&rt->arena, &rt->inst, &p, err);
	if (r < 0)
		return r;
	hostpath_sockets_find(&rt->inst, p.profile, &ours);
	if (!hostpath_sockets_have(&ours, *fd))
		return ENGINESOCK_NOT;
	r = load_grant(rt, &p, &g, err);
	if (r == 0) {
		load_digests(rt, &digests);
		r = allows(rt, &p, &g, &digests, err);
		digests_done(&digests);
	}
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/sock/%s/docker.sock", rt->inst.run, rt->args.id);
	own = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (own < 0)
		return err_errno(err, -errno, "the container's own socket %s", path);
	(void)fd_close(*fd);
	*fd = TAKE_FD(own);
	return ENGINESOCK_OK;
}
