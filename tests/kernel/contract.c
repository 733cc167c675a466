/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"

#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum {
	EXIT_SKIP = 77,
	MAP_TEXT_MAX = 4096,
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void child(const char *dir, void (*body)(void))
{
	CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
	CHECK_OK(unshare(CLONE_NEWNS));
	CHECK_OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK_OK(chdir(dir));
	(void)umask(0);
	body();
	_exit(EXIT_SUCCESS);
}

void contract(void (*body)(void))
{
	char dir[] = "/var/tmp/gabion-contract-XXXXXX";
	int status;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	(void)fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(dir, body);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		skip();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
		fail_msg("the test's process ended with wait status 0x%x", status);
}

void skip_because(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "SKIPPED: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	_exit(EXIT_SKIP);
}

void check_failed(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "%s:%d: ", file, line);
	(void)vfprintf(stderr, fmt, ap);
	(void)fprintf(stderr, "\n");
	va_end(ap);
	_exit(EXIT_FAILURE);
}

bool kernel_is(unsigned major, unsigned minor)
{
	struct utsname u;
	char *end;

	CHECK_OK(uname(&u));
	unsigned long have = strtoul(u.release, &end, 10);
	CHECK(*end == '.');
	unsigned long have_minor = strtoul(end + 1, NULL, 10);
	return have > major || (have == major && have_minor >= minor);
}

void need_kernel(unsigned major, unsigned minor, const char *what)
{
	if (!kernel_is(major, minor))
		skip_because("%s needs Linux %u.%u", what, major, minor);
}

static void write_map(pid_t pid, const char *name, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	CHECK_OK(write_file(path, text));
}

static void write_maps(pid_t pid, const struct map *maps, size_t n)
{
	char text[MAP_TEXT_MAX];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int w = snprintf(text + len, sizeof(text) - len, "%u %u %u\n", maps[i].inside,
				 maps[i].outside, maps[i].count);

		CHECK(w > 0 && (size_t)w < sizeof(text) - len);
		len += (size_t)w;
	}
	write_map(pid, "uid_map", text);
	write_map(pid, "gid_map", text);
}

void stay_visible(void)
{
	CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
}

struct holder userns_hold(const struct map *maps, size_t n, uid_t euid)
{
	struct holder h = { 0 };
	char path[64], c = 0;
	int ready[2];

	CHECK_OK(pipe2(ready, O_CLOEXEC));
	h.pid = fork();
	CHECK_OK(h.pid);
	if (h.pid == 0) {
		CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
		CHECK_OK(setresuid((uid_t)-1, euid, (uid_t)-1));
		CHECK_OK(unshare(CLONE_NEWUSER));
		stay_visible();
		CHECK_EQ(write(ready[1], &c, 1), 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	if (n)
		write_maps(h.pid, maps, n);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", h.pid);
	h.ns = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_OK(h.ns);
	return h;
}

void userns_release(struct holder *h)
{
	(void)close(h->ns);
	(void)kill(h->pid, SIGKILL);
	(void)waitpid(h->pid, NULL, 0);
}

int userns_fd(const struct map *maps, size_t n)
{
	struct holder h = userns_hold(maps, n, 0);
	int fd = fcntl(h.ns, F_DUPFD_CLOEXEC, 3);

	CHECK_OK(fd);
	userns_release(&h);
	return fd;
}

void as_container(unsigned base, void (*body)(void))
{
	struct map map = { 0, base, IDS };
	int ns = userns_fd(&map, 1), status;
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid == 0) {
		CHECK_OK(setns(ns, CLONE_NEWUSER));
		CHECK_OK(setresgid(0, 0, 0));
		CHECK_OK(setresuid(0, 0, 0));
		stay_visible();
		CHECK_OK(unshare(CLONE_NEWNS));
		body();
		_exit(EXIT_SUCCESS);
	}
	(void)close(ns);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
		_exit(EXIT_SKIP);
	CHECK_EQ(status, 0);
}

int clone_mapped(const char *path, const struct map *maps, size_t n)
{
	int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int ns = userns_fd(maps, n);
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.propagation = MS_PRIVATE,
		.userns_fd = (uint64_t)ns,
	};

	CHECK_OK(tree);
	int r = mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	int saved = errno;
	(void)close(ns);
	if (r == 0)
		return tree;
	(void)close(tree);
	errno = saved;
	return -1;
}

void attach(int fd, const char *path)
{
	if (mkdir(path, 0755) < 0)
		CHECK_EQ(errno, EEXIST);
	CHECK_OK(move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
	(void)close(fd);
}

void make_dir(const char *path, mode_t mode, uid_t owner)
{
	CHECK_OK(mkdir(path, 0700));
	CHECK_OK(chown(path, owner, owner));
	CHECK_OK(chmod(path, mode));
}

void make_file(const char *path, mode_t mode, uid_t owner)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK_OK(fd);
	CHECK_EQ(write(fd, "old", 3), 3);
	CHECK_OK(fchown(fd, owner, owner));
	CHECK_OK(fchmod(fd, mode));
	(void)close(fd);
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), saved;

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	saved = errno;
	(void)close(fd);
	errno = saved;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

uid_t owner_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_uid;
}

gid_t group_of(const char *path)
{
	struct stat st;

	CHECK_OK(lstat(path, &st));
	return st.st_gid;
}
