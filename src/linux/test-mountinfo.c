/* SPDX-License-Identifier: Apache-2.0 */
#include "linux/mountinfo.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/test-dir.h"
#include "linux/at.h"

#define CAP 65536u

static void must_parse(struct arena *a, const char *line, struct mountinfo_entry *ret)
{
	int r = mountinfo_parse_line(a, slice_str(line), ret);

	if (r < 0)
		fail_msg("%d: %s", r, line);
}

static void assert_super(const struct mountinfo_entry *m, const char *want)
{
	if (!slice_eq_str(m->super, want))
		fail_msg("super options \"%.*s\", not \"%s\"", SLICE_ARG(m->super), want);
}

/* The example of proc_pid_mountinfo(5). */
static void test_line(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct mountinfo_entry m;

	(void)state;
	must_parse(&a,
		   "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
		   &m);
	assert_int_equal(m.id, 36);
	assert_int_equal(m.parent, 35);
	assert_int_equal(m.dev_major, 98);
	assert_int_equal(m.dev_minor, 0);
	assert_string_equal(m.root, "/mnt1");
	assert_string_equal(m.point, "/mnt2");
	assert_string_equal(m.type, "ext3");
	assert_string_equal(m.source, "/dev/root");
	assert_super(&m, "rw,errors=continue");
	assert_false(m.read_only);
}

/* The mount's own options, not the super block's; a word of its own. */
static void test_read_only(void **state)
{
	static const struct {
		const char *options;
		const char *super;
		bool want;
	} cases[] = {
		{ "ro", "rw", true },
		{ "rw", "ro", false },
		{ "nosuid,ro,noatime", "rw", true },
		{ "rw,nosuid", "rw,errors=remount-ro", false },
		{ "rw,noro", "rw", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
		struct mountinfo_entry m;
		char line[128];

		(void)snprintf(line, sizeof(line), "36 35 98:0 / /mnt %s - ext3 /dev/root %s",
			       cases[i].options, cases[i].super);
		must_parse(&a, line, &m);
		assert_int_equal(m.read_only, cases[i].want);
	}
}

static void test_optional_fields(void **state)
{
	static const char *const fields[] = {
		"",
		"shared:1 ",
		"shared:2 master:1 ",
		"master:1 propagate_from:2 ",
		"unbindable ",
		"shared:1 master:2 propagate_from:3 something:new - ",
	};

	(void)state;
	/* The last row: a separator ends them, whatever follows is the type. */
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
		struct mountinfo_entry m;
		char line[256];

		(void)snprintf(line, sizeof(line), "1 2 3:4 / /p rw %s- tmpfs tmpfs rw", fields[i]);
		must_parse(&a, line, &m);
		assert_string_equal(m.point, "/p");
		assert_string_equal(m.type, i + 1 < ARRAY_SIZE(fields) ? "tmpfs" : "-");
	}
}

static void test_escapes(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct mountinfo_entry m;

	(void)state;
	must_parse(&a,
		   "1 2 3:4 /a\\040b\\011c\\012d\\134e\\043 /p\\134040 rw - fuse.x s\\040\\040 "
		   "rw,lowerdir=/x\\054y\\040z:/w",
		   &m);
	assert_string_equal(m.root, "/a b\tc\nd\\e#");
	assert_string_equal(m.point, "/p\\040"); /* undone once only */
	assert_string_equal(m.type, "fuse.x");
	assert_string_equal(m.source, "s  ");
	assert_super(&m, "rw,lowerdir=/x\\054y\\040z:/w"); /* \054 is part of a value: left */
}

static void test_unescape(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "\\077", "?" },
		{ "\\100", "@" },
		{ "\\07:", "\\07:" },
		{ "\\", "\\" },
		{ "\\0", "\\0" },
		{ "\\04", "\\04" },
		{ "\\040", " " },
		{ "a\\040", "a " },
		{ "\\08x", "\\08x" },
		{ "\\\\040", "\\ " },
		{ "\\134\\134", "\\\\" },
		{ "\\x20", "\\x20" },
		{ "\\303\\244", "\303\244" },
		{ "\\0400", " 0" },
		{ "\\04 ", "\\04 " },
		{ "a:b,c=d", "a:b,c=d" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);

		assert_string_equal(mountinfo_unescape(&a, slice_str(rows[i].in)), rows[i].out);
	}
}

static void test_odd_lines(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct mountinfo_entry m;

	(void)state;
	/* a pinned namespace; colons in paths */
	must_parse(&a,
		   "550 29 0:4 net:[4026532281] /run/docker/netns/d:1 rw shared:9 - nsfs nsfs rw",
		   &m);
	assert_string_equal(m.root, "net:[4026532281]");
	assert_string_equal(m.point, "/run/docker/netns/d:1");
	/* mount -t tmpfs "" /p: the kernel prints an empty source */
	must_parse(&a, "1 2 0:40 / /p rw - tmpfs  rw,size=4k", &m);
	assert_string_equal(m.source, "");
	assert_super(&m, "rw,size=4k");
	must_parse(&a, "1 2 0:40 / /p rw - tmpfs none", &m);
	assert_super(&m, "");
	must_parse(&a, "18446744073709551615 0 4294967295:4294967295 / / rw - t s rw", &m);
	assert_true(m.id == UINT64_MAX);
	assert_int_equal(m.dev_major, UINT32_MAX);
	assert_int_equal(m.dev_minor, UINT32_MAX);
}

