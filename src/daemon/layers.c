/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/util.h"
#include "daemon/tarsplit.h"
#include "linux/at.h"
#include "linux/mnt.h"

/* User and group of the reader: a number without an account (daemon/daemon.h). */
#define READER_ID 1610612729u /* 0x5FFFFFF9 */
#define READER_NS (30u * LOOP_NSEC_PER_SEC)
#define READER_SECONDS 20u
#define READER_MEMORY (256u << 20)
#define READ_BYTES 65536
#define BATCH 64 /* questions, before other events are looked at */
#define KEPT "/tar-split.json.gz"

/* --- the reader --- */

static const struct sandbox_rule rules[] = {
	{ .call = "brk" },   { .call = "close" },	   { .call = "exit_group" },
	{ .call = "futex" }, { .call = "getpid" },	   { .call = "madvise" },
	{ .call = "mmap" },  { .call = "mremap" },	   { .call = "munmap" },
	{ .call = "read" },  { .call = "rt_sigprocmask" },
};

/* What there is in `bytes`. 1: that was the end of a member (RFC 1952 2.2), of which there may be
 * another; 0: there is more to come. */
static int unpack(z_stream *z, struct tarsplit *t)
{
	static unsigned char text[READ_BYTES];
	int code;

	do {
		int r;

		z->next_out = text;
		z->avail_out = sizeof(text);
		code = inflate(z, Z_NO_FLUSH);
		if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
			return -EPROTO;
		r = tarsplit_feed(t, (struct slice){ (const char *)text,
						     sizeof(text) - z->avail_out });
		if (r != 0)
			return r < 0 ? r : -EPERM;
	} while (code != Z_STREAM_END && z->avail_out == 0);
	return code == Z_STREAM_END;
}

static int read_all(z_stream *z, int fd, struct tarsplit *t)
{
	static unsigned char bytes[READ_BYTES];
	int r = 1; /* nothing is open: it may end here */

	for (;;) {
		ssize_t n = z->avail_in > 0 ? (ssize_t)z->avail_in : read(fd, bytes, sizeof(bytes));

		if (n < 0)
			return -errno;
		if (n == 0)
			return r == 1 ? tarsplit_end(t) : -EPROTO;
		if (z->avail_in == 0) {
			z->next_in = bytes;
			z->avail_in = (unsigned)n;
		}
		if (r == 1 && inflateReset(z) != Z_OK)
			return -EPROTO;
		r = unpack(z, t);
		if (r < 0)
			return r;
	}
}

static _Noreturn void reader(int fd, pid_t parent)
{
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_CPU, READER_SECONDS },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_AS, READER_MEMORY },
	};
	struct tarsplit t = TARSPLIT_INIT;
	z_stream z = { 0 };

	if (inflateInit2(&z, 15 + 16) != Z_OK /* gzip */ ||
	    sandbox_user(READER_ID, READER_ID, NULL) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent || sandbox_limits(limits, ARRAY_SIZE(limits), NULL) < 0 ||
	    sandbox_program(rules, ARRAY_SIZE(rules), NULL) < 0)
		_exit(2);
	_exit(read_all(&z, fd, &t) == 0 ? 0 : 1);
}

/* --- questions --- */

static void answer(const struct layers *l, int take_fd, bool yes)
{
	const struct fanotify_response r = { .fd = take_fd,
					     .response = yes ? FAN_ALLOW : FAN_DENY };

	if (write(l->fd, &r, sizeof(r)) < 0)
		log_error("the kernel does not hear whether a file may be opened: %m");
	(void)fd_close(take_fd);
}

static void look(struct layers *l, int take_fd);

/* Nobody asks again about what is harmless, until it is written to or the kernel forgets it. */
static void remember(const struct layers *l, int fd)
{
	(void)fanotify_mark(l->fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
			    FAN_OPEN_PERM, fd, NULL);
}

static void end(struct layers_check *c, bool yes)
{
	struct layers *l = c->all;
	char path[PATH_MAX];

	if (yes)
		remember(l, c->fd);
	else
		log_warning("%s: the engine may not read it: it leads to files that are not the "
			    "layer's, or cannot be understood",
			    at_path_of(c->fd, path, sizeof(path)) < 0 ? KEPT : path);
	loop_timer_stop(l->loop, &c->timer);
	answer(l, TAKE_FD(c->fd), yes);
	if (l->nwaiting > 0) {
		int next = l->waiting[0];

		l->nwaiting--;
		memmove(l->waiting, l->waiting + 1, l->nwaiting * sizeof(l->waiting[0]));
		look(l, next);
	}
}

