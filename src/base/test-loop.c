/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

struct pair {
	struct loop_fd a, b;
	int fds[2];
	int calls;
	uint32_t events;
	struct pair *victim; /* stopped by the handler */
};

static struct loop loop;

static int setup(void **state)
{
	(void)state;
	return loop_init(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_done(&loop);
	return 0;
}

static void pair_make(struct pair *p)
{
	*p = (struct pair){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p->fds),
			 0);
}

static void pair_close(struct pair *p)
{
	loop_fd_stop(&p->a);
	(void)fd_close(p->fds[0]);
	(void)fd_close(p->fds[1]);
}

static void on_ready(struct loop_fd *f, uint32_t events)
{
	struct pair *p = CONTAINER_OF(f, struct pair, a);

	p->calls++;
	p->events = events;
	if (p->victim)
		loop_fd_stop(&p->victim->a);
}

static void test_level_and_pause(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	assert_int_equal(loop_fd_start(&loop, &p.a, p.fds[0], EPOLLIN, on_ready), 0);
	assert_int_equal(write(p.fds[1], "x", 1), 1);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(p.calls, 2); /* still unread: level-triggered */
	assert_int_equal(loop_fd_want(&p.a, 0), 0);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(p.calls, 2);
	assert_false(p.a.added); /* the unwanted event disarmed it */
	assert_int_equal(loop_fd_want(&p.a, EPOLLIN), 0);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(p.calls, 3);
	assert_int_equal(p.events, EPOLLIN);
	pair_close(&p);
}

/* A paused descriptor whose peer has gone must not make the loop spin. */
static void test_pause_hangup(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	assert_int_equal(loop_fd_start(&loop, &p.a, p.fds[0], EPOLLIN, on_ready), 0);
	assert_int_equal(loop_fd_want(&p.a, 0), 0);
	p.fds[1] = fd_close(p.fds[1]);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(p.calls, 0);
	assert_false(p.a.added);
	assert_int_equal(loop_fd_want(&p.a, EPOLLIN), 0);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(p.calls, 1);
	assert_true(p.events & EPOLLHUP);
	pair_close(&p);
}

/* Each of two handlers stops the other: exactly one runs, whichever comes first. */
static void test_stop_within_round(void **state)
{
	struct pair p;
	struct pair q;

	(void)state;
	pair_make(&p);
	pair_make(&q);
	p.victim = &q;
	q.victim = &p;
	assert_int_equal(loop_fd_start(&loop, &p.a, p.fds[0], EPOLLIN, on_ready), 0);
	assert_int_equal(loop_fd_start(&loop, &q.a, q.fds[0], EPOLLIN, on_ready), 0);
	assert_int_equal(write(p.fds[1], "x", 1), 1);
	assert_int_equal(write(q.fds[1], "x", 1), 1);
	assert_int_equal(loop_once(&loop, 0), 0);
	assert_int_equal(p.calls + q.calls, 1);
	pair_close(&p);
	pair_close(&q);
}

struct tick {
	struct loop_timer t;
	int order;
};

static int ticks;

static void on_tick(struct loop_timer *t)
{
	CONTAINER_OF(t, struct tick, t)->order = ++ticks;
}

static void test_timers(void **state)
{
	struct tick t[5] = { 0 };
	uint64_t now = loop_clock();
	static const int delay_ms[] = { 3, 1, 2, 4, 1 };

	(void)state;
	ticks = 0;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		loop_timer_at(&loop, &t[i].t, now + (uint64_t)delay_ms[i] * LOOP_NSEC_PER_MSEC,
			      on_tick);
	loop_timer_stop(&loop, &t[3].t);
	while (ticks < 4)
		assert_int_equal(loop_once(&loop, 1000), 0);
	assert_int_equal(t[1].order, 1); /* equal times keep the order of arming */
	assert_int_equal(t[4].order, 2);
	assert_int_equal(t[2].order, 3);
	assert_int_equal(t[0].order, 4);
	assert_int_equal(t[3].order, 0);
	assert_null(loop.first);
	assert_null(loop.last);
}

