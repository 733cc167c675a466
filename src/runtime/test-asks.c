/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needs root. The rights of whoever asked (design section 5): which ids of the host a bind shows as
 * which ids of the container, and which paths the asker may open. /etc/subuid and /etc/subgid are
 * files of the test's own.
 */
#include "runtime/asks.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/test-dir.h"
#include "linux/userns.h"
#include "runtime/test-runtime.h"

#define BASE 1900000000u
#define SIZE 65536u
#define GHOST 2147483648u

struct files {
	char dir[TEST_DIR_MAX];
	const char *subuid, *subgid;
	int (*fn)(const struct files *f);
};

static int in_namespace(void *data)
{
	const struct files *f = data;
	char path[PATH_MAX];

	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	test_put(f->dir, "passwd", "root:x:0:0::/:\nuser:x:1000:1000::/:\n");
	test_put(f->dir, "subuid", f->subuid);
	test_put(f->dir, "subgid", f->subgid);
	TEST_CHECK(mount(test_path(path, f->dir, "passwd"), "/etc/passwd", NULL, MS_BIND, NULL) ==
		   0);
	TEST_CHECK(mount(test_path(path, f->dir, "subuid"), "/etc/subuid", NULL, MS_BIND, NULL) ==
		   0);
	TEST_CHECK(mount(test_path(path, f->dir, "subgid"), "/etc/subgid", NULL, MS_BIND, NULL) ==
		   0);
	TEST_CHECK(setenv("GABION_IDS_DIR", f->dir, 1) == 0);
	return f->fn(f);
}

static void with_files(int (*fn)(const struct files *f), const char *subuid, const char *subgid)
{
	struct files f = { .subuid = subuid, .subgid = subgid, .fn = fn };
	int r;

	test_dir_new(f.dir);
	r = test_in_child(in_namespace, &f);
	test_dir_remove(f.dir);
	assert_int_equal(r, 0);
}

/* User 1000 with groups 1000, 27 and 1001. */
static void asker(struct runtime *rt)
{
	runtime_init(rt);
	rt->base = BASE;
	rt->size = SIZE;
	rt->has_asker = true;
	rt->asker =
		(struct asker){ .uid = 1000, .gid = 1000, .ngroups = 2, .groups = { 27, 1001 } };
}

struct maps {
	struct idmap uids, gids;
};

/* The host's id as the container's bind shows it; UINT32_MAX: not at all. */
static uint32_t shown(const struct idmap *m, uint32_t host)
{
	uint32_t id;

	return idmap_outside(m, host, &id) ? id : UINT32_MAX;
}

static int get_maps(struct runtime *rt, gid_t group, struct maps *ret, int *ret_fd)
{
	struct err err = ERR_INIT;
	int fd = asks_userns(rt, group, &err);

	if (fd < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	TEST_CHECK(fd >= 0);
	TEST_CHECK(userns_read_maps(fd, &ret->uids, &ret->gids, NULL) == 0);
	*ret_fd = fd;
	return 0;
}

/* Every id of `m`: own to the container's root, the subordinate ones to its further ids, all else
 * to a ghost. */
static int check_map(const struct idmap *m, uint32_t own, uint32_t sub, uint32_t n)
{
	const uint32_t ids[] = { 0,	      1,	   999,	    1000,	1001,
				 27,	      65534,	   sub - 1, sub,	sub + 1,
				 sub + n - 2, sub + n - 1, sub + n, 2147483646, own };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint32_t want = ids[i] == own			    ? BASE
				: ids[i] >= sub && ids[i] < sub + n ? BASE + 1 + (ids[i] - sub)
								    : GHOST + ids[i];

		if (shown(m, ids[i]) != want) {
			(void)fprintf(stderr, "%u is %u, not %u\n", ids[i], shown(m, ids[i]), want);
			return __LINE__;
		}
	}
	return 0;
}

static int map_by_entry(const struct files *f)
{
	struct runtime rt;
	struct maps m;
	int first, again, r;

	(void)f;
	asker(&rt);
	/* a source of a group that the asker is in: gid 0 is that group */
	r = get_maps(&rt, 27, &m, &first);
	if (r == 0)
		r = check_map(&m.uids, 1000, 100000, 65535);
	if (r == 0)
		r = check_map(&m.gids, 27, 300000, 1000);
	if (r)
		return r;
	/* made once for each group */
	TEST_CHECK(asks_userns(&rt, 27, NULL) == first);
	/* a source of another's group: the asker's own */
	r = get_maps(&rt, 0, &m, &again);
	if (r == 0)
		r = check_map(&m.uids, 1000, 100000, 65535);
	if (r == 0)
		r = check_map(&m.gids, 1000, 300000, 1000);
	if (r)
		return r;
	TEST_CHECK(again != first);
	TEST_CHECK(asks_userns(&rt, 50, NULL) == again);
	TEST_CHECK(asks_userns(&rt, 1000, NULL) == again);
	TEST_CHECK(asks_owns(&rt, 100000) && asks_owns(&rt, 165535));
	TEST_CHECK(!asks_owns(&rt, 99999) && !asks_owns(&rt, 165536) && !asks_owns(&rt, 0));
	runtime_done(&rt);
	return 0;
}

