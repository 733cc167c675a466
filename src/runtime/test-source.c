/* SPDX-License-Identifier: Apache-2.0 */
/* Whose is a mount source? An engine's data root of our own stands for /var/lib/docker: it is named
 * in "engineRoots". */
#include "runtime/source.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/test-runtime.h"

#define OWN "0123456789abcdef"
#define OTHER "fedcba9876543210"

static const struct {
	const char *path; /* below the engine's root; with a slash at its end: a folder */
	enum source_kind kind, building;
} rows[] = {
	/* what dockerd writes for a container; another's: see test_joined() */
	{ "containers/" OWN "/hosts", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OWN "/hostname", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OWN "/resolv.conf", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OWN "/mounts/shm/", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OTHER "/hosts", SOURCE_HOST, SOURCE_HOST },
	{ "containers/" OTHER "/mounts/shm/", SOURCE_HOST, SOURCE_HOST },
	/* secrets and configs: of its own id only (design section 5) */
	{ "containers/" OWN "/mounts/secrets/", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OWN "/mounts/secrets/a/b", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OWN "/mounts/configs/x", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OWN "/secrets/a", SOURCE_ENGINE, SOURCE_ENGINE },
	{ "containers/" OTHER "/mounts/secrets/a", SOURCE_HOST, SOURCE_HOST },
	{ "containers/" OTHER "/mounts/configs/x", SOURCE_HOST, SOURCE_HOST },
	{ "containers/" OTHER "/secrets/a", SOURCE_HOST, SOURCE_HOST },
	/* what else lies beside them */
	{ "containers/" OWN "/config.v2.json", SOURCE_HOST, SOURCE_HOST },
	{ "containers/" OWN "/hosts.old", SOURCE_HOST, SOURCE_HOST },
	{ "containers/" OWN "/x/hosts", SOURCE_HOST, SOURCE_HOST },
	{ "containers/" OWN "/", SOURCE_HOST, SOURCE_HOST },
	{ "containers/hosts", SOURCE_HOST, SOURCE_HOST },
	{ "hosts", SOURCE_HOST, SOURCE_HOST },
	{ "x/containers/" OWN "/hosts", SOURCE_HOST, SOURCE_HOST },
	/* volumes, and parts of them (volume-subpath); no build has any */
	{ "volumes/v/_data/", SOURCE_ENGINE, SOURCE_HOST },
	{ "volumes/v/_data/sub/", SOURCE_ENGINE, SOURCE_HOST },
	{ "volumes/v/", SOURCE_HOST, SOURCE_HOST },
	{ "volumes/v/_databank/", SOURCE_HOST, SOURCE_HOST },
	{ "volumes/", SOURCE_HOST, SOURCE_HOST },
	{ "volumes/metadata.db", SOURCE_HOST, SOURCE_HOST },
	/* BuildKit's, only while it builds */
	{ "buildkit/executor/resolv.conf", SOURCE_HOST, SOURCE_ENGINE },
	{ "buildkit/cache.db", SOURCE_HOST, SOURCE_HOST },
	{ "tmp/buildkit-mount1/", SOURCE_HOST, SOURCE_ENGINE },
	{ "overlay2/abc/diff/x", SOURCE_HOST, SOURCE_ENGINE },
	{ "overlay2/abc/merged/", SOURCE_HOST, SOURCE_ENGINE },
	{ "overlay2/abc/", SOURCE_HOST, SOURCE_HOST },
	{ "overlay2/", SOURCE_HOST, SOURCE_HOST },
	{ "image/x", SOURCE_HOST, SOURCE_HOST },
};

static void make(const char *root, const char *path)
{
	char full[PATH_MAX];
	char *end;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	end = strrchr(full, '/');
	*end = '\0';
	assert_int_equal(file_mkdirs(full, 0755), 0);
	if (end[1] == '\0')
		return;
	*end = '/';
	end = full + strlen(root) + 1;
	test_put(root, end, "");
}

static void with_root(struct runtime *rt, const char *root, const char **items, const char *bundle)
{
	test_runtime(rt, "{}");
	rt->args.id = OWN;
	rt->inst.private_dir = true;
	*items = root;
	rt->facts.engines = (struct facts_list){ items, 1 };
	(void)snprintf(rt->bundle, sizeof(rt->bundle), "%s", bundle);
}

static enum source_kind classify(struct runtime *rt, const char *path, const char *dest)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);
	struct err err = ERR_INIT;
	enum source_kind kind;

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	if (source_classify(rt, fd, path, dest, &kind, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	return kind;
}

static void test_engine_root(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char root[PATH_MAX], bundle[PATH_MAX], path[PATH_MAX];
	const char *items[1];
	struct runtime rt;

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, root));
	test_path(bundle, root, "buildkit/executor/xyz");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		make(root, rows[i].path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum source_kind kind, building;

		test_path(path, root, rows[i].path);
		with_root(&rt, root, items, "/run/containerd/io.containerd.runtime.v2.task/moby/x");
		kind = classify(&rt, path, "/dest");
		runtime_done(&rt);
		with_root(&rt, root, items, bundle);
		building = classify(&rt, path, "/dest");
		runtime_done(&rt);
		if (kind != rows[i].kind || building != rows[i].building)
			fail_msg("%s: %d, %d while building", rows[i].path, kind, building);
	}
}

