/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams through the relay on the loopback; clients and container are played by the test. */
#include "port/datagrams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/util.h"

#define TURNS 500 /* of at most 10 ms each: for events that do come */
#define MAX_TALKS 2

struct rig {
	struct loop loop;
	struct datagrams relay;
	struct addr front, back;
	int fds[2];    /* bound: the relay, the container */
	int client[3]; /* unbound */
};

static int bound(const char *ip, struct addr *ret)
{
	int fd;
	int one = 1;

	assert_int_equal(addr_parse(ip, 0, ret), 0);
	fd = socket(ret->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (ret->any.sa_family == AF_INET6)
		assert_return_code(
			setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)), errno);
	else
		assert_return_code(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)),
				   errno);
	assert_return_code(bind(fd, &ret->any, ret->len), errno);
	assert_return_code(getsockname(fd, &ret->any, &ret->len), errno);
	return fd;
}

static int setup_with(void **state, const char *front, const char *loopback)
{
	static struct rig r;

	r = (struct rig){ .fds = { -EBADF, -EBADF } };
	assert_int_equal(loop_init(&r.loop), 0);
	r.fds[0] = bound(front, &r.front);
	r.fds[1] = bound("127.0.0.1", &r.back);
	for (size_t i = 0; i < ARRAY_SIZE(r.client); i++)
		r.client[i] = socket(r.front.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(datagrams_init(&r.relay, &r.loop, &r.back, MAX_TALKS), 0);
	assert_int_equal(datagrams_listen(&r.relay, r.fds[0]), 0);
	assert_int_equal(addr_parse(loopback, ntohs(r.front.v4.sin_port), &r.front), 0);
	*state = &r;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, "0.0.0.0", "127.0.0.1");
}

static int setup_v6(void **state)
{
	return setup_with(state, "::", "::1");
}

static int teardown(void **state)
{
	struct rig *r = *state;

	datagrams_done(&r->relay);
	(void)loop_once(&r->loop, 0);
	for (size_t i = 0; i < ARRAY_SIZE(r->client); i++)
		(void)fd_close(r->client[i]);
	(void)fd_close(r->fds[0]);
	(void)fd_close(r->fds[1]);
	loop_done(&r->loop);
	return 0;
}

/* Turns the loop until a datagram is there. */
static size_t receive(struct rig *r, int fd, char *to, size_t size, struct addr *from)
{
	for (int i = 0; i < TURNS; i++) {
		ssize_t n;

		from->len = sizeof(from->v6);
		n = recvfrom(fd, to, size, MSG_DONTWAIT, &from->any, &from->len);
		if (n >= 0)
			return (size_t)n;
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(loop_once(&r->loop, 10), 0);
	}
	fail_msg("no datagram");
	return 0;
}

static void put(int fd, const char *text, const struct addr *to)
{
	assert_int_equal(sendto(fd, text, strlen(text), 0, &to->any, to->len), strlen(text));
}

static void expect(struct rig *r, int fd, const char *text, struct addr *from)
{
	char got[64] = "";

	(void)receive(r, fd, got, sizeof(got) - 1, from);
	assert_string_equal(got, text);
}

static void expect_from(struct rig *r, int fd, const char *text, const struct addr *from)
{
	char a[ADDR_TEXT_MAX];
	char b[ADDR_TEXT_MAX];
	struct addr got;

	expect(r, fd, text, &got);
	addr_print(from, a);
	addr_print(&got, b);
	assert_string_equal(a, b);
}

/* Each client gets its own answers, from where it had sent to. */
static void test_two_clients(void **state)
{
	struct rig *r = *state;
	struct addr seen[2];

	put(r->client[0], "zero", &r->front);
	expect(r, r->fds[1], "zero", &seen[0]);
	put(r->client[1], "one", &r->front);
	expect(r, r->fds[1], "one", &seen[1]);
	put(r->fds[1], "for one", &seen[1]);
	put(r->fds[1], "for zero", &seen[0]);
	expect_from(r, r->client[1], "for one", &r->front);
	expect_from(r, r->client[0], "for zero", &r->front);
	put(r->client[0], "again", &r->front);
	expect_from(r, r->fds[1], "again", &seen[0]); /* the same session */
	assert_int_equal(r->relay.sessions.count, 2);
}

/* One client, two of our addresses: two sessions, each answering from its own. */
static void test_two_addresses(void **state)
{
	struct rig *r = *state;
	struct addr other;
	struct addr seen;

	assert_int_equal(addr_parse("127.0.0.2", ntohs(r->front.v4.sin_port), &other), 0);
	put(r->client[0], "a", &r->front);
	expect(r, r->fds[1], "a", &seen);
	put(r->fds[1], "A", &seen);
	expect_from(r, r->client[0], "A", &r->front);
	put(r->client[0], "b", &other);
	expect(r, r->fds[1], "b", &seen);
	put(r->fds[1], "B", &seen);
	expect_from(r, r->client[0], "B", &other);
	assert_int_equal(r->relay.sessions.count, 2);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 1472, 9000, 65507 };
	struct rig *r = *state;
	char *out = malloc(DATAGRAMS_SIZE);
	char *in = malloc(DATAGRAMS_SIZE);

	assert_non_null(out);
	assert_non_null(in);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i];
		struct addr seen;

		memset(out, 'a' + (int)i, DATAGRAMS_SIZE);
		assert_int_equal(sendto(r->client[0], out, n, 0, &r->front.any, r->front.len), n);
		assert_int_equal(receive(r, r->fds[1], in, DATAGRAMS_SIZE, &seen), n);
		assert_memory_equal(in, out, n);
		assert_int_equal(sendto(r->fds[1], out, n, 0, &seen.any, seen.len), n);
		assert_int_equal(receive(r, r->client[0], in, DATAGRAMS_SIZE, &seen), n);
		assert_memory_equal(in, out, n);
	}
	free(out);
	free(in);
}

/* A container that is not up yet: what is sent then is lost, what is sent later is not, also when
 * that is handled before the news of the first. */
static void test_nobody_there(void **state)
{
	struct rig *r = *state;
	struct addr seen;

	r->fds[1] = fd_close(r->fds[1]);
	put(r->client[0], "lost", &r->front);
	for (int i = 0; i < TURNS && r->relay.sessions.count == 0; i++)
		assert_int_equal(loop_once(&r->loop, 10), 0);
	r->fds[1] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_return_code(bind(r->fds[1], &r->back.any, r->back.len), errno);
	put(r->client[0], "found", &r->front);
	expect(r, r->fds[1], "found", &seen);
	put(r->fds[1], "answer", &seen);
	expect_from(r, r->client[0], "answer", &r->front);
	assert_int_equal(r->relay.sessions.count, 1);
}

/* With the table full, one that nobody answered goes; one that was answered stays. */
static void test_full(void **state)
{
	struct rig *r = *state;
	struct addr kept;
	struct addr seen;

	put(r->client[0], "a", &r->front);
	expect(r, r->fds[1], "a", &kept);
	put(r->fds[1], "A", &kept);
	expect_from(r, r->client[0], "A", &r->front);
	put(r->client[1], "b", &r->front);
	expect(r, r->fds[1], "b", &seen);
	put(r->client[2], "c", &r->front);
	expect(r, r->fds[1], "c", &seen);
	assert_int_equal(r->relay.sessions.count, MAX_TALKS);
	put(r->client[0], "still", &r->front);
	expect_from(r, r->fds[1], "still", &kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_clients, setup_v6, teardown),
		cmocka_unit_test_setup_teardown(test_two_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup_v6, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
