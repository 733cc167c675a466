/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGKILL at any instant: once before and after every single system call of a process that takes
 * or drops a lease, and at random instants of processes that do so all the time. Afterwards nobody
 * who lives has lost its ids, nothing overlaps, and no range is lost.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include "base/buf.h"
#include "base/file.h"
#include "settings/test-leases.h"

#define SLOTS 6
#define HELD 2

/* What the child does that is killed. */
static int work_take(const struct pool *p)
{
	struct lease l;

	return pool_take(p, SIZE, "victim", &l, NULL);
}

static int work_drop(const struct pool *p)
{
	struct lease l;
	int r = pool_take(p, SIZE, "victim", &l, NULL);

	lease_drop(&l);
	return r;
}

/* More at once: the second finds the first one's record. */
static int work_two(const struct pool *p)
{
	struct lease a, b;
	int r = pool_take(p, SIZE, "victim", &a, NULL);

	lease_done(&a);
	return r < 0 ? r : pool_take(p, SIZE, "victim", &b, NULL);
}

/* Runs work in a child and kills it at its nth stop, before or after a system call. Returns 1 when
 * it was still running, 0 when it had come to its end, -1 when tracing does not work here. */
static int run_and_kill(const struct pool *p, int (*work)(const struct pool *p), unsigned n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(99);
		(void)raise(SIGSTOP);
		_exit(work(p) < 0 ? 98 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	(void)ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
	for (unsigned i = 0; i < n; i++) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid)
			return -1;
		if (WIFEXITED(status))
			return WEXITSTATUS(status) == 0 ? 0 : -1;
	}
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == pid && !WIFSIGNALED(status))
		;
	return 1;
}

/* Nothing overlaps in the table, and those who live are in it. */
static void assert_consistent(const struct pool *p, const struct lease *held, size_t n)
{
	struct listing list;

	assert_true(list_leases(p, &list) <= sizeof(list.l) / sizeof(list.l[0]));
	for (size_t i = 0; i < list.n; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(disjoint(list.l[i].base, list.l[i].size, list.l[k].base,
					     list.l[k].size));
	for (size_t i = 0; i < n; i++) {
		const struct lease_info *info = find_lease(&list, held[i].base);

		assert_non_null(info);
		assert_true(info->starting);
	}
}

/* Exactly `want` more can be had, apart from those that are held. */
static void assert_free(const struct pool *p, const struct lease *held, size_t n, size_t want)
{
	struct lease l[SLOTS + 1];
	size_t got = 0;

	while (got <= SLOTS && pool_take(p, SIZE, "probe", &l[got], NULL) == 0)
		got++;
	for (size_t i = 0; i < got; i++)
		for (size_t k = 0; k < n; k++)
			assert_true(disjoint(l[i].base, SIZE, held[k].base, SIZE));
	assert_consistent(p, l, got);
	for (size_t i = 0; i < got; i++)
		lease_done(&l[i]);
	if (got != want)
		fail_msg("%zu ranges could be had, not %zu", got, want);
}

/* How the table is before the child comes. */
enum before {
	BEFORE_NEW,   /* no table */
	BEFORE_SOME,  /* a few records, held and dead */
	BEFORE_FULL,  /* every range has a record, most are dead: /proc is looked at */
	BEFORE_OTHER, /* of another boot */
};

static void age_table(const struct pool *p)
{
	char path[PATH_MAX];
	CLEANUP_BUF struct buf boot = BUF_INIT(4096);
	CLEANUP_BUF struct buf table = BUF_INIT(1u << 20);
	CLEANUP_FD int fd = open(test_path(path, p->dir, "table"), O_RDWR | O_CLOEXEC);
	const char *at;

	assert_int_equal(file_read("/proc/sys/kernel/random/boot_id", &boot), 0);
	assert_int_equal(file_read_fd(fd, &table), 0);
	at = memmem(table.p, table.n, boot.p, 36);
	assert_non_null(at);
	assert_int_equal(pwrite(fd, *at == '0' ? "1" : "0", 1, at - table.p), 1);
}

/* Makes it so; returns how many leases are held, in held. */
static size_t prepare(struct pool *p, enum before before, struct lease held[HELD])
{
	struct lease l[SLOTS];
	size_t n = before == BEFORE_NEW ? 0 : before == BEFORE_SOME ? 3 : SLOTS;

	p->all.r[0].count = SLOTS * SIZE;
	for (size_t i = 0; i < n; i++)
		must_take(p, SIZE, "old", &l[i]);
	for (size_t i = 0; i < n; i++) {
		if (i < HELD && before != BEFORE_OTHER)
			held[i] = l[i];
		else
			lease_done(&l[i]);
	}
	if (before == BEFORE_OTHER)
		age_table(p);
	return before == BEFORE_NEW || before == BEFORE_OTHER ? 0 : HELD;
}

/* Kills at stop 1, 2, 3 … until the child comes to its end. */
static void kill_everywhere(int (*work)(const struct pool *p), enum before before)
{
	unsigned kills = 0;
	int r = 1;

	while (r == 1) {
		struct lease held[HELD];
		void *state = NULL;
		struct pool *p;
		size_t n;

		assert_int_equal(pool_setup(&state), 0);
		p = state;
		n = prepare(p, before, held);
		r = run_and_kill(p, work, ++kills);
		if (r >= 0) {
			assert_consistent(p, held, n);
			assert_free(p, held, n, SLOTS - n);
		}
		for (size_t i = 0; i < n; i++)
			lease_done(&held[i]);
		(void)pool_teardown(&state);
	}
	if (r < 0) {
		print_message("SKIPPED: processes cannot be traced here\n");
		skip();
	}
	assert_true(kills > 20); /* it did something that could be killed */
}

static void test_kill_new(void **state)
{
	(void)state;
	kill_everywhere(work_take, BEFORE_NEW);
}

static void test_kill_some(void **state)
{
	(void)state;
	kill_everywhere(work_take, BEFORE_SOME);
	kill_everywhere(work_two, BEFORE_SOME);
}

static void test_kill_drop(void **state)
{
	(void)state;
	kill_everywhere(work_drop, BEFORE_SOME);
}

static void test_kill_other_boot(void **state)
{
	(void)state;
	kill_everywhere(work_take, BEFORE_OTHER);
}

/* Looking at /proc is many system calls: all of them on a quiet machine, some hundred on a busy
 * one. Here every 7th stop is enough. */
static void test_kill_full(void **state)
{
	unsigned stops = 0;
	int r = 1;

	(void)state;
	while (r == 1) {
		struct lease held[HELD];
		void *own = NULL;
		struct pool *p;
		size_t n;

		assert_int_equal(pool_setup(&own), 0);
		p = own;
		n = prepare(p, BEFORE_FULL, held);
		stops += 7;
		r = run_and_kill(p, work_take, stops);
		assert_true(r >= 0 || stops == 7);
		assert_consistent(p, held, n);
		assert_free(p, held, n, SLOTS - n);
		for (size_t i = 0; i < n; i++)
			lease_done(&held[i]);
		(void)pool_teardown(&own);
	}
	if (r < 0)
		skip();
}

/* Takes and lets go of leases as fast as it can, and says so each time. */
static void restless(const struct pool *p, int say)
{
	for (;;) {
		struct lease l;

		if (pool_take(p, SIZE, "restless", &l, NULL) == 0) {
			if (l.base / SIZE % 2)
				lease_drop(&l);
			else
				lease_done(&l);
		}
		(void)!write(say, "x", 1);
	}
}

static pid_t start_restless(const struct pool *p, int say)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		restless(p, say);
	}
	return pid;
}

