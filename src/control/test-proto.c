/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are written here byte by byte as docs/protocol-control.md has them. */
#include "control/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/sock.h"
#include "base/test-dir.h"
#include "base/util.h"

#define HEAD 24
#define ASKER 4176
#define COPY 4424
#define PATH_BODY (ASKER + 8 + 4)
#define FILE_BODY 68
#define TEXT_BODY (68 + 5)
#define CHILD_BODY (ASKER + 4 + 64)

enum {
	PING = 1,
	STATUS,
	DOWN,
	RECORD,
	FORGET,
	ASKED,
	REFRESH,
	COPYING,
	LIST,
	PATH,
	GRANT,
	GRANTS,
	SOCKET,
	OPEN,
	KEEP,
	AUDIT,
	POLICY,
	CHILD,
	KIN,
};
#define LAST KIN

/* Offsets in a message. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 4,
	AT_OP = 6,
	AT_SERIAL = 8,
	AT_SIZE = 16,
	AT_ZERO = 20,
	AT_ID = HEAD,
	AT_UID = HEAD + 64,
	AT_GID = HEAD + 68,
	AT_ASKER_FLAGS = HEAD + 72,
	AT_NGROUPS = HEAD + 76,
	AT_GROUPS = HEAD + 80,
	AT_MODE = HEAD + 64,
	AT_COPY_FLAGS = HEAD + 68,
	AT_PATH = HEAD + 72,
	AT_USER = HEAD + 4168,
	AT_TEXT_SIZE = HEAD + 64,
	AT_TEXT = HEAD + 68,
	AT_WHICH = HEAD + 64,
	AT_PATHS = HEAD + ASKER,
	AT_PATHS_SIZE = HEAD + ASKER + 4,
	AT_ITEMS = HEAD + ASKER + 8,
	AT_NLINE = HEAD + ASKER,
	AT_LINE = HEAD + ASKER + 4,
};

struct message {
	struct control_request q;
	size_t n;
};

static void put(struct message *m, size_t at, const void *p, size_t n)
{
	memcpy((char *)&m->q + at, p, n);
}

static void put32(struct message *m, size_t at, uint32_t v)
{
	put(m, at, &v, sizeof(v));
}

static size_t body_of(unsigned op)
{
	return op <= DOWN || op == POLICY   ? 0
	       : op == RECORD		    ? ASKER
	       : op == COPYING		    ? COPY
	       : op == PATH		    ? PATH_BODY
	       : op == CHILD		    ? CHILD_BODY
	       : op == GRANT || op == AUDIT ? TEXT_BODY
	       : op == OPEN || op == KEEP   ? FILE_BODY
					    : 64;
}

/* A message of that operation, as right as can be. */
static void make(struct message *m, unsigned op)
{
	const uint16_t version = 3, number = (uint16_t)op;
	const uint64_t serial = 0x1122334455667788u;

	memset(m, 0, sizeof(*m));
	put32(m, AT_MAGIC, 0x43424147);
	put(m, AT_VERSION, &version, 2);
	put(m, AT_OP, &number, 2);
	put(m, AT_SERIAL, &serial, 8);
	put32(m, AT_SIZE, (uint32_t)body_of(op));
	m->n = HEAD + body_of(op);
	if (body_of(op))
		memset((char *)&m->q + AT_ID, 'a', 64);
	if (op == CHILD) {
		put32(m, AT_NLINE, 1);
		memset((char *)&m->q + AT_LINE, 'b', 64);
	}
	if (op == RECORD || op == PATH || op == CHILD) {
		put32(m, AT_UID, 1000);
		put32(m, AT_GID, 1000);
		put32(m, AT_NGROUPS, 1);
		put32(m, AT_GROUPS, 27);
	}
	if (op == COPYING)
		put(m, AT_PATH, "/x", 3);
	if (op == PATH) {
		put32(m, AT_PATHS, 1);
		put32(m, AT_PATHS_SIZE, 4);
		put(m, AT_ITEMS, "\3/x", 4);
	}
	if (op == GRANT || op == AUDIT) {
		put32(m, AT_TEXT_SIZE, 5);
		put(m, AT_TEXT, "{\"a\"}", 5);
	}
	if (op == OPEN || op == KEEP || op == AUDIT || op == PATH)
		memset((char *)&m->q + AT_ID, '0', 64);
	if (op == OPEN || op == KEEP)
		put32(m, AT_WHICH, 1);
}

