/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "base/test-dir.h"
#include "linux/at.h"
#include "linux/mountinfo.h"
#include "runtime/layers.h"

#define CAP (1u << 20)

static void must_parse(struct arena *a, const char *super, struct overlay *o)
{
	struct err err = ERR_INIT;

	if (overlay_parse(a, slice_str(super), o, &err) < 0)
		fail_msg("%s: %s", super, err.text);
}

static void assert_lowers(const struct overlay *o, const char *const *want, size_t n)
{
	assert_int_equal(o->nlower, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(o->lower[i], want[i]);
}

#define LOWERS(o, ...)                                         \
	assert_lowers(o, (const char *const[]){ __VA_ARGS__ }, \
		      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* Docker's overlay2: relative to its home, links in l/. */
static void test_relative(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct overlay o;

	(void)state;
	must_parse(&a,
		   "rw,lowerdir=l/AA:l/BB:l/CC,upperdir=9f/diff,workdir=9f/work,index=off,xino=off",
		   &o);
	LOWERS(&o, "l/AA", "l/BB", "l/CC");
	assert_string_equal(o.upper, "9f/diff");
	assert_string_equal(o.work, "9f/work");
	assert_string_equal(o.rest, ",index=off,xino=off");
}

static void test_absolute(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct overlay o;

	(void)state;
	must_parse(&a, "ro,seclabel,lowerdir=/s/2/fs:/s/1/fs", &o);
	LOWERS(&o, "/s/2/fs", "/s/1/fs");
	assert_null(o.upper);
	assert_null(o.work);
	assert_string_equal(o.rest, ",seclabel");
	must_parse(&a, "workdir=/w,upperdir=/u,lowerdir=/l", &o); /* any order */
	LOWERS(&o, "/l");
	assert_string_equal(o.upper, "/u");
	assert_string_equal(o.work, "/w");
	assert_string_equal(o.rest, "");
}

/* Options that change what is seen or how it is stored stay, in order, still escaped. */
static void test_rest(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct overlay o;

	(void)state;
	must_parse(
		&a,
		"rw,context=\"u:r:t:s0:c1\\054c2\",lowerdir=a,upperdir=u,workdir=w,redirect_dir=on,"
		"index=on,metacopy=on,nfs_export=on,userxattr,volatile,uuid=on",
		&o);
	LOWERS(&o, "a");
	assert_string_equal(o.rest, ",context=\"u:r:t:s0:c1\\054c2\",redirect_dir=on,index=on,"
				    "metacopy=on,nfs_export=on,userxattr,volatile,uuid=on");
}

/* mountinfo's escapes first, then the overlay's own: "\:" is a colon, "\\" a backslash. */
static void test_escapes(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct overlay o;

	(void)state;
	must_parse(&a,
		   "rw,lowerdir=a\\134:b:c\\040d:e\\134\\054f:g\\134\\134h:i=j,upperdir=u\\134:v,"
		   "workdir=w\\134\\054x",
		   &o);
	LOWERS(&o, "a:b", "c d", "e,f", "g\\h", "i=j");
	assert_string_equal(o.upper, "u:v");
	assert_string_equal(o.work, "w,x");
}

/* Linux 6.8: one option a layer, whose value is the path as it is. */
static void test_lowerdir_plus(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct overlay o;

	(void)state;
	must_parse(&a, "rw,lowerdir+=/a:b,lowerdir+=/c\\134d,upperdir=/u,workdir=/w", &o);
	LOWERS(&o, "/a:b", "/c\\d");
	assert_string_equal(o.rest, "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *super;
		int want;
	} rows[] = {
		{ "", -EINVAL },
		{ "rw,index=off", -EINVAL },
		{ "rw,upperdir=u,workdir=w", -EINVAL },
		{ "rw,lowerdir=a,upperdir=u", -EINVAL },
		{ "rw,lowerdir=a,workdir=w", -EINVAL },
		/* data-only layers: files without their data would be shown */
		{ "rw,lowerdir=a::b", -EOPNOTSUPP },
		{ "rw,lowerdir=a:b::c::d", -EOPNOTSUPP },
		{ "rw,lowerdir+=a,datadir+=b", -EOPNOTSUPP },
		{ "rw,lowerdir=", -EOPNOTSUPP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
		struct err err = ERR_INIT;
		struct overlay o;

		if (overlay_parse(&a, slice_str(rows[i].super), &o, &err) != rows[i].want)
			fail_msg("\"%s\": %d", rows[i].super, err.code);
		assert_true(err.text[0] != '\0');
	}
}

/* More than 100 layers; the kernel's own limit is 500. */
static void test_many(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf one = BUF_INIT(CAP);
	CLEANUP_BUF struct buf each = BUF_INIT(CAP);
	struct overlay *o = arena_must(arena_alloc(&a, sizeof(*o)));

	(void)state;
	buf_add_str(&one, "rw,lowerdir=");
	for (int i = 0; i < 500; i++) {
		buf_printf(&one, "%sl/%d", i ? ":" : "", i);
		buf_printf(&each, "%slowerdir+=l/%d", i ? "," : "", i);
	}
	must_parse(&a, one.p, o);
	assert_int_equal(o->nlower, 500);
	assert_string_equal(o->lower[0], "l/0");
	assert_string_equal(o->lower[128], "l/128");
	assert_string_equal(o->lower[499], "l/499");
	must_parse(&a, each.p, o);
	assert_int_equal(o->nlower, 500);
	assert_string_equal(o->lower[499], "l/499");
	buf_add_str(&one, ":l/500");
	buf_add_str(&each, ",lowerdir+=l/500");
	assert_int_equal(overlay_parse(&a, buf_slice(&one), o, NULL), -E2BIG);
	assert_int_equal(overlay_parse(&a, buf_slice(&each), o, NULL), -E2BIG);
}

static void test_escape(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	(void)state;
	overlay_escape(&b, "/a:b,c\\d e=\tf\303\244");
	assert_string_equal(b.p, "/a\\:b\\,c\\\\d e=\tf\303\244");
}

static void assert_options(const char *super, bool view, const char *want)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);
	struct layers l = LAYERS_INIT;

	l.overlay = arena_must(arena_alloc(&a, sizeof(*l.overlay)));
	must_parse(&a, super, l.overlay);
	layers_options(&l, view, &b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
}

static void test_options(void **state)
{
	(void)state;
	assert_options("rw,lowerdir=l/A:l/B,upperdir=d/diff,workdir=d/work,index=off,metacopy=on",
		       false,
		       "lowerdir=l/A:l/B,upperdir=d/diff,workdir=d/work,index=off,metacopy=on");
	assert_options("rw,lowerdir=a\\134:b,upperdir=u\\134\\134v,workdir=w\\040x", false,
		       "lowerdir=a\\:b,upperdir=u\\\\v,workdir=w x");
	assert_options("ro,lowerdir=a:b", false, "lowerdir=a:b");
}

/* The view: the upper directory as the top layer, read-only; redirects are followed, never made,
 * and what needs a work directory is gone. */
static void test_view_options(void **state)
{
	(void)state;
	assert_options("rw,lowerdir=l/A:l/B,upperdir=d/diff,workdir=d/work", true,
		       "lowerdir=d/diff:l/A:l/B");
	assert_options("rw,lowerdir=a,upperdir=u,workdir=w,redirect_dir=on,index=on,metacopy=on,"
		       "nfs_export=on,volatile,xino=auto,userxattr",
		       true, "lowerdir=u:a,redirect_dir=follow,metacopy=on,userxattr");
	assert_options("rw,lowerdir=a,upperdir=u,workdir=w,redirect_dir=nofollow", true,
		       "lowerdir=u:a,redirect_dir=nofollow");
	assert_options("rw,lowerdir=a\\134:b,upperdir=u\\134:v,workdir=w", true,
		       "lowerdir=u\\:v:a\\:b");
	assert_options("ro,lowerdir=a:b", true, "lowerdir=a:b");
}

/* The kernel's own words: what it prints of a mount with odd names is taken apart into these names,
 * and the options made of it mount the same once more. */
static const char *const odd[] = { "a b",  "c:d",   "e,f",    "g\\h",  "i=j",
				   "k\nl", "m\\:n", "up:,\\", "wo:,\\" };
static const char odd_options[] =
	"lowerdir=a b:c\\:d:e\\,f:g\\\\h:i=j:k\nl:m\\\\\\:n,upperdir=up\\:\\,\\\\,"
	"workdir=wo\\:\\,\\\\";

static int read_overlay(struct arena *a, const char *point, struct overlay *ret)
{
	CLEANUP_BUF struct buf info = BUF_INIT(16u << 20);
	struct mountinfo_entry m;
	struct at_ident id;
	int fd = open(point, O_PATH | O_CLOEXEC);

	TEST_CHECK(fd >= 0 && at_identify(fd, &id) == 0);
	TEST_CHECK(close(fd) == 0);
	TEST_CHECK(mountinfo_read(&info, NULL) == 0);
	TEST_CHECK(mountinfo_find(a, buf_slice(&info), id.mnt_id, &m, NULL) == 0);
	TEST_CHECK(strcmp(m.type, "overlay") == 0);
	TEST_CHECK(overlay_parse(a, m.super, ret, NULL) == 0);
	return 0;
}

static int kernel_overlay(void *data)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	CLEANUP_BUF struct buf again = BUF_INIT(4095);
	CLEANUP_BUF struct buf view = BUF_INIT(4095);
	struct layers l = LAYERS_INIT;
	int r;

	l.overlay = arena_alloc(&a, sizeof(*l.overlay));
	TEST_CHECK(l.overlay && chdir(data) == 0);
	TEST_CHECK(unshare(CLONE_NEWNS) == 0);
	TEST_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	TEST_CHECK(mount("tmpfs", data, "tmpfs", 0, NULL) == 0 && chdir(data) == 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		TEST_CHECK(mkdir(odd[i], 0755) == 0);
	TEST_CHECK(mkdir("point", 0755) == 0 && mkdir("c:d/found", 0755) == 0);
	TEST_CHECK(mkdir("up:,\\/upper", 0755) == 0);
	TEST_CHECK(mount("overlay", "point", "overlay", 0, odd_options) == 0);
	TEST_CHECK(access("point/found", F_OK) == 0);
	r = read_overlay(&a, "point", l.overlay);
	if (r)
		return r;
	TEST_CHECK(l.overlay->nlower == 7);
	for (size_t i = 0; i < 7; i++)
		TEST_CHECK(strcmp(l.overlay->lower[i], odd[i]) == 0);
	TEST_CHECK(strcmp(l.overlay->upper, odd[7]) == 0);
	TEST_CHECK(strcmp(l.overlay->work, odd[8]) == 0);
	layers_options(&l, false, &again);
	layers_options(&l, true, &view);
	TEST_CHECK(umount("point") == 0);
	TEST_CHECK(mount("overlay", "point", "overlay", 0, again.p) == 0);
	TEST_CHECK(access("point/found", F_OK) == 0 && access("point/upper", F_OK) == 0);
	TEST_CHECK(umount("point") == 0);
	TEST_CHECK(mount("overlay", "point", "overlay", MS_RDONLY, view.p) == 0);
	TEST_CHECK(access("point/found", F_OK) == 0 && access("point/upper", F_OK) == 0);
	return 0;
}

static void test_kernel_overlay(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";

	(void)state;
	if (!test_is_root("mounts an overlay"))
		skip();
	test_dir_new(dir);
	assert_int_equal(test_in_child(kernel_overlay, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relative),       cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_rest),	       cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_lowerdir_plus),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),	       cmocka_unit_test(test_escape),
		cmocka_unit_test(test_options),	       cmocka_unit_test(test_view_options),
		cmocka_unit_test(test_kernel_overlay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
