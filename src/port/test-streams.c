/* SPDX-License-Identifier: Apache-2.0 */
/* Connections through the relay on the loopback; client and container are played by the test. */
#include "port/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/util.h"

#define TURNS 5000 /* of at most 10 ms each: for events that do come */
#define BIG (4u * 1024u * 1024u)
#define MAX_STREAMS 2

struct rig {
	struct loop loop;
	struct streams streams;
	struct addr front_addr, back_addr;
	int front, back;       /* listening: the relay, the container */
	int client, container; /* connected */
};

static int listen_on(struct addr *ret)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(addr_parse("127.0.0.1", 0, ret), 0);
	assert_return_code(bind(fd, &ret->any, ret->len), errno);
	assert_return_code(listen(fd, 16), errno);
	assert_return_code(getsockname(fd, &ret->any, &ret->len), errno);
	return fd;
}

static int setup_with(void **state, bool copy_only)
{
	static struct rig r;

	r = (struct rig){ .client = -EBADF, .container = -EBADF };
	assert_int_equal(loop_init(&r.loop), 0);
	r.back = listen_on(&r.back_addr);
	r.front = listen_on(&r.front_addr);
	assert_int_equal(streams_init(&r.streams, &r.loop, &r.back_addr, IPPROTO_TCP, MAX_STREAMS),
			 0);
	r.streams.tools.copy_only = copy_only;
	assert_int_equal(streams_listen(&r.streams, r.front), 0);
	*state = &r;
	return 0;
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

	r->client = fd_close(r->client);
	r->container = fd_close(r->container);
	for (int i = 0; i < TURNS && r->streams.count > 0; i++)
		assert_int_equal(loop_once(&r->loop, 10), 0);
	streams_done(&r->streams);
	(void)loop_once(&r->loop, 0);
	(void)fd_close(r->front);
	(void)fd_close(r->back);
	loop_done(&r->loop);
	return 0;
}

static int connect_client(struct rig *r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(connect(fd, &r->front_addr.any, r->front_addr.len) == 0 ||
		    errno == EINPROGRESS);
	return fd;
}

