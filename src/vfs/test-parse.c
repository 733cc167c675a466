/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

static void test_limit(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t v;
	} rows[] = {
		{ "1\n", 0, 1 },
		{ "max\n", 0, PARSE_NO_LIMIT },
		{ "-1\n", 0, PARSE_NO_LIMIT },
		{ "9223372036854771712\n", 0, 9223372036854771712u },
		{ "", -1, 0 },
		{ "-", -1, 0 },
		{ "1 2", -1, 0 },
		{ "maxx", -1, 0 },
		{ "18446744073709551616", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 0;
		int r = parse_limit(slice_str(rows[i].text), &v);

		assert_int_equal(r < 0 ? -1 : r, rows[i].r);
		assert_true(r < 0 || v == rows[i].v);
	}
}

static void test_cpu_max(void **state)
{
	uint64_t quota;
	uint64_t period;

	(void)state;
	assert_int_equal(parse_cpu_max(SLICE_LIT("50000 100000\n"), &quota, &period), 0);
	assert_true(quota == 50000 && period == 100000);
	assert_int_equal(parse_cpu_max(SLICE_LIT("max 100000\n"), &quota, &period), 0);
	assert_true(quota == PARSE_NO_LIMIT);
	assert_true(parse_cpu_max(SLICE_LIT("50000"), &quota, &period) < 0);
	assert_true(parse_cpu_max(SLICE_LIT("50000 0"), &quota, &period) < 0);
	assert_true(parse_cpu_max(SLICE_LIT(""), &quota, &period) < 0);
}

static void test_cpus(void **state)
{
	static const char *const bad[] = { "x", "1-", "-1", "2-1", "1,,2", "1 2", "0-1x" };
	struct cpus c;

	(void)state;
	assert_int_equal(parse_cpus(SLICE_LIT("0-2,7,63-64\n"), &c), 0);
	assert_int_equal(cpus_count(&c), 6);
	assert_true(cpus_has(&c, 2) && cpus_has(&c, 7) && cpus_has(&c, 64) && !cpus_has(&c, 3));
	cpus_keep(&c, 4);
	assert_int_equal(cpus_count(&c), 4);
	assert_true(cpus_has(&c, 7) && !cpus_has(&c, 63));
	assert_int_equal(parse_cpus(SLICE_LIT("\n"), &c), 0);
	assert_int_equal(cpus_count(&c), 0);
	assert_int_equal(parse_cpus(SLICE_LIT("1023-4294967295"), &c), 0);
	assert_int_equal(cpus_count(&c), 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(parse_cpus(slice_str(bad[i]), &c) < 0);
}

static void test_key(void **state)
{
	struct slice text = SLICE_LIT("MemTotalX: 3 kB\nMemTotal:  12 kB\nfile 7\nfile_mapped 9\n");
	uint64_t v = 0;

	(void)state;
	assert_int_equal(parse_key(text, "MemTotal", &v), 0);
	assert_int_equal(v, 12);
	assert_int_equal(parse_key(text, "file", &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(parse_key(text, "MemFree", &v), 1);
	assert_int_equal(parse_key(SLICE_LIT("file x"), "file", &v), 1);
}

static void test_usage_all(void **state)
{
	static struct cpu_use use[CPUS_MAX];

	(void)state;
	assert_int_equal(parse_usage_all(SLICE_LIT("cpu user system\n0 10 20\n3 30 40\n"), use), 0);
	assert_true(use[0].user_ns == 10 && use[3].system_ns == 40 && use[1].user_ns == 0);
	assert_int_equal(parse_usage_all(SLICE_LIT("cpu user system\n5000 1 1\n"), use), 0);
	assert_true(parse_usage_all(SLICE_LIT("cpu user system\n0 1\n"), use) < 0);
	assert_true(parse_usage_all(SLICE_LIT("0 1 2\n"), use) < 0);
}

static void test_blocks(void **state)
{
	struct slice rest = SLICE_LIT("processor\t: 0\na: b\n\nprocessor\t: 7\n\nHardware : x\n");
	struct slice block;
	uint64_t cpu = 9;

	(void)state;
	assert_true(parse_block(&rest, &block));
	assert_true(slice_eq_str(block, "processor\t: 0\na: b\n\n"));
	assert_true(parse_cpuinfo_block(block, &cpu) && cpu == 0);
	assert_true(parse_block(&rest, &block) && parse_cpuinfo_block(block, &cpu) && cpu == 7);
	assert_true(parse_block(&rest, &block) && !parse_cpuinfo_block(block, &cpu));
	assert_false(parse_block(&rest, &block));
}

static void test_io(void **state)
{
	struct disk_use d;
	enum parse_io_what what;
	uint32_t major;
	uint32_t minor;
	uint64_t v;

	(void)state;
	assert_int_equal(
		parse_io_stat(SLICE_LIT("8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 x=y"),
			      &d),
		0);
	assert_true(d.major == 8 && d.minor == 16 && d.read_bytes == 1 && d.written_bytes == 2 &&
		    d.reads == 3 && d.writes == 4 && d.discarded_bytes == 5 && d.discards == 6);
	assert_true(parse_io_stat(SLICE_LIT("8 rbytes=1"), &d) < 0);
	assert_true(parse_io_stat(SLICE_LIT("8:1 rbytes=x"), &d) < 0);
	assert_int_equal(parse_blkio(SLICE_LIT("8:0 Write 77"), &major, &minor, &what, &v), 0);
	assert_true(major == 8 && minor == 0 && what == PARSE_IO_WRITE && v == 77);
	assert_true(parse_blkio(SLICE_LIT("Total 0"), &major, &minor, &what, &v) < 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),	  cmocka_unit_test(test_cpu_max),
		cmocka_unit_test(test_cpus),	  cmocka_unit_test(test_key),
		cmocka_unit_test(test_usage_all), cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_io),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
