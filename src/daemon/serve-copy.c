/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies: one gabion-cp each. It answers on a pipe, a JSON object a line (cp/status.h): facts or an
 * error, and an error after facts when the stream breaks off. Nothing of that is parsed here; lines
 * are passed on, and an error is known by how its line begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "daemon/serve-channel.h"
#include "settings/asker.h"

#define STATUS_MAX CONTROL_ANSWER_MAX
/* One container's files may be such that reading them takes for ever (FUSE); it has no more of our
 * places than this. */
#define COPIES_PER_BOX 8u
/* In all containers of one user other than root: a file system of theirs may never answer. */
#define COPIES_PER_USER 32u
#define ARGS_MAX 32

struct serve_copy {
	struct serve *serve;
	size_t slot;
	struct serve_channel *channel; /* NULL once that is gone */
	struct control_header to;
	char id[CONTROL_ID_LEN];
	uid_t owner;	  /* whose container it is */
	bool facts_first; /* GET: the first line is passed on at once */
	bool facts_sent;
	bool exited;
	int status; /* as of waitpid(2) */
	struct loop_child child;
	struct loop_fd watch;
	int pipe; /* owned; -EBADF after its end */
	struct buf lines;
	struct loop_deferred later;
};

static void copy_free(struct loop_deferred *d)
{
	free(CONTAINER_OF(d, struct serve_copy, later));
}

static void copy_end(struct serve_copy *c)
{
	loop_child_stop(&c->child);
	loop_fd_stop(&c->watch);
	c->pipe = fd_close(c->pipe);
	buf_done(&c->lines);
	c->serve->copies[c->slot] = NULL;
	loop_defer(c->serve->loop, &c->later, copy_free);
}

/* Takes the first line off what has been read. */
static struct slice first_line(const struct serve_copy *c)
{
	struct slice all = buf_slice(&c->lines);
	size_t n = slice_find(all, '\n');

	return n < all.n ? (struct slice){ all.p, n + 1 } : SLICE_NULL;
}

static bool is_error(struct slice line)
{
	return slice_starts(line, SLICE_LIT("{\"error\":"));
}

/* Both its pipe and its process have ended. */
static void answer_final(struct serve_copy *c)
{
	struct slice line = first_line(c);

	if (!c->channel)
		return;
	if (line.p && is_error(line))
		serve_answer(c->channel, &c->to, CONTROL_FAILED, line);
	else if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0)
		serve_answer(c->channel, &c->to, CONTROL_DONE, line);
	else
		serve_answer(c->channel, &c->to, -EIO, SLICE_LIT("gabion-cp failed"));
}

static void maybe_over(struct serve_copy *c)
{
	if (!c->exited || c->pipe >= 0)
		return;
	answer_final(c);
	copy_end(c);
}

static void on_exit_copy(struct loop_child *child, int status)
{
	struct serve_copy *c = CONTAINER_OF(child, struct serve_copy, child);

	c->exited = true;
	c->status = status;
	maybe_over(c);
}

static void pass_facts(struct serve_copy *c)
{
	struct slice line = first_line(c);

	if (!c->facts_first || c->facts_sent || !line.p || is_error(line))
		return;
	c->facts_sent = true;
	if (c->channel)
		serve_answer(c->channel, &c->to, CONTROL_MORE, line);
	buf_consume(&c->lines, line.n);
}

static void on_status(struct loop_fd *f, uint32_t events)
{
	struct serve_copy *c = CONTAINER_OF(f, struct serve_copy, watch);
	char *to = buf_reserve(&c->lines, 4096);
	ssize_t n = to ? read(c->pipe, to, 4096) : 0;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		buf_commit(&c->lines, (size_t)n);
		pass_facts(c);
		return;
	}
	/* Its end, or more than it may say. */
	loop_fd_stop(&c->watch);
	c->pipe = fd_close(c->pipe);
	maybe_over(c);
}

/* --- starting it --- */

