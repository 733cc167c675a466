/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces: whose quota they draw on, how their maps are shown, how many extents they take.
 */
#include "contract.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/wait.h>

enum {
	LIMIT = 5,
};

static const struct map CONTAINER = { 0, BASE, IDS };
static const struct map SECOND = { 0, OTHER, IDS };

/* As root of the namespace: how many inotify instances can be had, at most max. They are kept open
 * for as long as this process lives. */
static int take_instances(int max)
{
	int n = 0;

	while (n < max && inotify_init1(IN_CLOEXEC) >= 0)
		n++;
	if (n < max)
		CHECK_EQ(errno, EMFILE);
	return n;
}

/* A process that is root in the namespace, takes what it can get and holds it; the number is
 * written to the pipe. */
static pid_t taker(int ns, int report)
{
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid)
		return pid;
	CHECK_OK(setns(ns, CLONE_NEWUSER));
	CHECK_OK(setresuid(0, 0, 0));
	char n = (char)take_instances(2 * LIMIT);
	CHECK_EQ(write(report, &n, 1), 1);
	for (;;)
		(void)pause();
}

/* Two containers below a namespace that allows LIMIT instances to each of its accounts. Made by
 * root, they share root's; made by their own base id, each has its own. */
static void two_containers(uid_t euid_a, uid_t euid_b, int *ret_a, int *ret_b)
{
	int report[2];
	char got;

	CHECK_OK(write_file("/proc/sys/user/max_inotify_instances", "5"));
	CHECK_OK(pipe2(report, O_CLOEXEC));
	struct holder a = userns_hold(&CONTAINER, 1, euid_a), b = userns_hold(&SECOND, 1, euid_b);
	pid_t take_a = taker(a.ns, report[1]);
	CHECK_EQ(read(report[0], &got, 1), 1);
	*ret_a = got;
	pid_t take_b = taker(b.ns, report[1]);
	CHECK_EQ(read(report[0], &got, 1), 1);
	*ret_b = got;
	CHECK_OK(kill(take_a, SIGKILL));
	CHECK_OK(kill(take_b, SIGKILL));
	userns_release(&a);
	userns_release(&b);
}

static void quota_of_base(void)
{
	int a, b;

	two_containers(BASE, OTHER, &a, &b);
	CHECK_EQ(a, LIMIT);
	CHECK_EQ(b, LIMIT);
	CHECK_EQ(take_instances(2 * LIMIT), LIMIT);
}

static void quota_of_root(void)
{
	int a, b;

	two_containers(0, 0, &a, &b);
	CHECK_EQ(a, LIMIT);
	CHECK_EQ(b, 0);
}

/* An outer namespace of all ids, so that its limit can be lowered without touching the host's. */
static void within_all_ids(void (*body)(void))
{
	static const struct map all = { 0, 0, 4294967295u };
	int ns = userns_fd(&all, 1), status;
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid == 0) {
		CHECK_OK(setns(ns, CLONE_NEWUSER));
		stay_visible();
		body();
		_exit(EXIT_SUCCESS);
	}
	(void)close(ns);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void inotify_own_quota(void)
{
	within_all_ids(quota_of_base);
}

static void inotify_shared_quota(void)
{
	within_all_ids(quota_of_root);
}

static void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK_OK(fd);
	ssize_t n = read(fd, text, size - 1);
	CHECK_OK(n);
	text[n] = '\0';
	(void)close(fd);
}

static void check_map_line(pid_t pid, unsigned inside, unsigned outside, unsigned count)
{
	char path[64], text[256], *at = text;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	read_text(path, text, sizeof(text));
	CHECK_EQ(strtoul(at, &at, 10), inside);
	CHECK_EQ(strtoul(at, &at, 10), outside);
	CHECK_EQ(strtoul(at, &at, 10), count);
}

static int nested_pipe[2];

static void nested_body(void)
{
	static const struct map part = { 0, 5, 10 };
	struct holder h = userns_hold(&part, 1, 0);

	/* From within, the map is in the ids of the outer container … */
	check_map_line(h.pid, 0, 5, 10);
	CHECK_EQ(write(nested_pipe[1], &h.pid, sizeof(h.pid)), sizeof(h.pid));
	char c;
	/* The host has looked when it closes its end. */
	CHECK_EQ(read(nested_pipe[0], &c, 1), 1);
	userns_release(&h);
}

/* … and the host sees absolute ids, however deep the nesting. */
static void map_is_absolute(void)
{
	int to_us[2], to_body[2], status;
	pid_t nested;
	char c = 0;

	CHECK_OK(pipe2(to_us, O_CLOEXEC));
	CHECK_OK(pipe2(to_body, O_CLOEXEC));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		nested_pipe[0] = to_body[0];
		nested_pipe[1] = to_us[1];
		as_container(BASE, nested_body);
		_exit(EXIT_SUCCESS);
	}
	(void)close(to_us[1]);
	CHECK_EQ(read(to_us[0], &nested, sizeof(nested)), sizeof(nested));
	check_map_line(nested, 0, BASE + 5, 10);
	CHECK_EQ(write(to_body[1], &c, 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* Writes a map of n extents whose outside ids begin at `first`. */
static int write_extents(unsigned n, unsigned first)
{
	struct holder h = userns_hold(NULL, 0, 0);
	char path[64], text[16384];
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u %u 1\n", i * 2,
					first + i * 3);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", h.pid);
	int r = write_file(path, text), saved = errno;
	userns_release(&h);
	errno = saved;
	return r;
}

/* A map takes 340 extents (4.15), but its text must be shorter than a page: with ids of ten digits
 * that is the narrower limit. */
static void many_extents(void)
{
	CHECK_OK(write_extents(340, 0));
	CHECK_ERR(write_extents(341, 0), EINVAL);
	CHECK_OK(write_extents(230, BASE));
	CHECK_ERR(write_extents(260, BASE), EINVAL);
}

/* The namespace lives as long as a descriptor of it, also when no process is in it. */
static void descriptor_keeps_it(void)
{
	int ns = userns_fd(&CONTAINER, 1);
	struct stat before, after;

	CHECK_OK(fstat(ns, &before));
	pid_t pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		CHECK_OK(setns(ns, CLONE_NEWUSER));
		CHECK_OK(stat("/proc/self/ns/user", &after));
		CHECK_EQ(after.st_ino, before.st_ino);
		_exit(EXIT_SUCCESS);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(inotify_own_quota)
TEST(inotify_shared_quota)
TEST(map_is_absolute)
TEST(many_extents)
TEST(descriptor_keeps_it)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_inotify_own_quota),   cmocka_unit_test(test_inotify_shared_quota),
	cmocka_unit_test(test_map_is_absolute),	    cmocka_unit_test(test_many_extents),
	cmocka_unit_test(test_descriptor_keeps_it),
};

CONTRACT_MAIN(tests)
