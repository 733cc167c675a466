/* SPDX-License-Identifier: Apache-2.0 */
/* What src/daemon/fifo.h builds on: who waits in opening a named pipe can be seen, and goes on when
 * the other end was there for a moment. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "contract.h"

#define ARGUMENTS_MAX 256

static const char name[] = "fifo";

/* What its first system call's number and arguments are while it is in it; "running" else. */
static void read_call(pid_t pid, char ret[ARGUMENTS_MAX])
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_OK(fd);
	n = read(fd, ret, ARGUMENTS_MAX - 1);
	CHECK(n > 0);
	ret[n] = '\0';
	(void)close(fd);
}

/* The child's end says whether it got what `flags` lead to: nothing to read, nobody to read it. */
static pid_t open_in_child(int flags)
{
	pid_t child = fork();

	CHECK_OK(child);
	if (child == 0) {
		char byte;
		int fd;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = (int)syscall(SYS_openat, (long)AT_FDCWD, name, (long)(flags | O_CLOEXEC), 0L);
		(void)signal(SIGPIPE, SIG_IGN);
		if (fd < 0)
			_exit(1);
		if (flags == O_RDONLY)
			_exit(read(fd, &byte, 1) == 0 ? 0 : 2);
		/* The other end may still be there. */
		_exit(write(fd, "x", 1) == 1 || errno == EPIPE ? 0 : 3);
	}
	return child;
}

/* Through a descriptor that opens nothing, as the place is looked at first. */
static void open_both_ends(void)
{
	int place = open(name, O_PATH | O_CLOEXEC);
	char path[64];
	int fd;

	CHECK_OK(place);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CHECK_OK(fd);
	(void)close(fd);
	(void)close(place);
}

static void wakes(int flags)
{
	pid_t child = open_in_child(flags);
	char want[ARGUMENTS_MAX];
	char got[ARGUMENTS_MAX];
	char text[sizeof(name)];
	char path[64];
	int status;
	int mem;

	/* The name of a child that was forked is where ours is. */
	(void)snprintf(want, sizeof(want), "%d 0x%lx 0x%lx 0x%lx ", SYS_openat,
		       (unsigned long)AT_FDCWD, (unsigned long)name,
		       (unsigned long)(flags | O_CLOEXEC));
	for (int i = 0; i < 500; i++) {
		read_call(child, got);
		if (strncmp(got, want, strlen(want)) == 0)
			break;
		(void)usleep(10000);
	}
	if (strncmp(got, want, strlen(want)) != 0)
		check_failed(__FILE__, __LINE__, "the call is seen as %s, expected %s…", got, want);
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/mem", child, child);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_OK(mem);
	CHECK_EQ(pread(mem, text, sizeof(text), (off_t)(uintptr_t)name), sizeof(text));
	CHECK(memcmp(text, name, sizeof(text)) == 0);
	CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
	open_both_ends();
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void a_reader(void)
{
	CHECK_OK(mkfifo(name, 0600));
	wakes(O_RDONLY);
}
TEST(a_reader)

static void a_writer(void)
{
	CHECK_OK(mkfifo(name, 0600));
	wakes(O_WRONLY);
}
TEST(a_writer)

/* As the engine's view of a running container is. */
static void on_a_read_only_overlay(void)
{
	make_dir("layer", 0755, 0);
	make_dir("other", 0755, 0);
	make_dir("view", 0755, 0);
	CHECK_OK(mkfifo("layer/fifo", 0600));
	CHECK_OK(mount("overlay", "view", "overlay", MS_RDONLY, "lowerdir=layer:other"));
	CHECK_OK(chdir("view"));
	wakes(O_RDONLY);
	CHECK_OK(chdir(".."));
}
TEST(on_a_read_only_overlay)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_a_reader),
	cmocka_unit_test(test_a_writer),
	cmocka_unit_test(test_on_a_read_only_overlay),
};

CONTRACT_MAIN(tests)
