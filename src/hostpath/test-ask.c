/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root. Paths as clients write them: what is there, what is missing, as whom, and while
 * somebody else moves it about. */
#include <signal.h>
#include <sys/sysmacros.h>

#include "hostpath/test-host.h"

/* Of a path, as gabiond asks for the gate. */
static int ask_path(const struct host *h, const char *path, unsigned flags, char text[ERR_TEXT_MAX])
{
	struct asking a;
	int got = FAILED;

	if (asking_begin(&a, h) == 0)
		got = outcome(&a, hostpath_ask(&a.hp, path, flags, &a.verdict, &a.err), path);
	(void)snprintf(text, ERR_TEXT_MAX, "%s", got == FAILED ? a.err.text : a.verdict.message);
	asking_end(&a);
	return got;
}

#define CHECK_PATH(h, name, flags, want)                                                          \
	do {                                                                                      \
		char path_[PATH_MAX + TEST_DIR_MAX], text_[ERR_TEXT_MAX];                         \
		int got_;                                                                         \
		(void)((name)[0] == '/'                                                           \
			       ? snprintf(path_, sizeof(path_), "%s", name)                       \
			       : snprintf(path_, sizeof(path_), "%s/%s", (h)->top, name));        \
		got_ = ask_path(h, path_, flags, text_);                                          \
		if (got_ != (want)) {                                                             \
			(void)fprintf(stderr, "%s: %d (%s), not %d\n", path_, got_, text_, want); \
			return __LINE__;                                                          \
		}                                                                                 \
	} while (0)

static bool is_there(const struct host *h, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return lstat(test_path(path, h->top, name), &st) == 0;
}

#define MAKE HOSTPATH_MAKE

/* What is there, by what a client wrote. */
static int paths(void *data)
{
	struct host *h = data;
	char a[PATH_MAX];
	int r = set_up(h);

	if (r)
		return r;
	CHECK_PATH(h, "free", 0, OPEN);
	CHECK_PATH(h, "/etc/passwd", MAKE, READ_ONLY);
	CHECK_PATH(h, "/etc", 0, RESTRICTED);
	CHECK_PATH(h, "/", 0, RESTRICTED);
	CHECK_PATH(h, "free/none", 0, FAILED);
	CHECK_PATH(h, "free/file/none", 0, FAILED);
	if (access("/sys/fs/cgroup", F_OK) == 0)
		CHECK_PATH(h, "/sys/fs/cgroup", 0, OPEN); /* the container's own instead */
	CHECK_PATH(h, "/sys/fs", 0, RESTRICTED);
	/* read as engines read it: ".." before links */
	TEST_CHECK(symlink("/etc", test_path(a, h->top, "free/l")) == 0);
	CHECK_PATH(h, "free/l/../file", 0, OPEN);
	CHECK_PATH(h, "free/l", 0, RESTRICTED);
	/* what is no folder and no file */
	TEST_CHECK(mknod(test_path(a, h->top, "free/disk"), S_IFBLK | 0600, makedev(254, 0)) == 0);
	CHECK_PATH(h, "free/disk", 0, REFUSED);
	TEST_CHECK(mount("proc", test_path(a, h->top, "other"), "proc", 0, NULL) == 0);
	CHECK_PATH(h, "other", 0, RESTRICTED);
	CHECK_PATH(h, "other/self/root", 0, RESTRICTED);
	CHECK_PATH(h, "other/none", MAKE, RESTRICTED);
	/* what is mounted below it */
	TEST_CHECK(bind_at(h, "/usr", "free/sub/deep") == 0);
	CHECK_PATH(h, "free/sub", 0, OPEN);
	TEST_CHECK(ask_path(h, test_path(a, h->top, "free/sub"), HOSTPATH_RECURSIVE,
			    (char[ERR_TEXT_MAX]){ "" }) >= RESTRICTED);
	return 0;
}

