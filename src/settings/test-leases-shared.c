/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes: leases are exclusive, live as long as somebody can use their ids, and no longer.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "settings/test-leases-helper.h"

#define MANY 200

/* Takes one when the pipe in data is closed; holds it until the end. */
static uint32_t hold_one(const struct pool *p, int start)
{
	struct lease l;
	char c;

	(void)!read(start, &c, 1);
	return pool_take(p, SIZE, "many", &l, NULL) == 0 ? l.base : 0;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* 200 processes start at once; each has ids of its own. */
static void test_parallel(void **state)
{
	struct pool *p = *state;
	uint32_t bases[MANY] = { 0 };
	int start[2], out[2], hold[2];

	p->all.r[0].count = MANY * SIZE; /* just enough: not one may be lost */
	assert_int_equal(pipe2(start, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	for (int i = 0; i < MANY; i++) {
		if (fork() == 0) {
			uint32_t base;
			char c;

			(void)close(start[1]);
			(void)close(hold[1]);
			base = hold_one(p, start[0]);
			(void)!write(out[1], &base, sizeof(base));
			(void)!read(hold[0], &c, 1);
			_exit(0);
		}
	}
	assert_int_equal(close(start[1]), 0); /* now */
	for (int i = 0; i < MANY; i++)
		assert_int_equal(read(out[0], &bases[i], sizeof(bases[i])), sizeof(bases[i]));
	must_not_take(p, SIZE);
	assert_int_equal(close(hold[1]), 0);
	while (wait(NULL) > 0)
		;
	(void)close(start[0]);
	(void)close(out[0]);
	(void)close(out[1]);
	(void)close(hold[0]);
	qsort(bases, MANY, sizeof(bases[0]), compare);
	assert_true(bases[0] >= START);
	for (int i = 1; i < MANY; i++)
		assert_true(bases[i] >= bases[i - 1] + SIZE);
	assert_true((uint64_t)bases[MANY - 1] + SIZE <= (uint64_t)START + MANY * (uint64_t)SIZE);
}

/* The holder ends without a word: its ids are free again. */
static uint32_t take_one(const void *data)
{
	struct lease l;

	return pool_take(data, SIZE, "one", &l, NULL) == 0 ? l.base : 0;
}

static void test_holder_killed(void **state)
{
	struct pool *p = *state;
	struct helper h[4];
	struct lease l;

	for (int i = 0; i < 4; i++)
		start_helper(&h[i], take_one, p);
	must_not_take(p, SIZE);
	end_helper(&h[2]);
	must_take(p, SIZE, "in its place", &l);
	assert_int_equal(l.base, h[2].said);
	must_not_take(p, SIZE);
	lease_done(&l);
	for (int i = 0; i < 4; i++)
		if (i != 2)
			end_helper(&h[i]);
}

/* A lower runtime: takes a lease, lets it through execve, and is /bin/cat. */
static pid_t exec_holder(const struct pool *p, int *ret_in)
{
	int in[2], out[2];
	char c = 'x';
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct lease l;

		if (pool_take(p, SIZE, "exec", &l, NULL) < 0 || fd_cloexec(l.fd, false) < 0)
			_exit(1);
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl("/bin/cat", "cat", (char *)NULL);
		_exit(1);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	assert_int_equal(write(in[1], &c, 1), 1);
	c = 0;
	assert_int_equal(read(out[0], &c, 1), 1); /* it is cat by now */
	assert_int_equal(c, 'x');
	(void)close(out[0]);
	*ret_in = in[1];
	return pid;
}

static void test_lock_over_exec(void **state)
{
	struct pool *p = *state;
	struct listing list;
	struct lease l;
	pid_t pid;
	int in;

	p->all.r[0].count = SIZE;
	pid = exec_holder(p, &in);
	assert_int_equal(list_leases(p, &list), 1);
	assert_true(list.l[0].starting);
	must_not_take(p, SIZE); /* looks at /proc, and must not free it */
	assert_int_equal(list_leases(p, &list), 1);
	(void)close(in);
	assert_int_equal(test_wait(pid), 0);
	assert_int_equal(list_leases(p, &list), 1);
	assert_false(list.l[0].starting);
	must_take(p, SIZE, "next", &l);
	lease_done(&l);
}

/* Nobody holds the lock any more; the container's process keeps the record. */
static void test_userns_keeps(void **state)
{
	static const uint32_t offsets[] = { 0, 1, 65436 };
	struct pool *p = *state;
	struct listing list;
	struct helper h;
	struct lease l;

	if (!test_is_root("maps ids into a user namespace"))
		skip();
	(void)own_range(p);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		must_take(p, SIZE, "container", &l);
		lease_done(&l); /* before the fork, which would keep the lock */
		start_container(&h, l.base + offsets[i], offsets[i]);
		must_not_take(p, SIZE);
		assert_int_equal(list_leases(p, &list), 1);
		assert_string_equal(list.l[0].id, "container");
		end_helper(&h);
	}
	must_take(p, SIZE, "after", &l);
	lease_done(&l);
}

/* Ids beside the range keep nothing. */
static void test_userns_beside(void **state)
{
	struct pool *p = *state;
	struct helper h[2];
	struct lease l;
	uint32_t start;

	if (!test_is_root("maps ids into a user namespace"))
		skip();
	start = own_range(p);
	must_take(p, SIZE, "container", &l);
	lease_done(&l);
	start_container(&h[0], start - 100, 0);
	start_container(&h[1], start + SIZE, 0);
	must_take(p, SIZE, "next", &l);
	lease_done(&l);
	end_helper(&h[0]);
	end_helper(&h[1]);
}

/* In the container a process becomes user 7 and makes a namespace of its own: of all processes of
 * the host only this one has an id of the range, and not its first. */
static uint32_t nested(const void *data)
{
	const int *fds = data; /* [0]: says that the outer map is written; [1]: asks for that */
	char c = 0;

	if (unshare(CLONE_NEWUSER) < 0 || write(fds[1], "u", 1) != 1 || read(fds[0], &c, 1) != 1)
		return 0;
	if (setresgid(7, 7, 7) < 0 || setresuid(7, 7, 7) < 0 || unshare(CLONE_NEWUSER) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1) < 0)
		return 0;
	return file_write_once("/proc/self/uid_map", SLICE_LIT("0 7 1\n")) == 0;
}

static void test_nested_userns_keeps(void **state)
{
	struct pool *p = *state;
	struct helper h;
	struct lease l;
	int ask[2], tell[2], fds[2];
	char map[64];
	char c;

	if (!test_is_root("maps ids into a user namespace"))
		skip();
	(void)own_range(p);
	assert_int_equal(pipe2(ask, O_CLOEXEC), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	fds[0] = tell[0];
	fds[1] = ask[1];
	must_take(p, SIZE, "outer", &l);
	lease_done(&l);
	spawn_helper(&h, nested, fds);
	assert_int_equal(read(ask[0], &c, 1), 1);
	(void)snprintf(map, sizeof(map), "0 %u %u\n", l.base, SIZE);
	assert_true(write_map(h.pid, "uid_map", map) && write_map(h.pid, "gid_map", map));
	assert_int_equal(write(tell[1], "x", 1), 1);
	await_helper(&h);
	assert_int_equal(h.said, 1);
	must_not_take(p, SIZE);
	end_helper(&h);
	must_take(p, SIZE, "after", &l);
	lease_done(&l);
	for (int i = 0; i < 2; i++) {
		(void)close(ask[i]);
		(void)close(tell[i]);
	}
}

/* A pool of one range whose only record is dead, but can this process know that? */
static int no_descriptors_left(void *data)
{
	const struct pool *p = data;
	struct rlimit few;
	struct lease l;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

	TEST_CHECK(next >= 0 && close(next) == 0);
	few.rlim_cur = few.rlim_max = (rlim_t)next + 2; /* the table, /proc, and no more */
	TEST_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	TEST_CHECK(pool_take(p, SIZE, "blind", &l, NULL) < 0);
	return 0;
}

/* As long as there is room nobody looks at the processes of the host: a start costs the same
 * however many there are. */
static int does_not_look(void *data)
{
	const struct pool *p = data;
	struct rlimit few;
	struct lease l;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

	TEST_CHECK(next >= 0 && close(next) == 0);
	few.rlim_cur = few.rlim_max = (rlim_t)next + 2;
	TEST_CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	TEST_CHECK(pool_take(p, SIZE, "quick", &l, NULL) == 0);
	return 0;
}

static void test_does_not_look(void **state)
{
	const struct pool *p = *state;
	struct lease l;

	must_take(p, SIZE, "dead", &l);
	lease_done(&l);
	for (int i = 0; i < 3; i++)
		assert_int_equal(test_in_child(does_not_look, *state), 0);
}

/* A process that cannot be looked at may be using any range: nothing is freed. */
static void test_blind_frees_nothing(void **state)
{
	struct pool *p = *state;
	struct listing list;
	struct lease l;

	p->all.r[0].count = SIZE;
	must_take(p, SIZE, "dead", &l);
	lease_done(&l);
	assert_int_equal(test_in_child(no_descriptors_left, p), 0);
	assert_int_equal(list_leases(p, &list), 1);
	assert_string_equal(list.l[0].id, "dead");
	must_take(p, SIZE, "sees", &l);
	lease_done(&l);
}

/* In a pid namespace of its own, with a /proc that shows only that. */
static int in_pidns(void *data)
{
	const struct pool *p = data;
	struct lease l;
	pid_t pid;

	TEST_CHECK(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	pid = fork();
	TEST_CHECK(pid >= 0);
	if (pid == 0)
		_exit(mount("proc", "/proc", "proc", 0, NULL) == 0 &&
				      pool_take(p, SIZE, "blind", &l, NULL) < 0
			      ? 0
			      : 1);
	TEST_CHECK(test_wait(pid) == 0);
	return 0;
}

static void test_pidns_frees_nothing(void **state)
{
	struct pool *p = *state;
	struct listing list;
	struct helper h;
	struct lease l;

	if (!test_is_root("makes a pid namespace"))
		skip();
	(void)own_range(p);
	must_take(p, SIZE, "container", &l);
	lease_done(&l);
	start_container(&h, l.base, 0);
	assert_int_equal(test_in_child(in_pidns, p), 0);
	assert_int_equal(list_leases(p, &list), 1);
	end_helper(&h);
	assert_int_equal(test_in_child(in_pidns, p), 0);
	must_take(p, SIZE, "sees", &l);
	lease_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_POOL(test_parallel),
		WITH_POOL(test_holder_killed),
		WITH_POOL(test_lock_over_exec),
		WITH_POOL(test_userns_keeps),
		WITH_POOL(test_userns_beside),
		WITH_POOL(test_nested_userns_keeps),
		WITH_POOL(test_does_not_look),
		WITH_POOL(test_blind_frees_nothing),
		WITH_POOL(test_pidns_frees_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