struct later {
	struct loop_deferred d;
	int runs;
};

static void on_later(struct loop_deferred *d)
{
	CONTAINER_OF(d, struct later, d)->runs++;
}

static void test_deferred(void **state)
{
	struct later x = { 0 };

	(void)state;
	loop_defer(&loop, &x.d, on_later);
	loop_defer(&loop, &x.d, on_later);
	assert_int_equal(x.runs, 0);
	assert_int_equal(loop_once(&loop, -1), 0); /* does not sleep */
	assert_int_equal(x.runs, 1);
	loop_defer(&loop, &x.d, on_later);
	assert_int_equal(loop_once(&loop, -1), 0);
	assert_int_equal(x.runs, 2);
}

struct kid {
	struct loop_child c;
	int exits;
	int status;
};

static void on_exit_child(struct loop_child *c, int status)
{
	struct kid *k = CONTAINER_OF(c, struct kid, c);

	k->exits++;
	k->status = status;
}

static void run_child(struct kid *k, int code, int sig)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sig)
			(void)raise(sig);
		_exit(code);
	}
	*k = (struct kid){ 0 };
	assert_int_equal(loop_child_start(&loop, &k->c, pid, on_exit_child), 0);
	while (!k->exits)
		assert_int_equal(loop_once(&loop, 5000), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* reaped */
}

/* What comes is handled, looked for or not; what does not come is seldom looked for, and waited for
 * all the same. */
static void test_expect(void **state)
{
	struct loop_hope hope = { 0 };
	unsigned believed = 0;
	struct pair p;

	(void)state;
	pair_make(&p);
	assert_int_equal(loop_fd_start(&loop, &p.a, p.fds[0], EPOLLIN, on_ready), 0);
	for (int i = 0; i < 200; i++) {
		loop_expect(&loop, &hope);
		believed += loop.hope == &hope;
		assert_int_equal(loop_once(&loop, 0), 0); /* no time to look */
		assert_int_equal(hope.misses, 0);
	}
	assert_int_equal(believed, 200);
	believed = 0;
	for (int i = 0; i < 200; i++) {
		loop_expect(&loop, &hope);
		believed += loop.hope == &hope;
		assert_int_equal(loop_once(&loop, 1), 0);
		assert_null(loop.hope);
	}
	assert_in_range(believed, 2, 8); /* after 1, 3, 7, 15, 31, 63 and 127 others */
	assert_int_equal(p.calls, 0);
	while (hope.skips > 0)
		loop_expect(&loop, &hope);
	loop_expect(&loop, &hope);
	assert_int_equal(write(p.fds[1], "x", 1), 1);
	assert_int_equal(loop_once(&loop, -1), 0);
	assert_int_equal(p.calls, 1);
	assert_int_equal(hope.misses, 0);
	loop_expect(&loop, &hope);
	assert_ptr_equal(loop.hope, &hope);
	pair_close(&p);
}

static void test_children(void **state)
{
	struct kid k;

	(void)state;
	run_child(&k, 7, 0);
	assert_true(WIFEXITED(k.status));
	assert_int_equal(WEXITSTATUS(k.status), 7);
	run_child(&k, 0, SIGKILL);
	assert_true(WIFSIGNALED(k.status));
	assert_int_equal(WTERMSIG(k.status), SIGKILL);
}

static int last_signal;

static void on_signal(struct loop_signals *s, const struct signalfd_siginfo *info)
{
	(void)s;
	last_signal = (int)info->ssi_signo;
	loop_stop(&loop);
}

static void test_signals(void **state)
{
	struct loop_signals s;
	sigset_t set;

	(void)state;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	assert_int_equal(loop_signals_start(&loop, &s, &set, on_signal), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(last_signal, SIGUSR1);
	loop_signals_stop(&s);
	loop_signals_stop(&s); /* twice is once */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_level_and_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause_hangup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_within_round, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deferred, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_children, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
