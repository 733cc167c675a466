/* SPDX-License-Identifier: Apache-2.0 */
#include "control/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/util.h"

static struct control_request q; /* large: not on the stack of every test */

static void fill(enum control_op op)
{
	static const uint32_t sizes[CONTROL_OPS] = {
		[CONTROL_RECORD] = sizeof(struct control_asker),
		[CONTROL_FORGET] = sizeof(struct control_id),
		[CONTROL_ASKER] = sizeof(struct control_id),
		[CONTROL_REFRESH] = sizeof(struct control_id),
		[CONTROL_COPY] = sizeof(struct control_copy),
		[CONTROL_LIST] = sizeof(struct control_id),
	};

	memset(&q, 0, sizeof(q));
	q.header = (struct control_header){ CONTROL_MAGIC, CONTROL_VERSION, (uint16_t)op, 7 };
	q.size = sizes[op];
	if (q.size)
		memset(q.id.id, 'a', CONTROL_ID_LEN);
	if (op == CONTROL_COPY)
		q.copy.path[0] = '/';
}

static size_t bytes(void)
{
	return offsetof(struct control_request, id) + q.size;
}

static size_t fds(enum control_op op)
{
	return op == CONTROL_COPY && q.copy.mode != CONTROL_COPY_STAT;
}

static void test_good(void **state)
{
	(void)state;
	for (int op = 1; op < CONTROL_OPS; op++) {
		fill((enum control_op)op);
		assert_int_equal(control_request_check(&q, bytes(), 0, NULL), 0);
	}
	fill(CONTROL_COPY);
	q.copy.mode = CONTROL_COPY_PUT;
	q.copy.flags = CONTROL_COPY_UIDGID | CONTROL_COPY_NO_OVERWRITE_DIR;
	assert_int_equal(control_request_check(&q, bytes(), fds(CONTROL_COPY), NULL), 0);
	fill(CONTROL_RECORD);
	q.asker.ngroups = CONTROL_GROUPS_MAX;
	q.asker.groups[CONTROL_GROUPS_MAX - 1] = 5;
	q.asker.flags = CONTROL_GROUPS_TRUNCATED;
	assert_int_equal(control_request_check(&q, bytes(), 0, NULL), 0);
}

static void bad(size_t n, size_t nfds)
{
	struct err err = ERR_INIT;

	assert_int_equal(control_request_check(&q, n, nfds, &err), -EPROTO);
	assert_true(*err.text);
}

static void test_bad_headers(void **state)
{
	(void)state;
	fill(CONTROL_PING);
	bad(bytes() - 1, 0);
	bad(bytes() + 1, 0);
	bad(0, 0);
	bad(bytes(), 1);
	q.header.magic++;
	bad(bytes(), 0);
	fill(CONTROL_PING);
	q.header.version++;
	bad(bytes(), 0);
	fill(CONTROL_PING);
	q.header.op = 0;
	bad(bytes(), 0);
	q.header.op = CONTROL_OPS;
	bad(bytes(), 0);
	fill(CONTROL_PING);
	q.reserved = 1;
	bad(bytes(), 0);
	fill(CONTROL_ASKER);
	q.size--;
	bad(bytes(), 0);
	fill(CONTROL_ASKER);
	q.size = 0;
	bad(bytes(), 0);
}

static void test_bad_bodies(void **state)
{
	static const char wrong[] = { 'A', 'g', '/', '.', '\0', ' ' };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong); i++) {
		fill(CONTROL_ASKER);
		q.id.id[63] = wrong[i];
		bad(bytes(), 0);
	}
	fill(CONTROL_RECORD);
	q.asker.ngroups = CONTROL_GROUPS_MAX + 1;
	bad(bytes(), 0);
	fill(CONTROL_RECORD);
	q.asker.groups[0] = 1; /* beyond ngroups */
	bad(bytes(), 0);
	fill(CONTROL_RECORD);
	q.asker.uid = UINT32_MAX;
	bad(bytes(), 0);
	fill(CONTROL_RECORD);
	q.asker.flags = 2;
	bad(bytes(), 0);
	fill(CONTROL_COPY);
	q.copy.mode = 3;
	bad(bytes(), 0);
	fill(CONTROL_COPY);
	q.copy.mode = CONTROL_COPY_GET;
	bad(bytes(), 0); /* without its descriptor */
	fill(CONTROL_COPY);
	bad(bytes(), 1);
	fill(CONTROL_COPY);
	q.copy.path[0] = '\0';
	bad(bytes(), 0);
	fill(CONTROL_COPY);
	memset(q.copy.path, 'x', sizeof(q.copy.path));
	bad(bytes(), 0);
	fill(CONTROL_COPY);
	q.copy.path[100] = 'x'; /* beyond the NUL */
	bad(bytes(), 0);
	fill(CONTROL_COPY);
	memset(q.copy.user, 'x', sizeof(q.copy.user));
	bad(bytes(), 0);
	fill(CONTROL_COPY);
	q.copy.flags = 4;
	bad(bytes(), 0);
}

static void test_round_trip(void **state)
{
	static char body[CONTROL_ANSWER_MAX + 1];
	struct control_request *got = calloc(1, sizeof(*got));
	struct control_answer a;
	int pair[2];
	int fd = -EBADF;
	size_t nfds = 0;
	ssize_t n;

	(void)state;
	assert_non_null(got);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fill(CONTROL_COPY);
	q.copy.mode = CONTROL_COPY_GET;
	assert_int_equal(control_request_send(pair[0], &q, pair[0]), 0);
	n = control_request_recv(pair[1], got, &fd, &nfds);
	assert_int_equal(n, bytes());
	assert_int_equal(nfds, 1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(control_request_check(got, (size_t)n, nfds, NULL), 0);
	(void)fd_close(fd);

	assert_int_equal(control_answer_send(pair[1], &got->header, -ENOSPC, SLICE_LIT("full")), 0);
	assert_int_equal(control_answer_recv(pair[0], &a, body), 1);
	assert_int_equal(a.header.serial, 7);
	assert_int_equal(a.header.op, CONTROL_COPY);
	assert_int_equal(a.result, -ENOSPC);
	assert_int_equal(a.size, 4);
	assert_memory_equal(body, "full", 4);

	assert_int_equal(write(pair[1], "short", 5), 5);
	assert_int_equal(control_answer_recv(pair[0], &a, body), -EPROTO);
	(void)fd_close(pair[1]);
	assert_int_equal(control_answer_recv(pair[0], &a, body), 0);
	(void)fd_close(pair[0]);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_bad_bodies),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
