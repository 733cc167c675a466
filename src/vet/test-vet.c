/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls are vetted in which ABI, what a runtime's message says, what a thread may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "vet/calls.h"
#include "vet/receive.h"
#include "vet/stuck.h"
#include "vet/task.h"
#include "vet/trees.h"

static void test_calls(void **state)
{
	static const struct {
		uint32_t arch;
		int nr;
		enum vet_call call;
	} rows[] = {
		{ AUDIT_ARCH_X86_64, 165, VET_MOUNT },
		{ AUDIT_ARCH_X86_64, 166, VET_UMOUNT },
		{ AUDIT_ARCH_X86_64, 430, VET_FSOPEN },
		{ AUDIT_ARCH_X86_64, 0x40000000 | 165, VET_MOUNT }, /* x32 */
		{ AUDIT_ARCH_X86_64, 0x40000000 | 166, VET_UMOUNT },
		{ AUDIT_ARCH_I386, 21, VET_MOUNT },
		{ AUDIT_ARCH_I386, 22, VET_OLDUMOUNT },
		{ AUDIT_ARCH_I386, 52, VET_UMOUNT },
		{ AUDIT_ARCH_I386, 430, VET_FSOPEN },
		{ AUDIT_ARCH_AARCH64, 40, VET_MOUNT },
		{ AUDIT_ARCH_AARCH64, 39, VET_UMOUNT },
		{ AUDIT_ARCH_ARM, 21, VET_MOUNT },
		{ AUDIT_ARCH_X86_64, 21, VET_OTHER },
		{ AUDIT_ARCH_X86_64, 22, VET_OTHER },
		{ AUDIT_ARCH_I386, 165, VET_OTHER },
		{ AUDIT_ARCH_X86_64, -1, VET_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (vet_call_of(rows[i].arch, rows[i].nr) != rows[i].call)
			fail_msg("call %d of %x", rows[i].nr, rows[i].arch);
}

#define MESSAGE                                                                            \
	"{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":7,\"metadata\":\"c1\"," \
	"\"state\":{}}"

/* In one piece and in several; what is none; nobody. */
static void test_messages(void **state)
{
	static const struct {
		const char *first, *rest;
		bool fd;
		int r; /* 0: a listener */
	} rows[] = {
		{ MESSAGE, NULL, true, 0 },
		{ "{\"metadata\":", "\"c1\"}", true, 0 },
		{ MESSAGE, NULL, false, -EPROTO },
		{ "{\"metadata\":\"\"}", NULL, true, -EINVAL },
		{ "{\"metadata\":\"a/b\"}", NULL, true, -EINVAL },
		{ "{\"metadata\"", NULL, true, -EINVAL },
		{ "", NULL, false, -ENODATA },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		char id[16];
		int pair[2];
		int r;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		if (*rows[i].first)
			assert_true(sock_send_fds(pair[0], rows[i].first, strlen(rows[i].first),
						  &pair[0], rows[i].fd ? 1 : 0) > 0);
		if (rows[i].rest)
			assert_int_equal(fd_write_all(pair[0], rows[i].rest, strlen(rows[i].rest)),
					 0);
		assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
		r = receive_listener(pair[1], id, sizeof(id), &err);
		if (rows[i].r == 0) {
			assert_true(r >= 0);
			assert_string_equal(id, "c1");
			(void)fd_close(r);
		} else {
			assert_int_equal(r, rows[i].r);
			assert_true(err.text[0] != '\0');
		}
		(void)fd_close(pair[0]);
		(void)fd_close(pair[1]);
	}
}

/* Up to a page that is not there, over the end of one, and for ever. */
static void test_strings(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, (size_t)(3 * page), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char got[16];

	(void)state;
	assert_true(p != MAP_FAILED);
	assert_int_equal(munmap(p + 2 * page, (size_t)page), 0);
	memset(p, 'x', (size_t)(2 * page));
	memcpy(p + 2 * page - 5, "proc", 5);
	assert_int_equal(task_read_str(getpid(), (uintptr_t)(p + 2 * page - 5), got, sizeof(got)),
			 0);
	assert_string_equal(got, "proc");
	memcpy(p + page - 2, "sysfs", 6);
	assert_int_equal(task_read_str(getpid(), (uintptr_t)(p + page - 2), got, sizeof(got)), 0);
	assert_string_equal(got, "sysfs");
	assert_int_equal(task_read_str(getpid(), (uintptr_t)p, got, sizeof(got)), -ENAMETOOLONG);
	p[2 * page - 1] = 'x';
	assert_int_equal(task_read_str(getpid(), (uintptr_t)(p + 2 * page - 1), got, sizeof(got)),
			 -EFAULT);
	assert_int_equal(task_read_str(getpid(), 0, got, sizeof(got)), -EFAULT);
	(void)munmap(p, (size_t)(2 * page));
}

/* This process, as a task: what it sees is there, and paths mean to it what they mean to us. */
static void test_task(void **state)
{
	struct task t;

	(void)state;
	assert_int_equal(task_open(getpid(), &t), 0);
	assert_true(t.root >= 0 && t.cwd >= 0 && t.user_ns >= 0 && t.mnt_ns >= 0 && t.pid_ns >= 0 &&
		    t.net_ns >= 0);
	assert_int_equal(t.fsuid, geteuid());
	assert_int_equal(t.fsgid, getegid());
	assert_int_equal(task_rules(&t, t.mnt_ns), (t.effective >> 21) & 1);
	t.effective = 0;
	assert_false(task_rules(&t, t.mnt_ns));
	task_close(&t);
	assert_true(t.root < 0 && t.net_ns < 0);
	assert_true(task_open(INT32_MAX, &t) < 0);
}

/* A child that has the writing end of a pipe, until something is written to *ret_tell. */
static pid_t hang(int *ret_end, int *ret_tell)
{
	int ends[2];
	int tell[2];
	char byte;
	pid_t pid;

	assert_true(pipe2(ends, O_CLOEXEC) == 0 && pipe2(tell, O_CLOEXEC) == 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(read(tell[0], &byte, 1) != 1);
	}
	(void)fd_close(ends[1]);
	(void)fd_close(tell[0]);
	*ret_end = ends[0];
	*ret_tell = tell[1];
	return pid;
}

static void test_stuck(void **state)
{
	struct stuck s = STUCK_NONE;
	int tell[STUCK_MAX];
	int end;

	(void)state;
	for (size_t i = 0; i < STUCK_MAX; i++) {
		pid_t pid = hang(&end, &tell[i]);

		assert_false(stuck_full(&s));
		stuck_add(&s, end, pid);
		assert_int_equal(s.n, i + 1);
	}
	assert_true(stuck_full(&s));
	assert_int_equal(write(tell[1], "", 1), 1);
	while (stuck_full(&s))
		(void)usleep(1000);
	assert_int_equal(s.n, STUCK_MAX - 1);
	/* One that ends before it is added is not. */
	assert_int_equal(write(tell[2], "", 1), 1);
	while (s.n > STUCK_MAX - 2 && !stuck_full(&s))
		(void)usleep(1000);
	(void)fd_close(tell[2]);
	{
		pid_t pid = hang(&end, &tell[2]);

		assert_int_equal(write(tell[2], "", 1), 1);
		stuck_add(&s, end, pid);
		assert_int_equal(s.n, STUCK_MAX - 2);
	}
	assert_int_equal(write(tell[0], "", 1) + write(tell[3], "", 1), 2);
	stuck_wait(&s);
	assert_int_equal(s.n, 0);
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	for (size_t i = 0; i < STUCK_MAX; i++)
		(void)fd_close(tell[i]);
}

/* What a container made itself may be anywhere, what it got stands where it was put. */
static void test_trees(void **state)
{
	(void)state;
	assert_false(trees_may_be_at("c1", "/mnt"));
	assert_false(trees_may_be_at("c1", "/proc/bus"));
	assert_false(trees_may_be_at("c1", ""));
	assert_false(trees_may_be_at("c1", "//"));
	assert_true(trees_may_be_at("c1", "/proc"));
	assert_true(trees_may_be_at("c1", "a/b/sys//"));
	trees_note("c1");
	assert_true(trees_may_be_at("c1", "/mnt"));
	assert_false(trees_may_be_at("c2", "/mnt"));
	trees_note_all();
	assert_true(trees_may_be_at("c2", "/mnt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),	cmocka_unit_test(test_messages),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_task),
		cmocka_unit_test(test_trees),	cmocka_unit_test(test_stuck),
	};

	vet_calls_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
