/* SPDX-License-Identifier: Apache-2.0 */
#include "port/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

#define BIG (8u * 1024u * 1024u)

/* feed → [source → sink] → drain */
struct rig {
	struct flow_tools tools;
	struct flow flow;
	int feed, source, sink, drain;
};

static void pair(int *a, int *b)
{
	int fds[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			   0);
	*a = fds[0];
	*b = fds[1];
}

static int setup_with(void **state, bool copy_only)
{
	static struct rig r;

	r = (struct rig){ .flow = FLOW_INIT };
	pair(&r.feed, &r.source);
	pair(&r.sink, &r.drain);
	*state = &r;
	return flow_tools_init(&r.tools, copy_only);
}

static int setup(void **state)
{
	return setup_with(state, false);
}

static int setup_copy(void **state)
{
	return setup_with(state, true);
}

static int teardown(void **state)
{
	struct rig *r = *state;

	flow_done(&r->flow);
	flow_tools_done(&r->tools);
	(void)fd_close(r->feed);
	(void)fd_close(r->source);
	(void)fd_close(r->sink);
	(void)fd_close(r->drain);
	return 0;
}

static int run(struct rig *r)
{
	return flow_run(&r->flow, r->source, r->sink, &r->tools);
}

static void put(struct rig *r, const char *text)
{
	assert_int_equal(send(r->feed, text, strlen(text), 0), strlen(text));
}

static void expect(struct rig *r, const char *text)
{
	char got[64];
	ssize_t n = recv(r->drain, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void test_small_and_end(void **state)
{
	struct rig *r = *state;

	assert_int_equal(run(r), 0);
	assert_int_equal(r->flow.wants, FLOW_BYTES);
	put(r, "one");
	assert_int_equal(run(r), 0);
	assert_int_equal(r->flow.wants, FLOW_BYTES);
	expect(r, "one");
	put(r, "two");
	assert_int_equal(shutdown(r->feed, SHUT_WR), 0);
	while (r->flow.wants != FLOW_NOTHING)
		assert_int_equal(run(r), 0);
	expect(r, "two");
	expect(r, "");					   /* the end is passed on … */
	assert_int_equal(send(r->drain, "back", 4, 0), 4); /* … of this direction only */
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

/* Much more than sockets hold, through a reader that takes little at a time. */
static void test_much(void **state)
{
	struct rig *r = *state;
	unsigned char *chunk = malloc(65536);
	size_t in = 0;
	size_t out = 0;
	bool waited = false;

	assert_non_null(chunk);
	while (out < BIG) {
		size_t n = MIN(BIG - in, (size_t)65536);
		ssize_t done;

		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(in + i);
		done = n ? send(r->feed, chunk, n, 0) : 0;
		in += (size_t)MAX(done, (ssize_t)0);
		if (in == BIG)
			(void)shutdown(r->feed, SHUT_WR);
		assert_int_equal(run(r), 0);
		waited = waited || r->flow.wants == FLOW_ROOM;
		if (done > 0 && out + 4 * 65536 > in && in < BIG)
			continue; /* let some of it pile up */
		done = recv(r->drain, chunk, 50000, 0);
		for (ssize_t i = 0; i < done; i++)
			assert_int_equal(chunk[i], byte_at(out + (size_t)i));
		out += (size_t)MAX(done, (ssize_t)0);
	}
	assert_true(waited);
	while (r->flow.wants != FLOW_NOTHING)
		assert_int_equal(run(r), 0);
	assert_int_equal(recv(r->drain, chunk, 1, 0), 0);
	assert_int_equal(r->tools.npipes, r->tools.copy_only ? 0 : 1);
	free(chunk);
}

/* Only while large reads come. */
static void test_fast_and_slow(void **state)
{
	struct rig *r = *state;
	char *big = calloc(1, 100000);

	assert_non_null(big);
	put(r, "x");
	assert_int_equal(run(r), 0);
	assert_false(r->flow.fast);
	expect(r, "x");
	assert_int_equal(send(r->feed, big, 100000, 0), 100000);
	assert_int_equal(run(r), 0);
	assert_int_equal(recv(r->drain, big, 100000, MSG_WAITALL), 100000);
	assert_true(r->flow.fast);
	for (size_t i = 0; i < 20; i++) {
		put(r, "x");
		assert_int_equal(run(r), 0);
		assert_int_equal(r->flow.pipe[0], -EBADF); /* idle, so back in the pool */
		expect(r, "x");
	}
	assert_false(r->flow.fast);
	free(big);
}

static void test_dead_sink(void **state)
{
	struct rig *r = *state;

	r->drain = fd_close(r->drain);
	put(r, "lost");
	while (r->flow.wants != FLOW_NOTHING) {
		int result = run(r);

		assert_true(result == 0 || result == FLOW_SINK_DEAD);
		assert_int_equal(result == FLOW_SINK_DEAD, r->flow.wants == FLOW_NOTHING);
	}
	assert_true(r->flow.broken);
}

/* What came before a reset gets through; the end that it is does not. */
static void test_dead_source(void **state)
{
	struct rig *r = *state;
	char c;

	assert_int_equal(send(r->source, "unread", 6, 0), 6);
	r->feed = fd_close(r->feed);
	assert_int_equal(run(r), FLOW_SOURCE_DEAD);
	assert_int_equal(run(r), 0);
	assert_int_equal(r->flow.wants, FLOW_NOTHING);
	assert_int_equal(recv(r->drain, &c, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_broken_by_owner(void **state)
{
	struct rig *r = *state;
	char c;

	r->flow.broken = true;
	put(r, "kept");
	assert_int_equal(run(r), 0);
	assert_int_equal(r->flow.wants, FLOW_NOTHING);
	assert_int_equal(recv(r->source, &c, 1, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_small_and_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_and_end, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_much, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_fast_and_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_sink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_sink, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_dead_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_by_owner, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