/* --network, --ipc container:X: the files of X, and still not its secrets. */
static void test_joined(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char root[PATH_MAX], path[PATH_MAX];
	const char *items[1];
	struct runtime rt;

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, root));
	make(root, "containers/" OTHER "/hosts");
	make(root, "containers/" OTHER "/mounts/shm/");
	make(root, "containers/" OTHER "/mounts/secrets/a");
	with_root(&rt, root, items, "/b");
	rt.joined = true;
	test_path(path, root, "containers/" OTHER "/hosts");
	assert_int_equal(classify(&rt, path, "/etc/hosts"), SOURCE_ENGINE);
	test_path(path, root, "containers/" OTHER "/mounts/shm");
	assert_int_equal(classify(&rt, path, "/dev/shm"), SOURCE_ENGINE);
	test_path(path, root, "containers/" OTHER "/mounts/secrets/a");
	assert_int_equal(classify(&rt, path, "/run/secrets/a"), SOURCE_HOST);
	runtime_done(&rt);
}

/* It is the object that counts, not the name by which it was asked for. */
static void test_by_link(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char top[PATH_MAX], root[PATH_MAX], path[PATH_MAX];
	const char *items[1];
	struct runtime rt;

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, top));
	test_mkdir(top, "root");
	test_mkdir(top, "rootless");
	test_path(root, top, "root");
	make(root, "volumes/v/_data/");
	make(root, "volumes/w/");
	make(root, "secret");
	make(top, "rootless/volumes/v/_data/");
	assert_int_equal(symlink("root/volumes/v/_data", test_path(path, top, "to-volume")), 0);
	assert_int_equal(symlink("../../secret", test_path(path, root, "volumes/w/_data")), 0);
	with_root(&rt, root, items, "/b");
	assert_int_equal(classify(&rt, test_path(path, top, "to-volume"), "/d"), SOURCE_ENGINE);
	assert_int_equal(classify(&rt, test_path(path, root, "volumes/w/_data"), "/d"),
			 SOURCE_HOST);
	assert_int_equal(classify(&rt, test_path(path, root, "volumes/v/../v/_data/."), "/d"),
			 SOURCE_ENGINE);
	/* a name that only begins as the root's */
	assert_int_equal(classify(&rt, test_path(path, top, "rootless/volumes/v/_data"), "/d"),
			 SOURCE_HOST);
	assert_int_equal(classify(&rt, root, "/d"), SOURCE_HOST);
	runtime_done(&rt);
}

static int volumes(void *data)
{
	const char *top = data;
	char root[PATH_MAX], bound[PATH_MAX], own[PATH_MAX], host[PATH_MAX];
	const char *items[1];
	struct runtime rt;

	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	test_path(root, top, "root");
	test_path(host, top, "host");
	test_path(own, root, "volumes/own/_data");
	test_path(bound, root, "volumes/bound/_data");
	TEST_CHECK(mount("tmpfs", host, "tmpfs", 0, "size=64k") == 0);
	TEST_CHECK(mount(host, bound, NULL, MS_BIND, NULL) == 0);
	TEST_CHECK(mount("tmpfs", own, "tmpfs", 0, "size=64k") == 0);
	with_root(&rt, root, items, "/b");
	TEST_CHECK(classify(&rt, own, "/d") == SOURCE_ENGINE);
	TEST_CHECK(classify(&rt, bound, "/d") == SOURCE_HOST);
	TEST_CHECK(classify(&rt, test_path(own, root, "volumes/plain/_data"), "/d") ==
		   SOURCE_ENGINE);
	runtime_done(&rt);
	return 0;
}

/* A volume on which its driver mounted something: a file system of its own is the engine's; one
 * that the host has elsewhere is a bind of a host path in disguise (local driver, o=bind). */
static void test_volumes(void **state)
{
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char top[PATH_MAX];

	(void)state;
	if (!test_is_root("mounts on volumes"))
		skip();
	test_dir_new(made);
	assert_non_null(realpath(made, top));
	make(top, "root/volumes/own/_data/");
	make(top, "root/volumes/bound/_data/");
	make(top, "root/volumes/plain/_data/");
	make(top, "host/");
	assert_int_equal(test_in_child(volumes, top), 0);
}

/* What BuildKit has put together for a step is of its own layers only, and only its steps have it.
 */
