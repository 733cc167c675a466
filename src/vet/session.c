/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/session.h"

#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vet/decide.h"
#include "vet/slots.h"

/* Linux 6.6; newer than the headers. */
#define NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)
#define NOTIF_SYNC_WAKE_UP 1ull

#define IDLE_MS 1000	    /* before a thread goes */
#define STACK (96u * 1024u) /* deepest: two paths and the thread's credentials */
#define RETRY_MS 20	    /* where there is no memory for a thread */
#define HOLDER_MS 500	    /* between looks for a holder that has gone */

struct session {
	struct sessions *all;
	struct session *prev, *next;
	int fd;
	struct slot *slot; /* a connection has none */
	char name[CONTROL_HOLD_NAME];
	const char *container; /* in name; NULL: a runtime's connection */
};

int sessions_init(struct sessions *s)
{
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll_fd < 0 ? -errno : 0;
}

static int arm(struct session *s)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = s };

	if (epoll_ctl(s->all->epoll_fd, EPOLL_CTL_MOD, s->fd, &e) == 0)
		return 0;
	if (errno != ENOENT || epoll_ctl(s->all->epoll_fd, EPOLL_CTL_ADD, s->fd, &e) < 0)
		return -errno;
	return 0;
}

static int add(struct sessions *all, const char *name, int take_fd)
{
	CLEANUP_FD int fd = take_fd;
	CLEANUP_FREE struct session *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s || strlen(name) >= sizeof(s->name))
		return s ? -EINVAL : -ENOMEM;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->container = strrchr(s->name, '/') ? strrchr(s->name, '/') + 1 : NULL;
	s->all = all;
	s->fd = fd;
	if (s->container)
		s->slot = slots_of(all->slots, s->name);
	if (s->container && !s->slot)
		return -ENFILE;
	if (!s->slot || !slot_is_full(s->slot))
		r = arm(s); /* else its thread does, sessions_resume() */
	if (r < 0)
		return r;
	(void)TAKE_FD(fd);
	s->next = all->first;
	if (s->next)
		s->next->prev = s;
	all->first = TAKE_PTR(s);
	return 0;
}

int session_add(struct sessions *all, const char *name, int take_fd)
{
	/* EINVAL before Linux 6.6: five times slower, and right. */
	(void)ioctl(take_fd, NOTIF_SET_FLAGS, NOTIF_SYNC_WAKE_UP);
	return add(all, name, take_fd);
}

int session_expect(struct sessions *all, int take_fd)
{
	return add(all, "", take_fd);
}

struct pending {
	const struct session *s;
	uint64_t id;
};

static bool is_valid(void *data)
{
	const struct pending *p = data;

	return ioctl(p->s->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &p->id) == 0;
}

static int decide_slot(const struct session *s, struct stuck *stuck)
{
	const struct seccomp_notif *in = &s->slot->notif;
	struct pending p = { .s = s, .id = in->id };
	uint64_t args[6];
	struct decide_asked q = { .container = s->container,
				  .views = s->all->views,
				  .tid = (pid_t)in->pid,
				  .arch = in->data.arch,
				  .nr = in->data.nr,
				  .args = args,
				  .outcome = &s->slot->outcome,
				  .stuck = stuck,
				  .valid = is_valid,
				  .data = &p };

	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = in->data.args[i];
	return q.tid > 0 ? decide(&q) : -EPERM;
}

/* Answers the call in the slot. */
static void answer(const struct session *s, struct stuck *stuck)
{
	struct seccomp_notif_resp out = { .id = s->slot->notif.id };
	int r;

	if (!outcome_get(&s->slot->outcome, &r))
		r = decide_slot(s, stuck);
	if (r == DECIDE_CONTINUE)
		out.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		out.error = r;
	(void)ioctl(s->fd, SECCOMP_IOCTL_NOTIF_SEND, &out); /* ENOENT: it is gone */
	slot_empty(s->slot);
}

/* What the last gabion-vet did not finish. */
static void answer_left(const struct session *s, struct stuck *stuck)
{
	const struct pending p = { .s = s, .id = s->slot->notif.id };

	if (is_valid((void *)&p))
		answer(s, stuck);
	else
		slot_empty(s->slot);
}

