/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define PASSWD_MAX (16u << 20)
#define SET_ASIDE 65536u

/* Fields of passwd(5). */
enum field {
	FIELD_NAME = 0,
	FIELD_UID = 2,
	FIELD_HOME = 5,
	FIELDS,
};

static const char *find_field(struct arena *a, uint32_t uid, enum field wanted)
{
	CLEANUP_BUF struct buf b = BUF_INIT(PASSWD_MAX);
	struct slice text;
	struct slice line;

	if (file_read("/etc/passwd", &b) < 0)
		return NULL;
	text = buf_slice(&b);
	while (slice_split(&text, '\n', &line)) {
		struct slice fields[FIELDS];
		size_t n = 0;
		uint32_t id;

		while (n < FIELDS && slice_split(&line, ':', &fields[n]))
			n++;
		if (n > FIELD_UID && n > (size_t)wanted &&
		    num_parse_u32(fields[FIELD_UID], &id) == 0 && id == uid)
			return arena_dup(a, fields[wanted].p, fields[wanted].n);
	}
	return NULL;
}

const char *users_name(struct arena *a, uint32_t uid)
{
	return find_field(a, uid, FIELD_NAME);
}

const char *users_home(struct arena *a, uint32_t uid)
{
	const char *home = find_field(a, uid, FIELD_HOME);

	return home && home[0] == '/' ? home : NULL;
}

/* Line number of "UID\n" in the list of users with a range of their own. */
static bool find_line(struct slice text, uint32_t uid, uint32_t *ret_lines, uint32_t *ret_found)
{
	struct slice line;
	bool found = false;

	*ret_lines = 0;
	while (slice_split(&text, '\n', &line)) {
		uint32_t id;

		if (num_parse_u32(line, &id) < 0)
			continue;
		if (id == uid && !found) {
			*ret_found = *ret_lines;
			found = true;
		}
		(*ret_lines)++;
	}
	return found;
}

/* In the list: a range that somebody has by /etc/subuid or /etc/subgid. */
#define NOBODY UINT32_MAX

static int append_line(int fd, uint32_t uid)
{
	char line[16];
	int r;

	(void)snprintf(line, sizeof(line), "%u\n", uid);
	r = fd_write_all(fd, line, strlen(line));
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

/* Appends the user behind as many ranges as are somebody's already. */
static int append_user(int fd, uint32_t uid, uint32_t *at, struct err *err)
{
	CLEANUP_FREE struct ranges *delegated = calloc(1, sizeof(*delegated));
	uint64_t end;
	int r;

	if (!delegated)
		return err_set(err, -ENOMEM, "out of memory");
	r = ranges_delegated_uids(delegated, err);
	if (r < 0)
		return r;
	/* Whoever has them could take all ranges. */
	if (ranges_hit(delegated, uid, 1, &end))
		return err_set(err, -EPERM,
			       "user %u is a subordinate id of another account (/etc/subuid): it "
			       "gets none of its own",
			       uid);
	r = ranges_delegated(delegated, err);
	if (r < 0)
		return r;
	while (r == 0 && *at < RANGES_USERS_COUNT / SET_ASIDE &&
	       ranges_hit(delegated, RANGES_USERS_START + *at * SET_ASIDE, SET_ASIDE, &end)) {
		r = append_line(fd, NOBODY);
		(*at)++;
	}
	if (r == 0)
		r = append_line(fd, uid);
	return r < 0 ? err_errno(err, r, "list of users with ids set aside") : 0;
}

/* The list, one uid a line: the nth line has the nth range. Only ever appended to, under flock(2).
 */
static int set_aside(const char *ids_dir, uint32_t uid, struct range *ret, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	CLEANUP_FD int fd = -EBADF;
	char path[INSTANCE_PATH_MAX];
	uint32_t lines;
	uint32_t at;
	int r;

	(void)snprintf(path, sizeof(path), "%s/users", ids_dir);
	r = file_mkdirs(ids_dir, 0755);
	if (r < 0)
		return err_errno(err, r, "%s", ids_dir);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_errno(err, -errno, "%s", path);
	r = file_read_fd(fd, &b);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	if (!find_line(buf_slice(&b), uid, &lines, &at)) {
		at = lines;
		r = append_user(fd, uid, &at, err);
		if (r < 0)
			return r;
	}
	if (at >= RANGES_USERS_COUNT / SET_ASIDE)
		return err_set(err, -ENOSPC,
			       "%s: no range is left for user %u; give it one in /etc/subuid and "
			       "/etc/subgid",
			       path, uid);
	*ret = (struct range){ RANGES_USERS_START + at * SET_ASIDE, SET_ASIDE };
	return 0;
}

int users_subordinate(struct arena *a, const char *ids_dir, uint32_t uid, struct range *ret_uids,
		      struct range *ret_gids, struct err *err)
{
	const char *name = users_name(a, uid);
	int u = ranges_subordinate("/etc/subuid", name, uid, ret_uids, err);
	int g = u < 0 ? u : ranges_subordinate("/etc/subgid", name, uid, ret_gids, err);
	struct range own;
	int r;

	if (g < 0)
		return g;
	if (u == 0 && g == 0)
		return 0;
	r = set_aside(ids_dir, uid, &own, err);
	if (r < 0)
		return r;
	if (u != 0)
		*ret_uids = own;
	if (g != 0)
		*ret_gids = own;
	return 0;
}
