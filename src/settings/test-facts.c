/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/facts.h"
#include "settings/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/slice.h"
#include "base/test-dir.h"

#define CAP (1u << 20)

static void must_parse(struct arena *a, const char *text, struct facts *ret)
{
	struct err err = ERR_INIT;

	*a = ARENA_INIT(CAP);
	if (facts_parse(a, slice_str(text), "gabion.json", ret, &err) < 0)
		fail_msg("%s: %s", text, err.text);
}

static void assert_list(const struct facts_list *l, const char *const *want, size_t n)
{
	assert_int_equal(l->n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(l->items[i], want[i]);
}

static void assert_defaults(const struct facts *f)
{
	assert_string_equal(f->profile->name, "docker");
	assert_null(f->lower_runtime);
	assert_string_equal(f->runtime_name, "sysbox-runc"); /* design.md 4.3 */
	assert_int_equal(f->ids_per_container, 65536);
	assert_false(f->has_range);
	assert_false(f->unmappable_nobody);
	assert_false(f->unrecorded_root);
	assert_false(f->has_sharing);
	assert_int_equal(f->devices.n, 0);
	assert_int_equal(f->hooks.n, 0);
	assert_int_equal(f->engines.n, 0);
	assert_int_equal(f->restricted.n, 0);
	assert_int_equal(f->sharing.n, 0);
}

static void test_empty(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct facts f;

	(void)state;
	must_parse(&a, "{}", &f);
	assert_defaults(&f);
}

static void test_all(void **state)
{
	static const char *const two[] = { "/a", "/b c" };
	static const char *const one[] = { "/x" };
	CLEANUP_ARENA struct arena a;
	struct facts f;

	(void)state;
	must_parse(&a,
		   "{\"lowerRuntime\":\"/usr/bin/crun\",\"runtimeName\":\"gabion\","
		   "\"engineProfile\":\"podman\","
		   "\"idsPerContainer\":131072,\"idRange\":{\"start\":100000,\"count\":200000},"
		   "\"unmappableFilesystem\":\"nobody\",\"bindsWithoutRecord\":\"root\","
		   "\"devices\":[\"/a\",\"/b c\"],\"hooks\":[\"/x\"],\"engineRoots\":[\"/x\"],"
		   "\"restrictedMounts\":[\"/a\",\"/b c\"],"
		   "\"filesharingAllowedDirectories\":[\"/x\"]}",
		   &f);
	assert_string_equal(f.lower_runtime, "/usr/bin/crun");
	assert_string_equal(f.runtime_name, "gabion");
	assert_string_equal(f.profile->name, "podman");
	assert_int_equal(f.ids_per_container, 131072);
	assert_true(f.has_range);
	assert_int_equal(f.range_start, 100000);
	assert_int_equal(f.range_count, 200000);
	assert_true(f.unmappable_nobody);
	assert_true(f.unrecorded_root);
	assert_list(&f.devices, two, 2);
	assert_list(&f.hooks, one, 1);
	assert_list(&f.engines, one, 1);
	assert_list(&f.restricted, two, 2);
	assert_true(f.has_sharing);
	assert_list(&f.sharing, one, 1);
}

/* An empty list of shared folders shares nothing; that is not the same as no list. */
static void test_explicit_defaults(void **state)
{
	CLEANUP_ARENA struct arena a;
	struct facts f;

	(void)state;
	must_parse(&a,
		   "{\"unmappableFilesystem\":\"refuse\",\"bindsWithoutRecord\":\"refuse\","
		   "\"idsPerContainer\":65536,\"devices\":[],\"filesharingAllowedDirectories\":[]}",
		   &f);
	assert_true(f.has_sharing);
	f.has_sharing = false;
	assert_defaults(&f);
}

static void test_borders(void **state)
{
	CLEANUP_ARENA struct arena a;
	CLEANUP_ARENA struct arena b;
	struct facts f;

	(void)state;
	must_parse(&a,
		   "{\"idsPerContainer\":268435456,\"idRange\":{\"count\":65536,\"start\":65536}}",
		   &f);
	assert_int_equal(f.ids_per_container, 268435456);
	assert_int_equal(f.range_start, 65536);
	must_parse(&b, "{\"idRange\":{\"start\":2147418112,\"count\":65536}}", &f);
	assert_int_equal(f.range_start + f.range_count, 2147483648u);
}

static void refuses(const char *text, const char *named)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct err err = ERR_INIT;
	struct facts f;

	if (facts_parse(&a, slice_str(text), "gabion.json", &f, &err) >= 0)
		fail_msg("taken: %s", text);
	/* "an error that names file and key" */
	if (!strstr(err.text, "gabion.json") || !strstr(err.text, named))
		fail_msg("%s: %s", text, err.text);
}

/* Every key with every wrong kind of value. */
static void test_wrong_kinds(void **state)
{
	static const struct {
		const char *key, *right;
	} keys[] = {
		{ "lowerRuntime", "\"/x\"" },
		{ "runtimeName", "\"x\"" },
		{ "engineProfile", "\"iechor\"" },
		{ "idsPerContainer", "65536" },
		{ "idRange", "{\"start\":65536,\"count\":65536}" },
		{ "unmappableFilesystem", "\"refuse\"" },
		{ "bindsWithoutRecord", "\"refuse\"" },
		{ "devices", "[\"/x\"]" },
		{ "cdiDevices", "[\"a/b=*\",\"a/b=c\"]" },
		{ "hooks", "[\"/x\"]" },
		{ "engineRoots", "[\"/x\"]" },
		{ "restrictedMounts", "[\"/x\"]" },
		{ "filesharingAllowedDirectories", "[\"/x\"]" },
	};
	static const char *const wrong[] = { "null", "true", "false", "0",	"-1",  "1.5",
					     "\"\"", "{}",   "[1]",   "[null]", "[[]]" };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		CLEANUP_ARENA struct arena a;
		struct facts f;
		char text[256];

		(void)snprintf(text, sizeof(text), "{\"%s\":%s}", keys[k].key, keys[k].right);
		must_parse(&a, text, &f);
		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			(void)snprintf(text, sizeof(text), "{\"%s\":%s}", keys[k].key, wrong[i]);
			refuses(text, keys[k].key);
		}
		/* a right one after it does not make up for it */
		(void)snprintf(text, sizeof(text), "{\"%s\":null,\"%s\":%s}", keys[k].key,
			       keys[k].key, keys[k].right);
		refuses(text, keys[k].key);
	}
}

