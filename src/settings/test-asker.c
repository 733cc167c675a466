/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/asker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/test-dir.h"
#include "base/util.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void must_store(const char *lib, const struct asker *a)
{
	struct err err = ERR_INIT;

	if (asker_store(lib, ID, a, &err) < 0)
		fail_msg("%s", err.text);
}

static void assert_loads(const char *lib, const struct asker *want)
{
	struct asker got = { .uid = 1 };
	struct err err = ERR_INIT;

	if (asker_load(lib, ID, &got, &err) != ASKER_OK)
		fail_msg("%s", err.text);
	assert_int_equal(got.uid, want->uid);
	assert_int_equal(got.gid, want->gid);
	assert_int_equal(got.truncated, want->truncated);
	assert_int_equal(got.binds, want->binds);
	assert_int_equal(got.own_number, want->own_number);
	assert_int_equal(got.ngroups, want->ngroups);
	assert_memory_equal(got.groups, want->groups, want->ngroups * sizeof(gid_t));
	assert_int_equal(got.nline, want->nline);
	assert_memory_equal(got.line, want->line, want->nline * sizeof(want->line[0]));
}

static void test_round_trip(void **state)
{
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	CLEANUP_BUF struct buf text = BUF_INIT(65536);
	struct asker a = { .uid = 1000, .gid = 1001, .ngroups = 3, .groups = { 4, 27, 1000 } };
	char path[PATH_MAX];

	(void)state;
	test_dir_new(lib);
	must_store(lib, &a); /* makes lib/askers */
	assert_loads(lib, &a);
	assert_int_equal(file_read(test_path(path, lib, "askers/" ID), &text), 0);
	/* asker.h has the format that others may rely on */
	assert_string_equal(text.p, "{\"uid\":1000,\"gid\":1001,\"groups\":[4,27,1000]}\n");
	a = (struct asker){ .uid = 0, .gid = 0, .truncated = true };
	must_store(lib, &a); /* over the old one */
	assert_loads(lib, &a);
	a = (struct asker){ .uid = UINT32_MAX - 1, .gid = UINT32_MAX - 1 };
	must_store(lib, &a);
	assert_loads(lib, &a);
}

/* Who made it; a record without that is one of before there was such a thing. */
static void test_line(void **state)
{
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	CLEANUP_BUF struct buf text = BUF_INIT(65536);
	struct asker a = { .uid = 1, .gid = 2, .binds = true, .nline = 2 };
	char path[PATH_MAX];

	(void)state;
	test_dir_new(lib);
	memset(a.line[0], 'a', sizeof(a.line[0]));
	memset(a.line[1], 'b', sizeof(a.line[1]));
	must_store(lib, &a);
	assert_loads(lib, &a);
	assert_int_equal(file_read(test_path(path, lib, "askers/" ID), &text), 0);
	assert_string_equal(
		text.p, "{\"uid\":1,\"gid\":2,\"groups\":[],\"binds\":true,\"line\":["
			"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
			"\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"]}\n");
	a = (struct asker){ .uid = 1, .gid = 2, .own_number = true };
	must_store(lib, &a);
	assert_loads(lib, &a);
	test_put(lib, "askers/" ID, "{\"uid\":1,\"gid\":2,\"groups\":[]}");
	assert_loads(lib, &(struct asker){ .uid = 1, .gid = 2 });
}

static void test_most_groups(void **state)
{
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	struct asker a = { .uid = 1, .gid = 2, .truncated = true, .ngroups = ASKER_GROUPS_MAX };

	(void)state;
	test_dir_new(lib);
	for (size_t i = 0; i < ASKER_GROUPS_MAX; i++)
		a.groups[i] = (gid_t)(UINT32_MAX - 1 - i);
	a.nline = ASKER_LINE_MAX;
	memset(a.line, 'c', sizeof(a.line));
	must_store(lib, &a);
	assert_loads(lib, &a);
}