/* How many descriptors go with it. */
static size_t fds_of(unsigned op)
{
	return op == KEEP ? 1 : 0;
}

static int check(const struct message *m, size_t nfds)
{
	struct err err = ERR_INIT;
	int r = control_request_check(&m->q, m->n, nfds, &err);

	assert_true(r == 0 || r == -EPROTO);
	assert_true(r == 0 || err.text[0] != '\0');
	return r;
}

static void test_right(void **state)
{
	struct message m;

	(void)state;
	for (unsigned op = PING; op <= LAST; op++) {
		make(&m, op);
		if (check(&m, fds_of(op)) < 0)
			fail_msg("operation %u", op);
		assert_int_equal(m.q.header.op, op);
		assert_true(m.q.header.serial == 0x1122334455667788u);
	}
}

/* Each byte that is fixed, changed; each length that is wrong. */
static void test_head(void **state)
{
	struct message m;

	(void)state;
	for (unsigned op = PING; op <= LAST; op++) {
		static const size_t fixed[] = { 0, 1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21, 22, 23 };

		for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
			make(&m, op);
			((char *)&m.q)[fixed[i]] ^= 1;
			if (check(&m, fds_of(op)) == 0)
				fail_msg("operation %u, byte %zu", op, fixed[i]);
		}
		for (size_t n = 0; n < HEAD; n++) {
			make(&m, op);
			m.n = n;
			assert_int_equal(check(&m, 0), -EPROTO);
		}
		make(&m, op);
		m.n++;
		assert_int_equal(check(&m, 0), -EPROTO);
		put32(&m, AT_SIZE, (uint32_t)body_of(op) + 1);
		assert_int_equal(check(&m, 0), -EPROTO);
		make(&m, op);
		m.n--;
		assert_int_equal(check(&m, 0), -EPROTO);
		if (body_of(op)) {
			put32(&m, AT_SIZE, (uint32_t)body_of(op) - 1);
			assert_int_equal(check(&m, 0), -EPROTO);
		}
	}
	make(&m, 0);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, CONTROL_OPS);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, 65535);
	assert_int_equal(check(&m, 0), -EPROTO);
}

static void test_ids(void **state)
{
	static const unsigned char bad[] = { 'A', 'F', 'g', '/', ':', '`', ' ', '.', 0, 0x80 };
	static const unsigned ops[] = { RECORD,	 FORGET, ASKED,	 COPYING, LIST, CHILD,
					REFRESH, GRANT,	 GRANTS, SOCKET,  KIN };
	struct message m;

	(void)state;
	for (size_t o = 0; o < ARRAY_SIZE(ops); o++) {
		for (size_t at = 0; at < 64; at += 21) {
			for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
				make(&m, ops[o]);
				((char *)&m.q)[AT_ID + at] = (char)bad[i];
				if (check(&m, 0) == 0)
					fail_msg("operation %u, byte 0x%x", ops[o], bad[i]);
			}
		}
		make(&m, ops[o]);
		put(&m, AT_ID, "0123456789abcdef", 16);
		assert_int_equal(check(&m, 0), 0);
	}
}

static void test_asker(void **state)
{
	struct message m;

	(void)state;
	make(&m, RECORD);
	put32(&m, AT_UID, UINT32_MAX);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, RECORD);
	put32(&m, AT_GID, UINT32_MAX);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, RECORD);
	put32(&m, AT_ASKER_FLAGS, 1);
	assert_int_equal(check(&m, 0), 0);
	put32(&m, AT_ASKER_FLAGS, 8);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, RECORD);
	put32(&m, AT_NGROUPS, 1024);
	assert_int_equal(check(&m, 0), 0);
	put32(&m, AT_NGROUPS, 1025);
	assert_int_equal(check(&m, 0), -EPROTO);
	put32(&m, AT_NGROUPS, UINT32_MAX);
	assert_int_equal(check(&m, 0), -EPROTO);
	put32(&m, AT_NGROUPS, 0); /* the one is beyond */
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, RECORD);
	put32(&m, AT_GROUPS + 4 * 1023, 5);
	assert_int_equal(check(&m, 0), -EPROTO);
}

