// SPDX-License-Identifier: Apache-2.0
/* Runs the probes, or those named, and prints a line for each: id, part, word, detail, apart by
 * tabs. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 10 };

static const struct probe *const tables[] = { probes_proc,  probes_sys,	   probes_device,
					      probes_call,  probes_kernel, probes_lock,
					      probes_mount, probes_race,   probes_watch };
static const struct probe *current;

void say(const char *word, const char *detail)
{
	char clean[160];
	size_t n = 0;

	for (; *detail && n < sizeof(clean) - 1; detail++)
		clean[n++] = (unsigned char)*detail < ' ' ? ' ' : *detail;
	clean[n] = 0;
	printf("%s\t%s\t%s\t%s\n", current->id, current->part, word, clean);
	fflush(stdout);
	_exit(0);
}

void say_errno(const char *step)
{
	const char *name = strerrorname_np(errno);

	say(name ? name : "EUNKNOWN", step);
}

void say_reached(const char *step, int errno_behind_the_check)
{
	if (errno == errno_behind_the_check)
		say("REACHED", step);
	say_errno(step);
}

bool may_change(void)
{
	return getenv("ESCAPE_CHANGE");
}

int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* the kernel gives a page at a time */
	do {
		n = read(fd, text + have, size - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	} while (n > 0 && have < size - 1);
	close(fd);
	if (n < 0 && have == 0)
		return -errno;
	text[have] = 0;
	return (int)have;
}

const char *own_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "/tmp/escape-%s-%s-%d", current->id, name, (int)getpid());
	if (mkdir(path, 0755) < 0)
		say_errno("mkdir");
	return path;
}

void write_in(const char *folder)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/escaped", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		say_errno("write");
	if (!may_change()) /* in a cage it stays, for the harness to find */
		unlink(path);
	say("WRITTEN", path);
}

static void write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		exit(3);
	}
	close(fd);
}

/* What `unshare -Urm` does. */
static void go_deeper(void)
{
	char map[32], gid_map[32];

	snprintf(map, sizeof(map), "0 %d 1", (int)getuid());
	snprintf(gid_map, sizeof(gid_map), "0 %d 1", (int)getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		perror("unshare");
		exit(3);
	}
	write_map("/proc/self/setgroups", "deny");
	write_map("/proc/self/uid_map", map);
	write_map("/proc/self/gid_map", gid_map);
}

static void run(const struct probe *probe)
{
	int status;
	pid_t pid = fork();

	current = probe;
	if (pid == 0) {
		alarm(SECONDS);
		if (probe->flags & PROBE_MOUNTS && unshare(CLONE_NEWNS) == 0)
			(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		probe->call(probe->arg);
		say("UNDECIDED", "the probe came to its end");
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("probe");
		exit(3);
	}
	if (WIFSIGNALED(status)) {
		const char *word = WTERMSIG(status) == SIGALRM	? "TIMEOUT"
				   : WTERMSIG(status) == SIGSYS ? "KILLED"
								: "CRASHED";

		printf("%s\t%s\t%s\tsignal %d\n", probe->id, probe->part, word, WTERMSIG(status));
		fflush(stdout);
	}
}

static bool asked_for(const struct probe *probe, int n, char **ids)
{
	if (n == 0)
		return !(probe->flags & PROBE_ASKED);
	for (int i = 0; i < n; i++)
		if (strcmp(ids[i], probe->id) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	bool deeper = argc > 1 && strcmp(argv[1], "--nested") == 0;
	int first = deeper ? 2 : 1;

	if (deeper)
		go_deeper();
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct probe *p = tables[t]; p->id; p++)
			if (asked_for(p, argc - first, argv + first))
				run(p);
	puts("end");
	return 0;
}