static void test_none_and_forget(void **state)
{
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	struct asker a = { .uid = 5 };
	struct asker got;

	(void)state;
	test_dir_new(lib);
	assert_int_equal(asker_load(lib, ID, &got, NULL), ASKER_NONE); /* no folder */
	assert_int_equal(asker_forget(lib, ID, NULL), 0);
	must_store(lib, &a);
	assert_loads(lib, &a);
	assert_int_equal(asker_forget(lib, ID, NULL), 0);
	assert_int_equal(asker_load(lib, ID, &got, NULL), ASKER_NONE);
	assert_int_equal(asker_forget(lib, ID, NULL), 0);
}

/* "So that a name never becomes a path". */
static void test_ids(void **state)
{
	static const char *const bad[] = {
		"",
		"c1",
		"../../../etc/passwd",
		ID "0",
		"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde/",
		"../askers/0123456789abcdef0123456789abcdef0123456789abcdef012345",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n",
	};
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	struct asker a = { .uid = 5 };

	(void)state;
	test_dir_new(lib);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(asker_load(lib, bad[i], &a, NULL), -EINVAL);
		assert_int_equal(asker_store(lib, bad[i], &a, NULL), -EINVAL);
		assert_int_equal(asker_forget(lib, bad[i], NULL), -EINVAL);
	}
}

/* A record that cannot be read is an error: not "nobody asked", and not root. */
static void test_broken(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"{",
		"null",
		"[]",
		"{}",
		"{\"uid\":1,\"gid\":1}",
		"{\"uid\":1,\"groups\":[]}",
		"{\"gid\":1,\"groups\":[]}",
		"{\"uid\":-1,\"gid\":1,\"groups\":[]}",
		"{\"uid\":4294967295,\"gid\":1,\"groups\":[]}",
		"{\"uid\":1,\"gid\":4294967296,\"groups\":[]}",
		"{\"uid\":null,\"gid\":1,\"groups\":[]}",
		"{\"uid\":\"0\",\"gid\":1,\"groups\":[]}",
		"{\"uid\":1.5,\"gid\":1,\"groups\":[]}",
		"{\"uid\":1,\"gid\":1,\"groups\":null}",
		"{\"uid\":1,\"gid\":1,\"groups\":{}}",
		"{\"uid\":1,\"gid\":1,\"groups\":[\"1\"]}",
		"{\"uid\":1,\"gid\":1,\"groups\":[-1]}",
		"{\"uid\":1,\"gid\":1,\"groups\":[1e3]}",
		"{\"uid\":1,\"gid\":1,\"groups\":[]} x",
		"{\"uid\":1,\"gid\":1,\"groups\":[],\"line\":1}",
		"{\"uid\":1,\"gid\":1,\"groups\":[],\"line\":[1]}",
		"{\"uid\":1,\"gid\":1,\"groups\":[],\"line\":[\"abc\"]}",
		"{\"uid\":1,\"gid\":1,\"groups\":[],\"line\":[\"" ID "0\"]}",
	};
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	char path[PATH_MAX];

	(void)state;
	test_dir_new(lib);
	test_mkdir(lib, "askers");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		struct asker a;

		test_put(lib, "askers/" ID, bad[i]);
		if (asker_load(lib, ID, &a, &err) >= 0)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(err.text, test_path(path, lib, "askers/" ID)));
	}
}

static void test_too_many_groups(void **state)
{
	CLEANUP_TEST_DIR char lib[TEST_DIR_MAX] = "";
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	struct asker a;

	(void)state;
	test_dir_new(lib);
	test_mkdir(lib, "askers");
	buf_add_str(&b, "{\"uid\":1,\"gid\":1,\"groups\":[0");
	for (size_t i = 0; i < ASKER_GROUPS_MAX - 1; i++)
		buf_add_str(&b, ",1");
	buf_add_str(&b, "]}");
	test_put(lib, "askers/" ID, b.p);
	assert_int_equal(asker_load(lib, ID, &a, NULL), ASKER_OK);
	b.n -= 2;
	buf_add_str(&b, ",1]}");
	test_put(lib, "askers/" ID, b.p);
	assert_true(asker_load(lib, ID, &a, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_most_groups),
		cmocka_unit_test(test_none_and_forget),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_too_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
