/* SPDX-License-Identifier: Apache-2.0 */
/* A call that a gabion-vet took before it died is answered by the next one: as it would have been,
 * or with what had become of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "vet/calls.h"
#include "vet/session.h"
#include "vet/slots.h"

#define NAME SESSION_PREFIX "0123456789abcdef/box"

static void test_kept(void **state)
{
	struct slots one;
	struct slots two;
	struct slot *slot;

	(void)state;
	assert_int_equal(slots_open(&one, -EBADF, NULL), 0);
	slot = slots_of(&one, NAME);
	assert_non_null(slot);
	assert_ptr_equal(slots_of(&one, NAME), slot);
	assert_ptr_not_equal(slots_of(&one, "vet/x/other"), slot);
	assert_false(slot_is_full(slot));
	slot->notif.id = 7;
	outcome_set(&slot->outcome, -EXDEV);

	(void)close(one.lock); /* killed */
	assert_int_equal(slots_open(&two, fcntl(one.fd, F_DUPFD_CLOEXEC, 0), NULL), 0);
	assert_true(slot_is_full(slots_of(&two, NAME)));
	assert_int_equal(slots_of(&two, NAME)->notif.id, 7);
	slot_free(slots_of(&two, NAME));
	assert_false(slot_is_full(slots_of(&one, NAME)));
	(void)close(one.fd);
	(void)close(two.fd);
}

/* Not ours, or not of this version: new ones. */
static void test_foreign(void **state)
{
	int fd = memfd_create("other", MFD_CLOEXEC);
	struct slots s;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1u << 22), 0);
	assert_int_equal(slots_open(&s, fd, NULL), 0);
	assert_false(slot_is_full(slots_of(&s, NAME)));
	(void)close(s.fd);
}

/* There is an end to them, and a free one is used again. */
static void test_all(void **state)
{
	struct slots s;
	struct slot *last = NULL;
	char name[CONTROL_HOLD_NAME];

	(void)state;
	assert_int_equal(slots_open(&s, -EBADF, NULL), 0);
	for (int i = 0; i < CONTROL_HOLD_MAX; i++) {
		(void)snprintf(name, sizeof(name), "vet/%d/box", i);
		last = slots_of(&s, name);
		assert_non_null(last);
	}
	assert_null(slots_of(&s, NAME));
	slot_free(last);
	assert_ptr_equal(slots_of(&s, NAME), last);
	(void)close(s.fd);
}

/* A child that asks for its parent, which is vetted, and exits with errno, or 0 where it was told.
 */
static pid_t ask(int *ret_listener)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };
	pid_t parent = getpid();
	size_t n = 0;
	char byte;
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		int fd = -1;
		long r;

		(void)alarm(20);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
			fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
					  SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
		if (fd < 0 || sock_send_fds(pair[1], "x", 1, &fd, 1) != 1)
			_exit(255);
		r = syscall(SYS_getppid);
		_exit(r == parent ? 0 : errno);
	}
	(void)close(pair[1]);
	assert_int_equal(sock_recv_fds(pair[0], &byte, 1, ret_listener, 1, &n), 1);
	assert_int_equal(n, 1);
	(void)close(pair[0]);
	return pid;
}

static void ended(const char *name, void *data)
{
	(void)data;
	assert_string_equal(name, NAME);
}

/* The listener's end is noticed, and its session with it. */
static void end(struct sessions *all, const struct slots *slots)
{
	while (all->first)
		assert_int_equal(sessions_wait(all, (const int[]){ -1, -1 }), 0);
	(void)close(all->epoll_fd);
	(void)close(slots->lock);
	(void)close(slots->fd);
}

static void left(int outcome, int expected)
{
	struct sessions all = { .views = "/nonexistent", .ended = ended };
	struct slots slots;
	struct slot *slot;
	int listener = -1;
	int status;
	pid_t pid;

	assert_int_equal(slots_open(&slots, -EBADF, NULL), 0);
	pid = ask(&listener);
	slot = slots_of(&slots, NAME);
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &slot->notif), 0);
	if (outcome)
		outcome_set(&slot->outcome, outcome);

	all.slots = &slots;
	assert_int_equal(sessions_init(&all), 0);
	assert_int_equal(session_add(&all, NAME, listener), 0);
	sessions_resume(&all);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
	end(&all, &slots);
	assert_false(slot_is_full(slot));
}

static void test_left(void **state)
{
	(void)state;
	left(0, 0);
	left(-EXDEV, EXDEV);
}

/* Killed while it emptied the slot: what is left of that call is not the next one's. */
static void test_half_emptied(void **state)
{
	struct sessions all = { .views = "/nonexistent", .ended = ended };
	struct slots slots;
	struct slot *slot;
	int listener = -1;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(slots_open(&slots, -EBADF, NULL), 0);
	slot = slots_of(&slots, NAME);
	outcome_set(&slot->outcome, -EXDEV);
	pid = ask(&listener);
	all.slots = &slots;
	assert_int_equal(sessions_init(&all), 0);
	assert_int_equal(session_add(&all, NAME, listener), 0);
	sessions_resume(&all);
	while (waitpid(pid, &status, WNOHANG) == 0)
		assert_int_equal(sessions_wait(&all, (const int[]){ -1, -1 }), 0);
	assert_int_equal(status, 0);
	end(&all, &slots);
}

/* Its thread has died meanwhile: nobody is answered, and the slot is free for the next call. */
static void test_left_by_the_dead(void **state)
{
	struct sessions all = { .views = "/nonexistent", .ended = ended };
	struct slots slots;
	struct slot *slot;
	int listener = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(slots_open(&slots, -EBADF, NULL), 0);
	pid = ask(&listener);
	slot = slots_of(&slots, NAME);
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &slot->notif), 0);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	all.slots = &slots;
	assert_int_equal(sessions_init(&all), 0);
	assert_int_equal(session_add(&all, NAME, listener), 0);
	sessions_resume(&all);
	end(&all, &slots);
	assert_false(slot_is_full(slot));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),	     cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_all),	     cmocka_unit_test(test_left),
		cmocka_unit_test(test_half_emptied), cmocka_unit_test(test_left_by_the_dead),
	};

	vet_calls_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
