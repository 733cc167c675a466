/* SPDX-License-Identifier: Apache-2.0 */
#include "control/holdclient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sock.h"
#include "base/util.h"
#include "control/hold.h"

struct fixture {
	struct hold hold;
	int peer; /* the holder's end */
	char names[4][CONTROL_HOLD_NAME];
	size_t n;
};

static int setup(void **state)
{
	static struct fixture f;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	f = (struct fixture){ .hold = { .fd = ends[0] }, .peer = ends[1] };
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hold_close(&f->hold);
	f->peer = fd_close(f->peer);
	return 0;
}

static void found(const char *name, int take_fd, void *data)
{
	struct fixture *f = data;

	assert_true(f->n < ARRAY_SIZE(f->names));
	memcpy(f->names[f->n++], name, CONTROL_HOLD_NAME);
	(void)fd_close(take_fd);
}

/* What the holder says; fd: -EBADF for none. */
static void answer(const struct fixture *f, uint32_t version, uint32_t op, const char *name, int fd)
{
	struct control_hold m = { .version = version, .op = op };

	memcpy(m.name, name, strlen(name));
	assert_int_equal(sock_send_fds(f->peer, &m, sizeof(m), &fd, fd >= 0 ? 1 : 0), sizeof(m));
}

/* What the holder was told: returns how many descriptors came along. */
static size_t told(const struct fixture *f, uint32_t op, const char *name)
{
	static const char zero[CONTROL_HOLD_NAME];
	size_t length = strlen(name);
	struct control_hold m;
	int fd = -EBADF;
	size_t nfds = 0;

	assert_int_equal(sock_recv_fds(f->peer, &m, sizeof(m), &fd, 1, &nfds), sizeof(m));
	assert_int_equal(m.version, CONTROL_HOLD_VERSION);
	assert_int_equal(m.op, op);
	assert_string_equal(m.name, name);
	assert_memory_equal(m.name + length, zero,
			    sizeof(zero) - length); /* nothing of the stack */
	if (nfds > 0)
		(void)fd_close(fd);
	return nfds;
}

/* docs/protocol-hold.md says these. */
static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct control_hold, version), 0);
	assert_int_equal(offsetof(struct control_hold, op), 4);
	assert_int_equal(offsetof(struct control_hold, name), 8);
	assert_int_equal(sizeof(struct control_hold), 104);
	assert_int_equal(CONTROL_HOLD_KEEP, 1);
	assert_int_equal(CONTROL_HOLD_END, 5);
}

static void test_says(void **state)
{
	struct fixture *f = *state;

	hold_keep(&f->hold, "sock/a", STDERR_FILENO);
	hold_drop(&f->hold, "sock/a");
	assert_int_equal(told(f, CONTROL_HOLD_KEEP, "sock/a"), 1);
	assert_int_equal(told(f, CONTROL_HOLD_DROP, "sock/a"), 0);
	assert_false(f->hold.lost);
}

static void test_lists(void **state)
{
	struct fixture *f = *state;

	answer(f, CONTROL_HOLD_VERSION, CONTROL_HOLD_ENTRY, "sock/a", STDERR_FILENO);
	answer(f, CONTROL_HOLD_VERSION, CONTROL_HOLD_ENTRY, "other/b", STDERR_FILENO);
	answer(f, CONTROL_HOLD_VERSION, CONTROL_HOLD_END, "", -EBADF);
	assert_int_equal(hold_list(&f->hold, found, f), HOLD_LISTED);
	assert_int_equal(told(f, CONTROL_HOLD_LIST, ""), 0);
	assert_int_equal(f->n, 2);
	assert_string_equal(f->names[0], "sock/a");
	assert_string_equal(f->names[1], "other/b");
	assert_true(f->hold.fd >= 0);
}

/* A holder of a later gabiond or of an earlier one: what it has is taken all the same. */
static void test_another_version(void **state)
{
	struct fixture *f = *state;

	answer(f, 7, CONTROL_HOLD_ENTRY, "sock/a", STDERR_FILENO);
	answer(f, 7, CONTROL_HOLD_END, "", -EBADF);
	assert_int_equal(hold_list(&f->hold, found, f), HOLD_OTHER_VERSION);
	assert_int_equal(f->n, 1);
}

/* Answers that are none: the connection is given up, what came before is seen. */
static void test_bad_answers(void **state)
{
	static const struct {
		uint32_t op;
		size_t size;
		int fd;
		bool endless; /* the name has no NUL */
	} bad[] = {
		{ CONTROL_HOLD_ENTRY, sizeof(struct control_hold), -EBADF, false },
		{ CONTROL_HOLD_ENTRY, sizeof(struct control_hold), STDERR_FILENO, true },
		{ CONTROL_HOLD_ENTRY, sizeof(struct control_hold) - 1, STDERR_FILENO, false },
		{ CONTROL_HOLD_KEEP, sizeof(struct control_hold), STDERR_FILENO, false },
		{ 99, sizeof(struct control_hold), -EBADF, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct control_hold m = { .version = CONTROL_HOLD_VERSION, .op = bad[i].op };
		struct fixture *f;

		(void)teardown(state);
		assert_int_equal(setup(state), 0);
		f = *state;
		memset(m.name, 'x', bad[i].endless ? sizeof(m.name) : 1);
		answer(f, CONTROL_HOLD_VERSION, CONTROL_HOLD_ENTRY, "sock/a", STDERR_FILENO);
		assert_int_equal(sock_send_fds(f->peer, &m, bad[i].size, &bad[i].fd,
					       bad[i].fd >= 0 ? 1 : 0),
				 bad[i].size);
		assert_true(hold_list(&f->hold, found, f) < 0);
		assert_int_equal(f->n, 1);
		assert_true(f->hold.fd < 0);
	}
}

/* It has gone: known at the next message, and then nothing more is said. */
static void test_lost(void **state)
{
	struct fixture *f = *state;

	f->peer = fd_close(f->peer);
	assert_false(f->hold.lost);
	hold_keep(&f->hold, "sock/a", STDERR_FILENO);
	assert_true(f->hold.lost);
	assert_true(f->hold.fd < 0);
	hold_drop(&f->hold, "sock/a");
	assert_int_equal(hold_connect(&f->hold, "/nowhere/hold.sock"), -ENOENT);
	assert_true(f->hold.lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test_setup_teardown(test_says, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
