/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract tests: each shows one thing that gabion expects of the kernel, with raw system calls and
 * none of gabion's code, so that a kernel that behaves otherwise is found here first.
 *
 * A test body runs in a forked child with a mount namespace of its own (everything private) and an
 * empty folder as its working directory; mounts end with the child, the folder is removed by
 * the parent. In the child the CHECK macros print what differed and end it; cmocka's own
 * assertions must not be used there.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	BASE = 1500000000, /* first host id of the "container" */
	OTHER = 1500065536,
	GHOST = 1600000000, /* host ids that belong to nobody */
	IDS = 65536,
};

/* Runs body as described above and reports its end to cmocka: success, failure or a skip. */
void contract(void (*body)(void));

/* Makes test_BODY for cmocka out of a body. */
#define TEST(body)                            \
	static void test_##body(void **state) \
	{                                     \
		(void)state;                  \
		contract(body);               \
	}

/* main() of every test program: skips it loudly without root, else runs the group. */
#define CONTRACT_MAIN(tests)                                                    \
	int main(void)                                                          \
	{                                                                       \
		if (geteuid() != 0) {                                           \
			(void)printf("1..0 # SKIP contract tests need root\n"); \
			return 77;                                              \
		}                                                               \
		return cmocka_run_group_tests(tests, NULL, NULL);               \
	}

/* In the child: ends it as skipped, for the reason given. */
__attribute__((noreturn, format(printf, 1, 2))) void skip_because(const char *fmt, ...);
/* Ends it as skipped unless the kernel is at least that version. */
void need_kernel(unsigned major, unsigned minor, const char *what);
bool kernel_is(unsigned major, unsigned minor);

__attribute__((noreturn, format(printf, 3, 4))) void check_failed(const char *file, int line,
								  const char *fmt, ...);

/* expr must be true. */
#define CHECK(expr)                                                                          \
	do {                                                                                 \
		if (!(expr))                                                                 \
			check_failed(__FILE__, __LINE__, "%s (errno %s)", #expr,             \
				     strerrorname_np(errno) ? strerrorname_np(errno) : "0"); \
	} while (0)

/* Two integers must be equal. */
#define CHECK_EQ(got, want)                                                                      \
	do {                                                                                     \
		long long got_ = (long long)(got), want_ = (long long)(want);                    \
		if (got_ != want_)                                                               \
			check_failed(__FILE__, __LINE__, "%s is %lld, expected %lld (%s)", #got, \
				     got_, want_, #want);                                        \
	} while (0)

/* A system call must succeed. */
#define CHECK_OK(call) CHECK((call) >= 0)

/* A system call must fail with this errno. */
#define CHECK_ERR(call, want)                                                                \
	do {                                                                                 \
		errno = 0;                                                                   \
		long ret_ = (long)(call);                                                    \
		if (ret_ >= 0)                                                               \
			check_failed(__FILE__, __LINE__, "%s succeeded, expected %s", #call, \
				     strerrorname_np(want));                                 \
		if (errno != (want))                                                         \
			check_failed(__FILE__, __LINE__, "%s gave %s, expected %s", #call,   \
				     strerrorname_np(errno), strerrorname_np(want));         \
	} while (0)

/* One line of a uid_map and gid_map. */
struct map {
	unsigned inside;
	unsigned outside;
	unsigned count;
};

/* A change of ids or of the user namespace makes a process's /proc files root's of the first
 * namespace; this undoes it. */
void stay_visible(void);

/* A process in a new user namespace (made with effective uid `euid`), blocked until its parent
 * ends it; and a descriptor of that namespace. Without maps none are written. */
struct holder {
	pid_t pid;
	int ns;
};
struct holder userns_hold(const struct map *maps, size_t n, uid_t euid);
void userns_release(struct holder *h);

/* A descriptor of a user namespace with these maps, held by nothing else. */
int userns_fd(const struct map *maps, size_t n);

/* Runs body in a child that is root (uid and gid 0, every capability) in a new user namespace that
 * maps 0 to 65535 to `base` and up, with a copy of our mounts in a namespace of its own; checks
 * that it ends well. */
void as_container(unsigned base, void (*body)(void));

/* Clones the tree at path (AT_RECURSIVE not set), ID-mapped by the maps and private. Returns the
 * descriptor of the detached mount, or -1 with errno. */
int clone_mapped(const char *path, const struct map *maps, size_t n);
/* Puts a detached mount at path, which is created. */
void attach(int fd, const char *path);

void make_dir(const char *path, mode_t mode, uid_t owner);
void make_file(const char *path, mode_t mode, uid_t owner);
/* Writes text to a file that is there. 0, or -1 with errno. */
int write_file(const char *path, const char *text);
uid_t owner_of(const char *path);
gid_t group_of(const char *path);
