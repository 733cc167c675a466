/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

#define LOOP_BATCH 64

uint64_t loop_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * LOOP_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

int loop_init(struct loop *l)
{
	*l = LOOP_INIT;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	l->now_ns = loop_clock();
	return 0;
}

void loop_done(struct loop *l)
{
	l->epoll_fd = fd_close(l->epoll_fd);
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
}

/* --- descriptors --- */

/* Brings the kernel's mask in line with f->want. */
static int fd_sync(struct loop_fd *f)
{
	struct epoll_event ev = { .events = f->want, .data.ptr = f };
	int op;

	if (f->want == 0) {
		if (!f->added)
			return 0;
		op = EPOLL_CTL_DEL;
	} else {
		if (f->added && f->armed == f->want)
			return 0;
		op = f->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	}
	if (epoll_ctl(f->loop->epoll_fd, op, f->fd, &ev) < 0)
		return -errno;
	f->added = op != EPOLL_CTL_DEL;
	f->armed = f->want;
	return 0;
}

int loop_fd_start(struct loop *l, struct loop_fd *f, int fd, uint32_t want,
		  void (*ready)(struct loop_fd *f, uint32_t events))
{
	int r;

	*f = (struct loop_fd){ .loop = l, .fd = fd, .want = want, .ready = ready };
	r = fd_sync(f);
	if (r < 0)
		f->loop = NULL;
	return r;
}

int loop_fd_want(struct loop_fd *f, uint32_t want)
{
	assert(f->loop);
	f->want = want;
	/* Fewer events than armed: wait until one that is not wanted fires. */
	if (f->added && (want & ~f->armed) == 0)
		return 0;
	return fd_sync(f);
}

void loop_fd_stop(struct loop_fd *f)
{
	if (!f->loop)
		return;
	if (f->added)
		(void)epoll_ctl(f->loop->epoll_fd, EPOLL_CTL_DEL, f->fd, NULL);
	f->loop = NULL;
	f->added = false;
	f->want = 0;
	f->armed = 0;
}

static void fd_dispatch(struct loop_fd *f, uint32_t events)
{
	uint32_t always = EPOLLERR | EPOLLHUP;

	if (!f->loop)
		return; /* stopped earlier in this round */
	if (f->want == 0 || (events & ~(f->want | always)))
		(void)fd_sync(f);
	if (f->want == 0)
		return;
	events &= f->want | always;
	if (events)
		f->ready(f, events);
}

/* --- timers --- */

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	if (!t->armed)
		return;
	if (t->prev)
		t->prev->next = t->next;
	else
		l->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		l->last = t->prev;
	t->prev = NULL;
	t->next = NULL;
	t->armed = false;
}

/* Searched from the end: timers of one kind have one delay, so a new one is nearly always last. */
void loop_timer_at(struct loop *l, struct loop_timer *t, uint64_t at_ns,
		   void (*expired)(struct loop_timer *t))
{
	struct loop_timer *before;

	loop_timer_stop(l, t);
	before = l->last;
	while (before && before->at_ns > at_ns)
		before = before->prev;
	t->at_ns = at_ns;
	t->expired = expired;
	t->armed = true;
	t->prev = before;
	t->next = before ? before->next : l->first;
	if (t->next)
		t->next->prev = t;
	else
		l->last = t;
	if (before)
		before->next = t;
	else
		l->first = t;
}

void loop_timer_in(struct loop *l, struct loop_timer *t, uint64_t delay_ns,
		   void (*expired)(struct loop_timer *t))
{
	uint64_t at_ns;

	if (__builtin_add_overflow(loop_clock(), delay_ns, &at_ns))
		at_ns = UINT64_MAX;
	loop_timer_at(l, t, at_ns, expired);
}

static void timers_run(struct loop *l)
{
	while (l->first && l->first->at_ns <= l->now_ns) {
		struct loop_timer *t = l->first;

		loop_timer_stop(l, t);
		t->expired(t);
	}
}

/* How long epoll may sleep: rounded up, so that no timer is found "not quite due" in a busy loop.
 */
