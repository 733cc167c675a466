/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/ranges.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define SUBID_FILE_MAX (16u << 20)

bool ranges_hit(const struct ranges *set, uint32_t start, uint32_t count, uint64_t *ret_end)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct range *r = &set->r[i];

		if (start < (uint64_t)r->start + r->count && r->start < (uint64_t)start + count) {
			*ret_end = (uint64_t)r->start + r->count;
			return true;
		}
	}
	return false;
}

/* Adds one range, growing the last one where they touch. */
static int ranges_add(struct ranges *set, uint32_t start, uint32_t count)
{
	struct range *last = set->n ? &set->r[set->n - 1] : NULL;

	count = MIN(count, UINT32_MAX - start); /* (uid_t)-1 is no id */
	if (count == 0)
		return 0;
	if (last && start >= last->start && start <= (uint64_t)last->start + last->count) {
		uint64_t end = MAX((uint64_t)last->start + last->count, (uint64_t)start + count);

		last->count = (uint32_t)(end - last->start);
		return 0;
	}
	if (set->n == RANGES_MAX)
		return -E2BIG;
	set->r[set->n++] = (struct range){ start, count };
	return 0;
}

int ranges_parse_sub(struct slice text, const char *only, const char *only_number,
		     const char *except, struct ranges *ret)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		struct slice name;
		struct slice first;
		struct slice count;
		uint32_t start;
		uint32_t n;
		int r;

		if (!slice_split(&line, ':', &name) || !slice_split(&line, ':', &first) ||
		    !slice_split(&line, ':', &count) || num_parse_u32(first, &start) < 0 ||
		    num_parse_u32(count, &n) < 0)
			continue;
		if (only && !slice_eq_str(name, only) &&
		    !(only_number && slice_eq_str(name, only_number)))
			continue;
		if (except && slice_eq_str(name, except))
			continue;
		r = ranges_add(ret, start, n);
		if (r < 0)
			return r;
	}
	return 0;
}

int ranges_parse_accounts(struct slice text, struct ranges *ret)
{
	struct slice line;

	while (slice_split(&text, '\n', &line)) {
		struct slice field;
		uint32_t id;
		int r;

		if (!slice_split(&line, ':', &field) || !slice_split(&line, ':', &field) ||
		    !slice_split(&line, ':', &field) || num_parse_u32(field, &id) < 0)
			continue;
		r = ranges_add(ret, id, 1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Reads a file of the host that may be missing. */
static int read_optional(const char *path, struct buf *b, struct err *err)
{
	int r = file_read(path, b);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int load_sub(const char *path, const char *only, const char *number, const char *except,
		    struct ranges *ret, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(SUBID_FILE_MAX);
	int r = read_optional(path, &b, err);

	if (r < 0)
		return r;
	r = ranges_parse_sub(buf_slice(&b), only, number, except, ret);
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int load_accounts(const char *path, struct ranges *ret, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(SUBID_FILE_MAX);
	int r = read_optional(path, &b, err);

	if (r < 0)
		return r;
	r = ranges_parse_accounts(buf_slice(&b), ret);
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

int ranges_pool(const struct facts *facts, struct ranges *ret, struct err *err)
{
	CLEANUP_FREE struct ranges *gids = calloc(1, sizeof(*gids));
	int r;

	if (!gids)
		return err_set(err, -ENOMEM, "out of memory");
	ret->n = 0;
	if (facts->has_range)
		return ranges_add(ret, facts->range_start, facts->range_count);
	r = load_sub("/etc/subuid", "gabion", NULL, NULL, ret, err);
	if (r == 0)
		r = load_sub("/etc/subgid", "gabion", NULL, NULL, gids, err);
	if (r < 0)
		return r;
	if (ret->n != gids->n || memcmp(ret->r, gids->r, ret->n * sizeof(ret->r[0])) != 0)
		return err_set(err, -EINVAL,
			       "the entries of gabion in /etc/subuid and /etc/subgid differ; make "
			       "them the same");
	return ret->n ? 0 : ranges_add(ret, RANGES_START, RANGES_COUNT);
}

int ranges_delegated(struct ranges *ret, struct err *err)
{
	int r;

	ret->n = 0;
	r = load_sub("/etc/subuid", NULL, NULL, NULL, ret, err);
	return r < 0 ? r : load_sub("/etc/subgid", NULL, NULL, NULL, ret, err);
}

int ranges_delegated_uids(struct ranges *ret, struct err *err)
{
	ret->n = 0;
	return load_sub("/etc/subuid", NULL, NULL, "root", ret, err);
}

int ranges_taken(struct ranges *ret, struct err *err)
{
	int r;

	ret->n = 0;
	r = ranges_add(ret, RANGES_USERS_START, RANGES_USERS_COUNT);
	if (r == 0)
		r = load_sub("/etc/subuid", NULL, NULL, "gabion", ret, err);
	if (r == 0)
		r = load_sub("/etc/subgid", NULL, NULL, "gabion", ret, err);
	if (r == 0)
		r = load_accounts("/etc/passwd", ret, err);
	if (r == 0)
		r = load_accounts("/etc/group", ret, err);
	return r;
}

int ranges_subordinate(const char *file, const char *user, uint32_t uid, struct range *ret,
		       struct err *err)
{
	CLEANUP_FREE struct ranges *found = calloc(1, sizeof(*found));
	char number[16];
	int r;

	if (!found)
		return err_set(err, -ENOMEM, "out of memory");
	(void)snprintf(number, sizeof(number), "%u", uid);
	r = load_sub(file, user ? user : number, number, NULL, found, err);
	if (r < 0)
		return r;
	if (found->n == 0)
		return 1;
	*ret = found->r[0];
	return 0;
}
