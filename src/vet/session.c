/* SPDX-License-Identifier: Apache-2.0 */
#include "vet/session.h"

#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
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

/* Linux 6.6; newer than the headers. */
#define NOTIF_SET_FLAGS _IOW('!', 4, uint64_t)
#define NOTIF_SYNC_WAKE_UP 1ull

#define IDLE_MS 1000	    /* before a thread goes */
#define STACK (96u * 1024u) /* deepest: two paths and the thread's credentials */
#define RETRY_MS 20	    /* where there is no memory for a thread */
#define HOLDER_MS 500	    /* between looks for a holder that has gone */
#define ANSWER_MAX 4096u    /* bytes of a notification, in whatever kernel */

struct session {
	struct sessions *all;
	struct session *prev, *next;
	int fd;
	char name[CONTROL_HOLD_NAME];
	const char *container; /* in name; NULL: a runtime's connection */
};

int sessions_init(struct sessions *s)
{
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll_fd < 0 ? -errno : 0;
}

static int arm(struct session *s, int op)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = s };

	return epoll_ctl(s->all->epoll_fd, op, s->fd, &e) < 0 ? -errno : 0;
}

static int add(struct sessions *all, const char *name, int take_fd)
{
	CLEANUP_FD int fd = take_fd;
	CLEANUP_FREE struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s || strlen(name) >= sizeof(s->name))
		return s ? -EINVAL : -ENOMEM;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->container = strrchr(s->name, '/') ? strrchr(s->name, '/') + 1 : NULL;
	s->all = all;
	s->fd = fd;
	r = arm(s, EPOLL_CTL_ADD);
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

/* One call. 0, or -errno when the listener is to be left alone. */
static int serve_one(struct session *s)
{
	union {
		struct seccomp_notif notif;
		char room[ANSWER_MAX];
	} in = { .room = { 0 } };
	struct seccomp_notif_resp out = { 0 };
	struct pending p = { .s = s };
	struct decide_asked q;
	uint64_t args[6];
	int r;

	if (ioctl(s->fd, SECCOMP_IOCTL_NOTIF_RECV, &in.notif) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -errno;
	p.id = in.notif.id;
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = in.notif.data.args[i];
	q = (struct decide_asked){ .container = s->container,
				   .views = s->all->views,
				   .tid = (pid_t)in.notif.pid,
				   .arch = in.notif.data.arch,
				   .nr = in.notif.data.nr,
				   .args = args,
				   .valid = is_valid,
				   .data = &p };
	r = q.tid > 0 ? decide(&q) : -EPERM;
	out.id = in.notif.id;
	if (r == DECIDE_CONTINUE)
		out.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		out.error = r;
	(void)ioctl(s->fd, SECCOMP_IOCTL_NOTIF_SEND, &out); /* ENOENT: it is gone */
	return 0;
}

static void *serve(void *data)
{
	struct session *s = data;
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	while (poll(&p, 1, IDLE_MS) == 1 && (p.revents & POLLIN))
		if (serve_one(s) < 0)
			break;
	(void)arm(s, EPOLL_CTL_MOD); /* its end is reported to the main thread */
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

static void session_end(struct session *s)
{
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
		(void)arm(s, EPOLL_CTL_MOD);
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
