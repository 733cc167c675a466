/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "cp/inodes.h"
#include "cp/owner.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "\n"
			     "  app:x:1234:4321::/:\r\n"
			     "broken\n"
			     "noid:x:abc:7:::\n"
			     "app:x:9:9:::\n"
			     "last:x:33:44:::";
static const char group[] = "root:x:0:\nstaff:x:50:app\n";

static const struct {
	const char *spec;
	int result;
	uint32_t uid;
	uint32_t gid;
} users[] = {
	{ "app", 0, 1234, 4321 },
	{ "app:staff", 0, 1234, 50 },
	{ "app:7", 0, 1234, 7 },
	{ "1234", 0, 1234, 4321 },
	{ "1234:0", 0, 1234, 0 },
	{ "5000", 0, 5000, 0 },
	{ "5000:staff", 0, 5000, 50 },
	{ ":33", 0, 0, 33 },
	{ "33:", 0, 33, 44 },
	{ "last", 0, 33, 44 },
	{ "noid", 0, 0, 7 },
	{ "broken", 0, 0, 0 },
	{ "", 0, 0, 0 },
	{ "nobody", -EINVAL, 0, 0 },
	{ "app:nogroup", -EINVAL, 0, 0 },
	{ "2147483648", -EINVAL, 0, 0 },
	{ "-1", -EINVAL, 0, 0 },
};

static void test_lookup(void **state)
{
	const struct owner_files files = { slice_str(passwd), slice_str(group) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		struct err err = ERR_INIT;
		uint32_t uid = 77;
		uint32_t gid = 77;

		assert_int_equal(owner_lookup(users[i].spec, &files, &uid, &gid, &err),
				 users[i].result);
		if (users[i].result < 0) {
			assert_int_equal(uid, 77);
			assert_non_null(strstr(err.text, "in container: no matching entries"));
			continue;
		}
		assert_int_equal(uid, users[i].uid);
		assert_int_equal(gid, users[i].gid);
	}
}

static void test_no_files(void **state)
{
	const struct owner_files files = { SLICE_NULL, SLICE_NULL };
	struct err err = ERR_INIT;
	uint32_t uid;
	uint32_t gid;

	(void)state;
	assert_int_equal(owner_lookup("12:13", &files, &uid, &gid, &err), 0);
	assert_int_equal(uid, 12);
	assert_int_equal(gid, 13);
	assert_int_equal(owner_lookup("root", &files, &uid, &gid, &err), -EINVAL);
}

static void test_choose(void **state)
{
	const struct owner plain = { .size = 1000 };
	const struct owner fixed = { .size = 1000, .fixed = true, .uid = 5, .gid = 6 };
	static const struct {
		int64_t uid, gid;
		uint32_t want_uid, want_gid, mode;
	} cases[] = {
		{ 0, 0, 0, 0, 07755 },		{ 999, 1, 999, 1, 07755 },
		{ 1000, 1, 0, 1, 01755 },	{ 1, 1000, 1, 0, 01755 },
		{ -1, 1, 0, 1, 01755 },		{ 1, INT64_MIN, 1, 0, 01755 },
		{ UINT32_MAX, 0, 0, 0, 01755 }, { 1ll << 32, 0, 0, 0, 01755 },
	};
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		mode = 07755;
		owner_choose(&plain, cases[i].uid, cases[i].gid, &uid, &gid, &mode);
		assert_int_equal(uid, cases[i].want_uid);
		assert_int_equal(gid, cases[i].want_gid);
		assert_int_equal(mode, cases[i].mode);
	}
	mode = 04755;
	owner_choose(&fixed, 123456, 7, &uid, &gid, &mode);
	assert_int_equal(uid, 5);
	assert_int_equal(gid, 6);
	assert_int_equal(mode, 04755);
}

static void test_inodes(void **state)
{
	struct inodes t;
	const char *first;
	char name[32];

	(void)state;
	inodes_init(&t);
	for (ino_t i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "f%lu", (unsigned long)i);
		assert_int_equal(inodes_name(&t, i % 3, i / 3, name, &first), 0);
		assert_null(first);
	}
	for (ino_t i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "f%lu", (unsigned long)i);
		assert_int_equal(inodes_name(&t, i % 3, i / 3, "other", &first), 0);
		assert_string_equal(first, name);
	}
	inodes_done(&t);
	inodes_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_inodes),
	};

	return cmocka_run_group_tests_name("cp owner", tests, NULL, NULL);
}