struct arguments {
	char numbers[5][16];
	char user[CONTROL_USER_MAX];
	char path[CONTROL_PATH_MAX];
	const char *argv[ARGS_MAX];
};

static void put(struct arguments *a, size_t *n, const char *key, const char *value)
{
	a->argv[(*n)++] = key;
	if (value)
		a->argv[(*n)++] = value;
}

static const char *number(char text[16], uint64_t v)
{
	(void)snprintf(text, 16, "%llu", (unsigned long long)v);
	return text;
}

static void fill_arguments(struct arguments *a, const struct control_copy *q,
			   const struct serve_box *box, pid_t pid, int fd, int status_fd)
{
	static const char *const modes[] = { "stat", "get", "put" };
	size_t n = 0;

	(void)snprintf(a->path, sizeof(a->path), "%s", q->path);
	(void)snprintf(a->user, sizeof(a->user), "%s", q->user);
	put(a, &n, "gabion-cp", NULL);
	put(a, &n, "--pid", number(a->numbers[0], (uint64_t)pid));
	put(a, &n, "--base", number(a->numbers[1], box->base));
	put(a, &n, "--size", number(a->numbers[2], box->size));
	put(a, &n, "--mode", modes[q->mode]);
	put(a, &n, "--path", a->path);
	put(a, &n, "--status-fd", number(a->numbers[3], (uint64_t)status_fd));
	if (fd >= 0)
		put(a, &n, "--fd", number(a->numbers[4], (uint64_t)fd));
	if (q->flags & CONTROL_COPY_NO_OVERWRITE_DIR)
		put(a, &n, "--no-overwrite-dir-non-dir", NULL);
	if (q->flags & CONTROL_COPY_UIDGID)
		put(a, &n, "--copy-uidgid", NULL);
	if (*a->user)
		put(a, &n, "--user", a->user);
	a->argv[n] = NULL;
}

/* The child: nothing but async-signal-safe calls until it is another program. */
static void NORETURN child_exec(const char *program, const struct arguments *a, int fd,
				int status_fd, pid_t parent)
{
	static char *const env[] = { (char *)"LC_ALL=C", NULL };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
	    fd_cloexec(status_fd, false) < 0 || (fd >= 0 && fd_cloexec(fd, false) < 0))
		_exit(127);
	(void)execve(program, (char *const *)a->argv, env);
	_exit(127);
}

static int spawn(struct serve_copy *c, const struct control_copy *q, const struct serve_box *box,
		 pid_t pid, int fd, struct err *err)
{
	CLEANUP_FREE struct arguments *a = calloc(1, sizeof(*a));
	CLEANUP_FD int status_fd = -EBADF;
	char program[PATH_MAX];
	pid_t parent = getpid();
	int ends[2];
	pid_t child;
	int r;

	if (!a)
		return err_errno(err, -ENOMEM, "gabion-cp");
	r = program_find("gabion-cp", program, err);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe for gabion-cp");
	c->pipe = ends[0];
	status_fd = ends[1];
	r = fd_nonblock(c->pipe, true);
	if (r < 0)
		return err_errno(err, r, "pipe for gabion-cp");
	fill_arguments(a, q, box, pid, fd, status_fd);
	child = fork();
	if (child < 0)
		return err_errno(err, -errno, "fork for gabion-cp");
	if (child == 0)
		child_exec(program, a, fd, status_fd, parent);
	r = loop_child_start(c->serve->loop, &c->child, child, on_exit_copy);
	if (r == 0)
		r = loop_fd_start(c->serve->loop, &c->watch, c->pipe, EPOLLIN, on_status);
	if (r < 0) {
		(void)kill(child, SIGKILL);
		loop_child_stop(&c->child);
		(void)waitpid(child, NULL, 0);
		return err_errno(err, r, "watching gabion-cp");
	}
	return 0;
}

/* Root where nobody is on record. */
static uid_t owner_of(const struct serve *s, const char id[CONTROL_ID_LEN])
{
	char name[CONTROL_ID_LEN + 1] = "";
	struct asker asker;

	memcpy(name, id, CONTROL_ID_LEN);
	return asker_load(s->instance->lib, name, &asker, NULL) == ASKER_OK ? asker.uid : 0;
}

