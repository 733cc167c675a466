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
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/sock.h"
#include "base/test-dir.h"
#include "base/util.h"
#include "control/hold.h"
#include "control/proto.h"
#include "daemon/process.h"
#include "daemon/serve-channel.h"

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
	int fd; /* what came with the answer; the test's */
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
	(void)snprintf(f.inst.etc, sizeof(f.inst.etc), "%s/etc", f.dir);
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
		r = control_answer_recv(sock, &f.a, f.body, &f.fd);
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
	request(CONTROL_PATH, 0, '0');
	memset(f.q.path.asker.id, '0', CONTROL_ID_LEN);
	assert_true(control_path_add(&f.q, SLICE_LIT("/"), 0));
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

/* Made by a container: its line is on record, and told page by page. */
static void test_kin(void **state)
{
	static struct control_kin k;
	char last[CONTROL_ID_LEN];
	struct slice rest;
	size_t n = 0;

	(void)state;
	request(CONTROL_KIN, sizeof(f.q.id), '0');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_int_equal(f.a.size, 0);
	for (char c = 'a'; c < 'f'; c++) {
		request(CONTROL_RECORD, sizeof(f.q.asker), c);
		assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	}
	for (unsigned i = 1; i <= 100; i++) {
		char id[CONTROL_ID_LEN + 1];

		request(CONTROL_CHILD, sizeof(f.q.asker) + 4 + (size_t)CONTROL_LINE_MAX * 64, '0');
		(void)snprintf(id, sizeof(id), "%064x", i);
		memcpy(f.q.id.id, id, CONTROL_ID_LEN);
		f.q.child.n = CONTROL_LINE_MAX;
		memset(f.q.child.line, 'f', sizeof(f.q.child.line));
		assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	}
	memset(last, '0', sizeof(last));
	for (;;) {
		request(CONTROL_KIN, sizeof(f.q.id), '0');
		memcpy(f.q.id.id, last, sizeof(last));
		assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
		if (f.a.size == 0)
			break;
		assert_true(memcmp(f.body, last, sizeof(last)) > 0);
		memcpy(last, f.body, sizeof(last));
		rest = (struct slice){ f.body + CONTROL_ID_LEN, f.a.size - CONTROL_ID_LEN };
		while (control_kin_next(&rest, &k) == 1) {
			n++;
			assert_int_equal(k.n, CONTROL_LINE_MAX);
			assert_int_equal(k.line[0][0], 'f');
		}
		assert_int_equal(rest.n, 0);
	}
	assert_int_equal(n, 100);
	assert_int_equal(last[0], 'e');
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
	assert_int_equal(control_answer_recv(f.client, &f.a, f.body, &f.fd), 0); /* closed */
	/* The gate is ours: it must not be wrong. */
	assert_int_equal(control_request_send(f.gate, &f.q, -EBADF), 0);
	assert_int_equal(loop_once(&f.loop, 100), 0);
	assert_int_equal(control_answer_recv(f.gate, &f.a, f.body, &f.fd), 0);
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
			while (control_answer_recv(f.gate, &f.a, f.body, &f.fd) == 1) {
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

static void request_text(enum control_op op, char fill, const char *text)
{
	request(op, offsetof(struct control_text, text) + strlen(text), fill);
	f.q.text.size = (uint32_t)strlen(text);
	memcpy(f.q.text.text, text, strlen(text));
}

static void request_file(enum control_op op, enum control_which which)
{
	request(op, sizeof(f.q.file), '0');
	f.q.file.which = which;
}

static void assert_file(const char *name, const char *text)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	char path[PATH_MAX];

	assert_int_equal(file_read(test_path(path, f.dir, name), &b), 0);
	assert_int_equal(b.n, strlen(text));
	assert_memory_equal(b.p, text, b.n);
}

/* Somebody connects to the path; whoever listens on fd sees it. */
static void assert_listens(int fd, const char *path)
{
	int client = sock_connect(path, SOCK_STREAM);
	int peer;

	assert_true(client >= 0);
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	(void)close(peer);
	(void)close(client);
}

/* The message that the holder's end of a connection got. */
static void assert_told(int peer, enum control_hold_op op, const char *name)
{
	struct control_hold m;
	size_t nfds = 0;
	int fd = -EBADF;

	assert_int_equal(sock_recv_fds(peer, &m, sizeof(m), &fd, 1, &nfds), sizeof(m));
	assert_int_equal(m.op, op);
	assert_string_equal(m.name, name);
	assert_int_equal(nfds, op == CONTROL_HOLD_KEEP ? 1 : 0);
	if (nfds > 0)
		(void)fd_close(fd);
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static void test_grants(void **state)
{
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct stat st;
	int first;

	(void)state;
	request(CONTROL_SOCKET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE); /* it may not */
	request_text(CONTROL_GRANT, 'a', "{\"image\":{}}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_file("lib/grants/" ID_A, "{\"image\":{}}");
	request(CONTROL_GRANTS, sizeof(f.q.id), '0');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_int_equal(f.a.size, 64);
	assert_memory_equal(f.body, ID_A, 64);
	request(CONTROL_SOCKET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	first = f.fd;
	test_path(path, f.dir, "run/sock/" ID_A "/docker.sock");
	assert_listens(first, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	test_path(path, f.dir, "run/sock");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700); /* nobody else's way to it */
	/* the next gate gets the same one */
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	(void)close(first);
	test_path(path, f.dir, "run/sock/" ID_A "/docker.sock");
	assert_listens(f.fd, path);
	(void)close(f.fd);
	/* after a reboot: before anything starts */
	serve_grants_done(&f.serve);
	assert_int_equal(serve_open_sockets(&f.serve, (gid_t)-1, &err), 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_listens(f.fd, path);
	(void)close(f.fd);
	request(CONTROL_FORGET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_int_equal(access(path, F_OK), -1);
	test_path(path, f.dir, "run/sock/" ID_A);
	assert_int_equal(access(path, F_OK), -1);
	request(CONTROL_SOCKET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	request_text(CONTROL_GRANT, 'a', "x"); /* not for everybody's socket */
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
}

/* In a child: the holder of a former gabiond, which has ID_A's socket, one that is not ID_B's but
 * has its name, and one of a container that has no grant. Returns 0, or the line of the check that
 * failed. */
static int be_holder(int listening, int socket_a)
{
	static const struct {
		const char *name;
		bool real;
	} kept[] = { { "sock/" ID_A, true }, { "sock/" ID_B, false }, { "sock/" ID_C, true } };
	int peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	struct control_hold m;
	size_t nfds = 0;

	TEST_CHECK(sock_recv_fds(peer, &m, sizeof(m), NULL, 0, &nfds) == sizeof(m) &&
		   m.op == CONTROL_HOLD_LIST);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		int fd = kept[i].real ? socket_a : listening;

		m = (struct control_hold){ CONTROL_HOLD_VERSION, CONTROL_HOLD_ENTRY, "" };
		memcpy(m.name, kept[i].name, strlen(kept[i].name));
		TEST_CHECK(sock_send_fds(peer, &m, sizeof(m), &fd, 1) == sizeof(m));
	}
	m = (struct control_hold){ CONTROL_HOLD_VERSION, CONTROL_HOLD_END, "" };
	TEST_CHECK(sock_send_fds(peer, &m, sizeof(m), NULL, 0) == sizeof(m));
	for (size_t i = 1; i < ARRAY_SIZE(kept); i++)
		TEST_CHECK(sock_recv_fds(peer, &m, sizeof(m), NULL, 0, &nfds) == sizeof(m) &&
			   m.op == CONTROL_HOLD_DROP && strcmp(m.name, kept[i].name) == 0);
	return 0;
}

/* Of what a former gabiond left, only the sockets of containers that are there are taken. */
static void test_takes_what_was_held(void **state)
{
	CLEANUP_FD int listening = -EBADF;
	CLEANUP_FD int held = -EBADF;
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct stat before;
	struct stat after;
	pid_t child;

	(void)state;
	if (!test_is_root("what a socket is bound to is for CAP_NET_ADMIN to know"))
		skip();
	assert_int_equal(serve_take_sockets(&f.serve), SERVE_NO_HOLDER);
	for (char id = 'a'; id <= 'b'; id++) {
		request_text(CONTROL_GRANT, id, "{}");
		assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	}
	request(CONTROL_SOCKET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	held = f.fd;
	test_path(path, f.dir, "run/sock/" ID_A "/docker.sock");
	assert_int_equal(stat(path, &before), 0);
	serve_grants_done(&f.serve); /* it was killed */

	listening = sock_listen(test_path(path, f.dir, "run/hold.sock"), SOCK_SEQPACKET, 0600,
				(gid_t)-1);
	assert_true(listening >= 0);
	assert_int_equal(fcntl(listening, F_SETFL, 0), 0); /* accept(2) waits */
	child = fork();
	if (child == 0)
		_exit(be_holder(listening, held) ? 1 : 0);
	assert_int_equal(serve_take_sockets(&f.serve), SERVE_TAKEN);
	assert_int_equal(test_wait(child), 0);
	assert_int_equal(serve_open_sockets(&f.serve, (gid_t)-1, &err), 0);
	test_path(path, f.dir, "run/sock/" ID_A "/docker.sock");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* the very same one */
	request(CONTROL_SOCKET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_listens(f.fd, path);
	(void)close(f.fd);
	request(CONTROL_SOCKET, sizeof(f.q.id), 'b');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_listens(f.fd, test_path(path, f.dir, "run/sock/" ID_B "/docker.sock"));
	(void)close(f.fd);
	serve_grants_done(&f.serve);
}

/* The grant works, and the next connection brings gabion-hold what it does not have. */
static void test_holder_hangs_up(void **state)
{
	CLEANUP_FD int listening = -EBADF;
	CLEANUP_FD int peer = -EBADF;
	char path[PATH_MAX];

	(void)state;
	listening = sock_listen(test_path(path, f.dir, "run/hold.sock"), SOCK_SEQPACKET, 0600,
				(gid_t)-1);
	serve_hold(&f.serve);
	peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	request_text(CONTROL_GRANT, 'a', "{}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	request(CONTROL_SOCKET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	(void)close(f.fd);
	assert_told(peer, CONTROL_HOLD_KEEP, "sock/" ID_A);
	peer = fd_close(peer);

	request_text(CONTROL_GRANT, 'b', "{}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	request(CONTROL_SOCKET, sizeof(f.q.id), 'b');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	(void)close(f.fd);
	peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(peer >= 0);
	assert_told(peer, CONTROL_HOLD_KEEP, "sock/" ID_B);
	assert_told(peer, CONTROL_HOLD_KEEP, "sock/" ID_A);
	peer = fd_close(peer);

	request(CONTROL_FORGET, sizeof(f.q.id), 'a');
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(peer >= 0);
	assert_told(peer, CONTROL_HOLD_KEEP, "sock/" ID_B);
	assert_told(peer, CONTROL_HOLD_DROP, "sock/" ID_A);
	serve_grants_done(&f.serve);
}

/* Credentials are handed out only when they are nobody else's. */
static void test_registry_auth(void **state)
{
	static const mode_t bad[] = { 0644, 0640, 0602, 0610 };
	char path[PATH_MAX];

	(void)state;
	test_path(path, f.dir, "etc");
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	test_path(path, f.dir, "etc/registry-auth.json");
	request_file(CONTROL_OPEN, CONTROL_FILE_REGISTRY_AUTH);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	test_put(f.dir, "etc/registry-auth.json", "{}");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(chmod(path, bad[i]), 0);
		assert_int_equal(ask(f.gate, -EBADF), -EACCES);
		assert_non_null(strstr(f.body, "registry-auth.json can be used by others"));
		assert_non_null(strstr(f.body, "`chmod 600` it"));
	}
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	(void)close(f.fd);
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
		assert_int_equal(ask(f.gate, -EBADF), -EACCES);
		assert_non_null(strstr(f.body, "belongs to user 12345"));
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(ask(f.gate, -EBADF), -EACCES);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/shadow", path), 0);
	assert_int_equal(ask(f.gate, -EBADF), -ELOOP);
}

static void test_files(void **state)
{
	char text[8] = "";
	int mem = memfd_create("digests", MFD_CLOEXEC);
	int pipes[2];

	(void)state;
	for (int which = 0; which < 2; which++) {
		request_file(CONTROL_OPEN, (enum control_which)which);
		assert_int_equal(ask(f.gate, -EBADF), CONTROL_NONE);
	}
	assert_int_equal(write(mem, "{1}", 3), 3);
	request_file(CONTROL_KEEP, CONTROL_FILE_DIGESTS);
	assert_int_equal(ask(f.gate, mem), CONTROL_DONE);
	assert_file("lib/digests.json", "{1}");
	request_file(CONTROL_OPEN, CONTROL_FILE_DIGESTS);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_int_equal(read(f.fd, text, sizeof(text)), 3);
	assert_string_equal(text, "{1}");
	assert_int_equal(write(f.fd, "x", 1), -1);
	(void)close(f.fd);
	/* gabiond waits for nobody: a pipe is no file */
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	request_file(CONTROL_KEEP, CONTROL_FILE_DIGESTS);
	assert_int_equal(ask(f.gate, pipes[0]), -EINVAL);
	assert_int_equal(ftruncate(mem, CONTROL_FILE_MAX + 1), 0);
	assert_int_equal(ask(f.gate, mem), -EFBIG);
	assert_file("lib/digests.json", "{1}");
	(void)close(mem);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void test_audit(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	request_text(CONTROL_AUDIT, '0', "{\"n\":1}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	request_text(CONTROL_AUDIT, '0', "{\"n\":2}");
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_file("lib/audit.log", "{\"n\":1}\n{\"n\":2}\n");
	/* full: the old one is put aside, whole */
	assert_int_equal(truncate(test_path(path, f.dir, "lib/audit.log"), 16 * 1024 * 1024), 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DONE);
	assert_file("lib/audit.log", "{\"n\":2}\n");
	assert_int_equal(stat(test_path(path, f.dir, "lib/audit.log.1"), &st), 0);
	assert_int_equal(st.st_size, 16 * 1024 * 1024);
}

/* What the process runs is said at the end of an object, and of nothing else. */
static void test_audit_exe(void **state)
{
	CLEANUP_BUF struct buf want = BUF_INIT(65536);
	static const char *const texts[] = { "{\"n\":1}", "{}", "x}", "{\"n\":2" };
	CLEANUP_FD int self = pidfd_open(getpid(), 0);
	CLEANUP_FD int no = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct process_exe exe;

	(void)state;
	assert_int_equal(process_exe(self, f.serve.host_mnt, &exe), 0);
	assert_true(exe.elsewhere);
	buf_printf(&want,
		   "{\"n\":1,\"exe\":\"%s\",\"exeElsewhere\":true}\n{}\nx}\n{\"n\":2\n{\"n\":1}\n",
		   exe.path);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		request_text(CONTROL_AUDIT, '0', texts[i]);
		assert_int_equal(ask(f.gate, self), CONTROL_DONE);
	}
	request_text(CONTROL_AUDIT, '0', texts[0]);
	assert_int_equal(ask(f.gate, no), CONTROL_DONE);
	buf_add_char(&want, '\0');
	assert_file("lib/audit.log", want.p);
}

/* gabiond's own word goes to the gate, and nobody can ask for it. */
static void test_policy(void **state)
{
	struct control_policy p;

	(void)state;
	serve_tell_policy(&f.serve, 7);
	assert_int_equal(control_answer_recv(f.gate, &f.a, f.body, &(int){ -EBADF }), 1);
	assert_int_equal(f.a.header.op, 17);
	assert_int_equal(f.a.header.serial, 0);
	assert_int_equal(f.a.result, CONTROL_DONE);
	assert_int_equal(f.a.size, 8);
	memcpy(&p, f.body, sizeof(p));
	assert_int_equal(p.generation, 7);
	request(CONTROL_POLICY, 0, 0);
	assert_int_equal(ask(f.gate, -EBADF), CONTROL_DENIED);
	assert_int_equal(ask(f.client, -EBADF), CONTROL_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grants, setup, teardown),
		cmocka_unit_test_setup_teardown(test_takes_what_was_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_holder_hangs_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_registry_auth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit_exe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policy, setup, teardown),
		T(test_client),
		T(test_permits),
		T(test_records),
		T(test_list),
		T(test_kin),
		T(test_refresh),
		T(test_copy_of_nobody),
		T(test_gate_gone),
		T(test_bad_messages),
		T(test_slow_gate),
		T(test_clients_of_one_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
