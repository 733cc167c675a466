/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needs root. May a path be bound? Asked of the real file system, in a mount namespace of its own,
 * with every way round that issue 2 names: symlinks, "..", /proc/PID/root, hard links, bind mounts
 * under another name.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "hostpath/test-host.h"

/* Of a descriptor, as gabion-runc asks. */
static int ask(const struct host *h, const char *path)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);
	struct asking a;
	int got = FAILED;

	if (fd < 0)
		return FAILED;
	if (asking_begin(&a, h) == 0)
		got = outcome(&a, hostpath_judge(&a.hp, fd, path, h->recursive, &a.verdict, &a.err),
			      path);
	if (got == FAILED)
		(void)fprintf(stderr, "%s: %s\n", path, a.err.text);
	asking_end(&a);
	return got;
}

static int ask_in(const struct host *h, const char *name)
{
	char path[PATH_MAX];

	return ask(h, test_path(path, h->top, name));
}

#define CHECK_ASK(h, path, want)                                                     \
	do {                                                                         \
		int got_ = (path)[0] == '/' ? ask(h, path) : ask_in(h, path);        \
		if (got_ != (want)) {                                                \
			(void)fprintf(stderr, "%s: %d, not %d\n", path, got_, want); \
			return __LINE__;                                             \
		}                                                                    \
	} while (0)

static int make_socket(const char *dir, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", dir, name) >=
	    (int)sizeof(sa.sun_path))
		return -1;
	return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}

/* The names by which the same thing can be asked for. */
static int ways_round(void *data)
{
	struct host *h = data;
	char a[PATH_MAX], b[PATH_MAX];
	int r = set_up(h);

	if (r)
		return r;
	TEST_CHECK(mount(test_path(a, h->top, "etc"), "/etc", NULL, MS_BIND, NULL) == 0);
	CHECK_ASK(h, "free", OPEN);
	CHECK_ASK(h, "free/file", OPEN);
	CHECK_ASK(h, "free/docker.sock", OPEN);
	CHECK_ASK(h, "/", RESTRICTED);
	CHECK_ASK(h, "/etc", RESTRICTED);
	CHECK_ASK(h, "/etc/shadow", RESTRICTED);
	CHECK_ASK(h, "/etc/passwd", READ_ONLY);
	CHECK_ASK(h, "/usr/bin/env", RESTRICTED);
	CHECK_ASK(h, "/proc/self/root", RESTRICTED);
	CHECK_ASK(h, "/proc/self/root/etc/shadow", RESTRICTED);
	CHECK_ASK(h, "/proc/self/cwd/../../../../../../../../../../../../etc", RESTRICTED);
	CHECK_ASK(h, "/proc/self/status", RESTRICTED);
	CHECK_ASK(h, "/sys/kernel", RESTRICTED);
	CHECK_ASK(h, "/dev/tty", RESTRICTED);
	CHECK_ASK(h, "/dev/null", OPEN);
	/* symlinks, to folder and file, over two steps */
	TEST_CHECK(symlink("/etc", test_path(a, h->top, "free/l")) == 0);
	TEST_CHECK(symlink("l/shadow", test_path(a, h->top, "free/ll")) == 0);
	CHECK_ASK(h, "free/l", RESTRICTED);
	CHECK_ASK(h, "free/ll", RESTRICTED);
	CHECK_ASK(h, "free/l/passwd", READ_ONLY);
	CHECK_ASK(h, "free/../etc", RESTRICTED); /* TOP/etc is /etc by another name */
	/* another name by a bind mount */
	TEST_CHECK(bind_at(h, "/etc/ssl", "bound") == 0);
	CHECK_ASK(h, "bound", RESTRICTED);
	CHECK_ASK(h, "bound/certs", READ_ONLY);
	CHECK_ASK(h, "rootbound", RESTRICTED);
	CHECK_ASK(h, "rootbound/usr", RESTRICTED);
	CHECK_ASK(h, "rootbound/var/lib", RESTRICTED);
	/* a hard link */
	TEST_CHECK(link(test_path(a, h->top, "etc/shadow"), test_path(b, h->top, "free/hard")) ==
		   0);
	CHECK_ASK(h, "free/hard", RESTRICTED);
	TEST_CHECK(link(test_path(a, h->top, "etc/a/b/deep"), test_path(b, h->top, "free/deep")) ==
		   0);
	CHECK_ASK(h, "free/deep", RESTRICTED);
	TEST_CHECK(link(test_path(a, h->top, "free/file"), test_path(b, h->top, "free/file2")) ==
		   0);
	CHECK_ASK(h, "free/file2", OPEN);
	/* the instance's own folders, and what holds them */
	CHECK_ASK(h, "state/lib", RESTRICTED);
	CHECK_ASK(h, "state/run", RESTRICTED);
	CHECK_ASK(h, "state/etc", RESTRICTED);
	CHECK_ASK(h, "state", RESTRICTED);
	CHECK_ASK(h, "other", OPEN);
	return 0;
}

