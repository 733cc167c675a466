/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root: reads /etc/subuid, /etc/subgid, /etc/passwd and /etc/group in a mount namespace where
 * these are files of ours. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "settings/ranges.h"
#include "settings/users.h"

static const char *const names[] = { "passwd", "group", "subuid", "subgid" };

/* What the files say in one test; NULL: the file is empty. */
struct files {
	const char *text[4];
	int (*fn)(const char *dir);
	const char *dir;
};

static int in_namespace(void *data)
{
	const struct files *f = data;

	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	for (size_t i = 0; i < 4; i++) {
		char mine[PATH_MAX], host[PATH_MAX];
		int fd = open(test_path(host, "/etc", names[i]), O_RDONLY | O_CREAT | O_CLOEXEC,
			      0644);

		TEST_CHECK(fd >= 0 && close(fd) == 0); /* mounting needs a place */
		test_put(f->dir, names[i], f->text[i] ? f->text[i] : "");
		test_path(mine, f->dir, names[i]);
		TEST_CHECK(mount(mine, host, NULL, MS_BIND, NULL) == 0);
	}
	return f->fn(f->dir);
}

static void with_files(int (*fn)(const char *dir), const char *passwd, const char *group,
		       const char *subuid, const char *subgid)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct files f = { { passwd, group, subuid, subgid }, fn, dir };

	test_dir_new(dir);
	assert_int_equal(test_in_child(in_namespace, &f), 0);
}

#define FACTS ((struct facts){ .ids_per_container = 65536 })

static int pool_default(const char *dir)
{
	CLEANUP_FREE struct ranges *set = calloc(1, sizeof(*set));
	struct facts f = FACTS;

	(void)dir;
	set->n = 3;
	TEST_CHECK(ranges_pool(&f, set, NULL) == 0);
	TEST_CHECK(set->n == 1);
	TEST_CHECK(set->r[0].start == 1879048192 && set->r[0].count == 2147352575 - 1879048192 + 1);
	return 0;
}

static int pool_entry(const char *dir)
{
	CLEANUP_FREE struct ranges *set = calloc(1, sizeof(*set));
	struct facts f = FACTS;

	(void)dir;
	TEST_CHECK(ranges_pool(&f, set, NULL) == 0);
	TEST_CHECK(set->n == 2);
	TEST_CHECK(set->r[0].start == 1000000 && set->r[0].count == 655360);
	TEST_CHECK(set->r[1].start == 5000000 && set->r[1].count == 65536);
	/* gabion.json is stronger */
	f.has_range = true;
	f.range_start = 100000;
	f.range_count = 131072;
	TEST_CHECK(ranges_pool(&f, set, NULL) == 0);
	TEST_CHECK(set->n == 1 && set->r[0].start == 100000 && set->r[0].count == 131072);
	return 0;
}

static int pool_differs(const char *dir)
{
	CLEANUP_FREE struct ranges *set = calloc(1, sizeof(*set));
	struct facts f = FACTS;
	struct err err = ERR_INIT;

	(void)dir;
	TEST_CHECK(ranges_pool(&f, set, &err) < 0);
	TEST_CHECK(strstr(err.text, "/etc/subuid") && strstr(err.text, "/etc/subgid"));
	f.has_range = true; /* then nobody asks them */
	f.range_start = 100000;
	f.range_count = 65536;
	TEST_CHECK(ranges_pool(&f, set, NULL) == 0);
	return 0;
}

static void test_pool(void **state)
{
	static const char own[] =
		"user:100000:65536\ngabion:1000000:655360\ngabion:5000000:65536\n";

	(void)state;
	with_files(pool_default, NULL, NULL, NULL, NULL);
	with_files(pool_default, NULL, NULL, "user:100000:65536\n", "user:200000:65536\n");
	with_files(pool_entry, NULL, NULL, own, own);
	with_files(pool_entry, NULL, NULL, own,
		   "gabion:1000000:655360\ngabion:5000000:65536\nx:1:1\n");
	with_files(pool_differs, NULL, NULL, own, NULL);
	with_files(pool_differs, NULL, NULL, NULL, own);
	with_files(pool_differs, NULL, NULL, "gabion:1000000:65536\n", "gabion:1000001:65536\n");
	with_files(pool_differs, NULL, NULL, "gabion:1000000:65536\n", "gabion:1000000:65537\n");
	with_files(pool_differs, NULL, NULL, own, "gabion:1000000:655360\n");
}