static void test_bad_lines(void **state)
{
	static const char *const rows[] = {
		"",
		"1",
		"1 2 3:4 / /p rw",
		"1 2 3:4 / /p rw -",
		"1 2 3:4 / /p rw - tmpfs",
		"1 2 3:4 / /p rw tmpfs tmpfs rw",
		"x 2 3:4 / /p rw - tmpfs tmpfs rw",
		"1 -2 3:4 / /p rw - tmpfs tmpfs rw",
		"1 2 34 / /p rw - tmpfs tmpfs rw",
		"1 2 3: / /p rw - tmpfs tmpfs rw",
		"1 2 :4 / /p rw - tmpfs tmpfs rw",
		"1 2 3:4:5 / /p rw - tmpfs tmpfs rw",
		"1 2 3:4294967296 / /p rw - tmpfs tmpfs rw",
		"18446744073709551616 2 3:4 / /p rw - tmpfs tmpfs rw",
		" 1 2 3:4 / /p rw - tmpfs tmpfs rw",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
		struct mountinfo_entry m;

		if (mountinfo_parse_line(&a, slice_str(rows[i]), &m) != -EINVAL)
			fail_msg("taken: \"%s\"", rows[i]);
	}
}

static void test_out_of_memory(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8);
	struct mountinfo_entry m;

	(void)state;
	assert_int_equal(
		mountinfo_parse_line(&a, SLICE_LIT("1 2 3:4 /longer/than/that /p rw - t s rw"), &m),
		-ENOMEM);
}

static const char text[] = "11 1 0:1 / /eleven rw - tmpfs a rw\n"
			   "unreadable, but not asked for\n"
			   "1 0 0:2 / /one rw - tmpfs b rw\n"
			   "111 1 broken\n"
			   "2 1 0:3 / /two rw - tmpfs c rw,last"; /* without a newline */

static void test_find(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct mountinfo_entry m;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mountinfo_find(&a, slice_str(text), 1, &m, &err), 0);
	assert_string_equal(m.point, "/one");
	assert_int_equal(mountinfo_find(&a, slice_str(text), 11, &m, &err), 0);
	assert_string_equal(m.point, "/eleven");
	assert_int_equal(mountinfo_find(&a, slice_str(text), 2, &m, &err), 0);
	assert_super(&m, "rw,last");
	assert_int_equal(mountinfo_find(&a, slice_str(text), 3, &m, &err), 1);
	assert_int_equal(mountinfo_find(&a, SLICE_LIT(""), 1, &m, &err), 1);
	assert_true(mountinfo_find(&a, slice_str(text), 111, &m, &err) < 0);
	assert_non_null(strstr(err.text, "111 1 broken"));
}

static int stop_at_two(const struct mountinfo_entry *m, void *data)
{
	unsigned *seen = data;

	(*seen)++;
	return m->id == 2 ? 42 : 0;
}

static void test_each(void **state)
{
	static const char good[] = "1 0 0:1 / / rw - a a rw\n\n2 1 0:1 / / rw - a a rw\n"
				   "3 1 0:1 / / rw - a a rw\n";
	struct err err = ERR_INIT;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(mountinfo_each(slice_str(good), stop_at_two, &seen, &err), 42);
	assert_int_equal(seen, 2);
	seen = 0;
	assert_true(mountinfo_each(slice_str(text), stop_at_two, &seen, &err) < 0);
	assert_int_equal(seen, 1);
	assert_non_null(strstr(err.text, "unreadable, but not asked for"));
}

/* The kernel's own text: every line is read, and "/" is as stat(2) knows it. */
static void test_own(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf b = BUF_INIT(16u << 20);
	struct mountinfo_entry m;
	struct err err = ERR_INIT;
	struct at_ident id;
	unsigned seen = 0;
	struct stat st;
	int fd = open("/", O_PATH | O_CLOEXEC);

	(void)state;
	assert_int_equal(mountinfo_read(&b, &err), 0);
	assert_int_equal(at_identify(fd, &id), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(mountinfo_find(&a, buf_slice(&b), id.mnt_id, &m, &err), 0);
	assert_string_equal(m.point, "/");
	assert_int_equal(stat("/", &st), 0);
	assert_int_equal(m.dev_major, major(st.st_dev));
	assert_int_equal(m.dev_minor, minor(st.st_dev));
	if (mountinfo_each(buf_slice(&b), stop_at_two, &seen, &err) < 0)
		fail_msg("%s", err.text);
}

#define ODD "odd a b\tc\nd\\e#:\\040,=-"

/* A mount on a name that the kernel has to escape is found again under that name. */
static int odd_mount(void *data)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf b = BUF_INIT(16u << 20);
	struct mountinfo_entry m;
	char path[PATH_MAX];
	struct at_ident id;
	int fd;

	test_path(path, data, ODD);
	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	TEST_CHECK(mount("so ur\\ce", path, "tmpfs", 0, "size=64k") == 0);
	fd = open(path, O_PATH | O_CLOEXEC);
	TEST_CHECK(fd >= 0 && at_identify(fd, &id) == 0);
	TEST_CHECK(mountinfo_read(&b, NULL) == 0);
	TEST_CHECK(mountinfo_find(&a, buf_slice(&b), id.mnt_id, &m, NULL) == 0);
	TEST_CHECK(strcmp(m.point, path) == 0);
	TEST_CHECK(strcmp(m.source, "so ur\\ce") == 0);
	TEST_CHECK(strcmp(m.type, "tmpfs") == 0);
	TEST_CHECK(m.dev_major == id.dev_major && m.dev_minor == id.dev_minor);
	return 0;
}

static void test_odd_mount(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";

	(void)state;
	if (!test_is_root("mounts a tmpfs"))
		skip();
	test_dir_new(dir);
	test_mkdir(dir, ODD);
	assert_int_equal(test_in_child(odd_mount, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_optional_fields),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_unescape),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_odd_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