/* One call. 0, or -errno when the listener is to be left alone. */
static int serve_one(const struct session *s, struct stuck *stuck)
{
	slot_empty(s->slot); /* who was killed may have been doing that */
	if (ioctl(s->fd, SECCOMP_IOCTL_NOTIF_RECV, &s->slot->notif) < 0) {
		int r = errno == ENOENT || errno == EINTR ? 0 : -errno;

		slot_empty(s->slot);
		return r;
	}
	answer(s, stuck);
	return 0;
}

/* Descriptors of this thread's own, without those of other threads: what one of them looks at in a
 * container shall not be held by a process that another one forks, for a mount is busy by that. */
static void own_files(const struct session *s)
{
	const int keep[] = { STDIN_FILENO, STDOUT_FILENO,    STDERR_FILENO,
			     s->fd,	   s->all->epoll_fd, s->all->slots->lock };

	if (unshare(CLONE_FILES) == 0) /* else it has them all, which works, too */
		fd_close_but(keep, ARRAY_SIZE(keep));
}

/* Waits for the next call. False: there is none for a while, or none any more. Who is stuck is
 * known to this thread, so it stays for them. */
static bool is_wanted(const struct session *s, struct stuck *stuck)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, IDLE_MS);
		(void)stuck_full(stuck);
	} while (n == 0 && stuck->n > 0);
	return n == 1 && (p.revents & POLLIN);
}

static void *serve(void *data)
{
	struct session *s = data;
	struct stuck stuck = STUCK_NONE;

	own_files(s);
	if (slot_is_full(s->slot))
		answer_left(s, &stuck);
	while (is_wanted(s, &stuck))
		if (serve_one(s, &stuck) < 0)
			break;
	(void)arm(s); /* its end is reported to the main thread */
	stuck_wait(&stuck);
	return NULL;
}

static int start(struct session *s)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return -r;
	r = pthread_attr_setstacksize(&attr, STACK);
	if (r == 0)
		r = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (r == 0)
		r = pthread_create(&thread, &attr, serve, s);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

void sessions_resume(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next)
		if (s->slot && slot_is_full(s->slot) && start(s) < 0) {
			answer_left(s, &all->stuck); /* without a thread everybody waits for it */
			(void)arm(s);
		}
}

static void session_end(struct session *s)
{
	if (s->slot)
		slot_free(s->slot);
	(void)epoll_ctl(s->all->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	(void)fd_close(s->fd);
	if (s->next)
		s->next->prev = s->prev;
	*(s->prev ? &s->prev->next : &s->all->first) = s->next;
	free(s);
}

void sessions_each(struct sessions *all, void (*one)(const char *name, int fd, void *data),
		   void *data)
{
	for (const struct session *s = all->first; s; s = s->next)
		if (s->container)
			one(s->name, s->fd, data);
}

static void happened(struct session *s, uint32_t events)
{
	struct sessions *all = s->all;

	if (!s->container) {
		if (events & EPOLLIN)
			all->arrived(s->fd, all->data);
		session_end(s);
	} else if (!(events & EPOLLIN)) {
		all->ended(s->name, all->data);
		session_end(s);
	} else if (start(s) < 0) {
		(void)poll(NULL, 0, RETRY_MS);
		(void)arm(s);
	}
}

int sessions_wait(struct sessions *all, const int others[2])
{
	struct pollfd p[3] = { { .fd = all->epoll_fd, .events = POLLIN },
			       { .fd = others[0], .events = POLLIN },
			       { .fd = others[1], .events = POLLIN } };
	struct epoll_event e[64];
	int n;

	if (poll(p, ARRAY_SIZE(p), others[1] < 0 ? HOLDER_MS : -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (!p[0].revents)
		return 0;
	n = epoll_wait(all->epoll_fd, e, ARRAY_SIZE(e), 0);
	for (int i = 0; i < n; i++)
		happened(e[i].data.ptr, e[i].events);
	return n < 0 && errno != EINTR ? -errno : 0;
}