/* Ids of users' entries and of accounts, uids and gids alike; not gabion's own. */
static int taken(const char *dir)
{
	static const uint32_t yes[] = { 0, 1000, 1879050000, 100000, 165535, 200000, 265535, 44 };
	static const uint32_t no[] = { 1,     999,    1001,    1879049999, 1879050001,
				       99999, 165536, 1000000, 1065535,	   45 };
	CLEANUP_FREE struct ranges *set = calloc(1, sizeof(*set));
	uint64_t end;

	(void)dir;
	set->n = 1; /* is begun anew */
	set->r[0] = (struct range){ 999, 1 };
	TEST_CHECK(ranges_taken(set, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		TEST_CHECK(ranges_hit(set, yes[i], 1, &end));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		TEST_CHECK(!ranges_hit(set, no[i], 1, &end));
	return 0;
}

static void test_taken(void **state)
{
	(void)state;
	with_files(taken, "root:x:0:0::/:\nuser:x:1000:1000::/:\n",
		   "root:x:0:\nvideo:x:44:user\nodd:x:1879050000:\n",
		   "user:100000:65536\ngabion:1000000:65536\n",
		   "user:200000:65536\ngabion:1000000:65536\n");
}

/* Ranges that are or will be set aside for users are nobody else's, whatever the pool is; nor are
 * they somebody's by /etc/subuid. */
static int aside_is_taken(const char *dir)
{
	CLEANUP_FREE struct ranges *set = calloc(1, sizeof(*set));
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	uint64_t end;

	TEST_CHECK(ranges_taken(set, NULL) == 0);
	TEST_CHECK(ranges_hit(set, 1610612736u, 1, &end));
	TEST_CHECK(ranges_hit(set, 1610612736u + 268435455u, 1, &end));
	for (uint32_t i = 0; i < 4; i++) {
		struct range u, g;

		TEST_CHECK(users_subordinate(&a, dir, 5000 + i, &u, &g, NULL) == 0);
		TEST_CHECK(ranges_hit(set, u.start, u.count, &end));
		/* the entries below are in the second, the third and the fifth of these ranges */
		TEST_CHECK(u.start + u.count <= 1610712736u || u.start > 1610712736u + 65536);
		TEST_CHECK(u.start + u.count <= 1610900000u || u.start > 1610900000u);
	}
	return 0;
}

static void test_aside_is_taken(void **state)
{
	(void)state;
	with_files(aside_is_taken, NULL, NULL, "other:1610712736:65536\n", "other:1610900000:1\n");
}

static int subordinate(const char *dir)
{
	struct range r = { 7, 7 };
	char path[PATH_MAX];

	TEST_CHECK(ranges_subordinate("/etc/subuid", "user", 1000, &r, NULL) == 0);
	TEST_CHECK(r.start == 300000 && r.count == 1000); /* its first */
	TEST_CHECK(ranges_subordinate("/etc/subuid", NULL, 1000, &r, NULL) == 0);
	TEST_CHECK(r.start == 300000);
	TEST_CHECK(ranges_subordinate("/etc/subuid", "other", 1001, &r, NULL) == 0);
	TEST_CHECK(r.start == 500000 && r.count == 65536);
	r = (struct range){ 7, 7 };
	TEST_CHECK(ranges_subordinate("/etc/subuid", "none", 1002, &r, NULL) == 1);
	TEST_CHECK(ranges_subordinate("/etc/subgid", "user", 1000, &r, NULL) == 1);
	test_path(path, dir, "missing");
	TEST_CHECK(ranges_subordinate(path, "user", 1000, &r, NULL) == 1);
	TEST_CHECK(r.start == 7 && r.count == 7);
	return 0;
}

static void test_subordinate(void **state)
{
	(void)state;
	with_files(subordinate, NULL, NULL,
		   "1000:300000:1000\nother:500000:65536\nuser:400000:65536\n", NULL);
}

static int user_names(const char *dir)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);

	(void)dir;
	TEST_CHECK(strcmp(users_name(&a, 0), "root") == 0);
	TEST_CHECK(strcmp(users_name(&a, 1000), "first") == 0); /* as getpwuid(3) */
	TEST_CHECK(strcmp(users_name(&a, 4294967294u), "last") == 0);
	TEST_CHECK(!users_name(&a, 1));
	TEST_CHECK(!users_name(&a, 100));
	TEST_CHECK(strcmp(users_home(&a, 0), "/") == 0);
	TEST_CHECK(strcmp(users_home(&a, 1000), "/home/first") == 0);
	TEST_CHECK(strcmp(users_home(&a, 4294967294u), "/last") == 0);
	TEST_CHECK(!users_home(&a, 1002)); /* no path */
	TEST_CHECK(!users_home(&a, 1003)); /* no field */
	TEST_CHECK(!users_home(&a, 1));
	return 0;
}

static void test_user_names(void **state)
{
	(void)state;
	with_files(user_names,
		   "root:x:0:0::/:\nbroken\n#:1\nfirst:x:1000:100::/home/first:/bin/sh\n"
		   "second:x:1000:100::/home/second:\nthird:x:1002:1::home:\n"
		   "fourth:x:1003:1:\nlast:x:4294967294:1::/last",
		   NULL, NULL, NULL);
}

static int by_entry(const char *dir)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct range u, g;
	char path[PATH_MAX];

	TEST_CHECK(users_subordinate(&a, dir, 1000, &u, &g, NULL) == 0);
	TEST_CHECK(u.start == 100000 && u.count == 65536);
	TEST_CHECK(g.start == 200000 && g.count == 1000);
	TEST_CHECK(access(test_path(path, dir, "users"), F_OK) < 0); /* nothing set aside */
	return 0;
}

