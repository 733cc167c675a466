/* SPDX-License-Identifier: Apache-2.0 */
/* A frontend and an engine at the ends of real pipes. */
#include "buildkit/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/util.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
/* A frame of bytes that nobody looks into, on a stream that is no call of a solve. */
#define DATA_SIZE 16384u

enum pipe_end { READ_END = 0, WRITE_END = 1 };

struct ends {
	int from_engine[2], to_engine[2], from_frontend[2], to_frontend[2];
	pid_t relay;
};

static void on_refused(void *data, const char *text)
{
	(void)data;
	(void)text;
}

static void start(struct ends *e)
{
	assert_int_equal(pipe2(e->from_engine, O_CLOEXEC), 0);
	assert_int_equal(pipe2(e->to_engine, O_CLOEXEC), 0);
	assert_int_equal(pipe2(e->from_frontend, O_CLOEXEC), 0);
	assert_int_equal(pipe2(e->to_frontend, O_CLOEXEC), 0);
	e->relay = fork();
	assert_true(e->relay >= 0);
	if (e->relay == 0) {
		const struct relay_fds fds = {
			.to_engine = e->to_engine[WRITE_END],
			.from_engine = e->from_engine[READ_END],
			.to_frontend = e->to_frontend[WRITE_END],
			.from_frontend = e->from_frontend[READ_END],
		};
		const int keep[] = { STDERR_FILENO, fds.to_engine, fds.from_engine, fds.to_frontend,
				     fds.from_frontend };

		fd_close_but(keep, ARRAY_SIZE(keep));
		_exit(-relay_run(&fds, on_refused, NULL));
	}
	e->to_engine[WRITE_END] = fd_close(e->to_engine[WRITE_END]);
	e->from_engine[READ_END] = fd_close(e->from_engine[READ_END]);
	e->to_frontend[WRITE_END] = fd_close(e->to_frontend[WRITE_END]);
	e->from_frontend[READ_END] = fd_close(e->from_frontend[READ_END]);
}

/* What the relay ended with. */
static int finish(struct ends *e)
{
	int status;

	assert_int_equal(waitpid(e->relay, &status, 0), e->relay);
	assert_true(WIFEXITED(status));
	(void)fd_close(e->to_engine[READ_END]);
	(void)fd_close(e->from_engine[WRITE_END]);
	(void)fd_close(e->to_frontend[READ_END]);
	(void)fd_close(e->from_frontend[WRITE_END]);
	return -WEXITSTATUS(status);
}

static void expect(int fd, const char *want, size_t n)
{
	char got[256];

	assert_true(n <= sizeof(got));
	assert_int_equal(fd_read_full(fd, got, n), n);
	assert_memory_equal(got, want, n);
}

static void expect_end(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), 0);
}

static void test_both_ways(void **state)
{
	struct ends e;

	(void)state;
	start(&e);
	assert_int_equal(fd_write_all(e.from_frontend[WRITE_END], PREFACE SETTINGS,
				      sizeof(PREFACE SETTINGS) - 1),
			 0);
	expect(e.to_engine[READ_END], PREFACE SETTINGS, sizeof(PREFACE SETTINGS) - 1);
	assert_int_equal(fd_write_all(e.from_engine[WRITE_END], SETTINGS, sizeof(SETTINGS) - 1), 0);
	expect(e.to_frontend[READ_END], SETTINGS, sizeof(SETTINGS) - 1);
	/* What was sent last arrives. */
	assert_int_equal(fd_write_all(e.from_frontend[WRITE_END], SETTINGS, sizeof(SETTINGS) - 1),
			 0);
	e.from_frontend[WRITE_END] = fd_close(e.from_frontend[WRITE_END]);
	expect(e.to_engine[READ_END], SETTINGS, sizeof(SETTINGS) - 1);
	expect_end(e.to_engine[READ_END]);
	expect_end(e.to_frontend[READ_END]);
	assert_int_equal(finish(&e), 0);
}

static void test_the_engine_ends(void **state)
{
	struct ends e;

	(void)state;
	start(&e);
	e.from_engine[WRITE_END] = fd_close(e.from_engine[WRITE_END]);
	expect_end(e.to_frontend[READ_END]);
	/* The frontend may still have something to say. */
	assert_int_equal(fd_write_all(e.from_frontend[WRITE_END], PREFACE, sizeof(PREFACE) - 1), 0);
	expect(e.to_engine[READ_END], PREFACE, sizeof(PREFACE) - 1);
	e.to_engine[READ_END] = fd_close(e.to_engine[READ_END]);
	(void)fd_write_all(e.from_frontend[WRITE_END], SETTINGS, sizeof(SETTINGS) - 1);
	assert_int_equal(finish(&e), 0);
}

static void test_no_client(void **state)
{
	struct ends e;

	(void)state;
	start(&e);
	assert_int_equal(fd_write_all(e.from_frontend[WRITE_END], "hello\n", 6), 0);
	assert_int_equal(finish(&e), -EPROTO);
}

/* A frontend that does not read is a frontend that is not read from; nothing piles up. */
static void test_nobody_reads(void **state)
{
	char head[9] = "\0\x40\0\0\0\0\0\0\1";
	static char payload[DATA_SIZE];
	size_t sent = 0;
	struct ends e;

	(void)state;
	start(&e);
	assert_int_equal(fd_nonblock(e.from_engine[WRITE_END], true), 0);
	for (int quiet = 0; quiet < 20;) {
		size_t at = sent % (sizeof(head) + sizeof(payload));
		ssize_t n = at < sizeof(head)
				    ? write(e.from_engine[WRITE_END], head + at, sizeof(head) - at)
				    : write(e.from_engine[WRITE_END], payload,
					    sizeof(head) + sizeof(payload) - at);

		if (n > 0) {
			sent += (size_t)n;
			quiet = 0;
		} else {
			assert_int_equal(errno, EAGAIN);
			quiet++;
			(void)usleep(5000);
		}
		assert_true(sent < (2u << 20));
	}
	/* The other direction goes on. */
	assert_int_equal(fd_write_all(e.from_frontend[WRITE_END], PREFACE, sizeof(PREFACE) - 1), 0);
	expect(e.to_engine[READ_END], PREFACE, sizeof(PREFACE) - 1);
	while (sent > 0) {
		ssize_t n = read(e.to_frontend[READ_END], payload, MIN(sent, sizeof(payload)));

		assert_true(n > 0);
		sent -= (size_t)n;
	}
	e.from_frontend[WRITE_END] = fd_close(e.from_frontend[WRITE_END]);
	assert_int_equal(finish(&e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_the_engine_ends),
		cmocka_unit_test(test_no_client),
		cmocka_unit_test(test_nobody_reads),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
