/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/device.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

static void test_nodes(void **state)
{
	static const struct {
		struct device d;
		bool standard, harmless;
	} cases[] = {
		{ { 'c', 1, 3 }, true, false },
		{ { 'c', 136, 7 }, true, false },
		{ { 'b', 1, 3 }, false, false },
		{ { 'c', 1, 1 }, false, false },
		{ { 'c', 10, 229 }, false, true },
		{ { 'c', 10, 200 }, false, true },
		{ { 'c', 10, 232 }, false, false },
		{ { 'b', 254, 0 }, false, false },
		{ { 'c', 1, DEVICE_ANY }, false, false },
		{ { 'c', 10, DEVICE_ANY }, false, false },
		{ { 'a', DEVICE_ANY, DEVICE_ANY }, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(device_is_standard(&cases[i].d), cases[i].standard);
		assert_int_equal(device_is_harmless(&cases[i].d), cases[i].harmless);
	}
}

static void test_deny(void **state)
{
	static const struct device d = { 'b', 254, 0 };
	struct verdict v;

	(void)state;
	device_deny(&v, "/dev/vda", &d, "/x/etc");
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_string_equal(v.rule, "device");
	assert_string_equal(v.message,
			    "device /dev/vda (b 254:0) of the host is not for containers; an "
			    "administrator can allow it in \"devices\" of /x/etc/gabion.json");
	device_deny_rule(&v, "b *:* r", "/x/etc");
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_string_equal(v.rule, "device");
	assert_string_equal(v.message,
			    "device-cgroup rule \"b *:* r\" opens devices of the host that are not "
			    "for containers; an administrator can allow single ones in \"devices\" "
			    "of /x/etc/gabion.json");
}

static void test_rules(void **state)
{
	static const struct {
		const char *text;
		struct device d;
		bool opens;
	} good[] = {
		{ "c 10:200 rwm", { 'c', 10, 200 }, true },
		{ "b 8:0 r", { 'b', 8, 0 }, true },
		{ "a *:* rwm", { 'a', DEVICE_ANY, DEVICE_ANY }, true },
		{ "c 189:* mwr", { 'c', 189, DEVICE_ANY }, true },
		{ "c *:5 rrr", { 'c', DEVICE_ANY, 5 }, true },
		{ "b *:* m", { 'b', DEVICE_ANY, DEVICE_ANY }, false },
		{ "b *:* mm", { 'b', DEVICE_ANY, DEVICE_ANY }, false },
	};
	static const char *const bad[] = {
		"",
		"c",
		"c 1:3",
		"c 1:3 ",
		"c 1 rwm",
		"d 1:3 r",
		"c 1:3 rwmr",
		"c 1:3 x",
		"c  1:3 r",
		" c 1:3 r",
		"c 1:3 r ",
		"c 1:3 r w",
		"cc 1:3 r",
		"c -1:3 r",
		"c 1:3:4 r",
		"c : r",
		"c 1: r",
		"c **:3 r",
		"c 99999999999:1 r",
		"c 1:3 rwm\n",
		"C 1:3 r",
		"c 0x1:3 r",
		"c +1:3 r",
	};
	struct device d;
	bool opens;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(device_rule_parse(slice_str(good[i].text), &d, &opens), 0);
		assert_int_equal(opens, good[i].opens);
		assert_int_equal(d.type, good[i].d.type);
		assert_int_equal(d.major, good[i].d.major);
		assert_int_equal(d.minor, good[i].d.minor);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (device_rule_parse(slice_str(bad[i]), &d, &opens) >= 0)
			fail_msg("taken: \"%s\"", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_deny),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