/* No entry: the range that is set aside for the user. */
static int map_set_aside(const struct files *f)
{
	struct runtime rt;
	struct maps m;
	int fd, r;

	(void)f;
	asker(&rt);
	r = get_maps(&rt, 1000, &m, &fd);
	if (r == 0)
		r = check_map(&m.uids, 1000, 1610612736, 65535);
	if (r == 0)
		r = check_map(&m.gids, 1000, 1610612736, 65535);
	runtime_done(&rt);
	return r;
}

/* A container with more ids: the map ends where the user's do. */
static int map_larger(const struct files *f)
{
	struct runtime rt;
	struct maps m;
	int fd, r;

	(void)f;
	asker(&rt);
	rt.size = 131072;
	r = get_maps(&rt, 1000, &m, &fd);
	if (r == 0)
		r = check_map(&m.uids, 1000, 100000, 65536);
	runtime_done(&rt);
	return r;
}

/* What the process of the container is told to run as. */
static int process(struct runtime *rt, const char *spec)
{
	struct json_limits limits = JSON_LIMITS;

	TEST_CHECK(json_parse(&rt->arena, slice_str(spec), &limits, &rt->spec, NULL, NULL) == 0);
	return 0;
}

/* The user's number is the user's in there, too: root has the id that it would have had. */
static int check_own_number(struct runtime *rt, const char *spec, struct maps *ret)
{
	int fd;
	int r = process(rt, spec);

	if (r == 0)
		r = get_maps(rt, 1000, ret, &fd);
	if (r)
		return r;
	TEST_CHECK(shown(&ret->uids, 1000) == BASE + 1000 &&
		   shown(&ret->gids, 1000) == BASE + 1000);
	TEST_CHECK(shown(&ret->uids, 100999) == BASE && shown(&ret->gids, 300999) == BASE);
	TEST_CHECK(shown(&ret->uids, 0) == GHOST && shown(&ret->gids, 0) == GHOST);
	return 0;
}

/* The process has its asker's number: it is the asker. */
static int map_process(const struct files *f)
{
	struct runtime rt;
	struct maps m;
	int fd, r;

	(void)f;
	asker(&rt);
	r = check_own_number(&rt, "{\"process\":{\"user\":{\"uid\":1000,\"gid\":1000}}}", &m);
	if (r)
		return r;
	TEST_CHECK(shown(&m.uids, 100000) == BASE + 1 && shown(&m.uids, 100998) == BASE + 999);
	TEST_CHECK(shown(&m.uids, 101000) == BASE + 1001 && shown(&m.uids, 165534) == BASE + 65535);
	TEST_CHECK(shown(&m.gids, 300998) == BASE + 999 &&
		   shown(&m.gids, 301000) == GHOST + 301000);
	/* a source of a further group: that one is root's, the process has its own */
	r = get_maps(&rt, 27, &m, &fd);
	if (r)
		return r;
	TEST_CHECK(shown(&m.gids, 27) == BASE && shown(&m.gids, 1000) == BASE + 1000);
	TEST_CHECK(shown(&m.gids, 300999) == GHOST + 300999 && shown(&m.gids, 300000) == BASE + 1);
	runtime_done(&rt);
	return 0;
}

/* The files of the user keep its number, whoever the process is; unless the container has no such
 * id. */
static int map_own_number(const struct files *f)
{
	struct runtime rt;
	struct maps m;
	int fd, r;

	(void)f;
	asker(&rt);
	rt.asker.own_number = true;
	r = check_own_number(&rt, "{\"process\":{\"user\":{\"uid\":0,\"gid\":0}}}", &m);
	runtime_done(&rt);
	if (r)
		return r;
	asker(&rt);
	rt.asker.own_number = true;
	rt.size = 1000;
	r = get_maps(&rt, 1000, &m, &fd);
	if (r == 0)
		r = check_map(&m.uids, 1000, 100000, 999);
	runtime_done(&rt);
	return r;
}

