/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/sock.h"
#include "base/test-dir.h"
#include "base/util.h"
#include "control/proto.h"

struct fixture {
	char dir[TEST_DIR_MAX];
	struct instance inst;
	struct loop loop;
	struct serve serve;
	int gate;   /* the gate's end */
	int client; /* a client's end */
	struct control_request q;
	struct control_answer a;
	char body[CONTROL_ANSWER_MAX + 1];
	int downs;
	int gone;
};

static struct fixture f; /* large */

static void on_status(void *data, struct buf *json)
{
	(void)data;
	buf_add_str(json, "{\"ok\":true}");
}

static void on_down(void *data)
{
	((struct fixture *)data)->downs++;
}

static void on_gone(void *data)
{
	((struct fixture *)data)->gone++;
}

static int setup(void **state)
{
	int gate[2];
	int client[2];
	char path[PATH_MAX];

	(void)state;
	memset(&f, 0, sizeof(f));
	test_dir_new(f.dir);
	f.inst.private_dir = true;
	(void)snprintf(f.inst.dir, sizeof(f.inst.dir), "%s", f.dir);
	(void)snprintf(f.inst.run, sizeof(f.inst.run), "%s/run", f.dir);
	(void)snprintf(f.inst.lib, sizeof(f.inst.lib), "%s/lib", f.dir);
	if (file_mkdirs(test_path(path, f.dir, "run/containers"), 0755) < 0 ||
	    file_mkdirs(f.inst.lib, 0755) < 0 || loop_init(&f.loop) < 0 ||
	    serve_init(&f.serve, &f.loop, &f.inst) < 0)
		return -1;
	f.serve.data = &f;
	f.serve.status = on_status;
	f.serve.down = on_down;
	f.serve.gate_gone = on_gone;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, client) < 0)
		return -1;
	f.gate = gate[0];
	f.client = client[0];
	if (serve_add_channel(&f.serve, gate[1], SERVE_GATE) < 0)
		return -1;
	return serve_add_channel(&f.serve, client[1], SERVE_CLIENT);
}

static int teardown(void **state)
{
	(void)state;
	serve_done(&f.serve);
	(void)loop_once(&f.loop, 0);
	loop_done(&f.loop);
	f.gate = fd_close(f.gate);
	f.client = fd_close(f.client);
	test_dir_done(&f.dir);
	return 0;
}

static void request(enum control_op op, size_t size, char fill)
{
	memset(&f.q, 0, sizeof(f.q));
	f.q.header.op = (uint16_t)op;
	f.q.header.serial = 42;
	f.q.size = (uint32_t)size;
	if (size)
		memset(f.q.id.id, fill, CONTROL_ID_LEN);
}

/* Sends f.q, runs the loop until the answer is there; returns its result. */
static int ask(int sock, int fd)
{
	assert_int_equal(control_request_send(sock, &f.q, fd), 0);
	assert_int_equal(fd_nonblock(sock, true), 0);
	for (int i = 0; i < 100; i++) {
		int r;

		assert_int_equal(loop_once(&f.loop, 20), 0);
		r = control_answer_recv(sock, &f.a, f.body);
		if (r == -EAGAIN)
			continue;
		assert_int_equal(r, 1);
		assert_int_equal(f.a.header.serial, 42);
		assert_int_equal(f.a.header.op, f.q.header.op);
		f.body[f.a.size] = '\0';
		return f.a.result;
	}
	fail_msg("no answer");
	return -1;
}

static void test_client(void **state)
{
	(void)state;
	request(CONTROL_PING, 0, 0);
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DONE);
	assert_int_equal(f.a.size, 0);
	request(CONTROL_STATUS, 0, 0);
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DONE);
	assert_string_equal(f.body, "{\"ok\":true}");
	request(CONTROL_DOWN, 0, 0);
	assert_int_equal(ask(f.client, -EBADF),
			 CONTROL_DONE); /* who runs the test owns the folder */
	assert_int_equal(f.downs, 1);
}