static void on_exited(struct loop_child *child, int status)
{
	struct layers_check *c = CONTAINER_OF(child, struct layers_check, child);

	end(c, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void on_timeout(struct loop_timer *t)
{
	const struct layers_check *c = CONTAINER_OF(t, struct layers_check, timer);

	(void)kill(c->child.pid, SIGKILL);
}

static int start(struct layers *l, struct layers_check *c, int fd)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	int r;

	if (pid == 0)
		reader(fd, parent);
	if (pid < 0)
		return -errno;
	r = loop_child_start(l->loop, &c->child, pid, on_exited);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	c->all = l;
	c->fd = fd;
	loop_timer_in(l->loop, &c->timer, READER_NS, on_timeout);
	return 0;
}

static bool is_kept(int fd)
{
	char path[PATH_MAX];

	if (at_path_of(fd, path, sizeof(path)) < 0)
		return true;
	return slice_ends(slice_str(path), SLICE_LIT(KEPT)) ||
	       slice_ends(slice_str(path), SLICE_LIT(KEPT " (deleted)"));
}

/* As soon as there is a place. */
static void look(struct layers *l, int take_fd)
{
	for (size_t i = 0; i < LAYERS_AT_ONCE; i++) {
		if (l->checks[i].fd >= 0)
			continue;
		if (start(l, &l->checks[i], take_fd) < 0)
			answer(l, take_fd, false);
		return;
	}
	if (l->nwaiting < LAYERS_WAITING)
		l->waiting[l->nwaiting++] = take_fd;
	else
		answer(l, take_fd, false);
}

static void ask(struct layers *l, int take_fd)
{
	struct stat st;

	/* What is empty is to be written. */
	if (!is_kept(take_fd) || (fstat(take_fd, &st) == 0 && st.st_size == 0))
		answer(l, take_fd, true);
	else
		look(l, take_fd);
}

static void ready(struct loop_fd *f, uint32_t events)
{
	struct layers *l = CONTAINER_OF(f, struct layers, watch);
	struct fanotify_event_metadata e;

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = read(l->fd, &e, sizeof(e));

		if (n < 0)
			return;
		if (n != (ssize_t)sizeof(e) || e.vers != FANOTIFY_METADATA_VERSION) {
			log_error("fanotify: version %u of its events is not known", e.vers);
			loop_fd_stop(&l->watch);
			return;
		}
		if (e.fd >= 0)
			ask(l, e.fd);
	}
}

int layers_start(struct layers *l, struct loop *loop, struct err *err)
{
	int r;

	*l = LAYERS_INIT;
	l->loop = loop;
	for (size_t i = 0; i < LAYERS_AT_ONCE; i++)
		l->checks[i].fd = -EBADF;
	/* A question that finds no room in the queue would be answered with yes. */
	l->fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
			      O_RDONLY | O_CLOEXEC | O_LARGEFILE);
	r = l->fd < 0 ? -errno : loop_fd_start(loop, &l->watch, l->fd, EPOLLIN, ready);
	if (r == 0)
		return 0;
	l->fd = fd_close(l->fd);
	return err_errno(err, r,
			 "layers whose names lead up can have the engine give away files of the "
			 "host: no fanotify(7) with permission events keeps it from that");
}

void layers_done(struct layers *l)
{
	while (l->nwaiting > 0)
		answer(l, l->waiting[--l->nwaiting], false);
	for (size_t i = 0; l->loop && i < LAYERS_AT_ONCE; i++) {
		struct layers_check *c = &l->checks[i];

		if (c->fd < 0)
			continue;
		loop_timer_stop(l->loop, &c->timer);
		(void)kill(c->child.pid, SIGKILL);
		loop_child_stop(&c->child);
		answer(l, TAKE_FD(c->fd), false);
	}
	if (l->fd >= 0)
		loop_fd_stop(&l->watch);
	l->fd = fd_close(l->fd);
}

int layers_mark(struct layers *l, const struct instance *inst, struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	char path[PATH_MAX];

	if (l->fd < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/engine/image", inst->lib);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	if (!mnt_nosymfollow(fd)) /* not yet a mount of its own */
		return 0;
	if (fanotify_mark(l->fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM, fd, NULL) < 0)
		return err_errno(err, -errno, "fanotify of %s", path);
	return 0;
}

void layers_again(struct layers *l, const struct instance *inst)
{
	struct err err = ERR_INIT;

	if (layers_mark(l, inst, &err) < 0)
		log_error("%s", err.text);
}
