/* SPDX-License-Identifier: Apache-2.0 */
/* What src/daemon/layers.h builds on: a mount whose files are opened only if somebody says so. */
#include "contract.h"

#include <sys/fanotify.h>
#include <sys/wait.h>

/* A mount of its own, and who is asked about it. */
static int ask_about(const char *path)
{
	int fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);
	int dir;

	CHECK_OK(fan);
	CHECK_OK(mount(path, path, NULL, MS_BIND, NULL));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_OK(dir);
	CHECK_OK(fanotify_mark(fan, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_PERM, dir, NULL));
	(void)close(dir);
	return fan;
}

/* The errno of an open(2) in another process, 0 for none; the question is answered with `response`
 * if there is one. */
static int open_there(int fan, const char *path, unsigned response, bool remember)
{
	struct fanotify_event_metadata e = { .fd = -1 };
	struct fanotify_response r;
	int status;
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid == 0)
		_exit(open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	if (response) {
		CHECK_EQ(read(fan, &e, sizeof(e)), sizeof(e));
		CHECK(e.mask & FAN_OPEN_PERM);
		if (remember)
			CHECK_OK(fanotify_mark(
				fan, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
				FAN_OPEN_PERM, e.fd, NULL));
		r = (struct fanotify_response){ .fd = e.fd, .response = response };
		CHECK_EQ(write(fan, &r, sizeof(r)), sizeof(r));
		(void)close(e.fd);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void only_if_somebody_says_so(void)
{
	int fan;

	make_dir("data", 0755, 0);
	make_file("data/file", 0644, 0);
	make_file("data/other", 0644, 0);
	fan = ask_about("data");
	CHECK_EQ(open_there(fan, "data/file", FAN_DENY, false), EPERM);
	CHECK_EQ(open_there(fan, "data/file", FAN_ALLOW, false), 0);
	/* under its new name, too */
	CHECK_OK(rename("data/file", "data/moved"));
	CHECK_EQ(open_there(fan, "data/moved", FAN_DENY, false), EPERM);
	/* but not for its place alone */
	CHECK_OK(open("data/moved", O_PATH | O_CLOEXEC));
}
TEST(only_if_somebody_says_so)

/* Until it is written to; without a question that hangs, open_there() would not come back. */
static void what_is_known_is_not_asked(void)
{
	int below;
	int fan;
	int fd;

	make_dir("data", 0755, 0);
	make_file("data/file", 0644, 0);
	below = open("data", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK_OK(below);
	fan = ask_about("data");
	CHECK_EQ(open_there(fan, "data/file", FAN_ALLOW, true), 0);
	CHECK_EQ(open_there(fan, "data/file", 0, false), 0);
	fd = openat(below, "file", O_WRONLY | O_CLOEXEC); /* of another mount, not asked about */
	CHECK_OK(fd);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(open_there(fan, "data/file", FAN_DENY, false), EPERM);
}
TEST(what_is_known_is_not_asked)

/* Who is asked has gone: nobody waits, and nothing is refused. */
static void nobody_is_asked(void)
{
	int fan;

	make_dir("data", 0755, 0);
	make_file("data/file", 0644, 0);
	fan = ask_about("data");
	(void)close(fan);
	CHECK_EQ(open_there(-1, "data/file", 0, false), 0);
}
TEST(nobody_is_asked)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_only_if_somebody_says_so),
	cmocka_unit_test(test_what_is_known_is_not_asked),
	cmocka_unit_test(test_nobody_is_asked),
};
CONTRACT_MAIN(tests)