/* Each operation on the other kind of channel. */
static void test_permits(void **state)
{
	(void)state;
	request(CONTROL_PING, 0, 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DENIED);
	request(CONTROL_STATUS, 0, 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DENIED);
	request(CONTROL_DOWN, 0, 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DENIED);
	request(CONTROL_RECORD, sizeof(f.q.asker), 'a');
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	request(CONTROL_FORGET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	request(CONTROL_ASKER, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	request(CONTROL_REFRESH, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	request(CONTROL_LIST, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	request(CONTROL_COPY, sizeof(f.q.copy), 'a');
	f.q.copy.path[0] = '/';
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	request(CONTROL_FOLDER, sizeof(f.q.folder), '0');
	f.q.folder.path[0] = '/';
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	assert_int_equal(f.downs, 0);
}

static void test_records(void **state)
{
	const struct control_asker *got = (const void *)f.body;

	(void)state;
	request(CONTROL_ASKER, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	request(CONTROL_RECORD, sizeof(f.q.asker), 'a');
	f.q.asker.uid = 1000;
	f.q.asker.gid = 100;
	f.q.asker.ngroups = 2;
	f.q.asker.groups[1] = 27;
	f.q.asker.flags = CONTROL_GROUPS_TRUNCATED;
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	request(CONTROL_ASKER, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_int_equal(f.a.size, sizeof(*got));
	assert_int_equal(got->uid, 1000);
	assert_int_equal(got->gid, 100);
	assert_int_equal(got->ngroups, 2);
	assert_int_equal(got->groups[1], 27);
	assert_int_equal(got->flags, CONTROL_GROUPS_TRUNCATED);
	request(CONTROL_FORGET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	request(CONTROL_ASKER, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
}

/* More records than one answer holds: asked for page by page, each once, in order. */
static void test_list(void **state)
{
	char path[PATH_MAX];
	char last[CONTROL_ID_LEN];
	size_t pages = 0;
	size_t n = 0;

	(void)state;
	assert_int_equal(file_mkdirs(test_path(path, f.dir, "lib/askers"), 0755), 0);
	for (size_t i = 1; i <= 2 * CONTROL_LIST_MAX; i++) {
		char name[128];

		(void)snprintf(name, sizeof(name), "lib/askers/%064zx", i * 7919 % 100003);
		assert_int_equal(file_replace_at(AT_FDCWD, test_path(path, f.dir, name),
						 SLICE_LIT("{}"), 0600, false),
				 0);
	}
	assert_int_equal(file_replace_at(AT_FDCWD, test_path(path, f.dir, "lib/askers/other"),
					 SLICE_LIT("{}"), 0600, false),
			 0);
	memset(last, '0', sizeof(last));
	for (;;) {
		size_t got;

		request(CONTROL_LIST, sizeof(f.q.id), '0');
		memcpy(f.q.id.id, last, sizeof(last));
		assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
		pages++;
		got = f.a.size / CONTROL_ID_LEN;
		for (size_t i = 0; i < got; i++) {
			assert_true(memcmp(f.body + i * CONTROL_ID_LEN, last, CONTROL_ID_LEN) > 0);
			memcpy(last, f.body + i * CONTROL_ID_LEN, CONTROL_ID_LEN);
		}
		n += got;
		if (got < CONTROL_LIST_MAX)
			break;
	}
	assert_int_equal(n, 2 * CONTROL_LIST_MAX);
	assert_int_equal(pages, 3);
}

static void put_box(const char *id, const char *text)
{
	char name[128];
	char path[PATH_MAX];

	(void)snprintf(name, sizeof(name), "run/containers/%.64s.json", id);
	assert_int_equal(file_replace_at(AT_FDCWD, test_path(path, f.dir, name), slice_str(text),
					 0600, false),
			 0);
}

#define AS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What is no view, and who is no process of the container, is none: never an act on it. */
static void test_refresh(void **state)
{
	char text[PATH_MAX + 128];

	(void)state;
	request(CONTROL_REFRESH, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	put_box(AS, "{\"id\":\"" AS "\",\"base\":1879048192,\"size\":65536}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	put_box(AS, "{\"base\":1,\"size\":1,\"view\":\"/\"}"); /* a mount, but no such one */
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	(void)snprintf(text, sizeof(text), "{\"base\":1,\"size\":1,\"view\":\"%s\"}", f.dir);
	put_box(AS, text);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	put_box(AS, "{\"base\":1,\"size\":1,\"view\":\"/nosuch\"}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	put_box(AS, "{\"base\":1,\"size\":1,\"view\":\"relative\"}");
	assert_int_equal(ask(f.gate, -EBADF), -EINVAL);
	put_box(AS, "{\"base\":-1,\"size\":1}");
	assert_int_equal(ask(f.gate, -EBADF), -EINVAL);
	put_box(AS, "nonsense");
	assert_true(ask(f.gate, -EBADF) < 0);
	assert_true(*f.body);
}

static void test_copy_of_nobody(void **state)
{
	char text[2 * PATH_MAX];
	char path[PATH_MAX];
	char pid[32];
	int pair[2];
	char byte;

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "{\"base\":1879048192,\"size\":65536,\"pidFile\":\"%s/pid\"}", f.dir);
	put_box(AS, text);
	request(CONTROL_COPY, sizeof(f.q.copy), 'a');
	f.q.copy.path[0] = '/';
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE); /* no pid file */
	/* A process that has other ids: ourselves. */
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(file_replace_at(AT_FDCWD, test_path(path, f.dir, "pid"), slice_str(pid),
					 0600, false),
			 0);
	f.q.copy.mode = CONTROL_COPY_GET;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ask(f.gate, pair[1]), CONTROL_NONE);
	(void)fd_close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 0); /* gabiond did not keep it */
	(void)fd_close(pair[0]);
	assert_int_equal(file_replace_at(AT_FDCWD, test_path(path, f.dir, "pid"), SLICE_LIT("-1"),
					 0600, false),
			 0);
	f.q.copy.mode = CONTROL_COPY_STAT;
	assert_int_equal(ask(f.gate, -EBADF), -EINVAL);
}

static void test_bad_messages(void **state)
{
	(void)state;
	request(CONTROL_ASKER, sizeof(f.q.id), 'X');
	assert_int_equal(ask(f.client, -EBADF), -EPROTO);
	assert_int_equal(write(f.client, "x", 1), 1);
	assert_int_equal(loop_once(&f.loop, 100), 0);
	assert_int_equal(control_answer_recv(f.client, &f.a, f.body), 0); /* closed */
	/* The gate is ours: it must not be wrong. */
	assert_int_equal(control_request_send(f.gate, &f.q, -EBADF), 0);
	assert_int_equal(loop_once(&f.loop, 100), 0);
	assert_int_equal(control_answer_recv(f.gate, &f.a, f.body), 0);
	assert_int_equal(f.gone, 1);
}

static void test_gate_gone(void **state)
{
	(void)state;
	f.gate = fd_close(f.gate);
	assert_int_equal(loop_once(&f.loop, 100), 0);
	assert_int_equal(f.gone, 1);
}

/* A gate that asks more than it reads: every answer comes all the same, and in full. */
static void test_slow_gate(void **state)
{
	int got = 0;
	int sent = 0;

	(void)state;
	request(CONTROL_RECORD, sizeof(f.q.asker), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	request(CONTROL_ASKER, sizeof(f.q.id), 'a');
	for (int i = 0; i < 2000 && got < 500; i++) {
		if (sent < 500 && control_request_send(f.gate, &f.q, -EBADF) == 0)
			sent++;
		else
			while (control_answer_recv(f.gate, &f.a, f.body) == 1) {
				assert_int_equal(f.a.size, sizeof(struct control_asker));
				got++;
				(void)loop_once(&f.loop, 0);
			}
		(void)loop_once(&f.loop, 0);
	}
	assert_int_equal(sent, 500);
	assert_int_equal(got, 500);
}

/* One user's connections leave room for root's. */
static void test_clients_of_one_user(void **state)
{
	char path[PATH_MAX];
	int listener;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		(void)fputs("test_clients_of_one_user: not root, nothing tested\n", stderr);
		skip();
	}
	assert_int_equal(chmod(f.dir, 0755), 0);
	listener = sock_listen(test_path(path, f.dir, "control.sock"), SOCK_SEQPACKET, 0666,
			       (gid_t)-1);
	assert_true(listener >= 0);
	assert_int_equal(serve_add_channel(&f.serve, listener, SERVE_LISTEN), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setresuid(54321, 54321, 54321) < 0)
			_exit(2);
		for (int i = 0; i < 100; i++)
			if (sock_connect(path, SOCK_SEQPACKET) < 0)
				_exit(3);
		_exit(pause()); /* holds them */
	}
	for (int i = 0; i < 50; i++)
		assert_int_equal(loop_once(&f.loop, 10), 0);
	f.client = fd_close(f.client);
	f.client = sock_connect(path, SOCK_SEQPACKET);
	assert_true(f.client >= 0);
	request(CONTROL_PING, 0, 0);
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DONE);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_client),	   T(test_permits),
		T(test_records),   T(test_list),
		T(test_refresh),   T(test_copy_of_nobody),
		T(test_gate_gone), T(test_bad_messages),
		T(test_slow_gate), T(test_clients_of_one_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