static void test_overlays(void **state)
{
	static const struct {
		const char *options;
		const char *bundle; /* below the root */
		const char *why;
	} bad[] = {
		{ "[\"lowerdir=/etc:/usr\"]", "buildkit/executor/x", "none of the engine's: /etc" },
		{ "[\"lowerdir=%s/overlay2/a/diff:/etc\"]", "buildkit/executor/x", ": /etc" },
		{ "[\"lowerdir=%s/overlay2/a/diff:%s/volumes/v/_data\"]", "buildkit/executor/x",
		  "volumes/v/_data" },
		{ "[\"lowerdir=%s/overlay2/a/diff\",\"upperdir=/etc\",\"workdir=/usr\"]",
		  "buildkit/executor/x", ": /etc" },
		{ "[\"lowerdir=a/diff\"]", "buildkit/executor/x", "a/diff" },
		{ "[\"lowerdir=/etc\",\"x=a,upperdir=/usr\"]", "buildkit/executor/x",
		  "an option that gabion" },
		{ "[\"ro\"]", "buildkit/executor/x", "without a lowerdir" },
		{ "[\"lowerdir=%s/overlay2/a/diff\",\"lowerdir+=/etc\"]", "buildkit/executor/x",
		  "an option that gabion" },
		{ "[\"lowerdir=%s/overlay2/a/diff:%s/overlay2/a/diff\"]", "containers/x",
		  "not for containers" },
	};
	CLEANUP_TEST_DIR char made[TEST_DIR_MAX] = "";
	char root[PATH_MAX];

	(void)state;
	test_dir_new(made);
	assert_non_null(realpath(made, root));
	make(root, "overlay2/a/diff/");
	make(root, "volumes/v/_data/");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP_BUF struct buf spec = BUF_INIT(65536);
		struct slice left = slice_str(bad[i].options);
		const char *items[1] = { root };
		struct err err = ERR_INIT;
		struct slice part;
		struct runtime rt;

		buf_add_str(&spec, "{\"mounts\":[{\"type\":\"overlay\",\"source\":\"overlay\","
				   "\"destination\":\"/m\",\"options\":");
		for (bool first = true; slice_split(&left, '%', &part); first = false) {
			if (!first)
				buf_add_str(&spec, root);
			buf_add_slice(&spec, slice_from(part, first ? 0 : 1));
		}
		buf_add_str(&spec, "}]}");
		test_runtime(&rt, spec.p);
		rt.args.id = OWN;
		rt.inst.private_dir = true;
		rt.facts.engines = (struct facts_list){ items, 1 };
		test_path(rt.bundle, root, bad[i].bundle);
		assert_int_not_equal(edit_binds(&rt, &err), 0);
		if (!strstr(err.text, bad[i].why))
			fail_msg("%s: %s", bad[i].options, err.text);
		runtime_done(&rt);
	}
}

/* The program of --init is known by both names, its owner and its mode. */
static void test_tools(void **state)
{
	static const char init[] = "/usr/bin/docker-init";
	const char *items[1];
	struct runtime rt;

	(void)state;
	with_root(&rt, "/nowhere", items, "/b");
	assert_int_equal(classify(&rt, "/bin/sh", "/sbin/docker-init"), SOURCE_HOST);
	assert_int_equal(classify(&rt, "/etc/hostname", "/etc/hostname"), SOURCE_HOST);
	if (access(init, F_OK) == 0) {
		assert_int_equal(classify(&rt, init, "/sbin/docker-init"), SOURCE_ENGINE);
		assert_int_equal(classify(&rt, init, "/bin/sh"), SOURCE_HOST);
	} else {
		print_message("SKIPPED in part: %s is not installed\n", init);
	}
	runtime_done(&rt);
}

static void test_cgroup(void **state)
{
	const char *items[1];
	struct runtime rt;

	(void)state;
	with_root(&rt, "/nowhere", items, "/b");
	if (access("/sys/fs/cgroup", F_OK) == 0)
		assert_int_equal(classify(&rt, "/sys/fs/cgroup", "/sys/fs/cgroup"), SOURCE_CGROUP);
	assert_int_equal(classify(&rt, "/sys/fs", "/sys/fs/cgroup"), SOURCE_HOST);
	runtime_done(&rt);
}

static bool has_root(struct runtime *rt, const char *root)
{
	for (const char *const *p = source_engine_roots(rt); *p; p++)
		if (strcmp(*p, root) == 0)
			return true;
	return false;
}

/* A private instance has nothing to do with the engines of the host. */
static void test_roots(void **state)
{
	const char *items[] = { "/srv/docker", "/data" };
	struct runtime rt;

	(void)state;
	test_runtime(&rt, "{}");
	rt.facts.engines = (struct facts_list){ items, 2 };
	assert_true(has_root(&rt, "/var/lib/docker"));
	assert_true(has_root(&rt, "/var/lib/containers/storage"));
	assert_true(has_root(&rt, "/srv/docker") && has_root(&rt, "/data"));
	assert_false(has_root(&rt, "/state/lib/engine"));
	rt.inst.private_dir = true;
	assert_false(has_root(&rt, "/var/lib/docker"));
	assert_true(has_root(&rt, "/state/lib/engine"));
	assert_true(has_root(&rt, "/state/lib/containerd"));
	assert_true(has_root(&rt, "/srv/docker") && has_root(&rt, "/data"));
	runtime_done(&rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engine_root), cmocka_unit_test(test_joined),
		cmocka_unit_test(test_by_link),	    cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_overlays),    cmocka_unit_test(test_tools),
		cmocka_unit_test(test_cgroup),	    cmocka_unit_test(test_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