/* Numbers of others: root is the asker, as ever. Beyond the subordinate ids: the last is root's. */
static int map_process_of_others(const struct files *f)
{
	struct runtime rt;
	struct maps m;
	int fd, r;

	(void)f;
	asker(&rt);
	r = process(&rt, "{\"process\":{\"user\":{\"uid\":1001,\"gid\":4294967295}}}");
	if (r == 0)
		r = get_maps(&rt, 1000, &m, &fd);
	if (r == 0)
		r = check_map(&m.uids, 1000, 100000, 65535);
	if (r == 0)
		r = check_map(&m.gids, 1000, 300000, 500);
	runtime_done(&rt);
	if (r)
		return r;
	asker(&rt);
	r = process(&rt, "{\"process\":{\"user\":{\"uid\":0,\"gid\":1000}}}");
	if (r == 0)
		r = get_maps(&rt, 1000, &m, &fd);
	if (r == 0)
		r = check_map(&m.uids, 1000, 100000, 65535);
	if (r)
		return r;
	TEST_CHECK(shown(&m.gids, 1000) == BASE + 1000 && shown(&m.gids, 300499) == BASE);
	TEST_CHECK(shown(&m.gids, 300498) == BASE + 499 && shown(&m.gids, 300000) == BASE + 1);
	runtime_done(&rt);
	return 0;
}

/* The user's own id among its subordinate ones: an error that says so, no map. */
static int map_refused(const struct files *f)
{
	struct err err = ERR_INIT;
	struct runtime rt;

	(void)f;
	asker(&rt);
	TEST_CHECK(asks_userns(&rt, 1000, &err) < 0);
	TEST_CHECK(strstr(err.text, "user 1000"));
	runtime_done(&rt);
	return 0;
}

static void test_maps(void **state)
{
	(void)state;
	with_files(map_by_entry, "user:100000:65536\n", "user:300000:1000\n");
	with_files(map_set_aside, "", "");
	with_files(map_larger, "user:100000:65536\n", "user:100000:65536\n");
	with_files(map_process, "user:100000:65536\n", "user:300000:1000\n");
	with_files(map_own_number, "user:100000:65536\n", "user:300000:1000\n");
	with_files(map_process_of_others, "user:100000:65536\n", "user:300000:500\n");
	with_files(map_refused, "user:900:65536\n", "user:900:65536\n");
}

/* Root's own binds keep the host's owners: the container's own map. */
static void test_root_asks(void **state)
{
	struct runtime rt;

	(void)state;
	asker(&rt);
	rt.asker.uid = 0;
	rt.userns = 12345;
	assert_int_equal(asks_userns(&rt, 27, NULL), 12345);
	rt.has_asker = false;
	rt.asker.uid = 1000;
	assert_int_equal(asks_userns(&rt, 27, NULL), 12345);
	assert_int_equal(rt.nask_maps, 0);
	rt.userns = -EBADF;
	runtime_done(&rt);
}

/* dir/NAME/file, the folder with this owner and mode. */
static int make_folder(const char *dir, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	char path[PATH_MAX], file[64];

	test_mkdir(dir, name);
	(void)snprintf(file, sizeof(file), "%s/file", name);
	test_put(dir, file, "");
	TEST_CHECK(chown(test_path(path, dir, name), uid, gid) == 0);
	TEST_CHECK(chmod(path, mode) == 0);
	return 0;
}

static int try_open(struct runtime *rt, const char *dir, const char *name)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = asks_open(rt, test_path(path, dir, name), NULL);

	return fd < 0 ? fd : 0;
}

/* Paths open as for the user: its groups count, root's capabilities do not. */
static int opens(const struct files *f)
{
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct runtime rt;
	int r;

	asker(&rt);
	TEST_CHECK(chmod(f->dir, 0755) == 0);
	r = make_folder(f->dir, "root", 0, 0, 0700);
	r = r ? r : make_folder(f->dir, "user", 1000, 1000, 0700);
	r = r ? r : make_folder(f->dir, "member", 0, 27, 0710);
	r = r ? r : make_folder(f->dir, "group", 0, 28, 0710);
	if (r)
		return r;
	TEST_CHECK(try_open(&rt, f->dir, "root") == 0); /* the folder itself can be named */
	TEST_CHECK(try_open(&rt, f->dir, "root/file") == -EACCES);
	TEST_CHECK(try_open(&rt, f->dir, "user/file") == 0);
	TEST_CHECK(try_open(&rt, f->dir, "member/file") == 0);
	TEST_CHECK(try_open(&rt, f->dir, "group/file") == -EACCES);
	TEST_CHECK(try_open(&rt, f->dir, "nothing") == -ENOENT);
	TEST_CHECK(asks_open(&rt, test_path(path, f->dir, "root/file"), &err) == -EACCES);
	TEST_CHECK(strstr(err.text, path) && strstr(err.text, "user 1000"));
	/* this process is root again */
	TEST_CHECK(setfsuid((uid_t)-1) == 0 && setfsgid((gid_t)-1) == 0);
	TEST_CHECK(getgroups(0, NULL) == 0);
	TEST_CHECK(access(path, F_OK) == 0);
	rt.asker.uid = 0;
	TEST_CHECK(try_open(&rt, f->dir, "root/file") == 0);
	runtime_done(&rt);
	return 0;
}

static void test_opens(void **state)
{
	(void)state;
	with_files(opens, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_root_asks),
		cmocka_unit_test(test_opens),
	};

	if (!test_is_root("acts as another user, maps its ids"))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