/* Something protected that is mounted below what is asked for. */
static int mounted_below(void *data)
{
	struct host *h = data;
	int r = set_up(h);

	if (r)
		return r;
	h->recursive = true;
	CHECK_ASK(h, "free", OPEN);
	TEST_CHECK(bind_at(h, "/usr", "bind/usr") == 0); /* beside it, in a folder of like length */
	CHECK_ASK(h, "free", OPEN);
	TEST_CHECK(bind_at(h, "/usr", "free/sub/deep") == 0);
	TEST_CHECK(ask_in(h, "free") >= RESTRICTED);
	TEST_CHECK(ask_in(h, "free/sub") >= RESTRICTED);
	CHECK_ASK(h, "other", OPEN);
	h->recursive = false; /* then it stays outside of the mount */
	CHECK_ASK(h, "free", OPEN);
	return 0;
}

/* Engines' sockets, wherever and whoever's they are. */
static int sockets(void *data)
{
	static const char *const names[] = { "docker.sock", "containerd.sock", "podman.sock",
					     "crio.sock",   "buildkitd.sock",  "iechor.sock" };
	struct host *h = data;
	char a[PATH_MAX], b[PATH_MAX];
	int r = set_up(h);

	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		test_path(a, h->top, "other");
		TEST_CHECK(make_socket(a, names[i]) == 0);
		test_path(b, a, names[i]);
		CHECK_ASK(h, b, RESTRICTED);
	}
	TEST_CHECK(make_socket(a, "mine.sock") == 0);
	CHECK_ASK(h, "other/mine.sock", OPEN);
	/* the instance's own, linked out of its folder */
	TEST_CHECK(make_socket(test_path(a, h->top, "state/run"), "docker.sock") == 0);
	TEST_CHECK(link(test_path(a, h->top, "state/run/docker.sock"),
			test_path(b, h->top, "free/innocent")) == 0);
	CHECK_ASK(h, "free/innocent", SOCKET);
	CHECK_ASK(h, "state/run/docker.sock", SOCKET);
	TEST_CHECK(symlink("../state/run/docker.sock", test_path(b, h->top, "free/link")) == 0);
	CHECK_ASK(h, "free/link", SOCKET);
	TEST_CHECK(bind_at(h, test_path(b, h->top, "state/run/docker.sock"), "free/file") == 0);
	CHECK_ASK(h, "free/file", SOCKET);
	CHECK_ASK(h, "state/run", RESTRICTED);
	/* the engine's own is for nobody */
	TEST_CHECK(make_socket(test_path(a, h->top, "state/run"), "engine.sock") == 0);
	CHECK_ASK(h, "state/run/engine.sock", RESTRICTED);
	/* where documents have it, although another instance may listen there */
	TEST_CHECK(mount(test_path(a, h->top, "run"), "/run", NULL, MS_BIND, NULL) == 0);
	TEST_CHECK(make_socket("/run", "docker.sock") == 0);
	CHECK_ASK(h, "/run/docker.sock", SOCKET);
	CHECK_ASK(h, "/var/run/docker.sock", SOCKET);
	CHECK_ASK(h, "run/docker.sock", SOCKET);
	CHECK_ASK(h, "other/docker.sock", RESTRICTED); /* a name proves nothing */
	CHECK_ASK(h, "/run", RESTRICTED);
	TEST_CHECK(make_socket("/run", "iechor.sock") == 0);
	CHECK_ASK(h, "/run/iechor.sock", RESTRICTED);
	h->profile = "iechor"; /* another engine's documents */
	CHECK_ASK(h, "/run/iechor.sock", SOCKET);
	CHECK_ASK(h, "/run/docker.sock", RESTRICTED);
	CHECK_ASK(h, "free/innocent",
		  SOCKET); /* DIR/run/docker.sock is the instance's all the same */
	h->profile = NULL;
	TEST_CHECK(unlink("/run/docker.sock") == 0);
	test_put("/run", "docker.sock", ""); /* no socket */
	CHECK_ASK(h, "/run/docker.sock", RESTRICTED);
	return 0;
}