/* Turns the loop until the container has a connection. */
static int accept_container(struct rig *r)
{
	for (int i = 0; i < TURNS; i++) {
		int fd = accept4(r->back, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			return fd;
		assert_int_equal(loop_once(&r->loop, 10), 0);
	}
	fail_msg("no connection");
	return -1;
}

static void connect_both(struct rig *r)
{
	r->client = connect_client(r);
	r->container = accept_container(r);
}

/* Turns the loop until there is something: bytes, 0 for the end, or -errno. */
static ssize_t receive(struct rig *r, int fd, void *to, size_t size)
{
	for (int i = 0; i < TURNS; i++) {
		ssize_t n = recv(fd, to, size, MSG_DONTWAIT);

		if (n >= 0 || errno != EAGAIN)
			return n < 0 ? -errno : n;
		assert_int_equal(loop_once(&r->loop, 10), 0);
	}
	return -ETIMEDOUT;
}

static void say(struct rig *r, int from, int to, const char *text)
{
	char got[64] = "";

	assert_int_equal(send(from, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	assert_int_equal(receive(r, to, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
}

/* Closing it sends a reset. */
static void reset(int *fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	assert_return_code(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), errno);
	*fd = fd_close(*fd);
}

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

/* Sends much and the end of it, and checks that all of that arrives. */
static void send_much(struct rig *r, int from, int to)
{
	unsigned char *chunk = malloc(BIG);
	size_t in = 0;
	size_t out = 0;

	assert_non_null(chunk);
	for (size_t i = 0; i < BIG; i++)
		chunk[i] = byte_at(i);
	for (int i = 0; i < TURNS && out < BIG; i++) {
		unsigned char got[40000];
		ssize_t n = in < BIG ? send(from, chunk + in, BIG - in, MSG_NOSIGNAL) : 0;

		in += (size_t)MAX(n, (ssize_t)0);
		if (in == BIG && n > 0)
			assert_return_code(shutdown(from, SHUT_WR), errno);
		assert_int_equal(loop_once(&r->loop, 1), 0);
		n = recv(to, got, sizeof(got), 0);
		if (n > 0) {
			assert_memory_equal(got, chunk + out, (size_t)n);
			out += (size_t)n;
		}
	}
	assert_int_equal(out, BIG);
	assert_int_equal(receive(r, to, chunk, 1), 0);
	free(chunk);
}

static void test_both_ways(void **state)
{
	struct rig *r = *state;

	connect_both(r);
	say(r, r->client, r->container, "ping");
	say(r, r->container, r->client, "pong");
	assert_int_equal(r->streams.count, 1);
}

/* The container speaks first, as ssh and smtp do. */
static void test_server_first(void **state)
{
	struct rig *r = *state;

	connect_both(r);
	say(r, r->container, r->client, "220 ready");
}

static void test_half_close(void **state)
{
	struct rig *r = *state;

	connect_both(r);
	send_much(r, r->client, r->container);
	say(r, r->container, r->client, "got it");
	send_much(r, r->container, r->client);
	for (int i = 0; i < TURNS && r->streams.count > 0; i++)
		assert_int_equal(loop_once(&r->loop, 10), 0);
	assert_int_equal(r->streams.count, 0);
}

/* The relay's own socket towards the client. */
static int relay_fd(struct rig *r)
{
	struct addr client = { .len = sizeof(client.v6) };
	struct addr peer;

	assert_return_code(getsockname(r->client, &client.any, &client.len), errno);
	for (int fd = 3; fd < 64; fd++) {
		peer.len = sizeof(peer.v6);
		if (getpeername(fd, &peer.any, &peer.len) == 0 &&
		    peer.v4.sin_port == client.v4.sin_port)
			return fd;
	}
	fail_msg("no socket");
	return -1;
}

static int queued(int fd, unsigned long what)
{
	int n = 0;

	assert_return_code(ioctl(fd, what, &n), errno);
	return n;
}

/* The container ends its direction, then the client its own, while that cannot get on because the
 * container does not read: nothing may spin, and all arrives. */
static void test_early_answer(void **state)
{
	struct rig *r = *state;
	char *chunk = calloc(1, BIG);
	struct epoll_event event;
	size_t in = 0;
	size_t out = 0;
	ssize_t n = 1;
	int relay;
	char c;

	assert_non_null(chunk);
	connect_both(r);
	say(r, r->container, r->client, "no");
	assert_return_code(shutdown(r->container, SHUT_WR), errno);
	assert_int_equal(receive(r, r->client, &c, 1), 0);
	relay = relay_fd(r);
	for (int i = 0; i < TURNS && queued(relay, SIOCINQ) == 0; i++) {
		assert_int_equal(send(r->client, chunk, 16384, MSG_NOSIGNAL), 16384);
		in += 16384;
		for (int j = 0; j < 10; j++)
			assert_int_equal(loop_once(&r->loop, 0), 0);
	}
	assert_return_code(shutdown(r->client, SHUT_WR), errno);
	while (queued(r->client, SIOCOUTQ) > 0)
		assert_int_equal(loop_once(&r->loop, 1), 0);
	for (int i = 0; i < 10; i++) /* hears that both directions are closed */
		assert_int_equal(loop_once(&r->loop, 0), 0);
	assert_int_equal(epoll_wait(r->loop.epoll_fd, &event, 1, 0), 0);
	for (; n > 0; out += (size_t)n) {
		n = receive(r, r->container, chunk, BIG);
		assert_true(n >= 0);
	}
	assert_int_equal(out, in);
	free(chunk);
}

static void test_refused(void **state)
{
	struct rig *r = *state;
	char c;

	r->back = fd_close(r->back);
	r->client = connect_client(r);
	assert_int_equal(receive(r, r->client, &c, 1), -ECONNRESET);
	assert_int_equal(r->streams.count, 0);
}

/* As without a relay: what was sent before arrives, and the end is seen to be none. */
static void test_reset_by_container(void **state)
{
	struct rig *r = *state;
	char got[64];

	connect_both(r);
	say(r, r->client, r->container, "ask");
	assert_int_equal(send(r->container, "half an ans", 11, 0), 11);
	reset(&r->container);
	assert_int_equal(receive(r, r->client, got, sizeof(got)), 11);
	assert_int_equal(receive(r, r->client, got, sizeof(got)), -ECONNRESET);
}

static void test_reset_by_client(void **state)
{
	struct rig *r = *state;
	char c;

	connect_both(r);
	say(r, r->client, r->container, "ask");
	reset(&r->client);
	assert_int_equal(receive(r, r->container, &c, 1), -ECONNRESET);
	for (int i = 0; i < TURNS && r->streams.count > 0; i++)
		assert_int_equal(loop_once(&r->loop, 10), 0);
	assert_int_equal(r->streams.count, 0);
}

/* A reset is noticed also while nothing can be written to the other side. */
static void test_reset_while_blocked(void **state)
{
	struct rig *r = *state;
	char *chunk = calloc(1, BIG);
	int idle = 0;
	ssize_t n;

	assert_non_null(chunk);
	connect_both(r);
	while (idle < 20) {
		idle = send(r->client, chunk, BIG, MSG_NOSIGNAL) < 0 ? idle + 1 : 0;
		assert_int_equal(loop_once(&r->loop, 1), 0);
	}
	reset(&r->client);
	for (n = 1; n > 0;)
		n = receive(r, r->container, chunk, BIG);
	assert_int_equal(n, -ECONNRESET);
	free(chunk);
}

/* The reset waits for what came before it, which the container has not taken yet. */
static void test_reset_after_much(void **state)
{
	struct rig *r = *state;
	size_t size = 1024 * 1024;
	char *chunk = calloc(1, size);
	size_t in = 0;
	size_t out = 0;
	ssize_t n;

	assert_non_null(chunk);
	connect_both(r);
	for (int i = 0; i < TURNS && (in < size || queued(r->client, SIOCOUTQ) > 0); i++) {
		n = in < size ? send(r->client, chunk, size - in, MSG_NOSIGNAL) : 0;
		in += (size_t)MAX(n, (ssize_t)0);
		assert_int_equal(loop_once(&r->loop, 1), 0);
	}
	assert_int_equal(queued(r->client, SIOCOUTQ), 0); /* the relay has all of it */
	reset(&r->client);
	for (n = 1; n > 0; out += (size_t)MAX(n, (ssize_t)0)) {
		assert_int_equal(loop_once(&r->loop, 0), 0);
		n = receive(r, r->container, chunk, 4096);
	}
	assert_int_equal(n, -ECONNRESET);
	assert_int_equal(out, size);
	free(chunk);
}

/* More than may be at once wait until one has gone. */
static void test_limit(void **state)
{
	struct rig *r = *state;
	int more[2][2];

	connect_both(r);
	more[0][0] = connect_client(r);
	more[0][1] = accept_container(r);
	more[1][0] = connect_client(r);
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_once(&r->loop, 1), 0);
	assert_int_equal(r->streams.count, MAX_STREAMS);
	assert_int_equal(accept4(r->back, NULL, NULL, 0), -1);
	say(r, more[0][0], more[0][1], "still");
	r->client = fd_close(r->client);
	r->container = fd_close(r->container);
	more[1][1] = accept_container(r);
	say(r, more[1][0], more[1][1], "now");
	for (size_t i = 0; i < 2; i++) {
		(void)fd_close(more[i][0]);
		(void)fd_close(more[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_ways, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_server_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_close, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_early_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_early_answer, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_by_container, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_by_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_while_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_after_much, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_after_much, setup_copy, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
