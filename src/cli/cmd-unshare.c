/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gabion unshare`: a shell in which everything that a user's containers left in the user's folders
 * can be read, moved and removed: a user namespace where the user is root and its subordinate ids
 * are the others, as in a bind (runtime/asks.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/account.h"
#include "cli/cli.h"
#include "linux/userns.h"
#include "settings/users.h"

#define ARENA_MAX (1u << 20)

struct unshare_args {
	const char *user;
};

static const struct opt table[] = {
	{ .name = "user",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct unshare_args, user),
	  .value = "NAME",
	  .help = "act for this user (root only; default: the caller)" },
};

static const struct opts opts = {
	.command = "unshare",
	.usage = "[--user NAME] [-- COMMAND [ARG…]]",
	.about = "Runs COMMAND (default: a shell) where files that your containers left in your\n"
		 "folders are yours to read, move and remove. Files are as seen in a container:\n"
		 "you are root, your subordinate ids are everybody else.",
	.table = table,
	.count = ARRAY_SIZE(table),
	.max_args = 4096,
	.word_ends = true,
};

/* Root makes the namespace itself. */
static int enter_as_root(uint32_t uid, uint32_t gid, struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(ARENA_MAX);
	CLEANUP_FREE struct idmap *maps = calloc(2, sizeof(*maps));
	struct range subuids;
	struct range subgids;
	int r;

	arena_must(maps);
	r = users_subordinate(&arena, instance_ids_dir(), uid, &subuids, &subgids, err);
	if (r < 0)
		return r;
	if (idmap_add(&maps[0], 0, uid, 1) < 0 || idmap_add(&maps[1], 0, gid, 1) < 0 ||
	    idmap_add(&maps[0], 1, subuids.start, subuids.count) < 0 ||
	    idmap_add(&maps[1], 1, subgids.start, subgids.count) < 0)
		return err_set(err, -EINVAL, "the subordinate ids of user %u overlap its own", uid);
	{
		CLEANUP_FD int userns = userns_create(&maps[0], &maps[1], uid, err);

		if (userns < 0)
			return userns;
		if (setns(userns, CLONE_NEWUSER) < 0)
			return err_errno(err, -errno, "cannot enter the user namespace");
	}
	return 0;
}

static int run_newidmap(const char *program, pid_t pid, uint32_t id, const struct range *sub,
			struct err *err)
{
	char text[5][16];
	pid_t child;
	int status;

	(void)snprintf(text[0], sizeof(text[0]), "%d", pid);
	(void)snprintf(text[1], sizeof(text[1]), "%u", id);
	(void)snprintf(text[2], sizeof(text[2]), "%u", sub->start);
	(void)snprintf(text[3], sizeof(text[3]), "%u", sub->count);
	child = fork();
	if (child == 0) {
		(void)execlp(program, program, text[0], "0", text[1], "1", "1", text[2], text[3],
			     (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return err_errno(err, -errno, "%s", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, -ENOENT, "%s is missing: install the package uidmap", program);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : err_set(err, -EPERM, "%s refused the map", program);
}

/* A helper maps us from outside: newuidmap(1) checks /etc/subuid with the rights to write the map.
 */
static int enter_as_user(struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(ARENA_MAX);
	const char *name = users_name(&arena, getuid());
	pid_t self = getpid();
	uint32_t uid = getuid();
	uint32_t gid = getgid();
	struct range subuids;
	struct range subgids;
	int ready[2];
	int status;
	pid_t mapper;

	if (ranges_subordinate("/etc/subuid", name, uid, &subuids, err) != 0 ||
	    ranges_subordinate("/etc/subgid", name, uid, &subgids, err) != 0)
		return err_set(err, -ENOENT,
			       "you have no entry in /etc/subuid and /etc/subgid; ask an "
			       "administrator for one, "
			       "or for `gabion unshare --user %s`",
			       name ? name : "YOU");
	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe");
	mapper = fork();
	if (mapper == 0) {
		char c;
		int r;

		(void)fd_close(ready[1]);
		r = read(ready[0], &c, 1) == 1 ? 0 : -EPIPE;
		if (r == 0)
			r = run_newidmap("newuidmap", self, uid, &subuids, err);
		if (r == 0)
			r = run_newidmap("newgidmap", self, gid, &subgids, err);
		if (r < 0)
			cli_error("%s", err->text);
		_exit(r < 0);
	}
	(void)fd_close(ready[0]);
	if (mapper < 0 || unshare(CLONE_NEWUSER) < 0)
		return err_errno(err, -errno, "cannot create a user namespace");
	if (write(ready[1], "x", 1) != 1)
		return err_errno(err, -errno, "pipe");
	(void)fd_close(ready[1]);
	if (waitpid(mapper, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, -EPERM, "the ids could not be mapped");
	return 0;
}

static int enter(const char *user, struct err *err)
{
	uint32_t uid;
	uint32_t gid;
	int r;

	if (geteuid() != 0) {
		if (user)
			return err_set(err, -EPERM, "--user is for root");
		return enter_as_user(err);
	}
	if (!user)
		return err_set(err, -EINVAL,
			       "root needs no namespace for root's files: --user NAME?");
	r = account_find(user, &uid, &gid, err);
	return r < 0 ? r : enter_as_root(uid, gid, err);
}

int cmd_unshare(int argc, char **argv)
{
	static char fallback[] = "/bin/sh";
	struct unshare_args args = { 0 };
	struct err err = ERR_INIT;
	char *shell[2] = { getenv("SHELL"), NULL };
	char **command;
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	r = enter(args.user, &err);
	if (r == 0 && (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		r = err_errno(&err, -errno, "cannot become root of the user namespace");
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_NO;
	}
	if (!shell[0])
		shell[0] = fallback;
	command = rest < argc ? argv + rest : shell;
	(void)execvp(command[0], command);
	cli_error("%s: %s", command[0], strerror(errno));
	return CLI_EXIT_UNKNOWN;
}