/* What is missing is made, but only where nothing is protected. */
static int missing(void *data)
{
	struct host *h = data;
	char a[PATH_MAX], restricted[PATH_MAX];
	struct stat st;
	int r = set_up(h);

	if (r)
		return r;
	(void)umask(022);
	CHECK_PATH(h, "free/new/a/b", MAKE | HOSTPATH_PREDICT, OPEN);
	CHECK_PATH(h, "state/lib/x/y", MAKE | HOSTPATH_PREDICT, RESTRICTED);
	TEST_CHECK(!is_there(h, "free/new") && !is_there(h, "state/lib/x"));
	CHECK_PATH(h, "free/new/a/b", MAKE, OPEN);
	TEST_CHECK(stat(test_path(a, h->top, "free/new/a"), &st) == 0);
	TEST_CHECK(S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0755);
	CHECK_PATH(h, "free/new/a/b", MAKE, OPEN); /* and again */
	CHECK_PATH(h, "state/lib/x/y", MAKE, RESTRICTED);
	CHECK_PATH(h, "state/etc/x", MAKE, RESTRICTED);
	TEST_CHECK(!is_there(h, "state/lib/x") && !is_there(h, "state/etc/x"));
	/* by another name */
	TEST_CHECK(mount(test_path(a, h->top, "etc"), "/etc", NULL, MS_BIND, NULL) == 0);
	TEST_CHECK(symlink("/etc", test_path(a, h->top, "free/l")) == 0);
	CHECK_PATH(h, "/etc/new", MAKE, RESTRICTED);
	CHECK_PATH(h, "free/l/new", MAKE, RESTRICTED);
	CHECK_PATH(h, "/proc/self/root/etc/new", MAKE, RESTRICTED);
	CHECK_PATH(h, "rootbound/usr/gabion-unit-new", MAKE, RESTRICTED);
	TEST_CHECK(!is_there(h, "etc/new") && access("/usr/gabion-unit-new", F_OK) < 0);
	TEST_CHECK(symlink("nowhere", test_path(a, h->top, "free/dangling")) == 0);
	CHECK_PATH(h, "free/dangling", MAKE, FAILED);
	CHECK_PATH(h, "free/dangling/x", MAKE, FAILED);
	TEST_CHECK(!is_there(h, "free/nowhere"));
	/* names that are to be protected once they are there */
	h->restricted = test_path(restricted, h->top, "free/yet/to/come");
	CHECK_PATH(h, "free/yet", MAKE, RESTRICTED);
	CHECK_PATH(h, "free/yet/to/come", MAKE, RESTRICTED);
	CHECK_PATH(h, "free/yet/to/come/x", MAKE, RESTRICTED);
	TEST_CHECK(!is_there(h, "free/yet"));
	CHECK_PATH(h, "free/yet/to/stay", MAKE, OPEN);
	CHECK_PATH(h, "free/yet/to/come", MAKE, RESTRICTED);
	h->restricted = NULL;
	/* but for one folder, which clusters in containers bind on every host */
	TEST_CHECK(mount("tmpfs", "/lib", "tmpfs", 0, "mode=755") == 0);
	CHECK_PATH(h, "/lib/modules/x", MAKE, RESTRICTED);
	CHECK_PATH(h, "/lib/firmware", MAKE, RESTRICTED);
	CHECK_PATH(h, "/lib", MAKE, RESTRICTED);
	TEST_CHECK(access("/lib/modules", F_OK) < 0 && access("/lib/firmware", F_OK) < 0);
	CHECK_PATH(h, "/lib/modules", MAKE, READ_ONLY);
	CHECK_PATH(h, "/lib/modules", 0, READ_ONLY);
	TEST_CHECK(access("/lib/modules", F_OK) == 0);
	/* what cannot be made whole is not made in part */
	memset(a, 'x', 310);
	memcpy(a, "free/part/", 10);
	a[310] = '\0';
	CHECK_PATH(h, a, MAKE, FAILED);
	TEST_CHECK(is_there(h, "free") && !is_there(h, "free/part"));
	return 0;
}

static int become(uid_t uid)
{
	return setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
			       setresuid(uid, uid, uid) < 0
		       ? -1
		       : 0;
}

/* As a user: what is protected has been looked up before. */
static int as_user(void *data)
{
	struct host *h = data;
	char path[PATH_MAX];
	struct asking a;
	struct stat st;
	int r = set_up(h);

	if (r)
		return r;
	test_mkdir(h->top, "home");
	test_mkdir(h->top, "closed");
	test_mkdir(h->top, "closed/inside");
	TEST_CHECK(chown(test_path(path, h->top, "home"), ASKER, ASKER) == 0);
	TEST_CHECK(chmod(test_path(path, h->top, "closed"), 0700) == 0);
	TEST_CHECK(asking_begin(&a, h) == 0);
	TEST_CHECK(become(ASKER) == 0);
	(void)umask(022);
#define ASK(name, flags)                                                                           \
	outcome(&a, hostpath_ask(&a.hp, test_path(path, h->top, name), flags, &a.verdict, &a.err), \
		path)
	TEST_CHECK(ASK("home", 0) == OPEN);
	TEST_CHECK(ASK("home/a/b", MAKE | HOSTPATH_PREDICT) == OPEN);
	TEST_CHECK(!is_there(h, "home/a"));
	TEST_CHECK(ASK("free/new", MAKE | HOSTPATH_PREDICT) == FAILED && a.err.code == -EACCES);
	TEST_CHECK(ASK("home/a/b", MAKE) == OPEN);
	TEST_CHECK(stat(path, &st) == 0 && st.st_uid == ASKER && st.st_gid == ASKER);
	TEST_CHECK(ASK("closed", 0) == OPEN); /* of no use to anybody, as before */
	TEST_CHECK(ASK("closed/inside", 0) == FAILED && a.err.code == -EACCES);
	TEST_CHECK(strstr(a.err.text, path) && strstr(a.err.text, "user 4242"));
	TEST_CHECK(ASK("closed/new", MAKE) == FAILED && a.err.code == -EACCES);
	TEST_CHECK(ASK("free/new", MAKE) == FAILED && a.err.code == -EACCES);
	TEST_CHECK(strstr(a.err.text, path) && strstr(a.err.text, "user 4242 can't make it"));
	TEST_CHECK(ASK("state/run", 0) == RESTRICTED);
	TEST_CHECK(ASK("state/lib/new", MAKE) == RESTRICTED);
#undef ASK
	asking_end(&a);
	return 0;
}