static void put_line(struct message *m, uint32_t n, uint32_t sent)
{
	make(m, CHILD);
	memset((char *)&m->q + AT_LINE, 'c', 64u * sent);
	put32(m, AT_NLINE, n);
	put32(m, AT_SIZE, ASKER + 4 + 64 * sent);
	m->n = HEAD + ASKER + 4 + 64 * sent;
}

static void test_lines(void **state)
{
	struct message m;

	(void)state;
	put_line(&m, 64, 64);
	assert_int_equal(check(&m, 0), 0);
	put_line(&m, 2, 2);
	((char *)&m.q)[AT_LINE + 127] = 'G';
	assert_int_equal(check(&m, 0), -EPROTO);
	put_line(&m, 0, 0);
	assert_int_equal(check(&m, 0), -EPROTO);
	put_line(&m, 1, 2);
	assert_int_equal(check(&m, 0), -EPROTO);
	put_line(&m, 3, 2);
	assert_int_equal(check(&m, 0), -EPROTO);
	put_line(&m, UINT32_MAX, 2);
	assert_int_equal(check(&m, 0), -EPROTO);
	put_line(&m, 0x4000001, 1); /* times 64 it is 64 again */
	assert_int_equal(check(&m, 0), -EPROTO);
	put_line(&m, 1, 1);
	put32(&m, AT_UID, UINT32_MAX);
	assert_int_equal(check(&m, 0), -EPROTO);
}

/* Answers to KIN, one after the other, and each that is cut. */
static void test_kin(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	static struct control_kin k;
	uint32_t n = 2;
	struct slice rest;

	(void)state;
	for (char c = 'a'; c < 'c'; c++) {
		for (int i = 0; i < 64; i++)
			buf_add_char(&b, c);
		buf_add(&b, &n, sizeof(n));
		for (int i = 0; i < 128; i++)
			buf_add_char(&b, i < 64 ? 'd' : 'e');
	}
	rest = buf_slice(&b);
	for (char c = 'a'; c < 'c'; c++) {
		assert_int_equal(control_kin_next(&rest, &k), 1);
		assert_int_equal(k.n, 2);
		assert_int_equal(k.id[63], c);
		assert_int_equal(k.line[1][63], 'e');
	}
	assert_int_equal(control_kin_next(&rest, &k), 0);
	for (size_t cut = 1; cut < b.n / 2; cut++) {
		rest = (struct slice){ b.p, b.n / 2 - cut };
		assert_int_equal(control_kin_next(&rest, &k), -EPROTO);
	}
	b.p[b.n / 2 - 1] = 'x';
	rest = buf_slice(&b);
	assert_int_equal(control_kin_next(&rest, &k), -EPROTO);
}

static void test_copy(void **state)
{
	struct message m;

	(void)state;
	for (uint32_t mode = 0; mode < 3; mode++) {
		for (size_t nfds = 0; nfds < 3; nfds++) {
			make(&m, COPYING);
			put32(&m, AT_MODE, mode);
			assert_int_equal(check(&m, nfds), nfds == (mode ? 1u : 0u) ? 0 : -EPROTO);
		}
	}
	make(&m, COPYING);
	put32(&m, AT_MODE, 3);
	assert_int_equal(check(&m, 1), -EPROTO);
	make(&m, COPYING);
	put32(&m, AT_COPY_FLAGS, 3);
	assert_int_equal(check(&m, 0), 0);
	put32(&m, AT_COPY_FLAGS, 4);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, COPYING);
	put(&m, AT_PATH, "\0\0", 3); /* no byte at all */
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, COPYING);
	put(&m, AT_PATH + 4095, "x", 1); /* something beyond */
	assert_int_equal(check(&m, 0), -EPROTO);
	memset((char *)&m.q + AT_PATH, 'p', 4096); /* no NUL */
	assert_int_equal(check(&m, 0), -EPROTO);
	put(&m, AT_PATH + 4095, "", 1);
	assert_int_equal(check(&m, 0), 0);
	memset((char *)&m.q + AT_USER, 'u', 256);
	assert_int_equal(check(&m, 0), -EPROTO);
	put(&m, AT_USER + 255, "", 1);
	assert_int_equal(check(&m, 0), 0);
	put(&m, AT_USER + 3, "", 1);
	assert_int_equal(check(&m, 0), -EPROTO);
}

