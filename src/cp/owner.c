/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/owner.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/util.h"

#define ID_MAX INT32_MAX /* larger numbers are names, as in moby */

/* A number, or the name that it is not. */
static bool as_id(struct slice s, uint32_t *ret)
{
	uint64_t v;

	if (num_parse_u64(s, ID_MAX, &v) < 0)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static struct slice trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

struct line {
	struct slice name;
	uint32_t id;  /* third field */
	uint32_t gid; /* fourth field of passwd */
};

/* The first line whose name is `name`, or whose id is `id` when name is NULL. Fields that are no
 * numbers count as 0, as in moby. */
static bool find(struct slice text, const struct slice *name, uint32_t id, struct line *ret)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		struct slice rest = trim(line);
		struct slice f[4] = { { NULL, 0 } };

		if (rest.n == 0)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(f); i++)
			if (!slice_split(&rest, ':', &f[i]))
				break;
		*ret = (struct line){ .name = f[0] };
		(void)as_id(f[2], &ret->id);
		(void)as_id(f[3], &ret->gid);
		if (name ? slice_eq(*name, ret->name) : ret->id == id)
			return true;
	}
	return false;
}

static int lookup_user(struct slice spec, struct slice passwd, uint32_t *uid, uint32_t *gid,
		       struct err *err)
{
	struct line line;

	if (spec.n == 0)
		return 0;
	if (as_id(spec, uid)) {
		if (find(passwd, NULL, *uid, &line))
			*gid = line.gid;
		return 0;
	}
	if (!find(passwd, &spec, 0, &line))
		return err_set(err, -EINVAL,
			       "failed to look up user \"%.*s\" in container: "
			       "no matching entries in passwd file",
			       SLICE_ARG(spec));
	*uid = line.id;
	*gid = line.gid;
	return 0;
}

static int lookup_group(struct slice spec, struct slice group, uint32_t *gid, struct err *err)
{
	struct line line;

	if (spec.n == 0 || as_id(spec, gid))
		return 0;
	if (!find(group, &spec, 0, &line))
		return err_set(err, -EINVAL,
			       "failed to look up group \"%.*s\" in container: "
			       "no matching entries in group file",
			       SLICE_ARG(spec));
	*gid = line.id;
	return 0;
}

int owner_lookup(const char *spec, const struct owner_files *files, uint32_t *ret_uid,
		 uint32_t *ret_gid, struct err *err)
{
	struct slice whole = slice_str(spec);
	struct slice user = { whole.p, slice_find(whole, ':') };
	uint32_t uid = 0;
	uint32_t gid = 0;
	int r = lookup_user(user, files->passwd, &uid, &gid, err);

	if (r == 0)
		r = lookup_group(slice_from(whole, user.n + 1), files->group, &gid, err);
	if (r < 0)
		return r;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

static bool choose_one(const struct owner *o, int64_t id, uint32_t *ret)
{
	bool known = id >= 0 && id < (int64_t)o->size;

	*ret = known ? (uint32_t)id : 0;
	return known;
}

void owner_choose(const struct owner *o, int64_t uid, int64_t gid, uint32_t *ret_uid,
		  uint32_t *ret_gid, uint32_t *mode)
{
	bool known = choose_one(o, o->fixed ? o->uid : uid, ret_uid);

	known &= choose_one(o, o->fixed ? o->gid : gid, ret_gid);
	if (!known)
		*mode &= ~(uint32_t)(S_ISUID | S_ISGID);
}