static int flip_for_ever(const struct host *h)
{
	char link[PATH_MAX], next[PATH_MAX];

	test_path(link, h->top, "free/flip");
	test_path(next, h->top, "free/next");
	for (;;)
		for (int i = 0; i < 2; i++)
			if (symlink(i ? "/etc" : "sub", next) < 0 || rename(next, link) < 0)
				return 1;
}

/* While a path is judged it leads somewhere else: what is said is true of one of the two, and
 * nothing is made in the other. */
static int swapped(void *data)
{
	struct host *h = data;
	char link[PATH_MAX], path[PATH_MAX], text[ERR_TEXT_MAX];
	int seen[FAILED + 1] = { 0 };
	struct asking a;
	pid_t pid;
	int r = set_up(h);

	if (r)
		return r;
	TEST_CHECK(mount(test_path(path, h->top, "etc"), "/etc", NULL, MS_BIND, NULL) == 0);
	TEST_CHECK(symlink("sub", test_path(link, h->top, "free/flip")) == 0);
	TEST_CHECK(asking_begin(&a, h) == 0);
	pid = fork();
	if (pid == 0)
		_exit(flip_for_ever(h));
	for (int i = 0; i < 1000000 && (i < 2000 || !seen[OPEN] || !seen[RESTRICTED]); i++) {
		bool make = i % 2;

		test_path(path, h->top, make ? "free/flip/new/er" : "free/flip");
		r = outcome(&a, hostpath_ask(&a.hp, path, make ? MAKE : 0, &a.verdict, &a.err),
			    path);
		(void)snprintf(text, sizeof(text), "%s", a.err.text);
		seen[r]++;
		if (make) {
			(void)unlinkat(AT_FDCWD, test_path(path, h->top, "free/sub/new/er"),
				       AT_REMOVEDIR);
			(void)unlinkat(AT_FDCWD, test_path(path, h->top, "free/sub/new"),
				       AT_REMOVEDIR);
		}
		if (is_there(h, "etc/new")) {
			r = -1;
			break;
		}
	}
	TEST_CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	asking_end(&a);
	TEST_CHECK(r != -1);
	TEST_CHECK(seen[OPEN] && seen[RESTRICTED]);
	if (seen[FAILED] || seen[READ_ONLY] || seen[SOCKET] || seen[REFUSED]) {
		(void)fprintf(stderr, "also %d failures: %s\n", seen[FAILED], text);
		return __LINE__;
	}
	return 0;
}