/* Any other message with a descriptor is an error. */
static void test_descriptors(void **state)
{
	struct message m;

	(void)state;
	for (unsigned op = PING; op <= LAST; op++) {
		make(&m, op);
		if (op != COPYING && op != AUDIT) /* these have one, or none */
			assert_int_equal(check(&m, 1 - fds_of(op)), -EPROTO);
	}
}

static void test_texts(void **state)
{
	static const unsigned ops[] = { GRANT, AUDIT };
	struct message m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		make(&m, ops[i]);
		put32(&m, AT_TEXT_SIZE, 4);
		assert_int_equal(check(&m, 0), -EPROTO);
		put32(&m, AT_TEXT_SIZE, 6);
		assert_int_equal(check(&m, 0), -EPROTO);
		put32(&m, AT_TEXT_SIZE, UINT32_MAX);
		assert_int_equal(check(&m, 0), -EPROTO);
		make(&m, ops[i]); /* none at all */
		put32(&m, AT_TEXT_SIZE, 0);
		put32(&m, AT_SIZE, 68);
		m.n = HEAD + 68;
		assert_int_equal(check(&m, 0), -EPROTO);
		put32(&m, AT_SIZE, 67); /* the size itself is cut */
		m.n = HEAD + 67;
		assert_int_equal(check(&m, 0), -EPROTO);
		make(&m, ops[i]);
		put(&m, AT_TEXT + 2, "\n", 1);
		assert_int_equal(check(&m, 0), -EPROTO);
		put(&m, AT_TEXT + 2, "", 1);
		assert_int_equal(check(&m, 0), -EPROTO);
		make(&m, ops[i]); /* as long as can be */
		memset((char *)&m.q + AT_TEXT, 't', CONTROL_TEXT_MAX);
		put32(&m, AT_TEXT_SIZE, CONTROL_TEXT_MAX);
		put32(&m, AT_SIZE, 68 + CONTROL_TEXT_MAX);
		m.n = HEAD + 68 + CONTROL_TEXT_MAX;
		assert_int_equal(check(&m, 0), 0);
	}
	for (size_t nfds = 0; nfds < 3; nfds++) {
		make(&m, AUDIT);
		assert_int_equal(check(&m, nfds), nfds < 2 ? 0 : -EPROTO);
		make(&m, GRANT);
		assert_int_equal(check(&m, nfds), nfds < 1 ? 0 : -EPROTO);
	}
	make(&m, AUDIT);
	put(&m, AT_ID + 9, "1", 1);
	assert_int_equal(check(&m, 0), -EPROTO);
}

static void test_files(void **state)
{
	struct message m;

	(void)state;
	for (uint32_t which = 0; which < 6; which++) {
		for (unsigned op = OPEN; op <= KEEP; op++) {
			make(&m, op);
			put32(&m, AT_WHICH, which);
			assert_int_equal(check(&m, fds_of(op)),
					 which == 1 || (op == OPEN && which < 5) ? 0 : -EPROTO);
			put(&m, AT_ID + 63, "f", 1);
			assert_int_equal(check(&m, fds_of(op)),
					 op == OPEN && which == 2 ? 0 : -EPROTO);
		}
	}
}

/* items: n bytes, said to be `count` paths. */
static int check_items(const char *items, size_t n, uint32_t count)
{
	CLEANUP_FREE struct message *m = calloc(1, sizeof(*m));

	make(m, PATH);
	put32(m, AT_PATHS, count);
	put32(m, AT_PATHS_SIZE, (uint32_t)n);
	put32(m, AT_SIZE, (uint32_t)(ASKER + 8 + n));
	put(m, AT_ITEMS, items, n);
	m->n = HEAD + ASKER + 8 + n;
	return check(m, 0);
}

#define ITEMS(s, count) check_items(s, sizeof(s) - 1, count)

