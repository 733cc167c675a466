// SPDX-License-Identifier: Apache-2.0
/* Arguments that change while the kernel, or somebody who answers in its place, looks at them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/mount.h>

#include "ops.h"

enum { ROUNDS = 1000, CHANGES = 20, MOST = 500000 };

static struct {
	atomic_bool over;
	atomic_uint changes; /* of the descriptor */
	char name[2][128];   /* one that may be changed, one that may not */
	char argument[128];  /* what the system call gets: now this, now that */
	int fd[3];	     /* the same for descriptors; the third is the argument */
} race;

static void *flip_name(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&race.over); i++)
		memcpy(race.argument, race.name[i % 2], sizeof(race.argument));
	return NULL;
}

static void *flip_fd(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&race.over); i++) {
		(void)dup3(race.fd[i % 2], race.fd[2], O_CLOEXEC);
		atomic_fetch_add(&race.changes, 1);
	}
	return NULL;
}

static bool read_only(const char *folder)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/escaped", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return true;
	close(fd);
	if (!may_change())
		unlink(path);
	return false;
}

static void prepare(const char *target)
{
	const char *own = own_folder("race");

	if (mount("none", own, "tmpfs", 0, NULL) < 0)
		say_errno("mount");
	snprintf(race.name[0], sizeof(race.name[0]), "%s", own);
	snprintf(race.name[1], sizeof(race.name[1]), "%s", target);
	memcpy(race.argument, race.name[0], sizeof(race.argument));
}

/* The name of the mount to be made writable is now one's own, now the read-only bind. */
static void swap_name(const char *target)
{
	pthread_t thread;
	char last = 0;

	prepare(target);
	if (pthread_create(&thread, NULL, flip_name, NULL) != 0)
		say_errno("thread");
	for (int i = 0, seen = 0; i < ROUNDS || (seen < CHANGES && i < MOST); i++) {
		(void)mount("none", race.argument, NULL, MS_REMOUNT | MS_BIND, NULL);
		seen += race.argument[1] != last;
		last = race.argument[1];
	}
	atomic_store(&race.over, true);
	pthread_join(thread, NULL);
	say(read_only(target) ? "HELD" : "WRITTEN", target);
}

/* The same with a descriptor and mount_setattr. */
static void swap_fd(const char *target)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };
	pthread_t thread;
	unsigned last = 0;

	prepare(target);
	for (int i = 0; i < 2; i++)
		race.fd[i] = open(race.name[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	race.fd[2] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (pthread_create(&thread, NULL, flip_fd, NULL) != 0)
		say_errno("thread");
	for (int i = 0, seen = 0; i < ROUNDS || (seen < CHANGES && i < MOST); i++) {
		unsigned now = atomic_load(&race.changes) % 2;

		(void)syscall(SYS_mount_setattr, race.fd[2], "", AT_EMPTY_PATH, &attr,
			      sizeof(attr));
		seen += now != last;
		last = now;
	}
	atomic_store(&race.over, true);
	pthread_join(thread, NULL);
	say(read_only(target) ? "HELD" : "WRITTEN", target);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Signals all the time, as Go's scheduler sends them: each mount is there once, and calls come
 * back. */
static void storm(const char *arg)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec every = { .it_interval = { .tv_nsec = 1000000 },
				    .it_value = { .tv_nsec = 1000000 } };
	timer_t timer;
	const char *dir = own_folder("storm");

	(void)arg;
	sigaction(SIGUSR1, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &every, NULL) < 0)
		say_errno("timer");
	for (int i = 0; i < 200; i++) {
		if (mount("none", dir, "tmpfs", 0, NULL) < 0)
			say_errno("mount");
		if (umount2(dir, 0) < 0)
			say_errno("umount");
		if (umount2(dir, 0) == 0)
			say("TWICE", "");
	}
	say("ONCE", "");
}

const struct probe probes_race[] = {
	{ "A01", "", PROBE_MOUNTS, swap_name, RO_BIND },
	{ "SB4", "", PROBE_MOUNTS, swap_name, RO_BIND },
	{ "A03", "", PROBE_MOUNTS, swap_fd, RO_BIND },
	{ "A05", "", PROBE_MOUNTS, storm, NULL },
	{ .id = NULL },
};
