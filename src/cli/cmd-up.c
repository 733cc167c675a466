/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `gabion up` becomes gabiond: in the foreground by exec, so that Ctrl-C and the exit status are
 * gabiond's own; with --detach in a session of its own, while we wait until it says that it is
 * ready, or dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/program.h"
#include "cli/cli.h"
#include "settings/instance.h"

struct up {
	const char *state_dir;
	const char *limit;
	bool detach;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct up, state_dir),
	{ .name = "detach",
	  .letter = 'd',
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct up, detach),
	  .help = "return when it is ready, leave it running" },
	{ .name = "limit",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct up, limit),
	  .value = "engine-mib=N",
	  .help = "memory that dockerd may have; 0: all (default: half of the host's)" },
};

static const struct opts opts = {
	.command = "up",
	.usage = "[--state-dir DIR] [--detach] [--limit engine-mib=N] [-- ENGINE-ARG…]",
	.about =
		"Starts a Docker engine of its own with the whole suite in front, everything below "
		"DIR,\nand prints how clients reach it. Ctrl-C or `gabion down` takes it away "
		"again.\nENGINE-ARGs are dockerd's.",
	.table = table,
	.count = ARRAY_SIZE(table),
	.max_args = SIZE_MAX,
	.dashes = true,
};

/* What gabiond is started with. */
struct launch {
	const char *program;
	const struct instance *inst;
	const char *limit; /* NULL: none was said */
	char **rest;	   /* ENGINE-ARGs */
	size_t nrest;
};

/* argv of gabiond: NAME --state-dir DIR [--limit LIMIT] [--ready-fd N] -- ENGINE-ARG… */
static char **daemon_argv(const struct launch *l, const char *ready)
{
	char **v = calloc(l->nrest + 9, sizeof(*v));
	size_t n = 0;

	if (!v)
		return NULL;
	v[n++] = (char *)l->program;
	v[n++] = (char *)"--state-dir";
	v[n++] = (char *)l->inst->dir;
	if (l->limit) {
		v[n++] = (char *)"--limit";
		v[n++] = (char *)l->limit;
	}
	if (ready) {
		v[n++] = (char *)"--ready-fd";
		v[n++] = (char *)ready;
	}
	v[n++] = (char *)"--";
	for (size_t i = 0; i < l->nrest; i++)
		v[n++] = l->rest[i];
	return v;
}

/* The pid that a signal to us is handed on to; Ctrl-C while a detached start is under way. */
static volatile sig_atomic_t child_pid;

static void hand_on(int sig)
{
	if (child_pid > 0)
		(void)kill((pid_t)child_pid, sig);
}

/* Runs gabiond in a session of its own. The exit code is 0 once it wrote a byte, else its own. */
static int run_detached(const struct launch *l)
{
	struct sigaction act = { .sa_handler = hand_on, .sa_flags = SA_RESTART };
	CLEANUP_FREE char **argv = NULL;
	CLEANUP_FD int ready = -EBADF;
	CLEANUP_FD int write_end = -EBADF;
	char number[16];
	int ends[2];
	int status;
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		cli_error("pipe: %s", strerror(errno));
		return CLI_EXIT_NO;
	}
	ready = ends[0];
	write_end = ends[1];
	(void)snprintf(number, sizeof(number), "%d", write_end);
	argv = daemon_argv(l, number);
	if (!argv)
		return CLI_EXIT_NO;
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	pid = fork();
	if (pid < 0) {
		cli_error("fork: %s", strerror(errno));
		return CLI_EXIT_NO;
	}
	if (pid == 0) {
		(void)setsid();
		(void)fd_cloexec(write_end, false);
		(void)execv(l->program, argv);
		_exit(127);
	}
	child_pid = pid;
	write_end = fd_close(write_end);
	if (fd_read_full(ready, &byte, 1) == 1)
		return CLI_EXIT_OK;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CLI_EXIT_NO;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		cli_error("gabiond was killed by signal %d", WTERMSIG(status));
	return CLI_EXIT_NO;
}

int cmd_up(int argc, char **argv)
{
	struct up up = { 0 };
	struct instance inst;
	struct launch launch;
	struct err err = ERR_INIT;
	CLEANUP_FREE char **dargv = NULL;
	char program[PATH_MAX];
	int rest = 0;
	int r;

	r = opts_parse(&opts, argc, argv, &up, &rest);
	if (r != 0)
		return opts_exit(r);
	r = cli_need_root("up");
	if (r != 0)
		return r;
	r = instance_find(&inst, up.state_dir, &err);
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_NO;
	}
	if (!inst.private_dir) {
		cli_error("up needs a folder of its own: --state-dir DIR or GABION_STATE_DIR");
		return CLI_EXIT_USAGE;
	}
	r = program_find("gabiond", program, &err);
	if (r < 0) {
		cli_error("%s", err.text);
		return CLI_EXIT_NO;
	}
	launch = (struct launch){ .program = program,
				  .inst = &inst,
				  .limit = up.limit,
				  .rest = argv + rest,
				  .nrest = (size_t)(argc - rest) };
	if (up.detach)
		return run_detached(&launch);
	dargv = daemon_argv(&launch, NULL);
	if (!dargv)
		return CLI_EXIT_NO;
	(void)fflush(NULL);
	(void)execv(program, dargv);
	cli_error("%s: %s", program, strerror(errno));
	return CLI_EXIT_NO;
}