/* A place for one more, and its container's owner; -EBUSY: there is none. */
static int find_place(const struct serve *s, const char id[static CONTROL_ID_LEN], size_t *slot,
		      uid_t *owner, struct err *err)
{
	size_t free_slot = SERVE_COPIES_MAX;
	size_t same = 0;
	size_t theirs = 0;

	*owner = owner_of(s, id);
	for (size_t i = 0; i < SERVE_COPIES_MAX; i++) {
		if (!s->copies[i]) {
			free_slot = i;
			continue;
		}
		same += memcmp(s->copies[i]->id, id, CONTROL_ID_LEN) == 0;
		theirs += *owner != 0 && s->copies[i]->owner == *owner;
	}
	if (same >= COPIES_PER_BOX)
		return err_set(err, -EBUSY, "too many copies at once: %u of this container",
			       COPIES_PER_BOX);
	if (theirs >= COPIES_PER_USER)
		return err_set(err, -EBUSY, "too many copies at once: %u of user %u's containers",
			       COPIES_PER_USER, *owner);
	if (free_slot == SERVE_COPIES_MAX)
		return err_set(err, -EBUSY, "too many copies at once: %d", SERVE_COPIES_MAX);
	*slot = free_slot;
	return 0;
}

static int new_copy(struct serve_channel *ch, const struct control_request *q,
		    struct serve_copy **ret, struct err *err)
{
	struct serve *s = ch->serve;
	struct serve_copy *c;
	size_t slot;
	uid_t owner;
	int r = find_place(s, q->copy.id, &slot, &owner, err);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_errno(err, -ENOMEM, "a copy");
	*c = (struct serve_copy){ .serve = s,
				  .slot = slot,
				  .channel = ch,
				  .to = q->header,
				  .owner = owner,
				  .facts_first = q->copy.mode == CONTROL_COPY_GET,
				  .pipe = -EBADF,
				  .child.pidfd = -EBADF,
				  .lines = BUF_INIT(STATUS_MAX) };
	memcpy(c->id, q->copy.id, CONTROL_ID_LEN);
	s->copies[slot] = c;
	*ret = c;
	return 0;
}

void serve_copy_start(struct serve_channel *ch, const struct control_request *q, int take_fd)
{
	CLEANUP_FD int fd = take_fd;
	struct err err = ERR_INIT;
	struct serve_box box;
	struct serve_copy *c = NULL;
	pid_t pid;
	int r = serve_box_load(ch->serve->instance, q->copy.id, &box, &err);

	if (r == 0)
		r = serve_box_pid(&box, &pid, &err);
	if (r > 0) {
		serve_answer(ch, &q->header, r, SLICE_NULL);
		return;
	}
	if (r == 0)
		r = new_copy(ch, q, &c, &err);
	if (r == 0)
		r = spawn(c, &q->copy, &box, pid, fd, &err);
	if (r == 0)
		return;
	log_error("copy in container %.12s: %s", q->copy.id, err.text);
	serve_answer_err(ch, &q->header, &err);
	if (c)
		copy_end(c);
}

void serve_copy_drop(struct serve_channel *ch)
{
	for (size_t i = 0; i < SERVE_COPIES_MAX; i++) {
		struct serve_copy *c = ch->serve->copies[i];

		if (!c || c->channel != ch)
			continue;
		/* It is reaped when it has ended, and answers nobody. */
		c->channel = NULL;
		if (!c->exited)
			(void)kill(c->child.pid, SIGKILL);
	}
}

void serve_copy_reap(struct serve *s)
{
	for (size_t i = 0; i < SERVE_COPIES_MAX; i++) {
		struct serve_copy *c = s->copies[i];

		if (!c)
			continue;
		if (!c->exited)
			(void)waitpid(c->child.pid, NULL, 0);
		copy_end(c);
	}
}
