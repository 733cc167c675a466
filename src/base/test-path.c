/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/path.h"
#include "base/util.h"

/* in, filepath.Join("/", in), the same with its tail, filepath.Base of that (from Go 1.19). */
static const struct {
	const char *in;
	const char *clean;
	const char *tail;
	const char *base;
} paths[] = {
	{ "/", "/", "/", "/" },
	{ "/.", "/", "/.", "." },
	{ ".", "/", "/.", "." },
	{ "", "/", "/.", "." },
	{ "/..", "/", "/", "/" },
	{ "/../", "/", "/", "/" },
	{ "etc", "/etc", "/etc", "etc" },
	{ "/etc", "/etc", "/etc", "etc" },
	{ "/etc/", "/etc", "/etc/", "etc" },
	{ "/etc/.", "/etc", "/etc/.", "." },
	{ "/etc/./", "/etc", "/etc/./", "." },
	{ "//etc//", "/etc", "/etc/", "etc" },
	{ "/a/../b", "/b", "/b", "b" },
	{ "a/b/../../../c/.", "/c", "/c/.", "." },
	{ "/a/b/..", "/a", "/a", "a" },
	{ "/a/...", "/a/...", "/a/...", "..." },
	{ "/a/..b/.c", "/a/..b/.c", "/a/..b/.c", ".c" },
	{ "/a b/\xff\n", "/a b/\xff\n", "/a b/\xff\n", "\xff\n" },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(PATH_TEXT_MAX);
		struct slice base;

		path_absolute(&b, paths[i].in);
		assert_string_equal(b.p, paths[i].clean);
		path_keep_tail(&b, paths[i].in);
		assert_true(buf_ok(&b));
		assert_string_equal(b.p, paths[i].tail);
		base = path_base(b.p);
		assert_true(slice_eq_str(base, paths[i].base));
	}
}

static const struct {
	const char *name;
	int result;
	const char *clean;
} entries[] = {
	{ "a", 0, "a" },
	{ "./a", 0, "a" },
	{ "a/", 0, "a" },
	{ "a//b/./c/", 0, "a/b/c" },
	{ "/a/b", 0, "a/b" },
	{ "///a", 0, "a" },
	{ "a/../b", 0, "b" },
	{ "a/b/..", 0, "a" },
	{ "...", 0, "..." },
	{ "..a", 0, "..a" },
	{ ".", PATH_ENTRY_ROOT, NULL },
	{ "./", PATH_ENTRY_ROOT, NULL },
	{ "", PATH_ENTRY_ROOT, NULL },
	{ "/", PATH_ENTRY_ROOT, NULL },
	{ "a/..", PATH_ENTRY_ROOT, NULL },
	{ "..", -EBADMSG, NULL },
	{ "../a", -EBADMSG, NULL },
	{ "/../a", -EBADMSG, NULL },
	{ "a/../../b", -EBADMSG, NULL },
	{ "./..", -EBADMSG, NULL },
};

static void test_entries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(PATH_TEXT_MAX);

		assert_int_equal(path_entry(&b, entries[i].name), entries[i].result);
		if (entries[i].clean)
			assert_string_equal(b.p, entries[i].clean);
	}
}

static void test_too_long(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(8);

	(void)state;
	assert_int_equal(path_entry(&b, "abcdefgh/i"), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests_name("cp path", tests, NULL, NULL);
}
