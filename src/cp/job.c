/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/job.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

#include "base/slice.h"
#include "base/util.h"

enum job_have {
	HAVE_PID = 1u << 0,
	HAVE_BASE = 1u << 1,
	HAVE_SIZE = 1u << 2,
	HAVE_MODE = 1u << 3,
	HAVE_PATH = 1u << 4,
	HAVE_STATUS = 1u << 5,
	HAVE_FD = 1u << 6,
	HAVE_NEEDED = HAVE_FD - 1,
};

static int parse_id(const char *s, uint32_t *ret)
{
	return num_parse_u32(slice_str(s), ret);
}

static int parse_positive(const char *s, int *ret)
{
	uint64_t v;

	if (num_parse_u64(slice_str(s), INT_MAX, &v) < 0)
		return -EINVAL;
	*ret = (int)v;
	return 0;
}

static int set_pid(struct job *j, const char *s)
{
	return parse_positive(s, &j->pid) < 0 || j->pid == 0 ? -EINVAL : 0;
}

static int set_base(struct job *j, const char *s)
{
	return parse_id(s, &j->base) < 0 || j->base == 0 ? -EINVAL : 0;
}

static int set_size(struct job *j, const char *s)
{
	return parse_id(s, &j->size) < 0 || j->size == 0 ? -EINVAL : 0;
}

static int set_mode(struct job *j, const char *s)
{
	static const char *const names[] = {
		[JOB_STAT] = "stat",
		[JOB_GET] = "get",
		[JOB_PUT] = "put",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(s, names[i]) == 0) {
			j->mode = (enum job_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_path(struct job *j, const char *s)
{
	j->path = s;
	return *s ? 0 : -EINVAL;
}

static int set_user(struct job *j, const char *s)
{
	j->user = *s ? s : NULL;
	return 0;
}

static int set_fd(struct job *j, const char *s)
{
	return parse_positive(s, &j->fd);
}

static int set_status_fd(struct job *j, const char *s)
{
	return parse_positive(s, &j->status_fd);
}

static const struct {
	const char *name;
	unsigned have;
	int (*set)(struct job *j, const char *value); /* NULL: an option without a value */
	unsigned flag;
} options[] = {
	{ "--pid", HAVE_PID, set_pid, 0 },
	{ "--base", HAVE_BASE, set_base, 0 },
	{ "--size", HAVE_SIZE, set_size, 0 },
	{ "--mode", HAVE_MODE, set_mode, 0 },
	{ "--path", HAVE_PATH, set_path, 0 },
	{ "--fd", HAVE_FD, set_fd, 0 },
	{ "--status-fd", HAVE_STATUS, set_status_fd, 0 },
	{ "--user", 0, set_user, 0 },
	{ "--no-overwrite-dir-non-dir", 0, NULL, JOB_NO_OVERWRITE_DIR },
	{ "--copy-uidgid", 0, NULL, JOB_COPY_UIDGID },
};

/* Takes the option at argv[*i] and steps over its value. */
static int parse_one(int argc, char **argv, int *i, unsigned *have, struct job *j, struct err *err)
{
	for (size_t k = 0; k < ARRAY_SIZE(options); k++) {
		if (strcmp(argv[*i], options[k].name) != 0)
			continue;
		*have |= options[k].have;
		j->flags |= options[k].flag;
		if (!options[k].set)
			return 0;
		if (*i + 1 == argc)
			return err_set(err, -EINVAL, "%s needs a value", argv[*i]);
		(*i)++;
		if (options[k].set(j, argv[*i]) < 0)
			return err_set(err, -EINVAL, "%s: bad value: %s", options[k].name,
				       argv[*i]);
		return 0;
	}
	return err_set(err, -EINVAL, "unknown option: %s", argv[*i]);
}

int job_parse(int argc, char **argv, struct job *ret, struct err *err)
{
	unsigned have = 0;
	int first = 0;

	*ret = (struct job){ .fd = -EBADF, .status_fd = -EBADF };
	for (int i = 1; i < argc; i++) {
		int r = parse_one(argc, argv, &i, &have, ret, err);

		if (r < 0 && first == 0)
			first = r;
		if (r < 0)
			err = NULL; /* the first complaint stays; --status-fd may still come */
	}
	if (first < 0)
		return first;
	for (size_t k = 0; k < ARRAY_SIZE(options); k++)
		if ((options[k].have & HAVE_NEEDED) && !(have & options[k].have))
			return err_set(err, -EINVAL, "%s is missing", options[k].name);
	if (ret->mode != JOB_STAT && !(have & HAVE_FD))
		return err_set(err, -EINVAL, "--fd is missing");
	if (have & HAVE_FD && ret->fd == ret->status_fd)
		return err_set(err, -EINVAL, "--fd and --status-fd are the same");
	if (ret->base > UINT32_MAX - ret->size)
		return err_set(err, -EINVAL, "--base and --size: past the last id");
	return 0;
}