static void test_paths(void **state)
{
	CLEANUP_FREE char *many = calloc(1, CONTROL_ITEMS_MAX);
	struct message m;

	(void)state;
	assert_int_equal(ITEMS("\0/\0", 1), 0);
	assert_int_equal(ITEMS("\3/a\0\2/b b\0\4/dev/x\0", 3), 0);
	/* flags */
	assert_int_equal(ITEMS("\11/a\0\14/dev/x\0", 2), 0);
	assert_int_equal(ITEMS("\20c 1:3 r\0\30/\0", 2), 0);
	assert_int_equal(ITEMS("\40v/c=n\0\50v/c=n\0", 2), 0);
	assert_int_equal(ITEMS("\100/a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\41v/c=n\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\60v/c=n\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\40\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\21/a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\22/a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\24/a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\20\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\4c 1:3 r\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\5/a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\6/a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\377/a\0", 1), -EPROTO);
	/* no paths */
	assert_int_equal(ITEMS("\0a\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\0\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\0/a\0\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\0/a\0\0", 2), -EPROTO);
	assert_int_equal(ITEMS("\0/a\0\0\0", 2), -EPROTO);
	assert_int_equal(ITEMS("\0/a", 1), -EPROTO);
	assert_int_equal(ITEMS("", 0), -EPROTO);
	/* another number of them */
	assert_int_equal(ITEMS("\0/a\0\0/b\0", 1), -EPROTO);
	assert_int_equal(ITEMS("\0/a\0\0/b\0", 3), -EPROTO);
	assert_int_equal(ITEMS("\0/a\0", 0), -EPROTO);
	/* as long and as many as can be */
	memset(many, 'p', 4096 + 8);
	many[0] = 0;
	many[1] = '/';
	many[4096] = '\0';
	assert_int_equal(check_items(many, 4097, 1), 0);
	many[4096] = 'p';
	many[4097] = '\0';
	assert_int_equal(check_items(many, 4098, 1), -EPROTO);
	for (size_t i = 0; i < 257; i++)
		memcpy(many + 4 * i, "\1/x", 4);
	assert_int_equal(check_items(many, 4 * 256, 256), 0);
	assert_int_equal(check_items(many, 4 * 257, 257), -EPROTO);
	/* the asker */
	make(&m, PATH);
	put(&m, AT_ID + 9, "1", 1);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, PATH);
	put32(&m, AT_UID, UINT32_MAX);
	assert_int_equal(check(&m, 0), -EPROTO);
	make(&m, PATH); /* the sizes themselves are cut */
	put32(&m, AT_SIZE, ASKER + 7);
	m.n = HEAD + ASKER + 7;
	assert_int_equal(check(&m, 0), -EPROTO);
}

/* What is put together is what is taken apart. */
static void test_path_items(void **state)
{
	CLEANUP_FREE struct message *m = calloc(1, sizeof(*m));
	CLEANUP_FREE char *longest = calloc(1, 4097);
	const char *path;
	unsigned flags;
	size_t at = 0;
	size_t n = 0;

	(void)state;
	make(m, PATH);
	m->q.path.n = m->q.path.size = 0;
	memset(longest, '/', 4096);
	assert_true(control_path_add(&m->q, SLICE_LIT("/a"), 3));
	assert_true(control_path_add(&m->q, SLICE_LIT("/b/c"), CONTROL_PATH_DEVICE));
	assert_true(control_path_add(&m->q, SLICE_LIT("a *:* r"), CONTROL_PATH_RULE));
	assert_false(control_path_add(&m->q, SLICE_LIT("a *:* r"), CONTROL_PATH_DEVICE));
	assert_true(control_path_add(&m->q, SLICE_LIT("v/c=n"), CONTROL_PATH_CDI));
	assert_false(control_path_add(&m->q, SLICE_LIT(""), CONTROL_PATH_CDI));
	assert_false(control_path_add(&m->q, SLICE_LIT(""), CONTROL_PATH_RULE));
	assert_false(control_path_add(&m->q, SLICE_LIT("b"), 0));
	assert_false(control_path_add(&m->q, SLICE_LIT(""), 0));
	assert_false(control_path_add(&m->q, SLICE_LIT("/a\0b"), 0));
	assert_false(control_path_add(&m->q, (struct slice){ longest, 4096 }, 0));
	m->n = HEAD + m->q.size;
	assert_int_equal(check(m, 0), 0);
	assert_true(control_path_next(&m->q.path, &at, &path, &flags));
	assert_string_equal(path, "/a");
	assert_int_equal(flags, 3);
	assert_true(control_path_next(&m->q.path, &at, &path, &flags));
	assert_string_equal(path, "/b/c");
	assert_int_equal(flags, 4);
	assert_true(control_path_next(&m->q.path, &at, &path, &flags));
	assert_string_equal(path, "a *:* r");
	assert_int_equal(flags, 16);
	assert_true(control_path_next(&m->q.path, &at, &path, &flags));
	assert_string_equal(path, "v/c=n");
	assert_int_equal(flags, 32);
	assert_false(control_path_next(&m->q.path, &at, &path, &flags));
	while (control_path_add(&m->q, (struct slice){ longest, 4095 }, 1))
		n++;
	assert_int_equal(n, 7); /* times 4097 bytes */
	m->n = HEAD + m->q.size;
	assert_int_equal(check(m, 0), 0);
	m->q.path.n = m->q.path.size = 0;
	for (n = 0; control_path_add(&m->q, SLICE_LIT("/"), 0); n++)
		;
	assert_int_equal(n, 256);
	m->n = HEAD + m->q.size;
	assert_int_equal(check(m, 0), 0);
}