static void test_wrong_values(void **state)
{
	static const struct {
		const char *text, *named;
	} rows[] = {
		{ "{\"lowerRuntime\":\"crun\"}", "lowerRuntime" },
		{ "{\"lowerRuntime\":\"./crun\"}", "lowerRuntime" },
		{ "{\"devices\":[\"/x\",\"dev/x\"]}", "devices" },
		{ "{\"cdiDevices\":[\"a/b=c\",\"a/b\"]}", "\"cdiDevices\": \"a/b\"" },
		{ "{\"cdiDevices\":[\"a/*=c\"]}", "VENDOR/CLASS=*" },
		{ "{\"cdiDevices\":[\"*\"]}", "cdiDevices" },
		{ "{\"cdiDevices\":\"a/b=c\"}", "cdiDevices" },
		{ "{\"hooks\":\"/x\"}", "hooks" },
		{ "{\"filesharingAllowedDirectories\":[\"/x\",\"\"]}",
		  "filesharingAllowedDirectories" },
		{ "{\"idsPerContainer\":65535}", "idsPerContainer" },
		{ "{\"idsPerContainer\":268435457}", "idsPerContainer" },
		{ "{\"idsPerContainer\":4295032832}", "idsPerContainer" }, /* 2^32 + 65536 */
		{ "{\"idsPerContainer\":6.5536e4}", "idsPerContainer" },
		{ "{\"idsPerContainer\":\"65536\"}", "idsPerContainer" },
		{ "{\"idRange\":{\"start\":65536}}", "idRange" },
		{ "{\"idRange\":{\"count\":65536}}", "idRange" },
		{ "{\"idRange\":{\"start\":65536,\"count\":65536,\"end\":1}}", "idRange" },
		{ "{\"idRange\":{\"start\":65535,\"count\":65536}}", "idRange" },
		{ "{\"idRange\":{\"start\":65536,\"count\":65535}}", "idRange" },
		{ "{\"idRange\":{\"start\":2147418113,\"count\":65536}}", "idRange" },
		{ "{\"idRange\":{\"start\":4294967296,\"count\":65536}}", "idRange" },
		{ "{\"idRange\":{\"start\":18446744073709551615,\"count\":65537}}", "idRange" },
		{ "{\"idRange\":[65536,65536]}", "idRange" },
		{ "{\"unmappableFilesystem\":\"Nobody\"}", "unmappableFilesystem" },
		{ "{\"unmappableFilesystem\":\"root\"}", "unmappableFilesystem" },
		{ "{\"bindsWithoutRecord\":\"nobody\"}", "bindsWithoutRecord" },
		{ "{\"engineProfile\":\"Docker\"}", "\"docker\", \"podman\" or \"iechor\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refuses(rows[i].text, rows[i].named);
}

/* A typo must not silently loosen anything. */
static void test_unknown(void **state)
{
	(void)state;
	refuses("{\"device\":[]}", "device");
	refuses("{\"Devices\":[]}", "Devices");
	refuses("{\"\":1}", "\"\"");
	refuses("{\"devices\":[],\"restrictedmounts\":[\"/x\"]}", "restrictedmounts");
	refuses("[]", "object");
	refuses("null", "object");
	refuses("\"x\"", "object");
	refuses("{\"devices\":[]", "gabion.json");
	refuses("{} {}", "gabion.json");
	refuses("", "gabion.json");
	refuses("{\"runtimeName\":\"a\\u0000b\"}", "gabion.json");
}

static void load_from(struct arena *a, const char *etc, struct facts *ret, int want,
		      struct err *err)
{
	struct instance inst = { .private_dir = true };
	int r;

	(void)snprintf(inst.etc, sizeof(inst.etc), "%s", etc);
	r = facts_load(a, &inst, ret, err);
	if ((r < 0) != (want < 0))
		fail_msg("%s: %d %s", etc, r, err->text);
}

/* What was read stays valid when the file's bytes are gone. */
static void test_load(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	struct facts f;

	(void)state;
	test_dir_new(dir);
	load_from(&a, dir, &f, 0, &err); /* no file */
	assert_defaults(&f);
	load_from(&a, "/nowhere/at/all", &f, 0, &err); /* no folder */
	assert_defaults(&f);
	test_put(dir, "gabion.json", "{\"runtimeName\":\"mine\",\"hooks\":[\"/h\"]}\n");
	load_from(&a, dir, &f, 0, &err);
	assert_string_equal(f.runtime_name, "mine");
	assert_string_equal(f.hooks.items[0], "/h");
	test_put(dir, "gabion.json", "{\"runtimeName\":}");
	load_from(&a, dir, &f, -1, &err);
	assert_non_null(strstr(err.text, test_path(path, dir, "gabion.json")));
	test_put(dir, "gabion.json", "{\"x\":1}");
	load_from(&a, dir, &f, -1, &err);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(unlink(path), 0);
	test_mkdir(dir, "gabion.json"); /* there, but cannot be read: no defaults */
	load_from(&a, dir, &f, -1, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_explicit_defaults),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_wrong_kinds),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
