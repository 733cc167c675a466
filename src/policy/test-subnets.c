/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/subnets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

static void test_covers(void **state)
{
	static const struct {
		const char *cidr;
		bool covers;
	} cases[] = {
		{ "10.0.2.0/29", true },
		{ "10.0.2.3/32", true },
		{ "10.0.0.0/8", true },
		{ "0.0.0.0/0", true },
		{ "010.000.002.003/030", true },
		{ "10.0.2.128/25", true },
		{ "198.18.0.0/15", true },
		{ "10.254.210.7/31", true },
		{ "::ffff:10.0.2.0/125", true },
		{ "0:0:0:0:0:ffff:a00:200/125", true },
		{ "10.0.3.0/24", false },
		{ "10.0.1.255/24", false },
		{ "172.17.0.0/16", false },
		{ "192.168.0.0/16", false },
		{ "2001:db8::/64", false },
		{ "fd00::/8", false },
		{ "10.0.2.0", false },
		{ "10.0.2.0/33", false },
		{ "10.0.2.0/", false },
		{ "10.0.2/24", false },
		{ "", false },
		{ "10.0.2.0/29 ", false },
		{ "10.0.256.0/24", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (subnets_cover_own(slice_str(cases[i].cidr)) != cases[i].covers)
			fail_msg("%s", cases[i].cidr);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_covers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
