/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-cp: one copy into or out of one running container, started by gabiond as root. Command
 * line: job.h; answers: status.h; what it gives up, and when: sandbox.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cp/job.h"
#include "cp/pin.h"
#include "cp/sandbox.h"
#include "cp/status.h"
#include "cp/work.h"

#define END_WAIT_MS 2000

enum {
	EXIT_ANSWERED = 1, /* an error line was written */
	EXIT_USAGE = 2,
};

static int answer(int fd, const struct err *err)
{
	(void)status_error(fd, err);
	return EXIT_ANSWERED;
}

/* Copies what is kept of the command line and wipes it, as the container sees it in its /proc; and
 * the environment. */
static int take_arguments(struct job *j, int argc, char **argv)
{
	CLEANUP_FREE char *path = strdup(j->path);
	CLEANUP_FREE char *user = j->user ? strdup(j->user) : NULL;

	if (!path || (j->user && !user))
		return -ENOMEM;
	j->path = TAKE_PTR(path);
	j->user = TAKE_PTR(user);
	for (int i = 0; i < argc; i++)
		explicit_bzero(argv[i], strlen(argv[i]));
	for (char **e = environ; *e; e++)
		explicit_bzero(*e, strlen(*e));
	return 0;
}

/* Dies with the parent, also if that died before this was asked for. */
static int follow_parent(int parent, struct err *err)
{
	struct pollfd p = { .fd = parent, .events = POLLIN };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_errno(err, -errno, "prctl");
	return poll(&p, 1, 0) == 0 ? 0 : err_set(err, -ESRCH, "the parent has gone");
}

static int work(struct work *w, struct err *err)
{
	static int (*const modes[])(const struct work *w, struct err *err) = {
		[JOB_STAT] = work_stat,
		[JOB_GET] = work_get,
		[JOB_PUT] = work_put,
	};

	return modes[w->job->mode](w, err);
}

/* The child: everything that touches the container's files. */
static int inside(struct job *j, const struct pin *p, int parent)
{
	struct err err = ERR_INIT;
	struct work w = { .job = j, .root = SANDBOX_ROOT, .mountinfo = buf_slice(&p->mountinfo) };
	int r = follow_parent(parent, &err);

	if (r == 0)
		r = sandbox_enter(p, j->fd, j->status_fd, &err);
	if (r < 0)
		return answer(j->status_fd, &err);
	j->fd = SANDBOX_DATA;
	j->status_fd = SANDBOX_STATUS;
	r = sandbox_lock(&err);
	if (r == 0)
		r = work(&w, &err);
	return r < 0 ? answer(SANDBOX_STATUS, &err) : EXIT_SUCCESS;
}

/* Waits for the child; kills it when nobody reads the answers any more: it may hang in a file
 * system that the container serves itself. Returns whether somebody still reads them. */
static bool wait_child(siginfo_t *ret)
{
	struct pollfd p[2] = {
		{ .fd = SANDBOX_CHILD, .events = POLLIN },
		{ .fd = SANDBOX_STATUS, .events = 0 },
	};

	while (p[0].revents == 0) {
		(void)poll(p, 2, -1);
		if (p[1].revents & (POLLERR | POLLHUP)) {
			(void)syscall(SYS_pidfd_send_signal, SANDBOX_CHILD, SIGKILL, NULL, 0);
			p[1].fd = -1;
		}
	}
	while (waitid((idtype_t)P_PIDFD, SANDBOX_CHILD, ret, WEXITED) < 0 && errno == EINTR)
		;
	return p[1].fd >= 0;
}

/* Did the child die because its container did? The container's end is told only when all in it have
 * been waited for, so a little after the child's. */
static bool container_gone(void)
{
	struct pollfd p = { .fd = SANDBOX_INIT, .events = POLLIN };

	return poll(&p, 1, END_WAIT_MS) > 0;
}

/* The parent: turns the child's end into ours. */
static int outside(const struct job *j, const struct pin *p, int child)
{
	struct err err = ERR_INIT;
	siginfo_t end = { 0 };
	int r = sandbox_watch(j->status_fd, child, p->pidfd, &err);

	if (r < 0)
		return answer(j->status_fd, &err); /* the child dies with us */
	if (!wait_child(&end))
		return EXIT_ANSWERED;
	if (end.si_code == CLD_EXITED)
		return end.si_status;
	if (end.si_status == SIGKILL && container_gone())
		(void)err_set(&err, -ESRCH, "the container stopped");
	else
		(void)err_set(&err, -EINTR, "the copy was ended by signal %d", end.si_status);
	return answer(SANDBOX_STATUS, &err);
}

static int run(struct job *j, struct pin *p)
{
	/* Not owned here: the sandbox closes by number all that it does not keep. */
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int child = -EBADF;
	struct err err = ERR_INIT;
	pid_t pid;
	int r = self < 0 ? err_errno(&err, -errno, "pidfd_open") : sandbox_limit(&err);

	if (r == 0)
		r = sandbox_become(p, &err);
	if (r < 0)
		return answer(j->status_fd, &err);
	pid = fork();
	if (pid == 0)
		_exit(inside(j, p, self));
	if (pid > 0)
		child = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid < 0 || child < 0) {
		(void)err_errno(&err, -errno, "fork");
		return answer(j->status_fd, &err);
	}
	return outside(j, p, child);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct job job;
	struct pin pin;

	if (job_parse(argc, argv, &job, &err) < 0) {
		(void)fprintf(stderr, "gabion-cp: %s\n", err.text);
		if (job.status_fd >= 0)
			(void)answer(job.status_fd, &err);
		return EXIT_USAGE;
	}
	if (take_arguments(&job, argc, argv) < 0)
		_exit(answer(job.status_fd,
			     &(struct err){ .code = -ENOMEM, .text = "out of memory" }));
	if (pin_open(&pin, &job, &err) < 0)
		_exit(answer(job.status_fd, &err));
	_exit(run(&job, &pin));
}