#define RESTLESS 3
#define STORM 400

/* Three restless ones, of which one after the other is killed in the middle of what it does. The
 * pool is so small that most takes have to look at /proc first. */
static void test_storm(void **state)
{
	struct pool *p = *state;
	struct lease held[HELD];
	pid_t pids[RESTLESS];
	unsigned random = 12345;
	int say[2];

	p->all.r[0].count = SLOTS * SIZE;
	for (int i = 0; i < HELD; i++)
		must_take(p, SIZE, "held", &held[i]);
	assert_int_equal(pipe2(say, O_CLOEXEC), 0);
	for (int i = 0; i < RESTLESS; i++)
		pids[i] = start_restless(p, say[1]);
	for (int i = 0; i < STORM; i++) {
		volatile unsigned spin;
		char c[4];

		random = random * 1103515245u + 12345u;
		assert_true(read(say[0], c, 1 + random / 65536 % 3) > 0);
		for (spin = random / 65536 % 20000; spin; spin--)
			;
		assert_int_equal(kill(pids[i % RESTLESS], SIGKILL), 0);
		assert_int_equal(test_wait(pids[i % RESTLESS]), 1000 + SIGKILL);
		if (i % 10 == 0)
			assert_consistent(p, held, HELD);
		pids[i % RESTLESS] = start_restless(p, say[1]);
	}
	for (int i = 0; i < RESTLESS; i++) {
		assert_int_equal(kill(pids[i], SIGKILL), 0);
		assert_int_equal(test_wait(pids[i]), 1000 + SIGKILL);
	}
	assert_consistent(p, held, HELD);
	assert_free(p, held, HELD, SLOTS - HELD);
	for (int i = 0; i < HELD; i++)
		lease_done(&held[i]);
	(void)close(say[0]);
	(void)close(say[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_new),  cmocka_unit_test(test_kill_some),
		cmocka_unit_test(test_kill_drop), cmocka_unit_test(test_kill_other_boot),
		cmocka_unit_test(test_kill_full), WITH_POOL(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