static int devices(void *data)
{
	static const struct {
		const char *name;
		mode_t type;
		unsigned major, minor;
	} nodes[] = {
		{ "other/kvm", S_IFCHR, 10, 232 },  { "other/tun", S_IFCHR, 10, 200 },
		{ "other/disk", S_IFBLK, 254, 0 },  { "free/fuse", S_IFCHR, 10, 229 },
		{ "free/sub/null", S_IFCHR, 1, 3 }, { "bind/usr/kvm", S_IFCHR, 10, 232 },
	};
	struct host *h = data;
	char a[PATH_MAX], device[PATH_MAX], text[ERR_TEXT_MAX];
	int r = set_up(h);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		TEST_CHECK(mknod(test_path(a, h->top, nodes[i].name), nodes[i].type | 0600,
				 makedev(nodes[i].major, nodes[i].minor)) == 0);
	TEST_CHECK(symlink("../other/kvm", test_path(a, h->top, "free/link")) == 0);
	CHECK_PATH(h, "other/kvm", HOSTPATH_DEVICE, REFUSED);
	CHECK_PATH(h, "other/disk", HOSTPATH_DEVICE, REFUSED);
	CHECK_PATH(h, "other/tun", HOSTPATH_DEVICE, OPEN);
	CHECK_PATH(h, "free/fuse", HOSTPATH_DEVICE, OPEN);
	CHECK_PATH(h, "/dev/null", HOSTPATH_DEVICE, OPEN);
	CHECK_PATH(h, "free/link", HOSTPATH_DEVICE, REFUSED); /* engines follow that one */
	CHECK_PATH(h, "free", HOSTPATH_DEVICE, OPEN);	      /* but none in a folder */
	CHECK_PATH(h, "free/file", HOSTPATH_DEVICE, OPEN);
	CHECK_PATH(h, "free/none", HOSTPATH_DEVICE, OPEN);
	/* Read as the kernel reads it: what is behind the link, not beside it. */
	TEST_CHECK(symlink("../bind/usr", test_path(a, h->top, "free/dir")) == 0);
	TEST_CHECK(mknod(test_path(a, h->top, "free/null"), S_IFCHR | 0600, makedev(1, 3)) == 0);
	TEST_CHECK(mknod(test_path(a, h->top, "bind/null"), S_IFCHR | 0600, makedev(1, 1)) == 0);
	CHECK_PATH(h, "free/null", HOSTPATH_DEVICE, OPEN);
	CHECK_PATH(h, "free/dir/../null", HOSTPATH_DEVICE, REFUSED);
	TEST_CHECK(unlink(test_path(a, h->top, "bind/null")) == 0);
	TEST_CHECK(ask_path(h, "c 10:229 rwm", HOSTPATH_RULE, text) == OPEN);
	TEST_CHECK(ask_path(h, "c 136:* rwm", HOSTPATH_RULE, text) == OPEN);
	TEST_CHECK(ask_path(h, "a *:* m", HOSTPATH_RULE, text) == OPEN);
	TEST_CHECK(ask_path(h, "a *:* rwm", HOSTPATH_RULE, text) == REFUSED);
	TEST_CHECK(ask_path(h, "c 1:* r", HOSTPATH_RULE, text) == REFUSED);
	TEST_CHECK(ask_path(h, "c 10:232 r", HOSTPATH_RULE, text) == REFUSED);
	TEST_CHECK(strstr(text, "rule \"c 10:232 r\"") && strstr(text, "/state/etc/gabion.json"));
	TEST_CHECK(ask_path(h, "c 10:232", HOSTPATH_RULE, text) == FAILED);
	TEST_CHECK(ask_path(h, test_path(a, h->top, "bind"), HOSTPATH_DEVICE, text) == REFUSED);
	TEST_CHECK(strstr(text, "/bind/usr/kvm (c 10:232) of the host is not for containers"));
	TEST_CHECK(strstr(text, "\"devices\"") && strstr(text, "/state/etc/gabion.json"));
	TEST_CHECK(ask_path(h, "gabion.test/tun=one", HOSTPATH_CDI, text) == OPEN);
	TEST_CHECK(ask_path(h, "gabion.test/tun=two", HOSTPATH_CDI | HOSTPATH_PREDICT, text) ==
		   REFUSED);
	TEST_CHECK(strstr(text, "\"cdiDevices\"") && strstr(text, "/state/etc/gabion.json"));
	h->device = test_path(device, h->top, "bind/usr/kvm");
	CHECK_PATH(h, "other/kvm", HOSTPATH_DEVICE, OPEN); /* the number decides */
	TEST_CHECK(ask_path(h, "c 10:232 r", HOSTPATH_RULE, text) == OPEN);
	TEST_CHECK(ask_path(h, "c 10:* r", HOSTPATH_RULE, text) == REFUSED);
	CHECK_PATH(h, "bind", HOSTPATH_DEVICE, OPEN);
	CHECK_PATH(h, "other", HOSTPATH_DEVICE, REFUSED);
	return 0;
}

static void test_clean(void **state)
{
	static const char *const cases[][2] = {
		{ "/", "/" },
		{ "//", "/" },
		{ "/a", "/a" },
		{ "/a/", "/a" },
		{ "/a//b/./c", "/a/b/c" },
		{ "/a/../b", "/b" },
		{ "/..", "/" },
		{ "/../../a", "/a" },
		{ "/a/b/../..", "/" },
		{ "/a/b/../c", "/a/c" },
		{ "/...", "/..." },
		{ "/.a/..b", "/.a/..b" },
		{ "/a/b/.", "/a/b" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(4096);

		assert_string_equal(hostpath_clean(&a, cases[i][0]), cases[i][1]);
	}
}

static void test_paths(void **state)
{
	(void)state;
	in_host(paths);
}

static void test_missing(void **state)
{
	(void)state;
	in_host(missing);
}

static void test_as_user(void **state)
{
	(void)state;
	in_host(as_user);
}

static void test_swapped(void **state)
{
	(void)state;
	in_host(swapped);
}

static void test_devices(void **state)
{
	(void)state;
	in_host(devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),	cmocka_unit_test(test_paths),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_as_user),
		cmocka_unit_test(test_swapped), cmocka_unit_test(test_devices),
	};

	if (!test_is_root("makes a host of mounts to judge"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