static void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

/* What one end sends is what the other receives, with its descriptor. */
static void test_request(void **state)
{
	CLEANUP_FREE struct message *m = calloc(2, sizeof(*m));
	int fds[2], pipes[2], fd = -EBADF;
	size_t nfds = 9;
	char c = 0;

	(void)state;
	make_pair(fds);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	make(&m[0], COPYING);
	put32(&m[0], AT_MODE, 1);
	put32(&m[0], AT_MAGIC, 0); /* filled in */
	assert_int_equal(control_request_send(fds[0], &m[0].q, pipes[1]), 0);
	assert_int_equal(control_request_recv(fds[1], &m[1].q, &fd, &nfds), HEAD + COPY);
	assert_int_equal(nfds, 1);
	make(&m[0], COPYING);
	put32(&m[0], AT_MODE, 1);
	assert_memory_equal(&m[0].q, &m[1].q, HEAD + COPY);
	assert_int_equal(control_request_check(&m[1].q, HEAD + COPY, nfds, NULL), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(pipes[0], &c, 1), 1);
	(void)close(fd);
	make(&m[0], PING);
	assert_int_equal(control_request_send(fds[0], &m[0].q, -EBADF), 0);
	assert_int_equal(control_request_recv(fds[1], &m[1].q, &fd, &nfds), HEAD);
	assert_int_equal(nfds, 0);
	assert_int_equal(fd, -EBADF);
	(void)close(fds[0]);
	assert_int_equal(control_request_recv(fds[1], &m[1].q, &fd, &nfds), 0); /* the end */
	(void)close(fds[1]);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void test_answer(void **state)
{
	CLEANUP_FREE char *body = calloc(1, CONTROL_ANSWER_MAX + 1);
	CLEANUP_FREE char *text = malloc(CONTROL_ANSWER_MAX);
	struct control_header to = { .op = STATUS, .serial = 77 };
	struct control_answer a;
	unsigned char raw[64];
	int32_t result = -13;
	int fds[2], fd, pipes[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(control_answer_send(fds[0], &to, result, SLICE_LIT("why"), -EBADF), 0);
	assert_int_equal(recv(fds[1], raw, sizeof(raw), MSG_PEEK), 24 + 3);
	assert_memory_equal(raw, "GABC", 4);
	assert_memory_equal(raw + 16, &result, 4);
	assert_memory_equal(raw + 20, "\3\0\0\0why", 7);
	assert_int_equal(control_answer_recv(fds[1], &a, body, &fd), 1);
	assert_int_equal(a.result, -13);
	assert_int_equal(a.header.op, STATUS);
	assert_true(a.header.serial == 77);
	assert_int_equal(a.size, 3);
	assert_memory_equal(body, "why", 3);
	memset(text, 't', CONTROL_ANSWER_MAX);
	assert_int_equal(control_answer_send(fds[0], &to, 0,
					     (struct slice){ text, CONTROL_ANSWER_MAX }, -EBADF),
			 0);
	assert_int_equal(control_answer_recv(fds[1], &a, body, &fd), 1);
	assert_int_equal(a.size, 65536);
	assert_memory_equal(body, text, CONTROL_ANSWER_MAX);
	assert_int_equal(fd, -EBADF);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(control_answer_send(fds[0], &to, 0, SLICE_LIT("end"), pipes[1]), 0);
	(void)close(pipes[1]);
	assert_int_equal(control_answer_recv(fds[1], &a, body, &fd), 1);
	assert_int_equal(a.size, 3);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	assert_int_equal(read(pipes[0], raw, 2), 1);
	assert_int_equal(read(pipes[0], raw, 2), 0); /* nobody else has it */
	(void)close(pipes[0]);
	(void)close(fds[0]);
	assert_int_equal(control_answer_recv(fds[1], &a, body, &fd), 0);
	(void)close(fds[1]);
}

/* Not an answer: wrong magic, version, size; cut. */
static void test_bad_answers(void **state)
{
	CLEANUP_FREE char *body = calloc(1, CONTROL_ANSWER_MAX + 1);
	static const size_t wrong[] = { 0, 3, 4, 5, 20, 23 };
	struct control_answer a;
	unsigned char raw[27];
	int fds[2], fd;

	(void)state;
	make_pair(fds);
	for (size_t i = 0; i <= ARRAY_SIZE(wrong); i++) {
		struct control_header to = { .op = PING };

		assert_int_equal(control_answer_send(fds[0], &to, 0, SLICE_LIT("abc"), -EBADF), 0);
		assert_int_equal(recv(fds[1], raw, sizeof(raw), 0), sizeof(raw));
		if (i < ARRAY_SIZE(wrong))
			raw[wrong[i]] ^= 1;
		assert_int_equal(send(fds[0], raw, i < ARRAY_SIZE(wrong) ? sizeof(raw) : 23, 0),
				 i < ARRAY_SIZE(wrong) ? sizeof(raw) : 23);
		assert_int_equal(control_answer_recv(fds[1], &a, body, &fd), -EPROTO);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* A gabiond that answers one request with `result` and hangs up; -1: without an answer. */
static void serve_one(const char *path, int result, const char *text)
{
	static struct control_request q;
	int fd, sock = sock_listen(path, SOCK_SEQPACKET, 0600, (gid_t)-1);
	size_t nfds;
	pid_t pid;

	assert_true(sock >= 0);
	assert_int_equal(fcntl(sock, F_SETFL, 0), 0);
	pid = fork();
	if (pid == 0) {
		int peer = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		if (control_request_recv(peer, &q, &fd, &nfds) > 0 && result != -1)
			(void)control_answer_send(peer, &q.header, result, slice_str(text), -EBADF);
		_exit(0);
	}
	assert_true(pid > 0);
	(void)close(sock);
}

static void test_ask(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	CLEANUP_FREE char *body = calloc(1, CONTROL_ANSWER_MAX + 1);
	struct err err = ERR_INIT;
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	test_path(path, dir, "control.sock");
	assert_int_equal(control_ask(path, CONTROL_STATUS, 5000, body, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	serve_one(path, 0, "{}");
	assert_int_equal(control_ask(path, CONTROL_STATUS, 5000, body, &err), 0);
	assert_string_equal(body, "{}");
	serve_one(path, CONTROL_DENIED, "not you");
	assert_int_equal(control_ask(path, CONTROL_DOWN, 5000, body, &err), CONTROL_DENIED);
	assert_string_equal(body, "not you");
	serve_one(path, -EBUSY, "too much");
	assert_int_equal(control_ask(path, CONTROL_PING, 5000, body, &err), -EBUSY);
	assert_string_equal(err.text, "too much");
	serve_one(path, -1, NULL);
	assert_true(control_ask(path, CONTROL_PING, 5000, body, &err) < 0);
	assert_non_null(strstr(err.text, path));
	while (wait(NULL) > 0)
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),	    cmocka_unit_test(test_head),
		cmocka_unit_test(test_ids),	    cmocka_unit_test(test_asker),
		cmocka_unit_test(test_copy),	    cmocka_unit_test(test_paths),
		cmocka_unit_test(test_path_items),  cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_texts),	    cmocka_unit_test(test_files),
		cmocka_unit_test(test_request),	    cmocka_unit_test(test_answer),
		cmocka_unit_test(test_bad_answers), cmocka_unit_test(test_ask),
		cmocka_unit_test(test_lines),	    cmocka_unit_test(test_kin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