/* Issue 2: "the asker's /run/user/N without engine sockets". */
static int run_user(void *data)
{
	struct host *h = data;
	char a[PATH_MAX];
	int r = set_up(h);

	if (r)
		return r;
	TEST_CHECK(mount(test_path(a, h->top, "run"), "/run", NULL, MS_BIND, NULL) == 0);
	test_put("/run/user/4242", "bus", "");
	CHECK_ASK(h, "/run", RESTRICTED);
	CHECK_ASK(h, "/run/user", RESTRICTED);
	CHECK_ASK(h, "/run/user/4243", RESTRICTED);
	CHECK_ASK(h, "/run/user/4242", OPEN);
	CHECK_ASK(h, "/run/user/4242/bus", OPEN);
	TEST_CHECK(make_socket("/run/user/4242", "docker.sock") == 0);
	CHECK_ASK(h, "/run/user/4242", RESTRICTED);
	CHECK_ASK(h, "/run/user/4242/docker.sock", RESTRICTED);
	CHECK_ASK(h, "/run/user/4242/bus", OPEN);
	h->record = false; /* nobody's: also not that */
	CHECK_ASK(h, "/run/user/4242/bus", RESTRICTED);
	return 0;
}

static int settings(void *data)
{
	struct host *h = data;
	char sharing[PATH_MAX], restricted[PATH_MAX];
	int r = set_up(h);

	if (r)
		return r;
	h->sharing = test_path(sharing, h->top, "free");
	CHECK_ASK(h, "free/file", OPEN);
	TEST_CHECK(ask_in(h, "other") == REFUSED);
	h->sharing = "/nowhere"; /* that shares nothing; it is not as if there were no list */
	TEST_CHECK(ask_in(h, "free") == REFUSED);
	h->sharing = NULL;
	h->folder = sharing; /* the same from admin-settings.json, and both together */
	CHECK_ASK(h, "free/file", OPEN);
	TEST_CHECK(ask_in(h, "other") == REFUSED);
	h->sharing = "/nowhere";
	TEST_CHECK(ask_in(h, "free") == REFUSED);
	h->sharing = "/";
	CHECK_ASK(h, "free/file", OPEN);
	h->sharing = NULL;
	h->folder = "$TMP";
	CHECK_ASK(h, "free/file", OPEN);
	TEST_CHECK(ask_in(h, "other") == OPEN);
	h->folder = "$TMP/nowhere";
	TEST_CHECK(ask_in(h, "free") == REFUSED);
	h->folder = "$HOME"; /* nobody of that uid has one */
	TEST_CHECK(ask_in(h, "free") == REFUSED);
	h->folder = "C:\\Users";
	TEST_CHECK(ask_in(h, "free") == REFUSED);
	h->folder = NULL;
	h->restricted = test_path(restricted, h->top, "free/sub");
	CHECK_ASK(h, "free/sub", RESTRICTED);
	CHECK_ASK(h, "free/sub/deep", RESTRICTED);
	CHECK_ASK(h, "free", RESTRICTED);
	CHECK_ASK(h, "free/file", OPEN);
	h->restricted = NULL;
	h->engine = restricted; /* "engineRoots": the state folder of an engine */
	CHECK_ASK(h, "free/sub/deep", RESTRICTED);
	CHECK_ASK(h, "free", RESTRICTED);
	CHECK_ASK(h, "free/file", OPEN);
	return 0;
}

static void test_ways_round(void **state)
{
	(void)state;
	in_host(ways_round);
}

static void test_mounted_below(void **state)
{
	(void)state;
	in_host(mounted_below);
}

static void test_sockets(void **state)
{
	(void)state;
	in_host(sockets);
}

static void test_run_user(void **state)
{
	(void)state;
	in_host(run_user);
}

static void test_settings(void **state)
{
	(void)state;
	in_host(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways_round), cmocka_unit_test(test_mounted_below),
		cmocka_unit_test(test_sockets),	   cmocka_unit_test(test_run_user),
		cmocka_unit_test(test_settings),
	};

	if (!test_is_root("makes a host of mounts to judge"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
