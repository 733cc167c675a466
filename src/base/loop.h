/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of every daemon: descriptors, timers, signals, children and deferred calls on one
 * epoll instance. No threads, no allocation: each watcher is a struct embedded in its owner, which
 * gets it back with CONTAINER_OF.
 *
 * Rules
 * - Level-triggered. A handler may stop early and is called again. Interest is lowered lazily: an
 *   event that nobody wants any more costs one epoll_ctl when (and only if) it fires.
 * - A watcher that is stopped is never called again, not even for an event that the kernel had
 *   already reported. But its memory must stay valid until the current round of events is over:
 *   owners free themselves in loop_defer(), never inside a handler.
 * - The loop closes no descriptor that it did not open. Stop the watcher, then close.
 */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#define LOOP_NSEC_PER_MSEC 1000000ull
#define LOOP_NSEC_PER_SEC 1000000000ull

struct loop_deferred {
	struct loop_deferred *next;
	void (*run)(struct loop_deferred *d);
	bool queued; /* in the loop's list; queueing twice is once */
};

struct loop_timer {
	struct loop_timer *prev, *next; /* sorted by at_ns, earliest first */
	uint64_t at_ns;			/* CLOCK_MONOTONIC */
	void (*expired)(struct loop_timer *t);
	bool armed;
};

struct loop {
	int epoll_fd;
	bool stopping;
	uint64_t now_ns; /* CLOCK_MONOTONIC at the start of this round */
	struct loop_timer *first, *last;
	struct loop_deferred *deferred;
	struct loop_hope *hope; /* whose time it is; NULL: sleep at once */
	uint64_t hope_until_ns;
};

/* How well one kind of expectation does. Zero to begin with. */
struct loop_hope {
	unsigned misses; /* in a row, up to a limit */
	unsigned skips;	 /* so many more are not believed */
};

#define LOOP_INIT ((struct loop){ .epoll_fd = -EBADF })

struct loop_fd {
	struct loop *loop; /* NULL while stopped */
	int fd;		   /* borrowed */
	uint32_t want;	   /* EPOLLIN, EPOLLOUT, EPOLLRDHUP that the owner asks for */
	uint32_t armed;	   /* what the kernel knows */
	bool added;	   /* the kernel knows the descriptor */
	/* events: those of `want` that are there, plus EPOLLERR and EPOLLHUP. */
	void (*ready)(struct loop_fd *f, uint32_t events);
};

struct loop_signals {
	struct loop_fd fd;
	int signal_fd;
	void (*arrived)(struct loop_signals *s, const struct signalfd_siginfo *info);
};

struct loop_child {
	struct loop_fd fd;
	int pidfd;
	pid_t pid;
	/* status as of waitpid(2); the child is reaped and the watcher stopped when this runs. */
	void (*exited)(struct loop_child *c, int status);
};

/* Results are 0 or -errno everywhere below. */
int loop_init(struct loop *l);
void loop_done(struct loop *l);

/* Runs until loop_stop(). */
int loop_run(struct loop *l);
/* One round: waits at most timeout_ms (-1: for ever) for something to happen and handles it. */
int loop_once(struct loop *l, int timeout_ms);
void loop_stop(struct loop *l);

/* Something is about to happen, as an answer to what was just sent: before it sleeps, the loop
 * looks for it for a moment, because to be woken takes longer than most answers. It gets out of the
 * way of whoever else wants the processor, and it learns: where a hope (the caller's, kept) was in
 * vain, it is seldom believed. */
void loop_expect(struct loop *l, struct loop_hope *hope);

/* Monotonic nanoseconds; the round's own time is l->now_ns. */
uint64_t loop_clock(void);

/* Watches fd for `want`; want 0 is a pause: then not even EPOLLERR or EPOLLHUP is reported. */
int loop_fd_start(struct loop *l, struct loop_fd *f, int fd, uint32_t want,
		  void (*ready)(struct loop_fd *f, uint32_t events));
/* Changes what is wanted. Failure means that the kernel refused (memory): give the owner up. */
int loop_fd_want(struct loop_fd *f, uint32_t want);
void loop_fd_stop(struct loop_fd *f);

/* Arms or re-arms; never fails. A timer runs once, at or after its time. */
void loop_timer_at(struct loop *l, struct loop_timer *t, uint64_t at_ns,
		   void (*expired)(struct loop_timer *t));
void loop_timer_in(struct loop *l, struct loop_timer *t, uint64_t delay_ns,
		   void (*expired)(struct loop_timer *t));
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Runs once, after all events of this round have been handled. The struct may be freed in run(). */
void loop_defer(struct loop *l, struct loop_deferred *d, void (*run)(struct loop_deferred *d));

/* Blocks the signals of `set` for the process and reports them. Children inherit the blocked mask:
 * unblock before exec. */
int loop_signals_start(struct loop *l, struct loop_signals *s, const sigset_t *set,
		       void (*arrived)(struct loop_signals *s,
				       const struct signalfd_siginfo *info));
void loop_signals_stop(struct loop_signals *s);

/* Watches a child of ours through a pidfd. Does not kill it when stopped. */
int loop_child_start(struct loop *l, struct loop_child *c, pid_t pid,
		     void (*exited)(struct loop_child *c, int status));
void loop_child_stop(struct loop_child *c);