static bool aside(const struct range *r)
{
	return r->start >= RANGES_USERS_START && r->count == 65536 &&
	       (uint64_t)r->start + r->count <= (uint64_t)RANGES_USERS_START + RANGES_USERS_COUNT;
}

/* Without entries: a range for good, another for each user. */
static int set_aside(const char *dir)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct range u[8], g, again;
	char ids[PATH_MAX];

	test_path(ids, dir, "ids/deep"); /* is made */
	for (uint32_t i = 0; i < 8; i++) {
		TEST_CHECK(users_subordinate(&a, ids, 2000 + i, &u[i], &g, NULL) == 0);
		TEST_CHECK(aside(&u[i]) && g.start == u[i].start && g.count == u[i].count);
		for (uint32_t k = 0; k < i; k++)
			TEST_CHECK(u[k].start + 65536 <= u[i].start ||
				   u[i].start + 65536 <= u[k].start);
	}
	for (uint32_t i = 8; i-- > 0;) {
		TEST_CHECK(users_subordinate(&a, ids, 2000 + i, &again, &g, NULL) == 0);
		TEST_CHECK(again.start == u[i].start && again.count == u[i].count);
	}
	return 0;
}

/* Whoever has subordinate ids could be each of them in turn. */
static int of_subordinate(const char *dir)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct err err = ERR_INIT;
	struct range u, g;

	TEST_CHECK(users_subordinate(&a, dir, 100000, &u, &g, &err) == -EPERM);
	TEST_CHECK(strstr(err.text, "user 100000 is a subordinate id of another account"));
	TEST_CHECK(users_subordinate(&a, dir, 165535, &u, &g, NULL) == -EPERM);
	TEST_CHECK(users_subordinate(&a, dir, 165536, &u, &g, NULL) == 0 && aside(&u));
	TEST_CHECK(users_subordinate(&a, dir, 2000, &u, &g, NULL) == 0); /* only root's */
	return 0;
}

/* Only one of the two files has an entry: that one is used, the other set aside. */
static int half_entry(const char *dir)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct range u, g;

	TEST_CHECK(users_subordinate(&a, dir, 1000, &u, &g, NULL) == 0);
	TEST_CHECK(u.start == 100000 && u.count == 65536);
	TEST_CHECK(aside(&g));
	return 0;
}

static void test_subordinate_of_users(void **state)
{
	static const char passwd[] = "user:x:1000:1000::/:\n";

	(void)state;
	with_files(by_entry, passwd, NULL, "user:100000:65536\n", "1000:200000:1000\n");
	with_files(set_aside, passwd, NULL, NULL, NULL);
	with_files(of_subordinate, passwd, NULL, "user:100000:65536\nroot:2000:1\n", NULL);
	with_files(half_entry, passwd, NULL, "user:100000:65536\n", NULL);
}

#define MANY 40

/* Many processes at once, two for each user: each pair has one range, no two pairs the same. */
static int parallel(const char *dir)
{
	struct range got[MANY];
	int go[2], out[2];
	char ids[PATH_MAX];

	test_path(ids, dir, "ids");
	TEST_CHECK(pipe2(go, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	for (uint32_t i = 0; i < MANY; i++) {
		if (fork() == 0) {
			struct arena a = ARENA_INIT(65536);
			uint32_t say[2] = { i, 0 };
			struct range u, g;
			char c;

			(void)close(go[1]);
			(void)!read(go[0], &c, 1); /* all at once, when the parent closes it */
			if (users_subordinate(&a, ids, 3000 + i / 2, &u, &g, NULL) == 0)
				say[1] = u.start;
			_exit(write(out[1], say, sizeof(say)) == sizeof(say) ? 0 : 1);
		}
	}
	TEST_CHECK(close(go[1]) == 0);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t say[2];

		TEST_CHECK(read(out[0], say, sizeof(say)) == sizeof(say));
		got[say[0]] = (struct range){ say[1], 65536 };
	}
	while (wait(NULL) > 0)
		;
	for (uint32_t i = 0; i < MANY; i++) {
		TEST_CHECK(aside(&got[i]));
		for (uint32_t k = 0; k < i; k++)
			TEST_CHECK((got[i].start == got[k].start) == (i / 2 == k / 2));
	}
	return 0;
}

static void test_parallel(void **state)
{
	(void)state;
	with_files(parallel, NULL, NULL, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),	       cmocka_unit_test(test_taken),
		cmocka_unit_test(test_aside_is_taken), cmocka_unit_test(test_subordinate),
		cmocka_unit_test(test_user_names),     cmocka_unit_test(test_subordinate_of_users),
		cmocka_unit_test(test_parallel),
	};

	if (!test_is_root("reads /etc/subuid and others in a mount namespace of its own"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
