/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gabion migrate`: folders that containers without gabion wrote to hold files of the ids that were
 * used inside (0, 999, …). This gives them the owners under which the same container finds them
 * again when its binds act for a user: 0 becomes the user, k the user's kth subordinate id.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/account.h"
#include "cli/cli.h"
#include "settings/users.h"

#define ARENA_MAX (1u << 20)
#define DEPTH_MAX 200

struct migrate_args {
	const char *user;
};

static const struct opt table[] = {
	{ .name = "user",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct migrate_args, user),
	  .value = "NAME",
	  .help = "the user whose containers shall use the folder" },
};

static const struct opts opts = {
	.command = "migrate",
	.usage = "--user NAME FOLDER",
	.about = "Gives the files below FOLDER that containers without gabion wrote the owners\n"
		 "under which containers of NAME find them again: root's become NAME's, those\n"
		 "of id k become those of NAME's kth subordinate id. Stays on one file system.",
	.table = table,
	.count = ARRAY_SIZE(table),
	.min_args = 1,
	.max_args = 1,
};

struct migration {
	uint32_t uid;
	uint32_t gid;
	struct range subuids;
	struct range subgids;
	dev_t dev;
	unsigned long changed;
	struct err *err;
};

/* Ids that are no container's (the user's own, and subordinate ones already) stay. */
static uint32_t shifted(uint32_t id, uint32_t own, const struct range *sub)
{
	if (id == 0)
		return own;
	if (id == own || id > sub->count || (id >= sub->start && id - sub->start < sub->count))
		return id;
	return sub->start + id - 1;
}

static int migrate_one(struct migration *m, int fd, const struct stat *st)
{
	uid_t uid = shifted(st->st_uid, m->uid, &m->subuids);
	gid_t gid = shifted(st->st_gid, m->gid, &m->subgids);

	if (uid == st->st_uid && gid == st->st_gid)
		return 0;
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return -errno;
	m->changed++;
	return 0;
}

static int migrate_tree(struct migration *m, int fd, int depth);

static int migrate_entry(struct migration *m, int dir, const char *name, int depth)
{
	CLEANUP_FD int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return migrate_tree(m, fd, depth);
}

static int migrate_tree(struct migration *m, int fd, int depth)
{
	CLEANUP_DIR DIR *dir = NULL;
	struct stat st;
	struct dirent *e;
	int list;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != m->dev)
		return 0;
	if (depth > DEPTH_MAX)
		return -ELOOP;
	if (S_ISDIR(st.st_mode)) {
		list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (list < 0)
			return -errno;
		dir = fdopendir(list);
		if (!dir) {
			(void)fd_close(list);
			return -ENOMEM;
		}
		while ((e = readdir(dir))) {
			if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
				continue;
			r = migrate_entry(m, dirfd(dir), e->d_name, depth + 1);
			if (r < 0)
				return r;
		}
	}
	return migrate_one(m, fd, &st); /* last: a run that is cut off is made again whole */
}

static int migrate(struct migration *m, const char *user, const char *path)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(ARENA_MAX);
	CLEANUP_FD int fd = -EBADF;
	struct stat st;
	int r;

	r = account_find(user, &m->uid, &m->gid, m->err);
	if (r < 0)
		return r;
	r = users_subordinate(&arena, instance_ids_dir(), m->uid, &m->subuids, &m->subgids, m->err);
	if (r < 0)
		return r;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(m->err, -errno, "%s", path);
	m->dev = st.st_dev;
	r = migrate_tree(m, fd, 0);
	return r < 0 ? err_errno(m->err, r, "below %s (%lu files were done; it can be run again)",
				 path, m->changed)
		     : 0;
}

int cmd_migrate(int argc, char **argv)
{
	struct migrate_args args = { 0 };
	struct err err = ERR_INIT;
	struct migration m = { .err = &err };
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	if (!args.user) {
		cli_error("migrate needs --user NAME; `gabion migrate --help` says more");
		return CLI_EXIT_USAGE;
	}
	r = cli_need_root("migrate");
	if (r != 0)
		return r;
	r = migrate(&m, args.user, argv[rest]);
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_NO;
	}
	(void)printf("%lu files have new owners\n", m.changed);
	return CLI_EXIT_OK;
}