static int wait_ms(struct loop *l, int timeout_ms)
{
	uint64_t now;
	uint64_t ms;

	if (l->deferred)
		return 0;
	if (!l->first)
		return timeout_ms;
	now = loop_clock();
	if (l->first->at_ns <= now)
		return 0;
	ms = (l->first->at_ns - now + LOOP_NSEC_PER_MSEC - 1) / LOOP_NSEC_PER_MSEC;
	if (timeout_ms >= 0 && ms > (uint64_t)timeout_ms)
		return timeout_ms;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* --- deferred calls --- */

void loop_defer(struct loop *l, struct loop_deferred *d, void (*run)(struct loop_deferred *d))
{
	if (d->queued)
		return;
	d->run = run;
	d->queued = true;
	d->next = l->deferred;
	l->deferred = d;
}

static void deferred_run(struct loop *l)
{
	while (l->deferred) {
		struct loop_deferred *d = l->deferred;

		l->deferred = d->next;
		d->queued = false;
		d->run(d);
	}
}

/* --- rounds --- */

#define HOPE_NS 200000u
/* After so many times in vain, and more, a hope is believed once in 2^HOPE_SELDOM times. */
#define HOPE_SELDOM 7u

void loop_expect(struct loop *l, struct loop_hope *hope)
{
	l->hope = NULL;
	if (hope->skips > 0) {
		hope->skips--;
		return;
	}
	l->hope = hope;
	l->hope_until_ns = loop_clock() + HOPE_NS;
}

/* Events that come before it is time to sleep. */
static int look(struct loop *l, struct epoll_event *batch)
{
	struct loop_hope *hope = l->hope;
	int n;

	do {
		n = epoll_wait(l->epoll_fd, batch, LOOP_BATCH, 0);
		if (n == 0)
			(void)sched_yield(); /* whoever is to answer may wait for this processor */
	} while (n == 0 && loop_clock() < l->hope_until_ns);
	l->hope = NULL;
	if (n != 0) {
		hope->misses = 0;
	} else {
		hope->misses = MIN(hope->misses + 1, HOPE_SELDOM);
		hope->skips = (1u << hope->misses) - 1;
	}
	return n;
}

static int wait_for_events(struct loop *l, struct epoll_event *batch, int timeout_ms)
{
	int ms = wait_ms(l, timeout_ms);
	int n = ms != 0 && l->hope ? look(l, batch) : 0;

	return n != 0 ? n : epoll_wait(l->epoll_fd, batch, LOOP_BATCH, ms);
}

int loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event batch[LOOP_BATCH];
	int n = wait_for_events(l, batch, timeout_ms);

	if (n < 0 && errno != EINTR)
		return -errno;
	l->now_ns = loop_clock();
	for (int i = 0; i < n; i++)
		fd_dispatch(batch[i].data.ptr, batch[i].events);
	timers_run(l);
	deferred_run(l);
	return 0;
}

int loop_run(struct loop *l)
{
	l->stopping = false;
	while (!l->stopping) {
		int r = loop_once(l, -1);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- signals --- */

static void signals_ready(struct loop_fd *f, uint32_t events)
{
	struct loop_signals *s = CONTAINER_OF(f, struct loop_signals, fd);
	struct signalfd_siginfo info;

	(void)events;
	while (f->loop && read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->arrived(s, &info);
}

int loop_signals_start(struct loop *l, struct loop_signals *s, const sigset_t *set,
		       void (*arrived)(struct loop_signals *s, const struct signalfd_siginfo *info))
{
	int r;

	*s = (struct loop_signals){ .signal_fd = -EBADF, .arrived = arrived };
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return -errno;
	s->signal_fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return -errno;
	r = loop_fd_start(l, &s->fd, s->signal_fd, EPOLLIN, signals_ready);
	if (r < 0)
		s->signal_fd = fd_close(s->signal_fd);
	return r;
}

void loop_signals_stop(struct loop_signals *s)
{
	if (!s->fd.loop)
		return;
	loop_fd_stop(&s->fd);
	s->signal_fd = fd_close(s->signal_fd);
}

/* --- children --- */

/* waitid(2) tells code and value apart; callers know the encoding of waitpid(2). */
static int wait_status(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void child_ready(struct loop_fd *f, uint32_t events)
{
	struct loop_child *c = CONTAINER_OF(f, struct loop_child, fd);
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG) < 0)
		info = (siginfo_t){ .si_code = CLD_EXITED, .si_status = 255 };
	else if (info.si_pid == 0)
		return;
	loop_child_stop(c);
	c->exited(c, wait_status(&info));
}

int loop_child_start(struct loop *l, struct loop_child *c, pid_t pid,
		     void (*exited)(struct loop_child *c, int status))
{
	int r;

	*c = (struct loop_child){ .pid = pid, .pidfd = -EBADF, .exited = exited };
	c->pidfd = pidfd_open(pid, 0);
	if (c->pidfd < 0)
		return -errno;
	r = loop_fd_start(l, &c->fd, c->pidfd, EPOLLIN, child_ready);
	if (r < 0)
		c->pidfd = fd_close(c->pidfd);
	return r;
}

void loop_child_stop(struct loop_child *c)
{
	if (!c->fd.loop)
		return;
	loop_fd_stop(&c->fd);
	c->pidfd = fd_close(c->pidfd);
}
