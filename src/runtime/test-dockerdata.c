/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/test-dir.h"
#include "runtime/dockerdata.h"
#include "runtime/test-runtime.h"

/* The engine's data root, a volume driver's mount, an overlay of an image mount, parts of them. */
static const char mounts[] =
	"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
	"2 1 8:2 /data /state/lib rw - ext4 /dev/sdb rw\n"
	"3 2 0:50 / /state/lib/engine/volumes/nfs/_data rw - nfs host:/x rw\n"
	"4 2 0:60 / /state/lib/engine/overlay2/abc/merged rw - overlay overlay rw,lowerdir=l/A\n"
	"11 2 8:2 /data/engine/volumes/v/_data/a\\040b /state/lib/engine/tmp/safe-mount1 rw - ext4 "
	"/dev/sdb rw\n"
	"12 2 0:50 /sub /state/lib/engine/tmp/safe-mount2 rw - nfs host:/x rw\n"
	"13 2 0:60 /etc /state/lib/engine/tmp/safe-mount3 rw - overlay overlay rw,lowerdir=l/A\n"
	"14 2 8:1 /etc /state/lib/engine/tmp/safe-mount4 rw - ext4 /dev/sda rw\n"
	"15 2 8:2 /other /state/lib/engine/tmp/safe-mount5 rw - ext4 /dev/sdb rw\n"
	"16 2 0:70 / /state/lib/engine/tmp/safe-mount6 rw - tmpfs tmpfs rw\n";

static void prepare(struct runtime *rt)
{
	test_runtime(rt, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{}}");
	rt->inst.private_dir = true;
	buf_add_str(&rt->mountinfo, mounts);
}

static void assert_whole(uint64_t id, const char *path, const char *want, const char *point)
{
	struct err err = ERR_INIT;
	struct runtime rt;
	const char *got;
	const char *on;

	prepare(&rt);
	assert_int_equal(dockerdata_whole(&rt, id, path, &got, &on, &err), want ? 0 : 1);
	if (want) {
		assert_string_equal(got, want);
		assert_string_equal(on, point);
	}
	runtime_done(&rt);
}

static void part_of_volume(void **state)
{
	(void)state;
	assert_whole(11, "/state/lib/engine/tmp/safe-mount1",
		     "/state/lib/engine/volumes/v/_data/a b", "/state/lib");
	assert_whole(12, "/state/lib/engine/tmp/safe-mount2",
		     "/state/lib/engine/volumes/nfs/_data/sub",
		     "/state/lib/engine/volumes/nfs/_data");
}

static void part_of_image(void **state)
{
	(void)state;
	assert_whole(13, "/state/lib/engine/tmp/safe-mount3",
		     "/state/lib/engine/overlay2/abc/merged/etc",
		     "/state/lib/engine/overlay2/abc/merged");
	assert_whole(13, "/state/lib/engine/tmp/safe-mount3/ssl",
		     "/state/lib/engine/overlay2/abc/merged/etc/ssl",
		     "/state/lib/engine/overlay2/abc/merged");
}

/* The host's file system, the data root's outside of the engine's folder, one of nobody. */
static void part_of_something_else(void **state)
{
	(void)state;
	assert_whole(14, "/state/lib/engine/tmp/safe-mount4", NULL, NULL);
	assert_whole(15, "/state/lib/engine/tmp/safe-mount5", NULL, NULL);
	assert_whole(16, "/state/lib/engine/tmp/safe-mount6", NULL, NULL);
	assert_whole(99, "/state/lib/engine/tmp/safe-mount9", NULL, NULL);
}

static void names_of_parts(void **state)
{
	(void)state;
	assert_true(dockerdata_is_part("tmp/safe-mount123"));
	assert_false(dockerdata_is_part("tmp/buildkit-mount123"));
	assert_false(dockerdata_is_part("volumes/tmp/safe-mount123"));
}

static void put(const char *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	char *slash;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(full, 0755), 0);
	*slash = '/';
	assert_int_equal(file_replace_at(AT_FDCWD, full, slice_str(text), 0644, false), 0);
}

static void image_mounts(void **state)
{
	CLEANUP_TEST_DIR char root[TEST_DIR_MAX] = "";

	(void)state;
	test_dir_new(root);
	put(root, "image/overlay2/layerdb/mounts/c1/mount-id", "own");
	put(root, "image/overlay2/layerdb/mounts/c1-probe/mount-id", "abc");
	put(root, "image/overlay2/layerdb/mounts/c1-host:5000/a/b:tag/mount-id", "def");
	put(root, "image/overlay2/layerdb/mounts/c2-probe/mount-id", "other");
	put(root, "image/vfs/layerdb/mounts/c1-probe/mount-id", "ghi");
	assert_true(dockerdata_is_image_mount(root, "overlay2/abc/merged", "c1"));
	assert_true(dockerdata_is_image_mount(root, "overlay2/abc/merged/etc", "c1"));
	assert_true(dockerdata_is_image_mount(root, "overlay2/def/merged", "c1"));
	assert_true(dockerdata_is_image_mount(root, "vfs/dir/ghi", "c1"));
	assert_false(dockerdata_is_image_mount(root, "overlay2/own/merged", "c1"));
	assert_false(dockerdata_is_image_mount(root, "overlay2/other/merged", "c1"));
	assert_false(dockerdata_is_image_mount(root, "overlay2/ab/merged", "c1"));
	assert_false(dockerdata_is_image_mount(root, "overlay2/abc/merged", "c"));
	assert_false(dockerdata_is_image_mount(root, "vfs/dir/abc", "c1"));
	assert_false(dockerdata_is_image_mount(root, "vfs/other/ghi", "c1"));
	assert_false(dockerdata_is_image_mount(root, "overlay2", "c1"));
	assert_false(dockerdata_is_image_mount(root, "../overlay2/abc", "c1"));
}

/* The engine's word on device requests; one that cannot be read is not "none". */
static void requests(void **state)
{
	static const struct {
		const char *text;
		int want; /* how many; -1: none are there */
	} rows[] = {
		{ "{\"DeviceRequests\":[{\"Driver\":\"cdi\"},{}]}", 2 },
		{ "{\"DeviceRequests\":[]}", 0 },
		{ "{\"DeviceRequests\":null,\"Privileged\":true}", -1 },
		{ "{}", -1 },
	};
	CLEANUP_TEST_DIR char root[TEST_DIR_MAX] = "";
	const char *roots[] = { "/nowhere", root };
	const struct json *got;
	struct err err = ERR_INIT;
	struct runtime rt;

	(void)state;
	test_dir_new(root);
	test_runtime(&rt, "{}");
	rt.facts.engines = (struct facts_list){ roots, 2 };
	assert_int_equal(dockerdata_requests(&rt, &got, &err), 0);
	assert_null(got);
	put(root, "containers/c2/hostconfig.json", "{\"DeviceRequests\":[{}]}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put(root, "containers/c1/hostconfig.json", rows[i].text);
		assert_int_equal(dockerdata_requests(&rt, &got, &err), 0);
		assert_int_equal(got ? (int)got->n : -1, rows[i].want);
	}
	put(root, "containers/c1/hostconfig.json", "{\"DeviceRequests\":");
	assert_true(dockerdata_requests(&rt, &got, &err) < 0);
	assert_non_null(strstr(err.text, "containers/c1/hostconfig.json"));
	runtime_done(&rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(part_of_volume),	  cmocka_unit_test(part_of_image),
		cmocka_unit_test(part_of_something_else), cmocka_unit_test(names_of_parts),
		cmocka_unit_test(image_mounts),		  cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
