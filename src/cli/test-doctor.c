/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor-facts.h"

static void test_version_find(void **state)
{
	static const struct {
		const char *text;
		int r;
		struct version version;
	} rows[] = {
		{ "Docker version 20.10.24+dfsg1, build 5d6db84", 0, { 20, 10, 24 } },
		{ "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1",
		  0,
		  { 1, 6, 20 } },
		{ "containerd containerd.io v1.7.27 05044ec", 0, { 1, 7, 27 } },
		{ "crun version 1.8.1\ncommit: f8a096be060b", 0, { 1, 8, 1 } },
		{ "runc version 1.1.5+ds1", 0, { 1, 1, 5 } },
		{ "6.18.44-fc-v669", 0, { 6, 18, 44 } },
		{ "5.15.167.4-microsoft-standard-WSL2", 0, { 5, 15, 167 } },
		{ "crun version UNKNOWN", -ENOENT, { 0 } },
		{ "6.1", 0, { 6, 1, 0 } },
		{ "6.1-rc3", 0, { 6, 1, 0 } },
		{ "abc1.2.3", -ENOENT, { 0 } },
		{ "99999999999.1.2", -ENOENT, { 0 } },
		{ "7 dwarfs", -ENOENT, { 0 } },
		{ "7.", -ENOENT, { 0 } },
		{ "", -ENOENT, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct version v = { 0 };

		print_message("%s\n", rows[i].text);
		assert_int_equal(version_find(slice_str(rows[i].text), &v), rows[i].r);
		assert_int_equal(version_compare(v, rows[i].version), 0);
	}
}

static void test_version_compare(void **state)
{
	static const struct version order[] = {
		{ 5, 19, 9 }, { 6, 1, 0 }, { 6, 1, 1 }, { 6, 2, 0 }, { 20, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t j = 0; j < ARRAY_SIZE(order); j++)
			assert_int_equal(version_compare(order[i], order[j]), i < j ? -1 : i > j);
}

static void test_kernel_base_version(void **state)
{
	struct version v;

	(void)state;
	assert_int_equal(kernel_base_version(SLICE_LIT("6.1.0-37-cloud-amd64"),
					     SLICE_LIT("#1 SMP Debian 6.1.140-1 (2025-05-22)"),
					     SLICE_NULL, &v),
			 0);
	assert_int_equal(version_compare(v, (struct version){ 6, 1, 140 }), 0);
	assert_int_equal(kernel_base_version(SLICE_LIT("5.15.0-91-generic"),
					     SLICE_LIT("#101-Ubuntu SMP Tue Nov 14"),
					     SLICE_LIT("Ubuntu 5.15.0-91.101-generic 5.15.131\n"),
					     &v),
			 0);
	assert_int_equal(version_compare(v, (struct version){ 5, 15, 131 }), 0);
	assert_int_equal(kernel_base_version(SLICE_LIT("6.18.44-fc"), SLICE_LIT("#1 SMP"),
					     SLICE_NULL, &v),
			 0);
	assert_int_equal(version_compare(v, (struct version){ 6, 18, 44 }), 0);
	assert_int_equal(kernel_base_version(SLICE_LIT("odd"), SLICE_LIT("#1"), SLICE_LIT(" "), &v),
			 -ENOENT);
}

static void test_wsl(void **state)
{
	(void)state;
	assert_int_equal(wsl_generation(SLICE_LIT("5.15.167.4-microsoft-standard-WSL2")), 2);
	assert_int_equal(wsl_generation(SLICE_LIT("4.19.84-microsoft-standard")), 2);
	assert_int_equal(wsl_generation(SLICE_LIT("4.4.0-19041-Microsoft")), 1);
	assert_int_equal(wsl_generation(SLICE_LIT("6.1.0-37-amd64")), 0);
}

static const struct kernel_hole *hole(const char *id)
{
	for (size_t i = 0; i < kernel_holes_count; i++)
		if (strcmp(kernel_holes[i].id, id) == 0)
			return &kernel_holes[i];
	fail_msg("no %s", id);
	return NULL;
}

static void test_kernel_holes(void **state)
{
	const struct kernel_hole *h = hole("CVE-2024-1086");

	(void)state;
	assert_true(kernel_hole_fixed(h, (struct version){ 6, 18, 0 }));
	assert_true(kernel_hole_fixed(h, (struct version){ 6, 1, 76 }));
	assert_false(kernel_hole_fixed(h, (struct version){ 6, 1, 75 }));
	assert_false(kernel_hole_fixed(h, (struct version){ 6, 5, 99 }));
	assert_true(kernel_hole_fixed(h, (struct version){ 6, 6, 15 }));
	assert_false(kernel_hole_fixed(h, (struct version){ 6, 7, 2 }));
	h = hole("CVE-2022-0185");
	assert_true(kernel_hole_fixed(h, (struct version){ 6, 1, 0 }));
	assert_false(kernel_hole_fixed(h, (struct version){ 5, 16, 1 }));
	for (size_t i = 0; i < kernel_holes_count; i++) {
		assert_true(kernel_hole_fixed(&kernel_holes[i], kernel_holes[i].fixed));
		assert_false(kernel_hole_fixed(&kernel_holes[i], (struct version){ 4, 4, 0 }));
	}
}

static struct cgroup_layout layout_of(const char *text)
{
	struct arena a = ARENA_INIT(1 << 16);
	struct slice rest = slice_str(text);
	struct cgroup_layout layout = { 0 };
	struct mountinfo_entry m;
	struct slice line;

	while (slice_split(&rest, '\n', &line)) {
		if (line.n == 0)
			continue;
		assert_int_equal(mountinfo_parse_line(&a, line, &m), 0);
		cgroup_note(&layout, &m);
	}
	arena_done(&a);
	return layout;
}

#define LINE_ROOT "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
#define LINE_MEMORY "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
#define LINE_CPU "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
#define LINE_NAMED "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
#define LINE_HYBRID "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define LINE_V2 \
	"41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"

static void test_cgroup_layout(void **state)
{
	struct cgroup_layout l = layout_of(LINE_ROOT);

	(void)state;
	assert_int_equal(cgroup_mode(&l), CGROUP_NONE);
	l = layout_of(LINE_ROOT LINE_MEMORY LINE_CPU LINE_NAMED);
	assert_int_equal(cgroup_mode(&l), CGROUP_V1);
	assert_int_equal(l.controllers, CGROUP_MEMORY | CGROUP_CPU);
	l = layout_of(LINE_MEMORY LINE_HYBRID);
	assert_int_equal(cgroup_mode(&l), CGROUP_HYBRID);
	assert_false(l.nsdelegate);
	assert_string_equal(l.unified, "/sys/fs/cgroup/unified");
	l = layout_of(LINE_ROOT LINE_V2);
	assert_int_equal(cgroup_mode(&l), CGROUP_V2);
	assert_true(l.nsdelegate);
	assert_string_equal(l.unified, "/sys/fs/cgroup");
}

static void test_cgroup_controllers(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	assert_int_equal(cgroup_controllers(SLICE_LIT("cpuset cpu io memory hugetlb pids\n")),
			 CGROUP_WANTED_V2);
	assert_int_equal(cgroup_controllers(SLICE_LIT("")), 0);
	assert_int_equal(cgroup_controllers(SLICE_LIT("cpuacct,cpuset,name=memory")), 0);
	cgroup_names(CGROUP_PIDS | CGROUP_CPU, &b);
	assert_string_equal(b.p, "cpu, pids");
	buf_done(&b);
}

static const struct ranges pool_default = { 1, { { RANGES_START, RANGES_COUNT } } };

static void test_subid(void **state)
{
	static const char text[] = "# ranges\n\nalice:100000:65536\ngabion:300000:131072\n"
				   "bob:365536:65536\nbroken\ncarol:431071:1\ndave:431072:65536\n";
	static const struct ranges pool = { 1, { { 300000, 131072 } } };
	struct buf b = BUF_INIT(1000);
	struct range range;
	struct slice name;

	(void)state;
	assert_int_equal(subid_others(slice_str(text), "gabion", &pool, &b), 2);
	assert_string_equal(b.p, "bob 365536+65536, carol 431071+1");
	buf_reset(&b);
	assert_int_equal(subid_others(slice_str(text), "gabion", &pool_default, &b), 0);
	assert_int_equal(b.n, 0);
	buf_done(&b);
	assert_int_equal(subid_line(SLICE_LIT("a:1:2"), &name, &range), 0);
	assert_int_equal(subid_line(SLICE_LIT("a:1:2:3"), &name, &range), -EINVAL);
	assert_int_equal(subid_line(SLICE_LIT("a:1"), &name, &range), -EINVAL);
	assert_int_equal(subid_line(SLICE_LIT("a:-1:2"), &name, &range), -EINVAL);
	assert_int_equal(subid_line(SLICE_LIT(":1:2"), &name, &range), -EINVAL);
	assert_int_equal(subid_line(SLICE_LIT("a:1:99999999999"), &name, &range), -EINVAL);
	assert_int_equal(subid_line(SLICE_LIT("# a:1:2"), &name, &range), 1);
}

static void test_accounts(void **state)
{
	static const char text[] =
		"root:x:0:0:root:/root:/bin/sh\nlow:x:1879048191:1::/:/bin/sh\n"
		"first:x:1879048192:1::/:/bin/sh\nlast:x:2147352575:1::/:/bin/sh\n"
		"high:x:2147352576:1::/:/bin/sh\n";
	struct buf b = BUF_INIT(1000);

	(void)state;
	assert_int_equal(accounts_within(slice_str(text), &pool_default, &b), 2);
	assert_string_equal(b.p, "first 1879048192, last 2147352575");
	buf_done(&b);
}

static void test_many_owners(void **state)
{
	static const char text[] = "a:10:1\nb:11:1\nc:12:1\nd:13:1\ne:14:1\nf:15:1\ng:16:1";
	static const struct ranges pool = { 1, { { 0, 100 } } };
	struct buf b = BUF_INIT(1000);

	(void)state;
	assert_int_equal(subid_others(slice_str(text), "gabion", &pool, &b), 7);
	assert_string_equal(b.p, "a 10+1, b 11+1, c 12+1, d 13+1, e 14+1 and 2 more");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_find),
		cmocka_unit_test(test_version_compare),
		cmocka_unit_test(test_kernel_base_version),
		cmocka_unit_test(test_wsl),
		cmocka_unit_test(test_kernel_holes),
		cmocka_unit_test(test_cgroup_layout),
		cmocka_unit_test(test_cgroup_controllers),
		cmocka_unit_test(test_subid),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_many_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
