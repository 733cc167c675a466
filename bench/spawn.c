/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stopwatch of bench/run: runs a sequence of commands with as little of its own in between as
 * possible and prints what they took.
 *
 *	spawn [-p N] CMD ARG… [';' CMD ARG…]…
 *
 * A command named @wait takes a pid file and waits until that process has ended. The stopwatch is
 * a child subreaper, like a containerd shim, so the container's first process is its to reap.
 * `{i}` inside an argument becomes the number of the sequence, 0 unless -p runs N of them at once.
 *
 * Standard input and output of the commands are /dev/null. Printed on success, one line:
 *	total_ns peak_kib cmd1_ns cmd2_ns …        (with -p: total_ns peak_kib)
 * total_ns is from before the first command to after the last one; peak_kib the largest resident
 * set that any of the commands (their waited-for children too) had. A command that fails ends the
 * run with exit code 1 and a line on standard error.
 *
 * It is linked statically and holds next to nothing: until it executes its program a child shares
 * our memory, and the kernel counts that as the child's own peak.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	ARGS_MAX = 64,
	COMMANDS_MAX = 16,
	ARG_SIZE = 512,
};

struct command {
	char *argv[ARGS_MAX + 1]; /* borrowed from main's, or from `text` where {i} was replaced */
	char text[ARGS_MAX][ARG_SIZE];
};

struct result {
	uint64_t total_ns;
	long peak_kib;
	int n;
	uint64_t each_ns[COMMANDS_MAX];
};

extern char **environ;

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Copies in to out with every {i} replaced; false when it does not fit. */
static bool expand(char *out, size_t size, const char *in, int index)
{
	size_t n = 0;

	while (*in) {
		if (strncmp(in, "{i}", 3) == 0) {
			int w = snprintf(out + n, size - n, "%d", index);

			if (w < 0 || (size_t)w >= size - n)
				return false;
			n += (size_t)w;
			in += 3;
			continue;
		}
		if (n + 1 >= size)
			return false;
		out[n++] = *in++;
	}
	out[n] = '\0';
	return true;
}

/* Splits argv at ";" into cmds. Returns how many there are, or -1. */
static int split(struct command *cmds, char **argv, int index)
{
	int n = 0, a = 0;

	for (; *argv; argv++) {
		if (strcmp(*argv, ";") == 0) {
			if (a == 0 || ++n == COMMANDS_MAX)
				return -1;
			a = 0;
			continue;
		}
		if (a == ARGS_MAX)
			return -1;
		cmds[n].argv[a] = *argv;
		if (strstr(*argv, "{i}")) {
			if (!expand(cmds[n].text[a], ARG_SIZE, *argv, index))
				return -1;
			cmds[n].argv[a] = cmds[n].text[a];
		}
		cmds[n].argv[++a] = NULL;
	}
	return a == 0 ? -1 : n + 1;
}

/* Waits for the child pid; other children that end meanwhile are reaped and forgotten. */
static int reap(pid_t pid, struct rusage *usage, int *ret_status)
{
	for (;;) {
		pid_t got = wait4(-1, ret_status, 0, usage);

		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
	}
}

static int wait_pid_file(const char *path)
{
	char text[32] = "";
	int status;
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	(void)fclose(f);
	pid_t pid = (pid_t)strtol(text, NULL, 10);
	if (pid <= 0)
		return -EINVAL;
	int r = reap(pid, NULL, &status);
	/* Reaped already while we waited for the command that started it. */
	return r == -ECHILD ? 0 : r;
}

static int run_command(char **argv, posix_spawn_file_actions_t *actions, struct result *res)
{
	struct rusage usage = { 0 };
	int status = 0;
	pid_t pid;

	if (strcmp(argv[0], "@wait") == 0) {
		int r = wait_pid_file(argv[1] ? argv[1] : "");

		if (r < 0)
			(void)fprintf(stderr, "spawn: @wait %s: %s\n", argv[1], strerror(-r));
		return r;
	}
	int e = posix_spawnp(&pid, argv[0], actions, NULL, argv, environ);
	if (e) {
		(void)fprintf(stderr, "spawn: %s: %s\n", argv[0], strerror(e));
		return -e;
	}
	int r = reap(pid, &usage, &status);
	if (r < 0)
		return r;
	if (usage.ru_maxrss > res->peak_kib)
		res->peak_kib = usage.ru_maxrss;
	if (status) {
		(void)fprintf(stderr, "spawn: %s %s: wait status 0x%x\n", argv[0],
			      argv[1] ? argv[1] : "", status);
		return -EIO;
	}
	return 0;
}

static int run_sequence(char **argv, int index, struct result *res)
{
	static struct command cmds[COMMANDS_MAX];
	posix_spawn_file_actions_t actions;
	int n = split(cmds, argv, index);

	if (n < 0) {
		(void)fprintf(stderr, "spawn: too many or too long arguments, or none\n");
		return -EINVAL;
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);

	uint64_t start = now_ns(), last = start;
	for (int i = 0; i < n; i++) {
		int r = run_command(cmds[i].argv, &actions, res);

		if (r < 0)
			return r;
		uint64_t t = now_ns();
		res->each_ns[i] = t - last;
		last = t;
	}
	res->total_ns = last - start;
	res->n = n;
	return 0;
}

/* n sequences at once, each in a process of its own that starts when the pipe is closed. */
static int run_parallel(char **argv, int n, struct result *res)
{
	int gate[2], failed = 0;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		char c;

		if (pid < 0)
			return -errno;
		if (pid > 0)
			continue;
		struct result own = { 0 };
		(void)close(gate[1]);
		(void)!read(gate[0], &c, 1);
		_exit(run_sequence(argv, i, &own) < 0);
	}
	uint64_t start = now_ns();
	(void)close(gate[1]);
	for (int i = 0; i < n; i++) {
		struct rusage usage = { 0 };
		int status = 0;

		if (wait4(-1, &status, 0, &usage) < 0)
			return -errno;
		if (usage.ru_maxrss > res->peak_kib)
			res->peak_kib = usage.ru_maxrss;
		failed += status != 0;
	}
	res->total_ns = now_ns() - start;
	if (failed)
		(void)fprintf(stderr, "spawn: %d of %d sequences failed\n", failed, n);
	return failed ? -EIO : 0;
}

int main(int argc, char **argv)
{
	struct result res = { 0 };
	int n = 0, r;

	argv++;
	if (*argv && strcmp(*argv, "-p") == 0 && argv[1]) {
		n = (int)strtol(argv[1], NULL, 10);
		argv += 2;
	}
	if (argc < 2 || n < 0 || n > 1000) {
		(void)fprintf(stderr, "usage: spawn [-p N] CMD ARG... [';' CMD ARG...]...\n");
		return 2;
	}
	r = n ? run_parallel(argv, n, &res) : run_sequence(argv, 0, &res);
	if (r < 0)
		return 1;
	(void)printf("%llu %ld", (unsigned long long)res.total_ns, res.peak_kib);
	for (int i = 0; i < res.n; i++)
		(void)printf(" %llu", (unsigned long long)res.each_ns[i]);
	(void)printf("\n");
	return 0;
}
