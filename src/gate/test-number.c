/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/util.h"

#define LOCAL "\"devcontainer.local_folder\":\"/home/u/p\""
#define METADATA(text) "\"devcontainer.metadata\":\"" text "\""

static bool own(const char *config)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
	struct json_limits limits = JSON_LIMITS;
	char text[1024];
	struct json *v;

	(void)snprintf(text, sizeof(text), "{\"Config\":%s}", config);
	assert_int_equal(json_parse(&a, slice_str(text), &limits, &v, NULL, NULL), 0);
	return number_is_own(v, 1000, &a);
}

static void test_labels(void **state)
{
	static const struct {
		const char *config;
		bool own;
	} cases[] = {
		{ "{}", false },
		{ "null", false },
		{ "{\"Labels\":null}", false },
		{ "{\"Labels\":{\"gabion.bind-owner\":\"user\"}}", true },
		{ "{\"Labels\":{\"gabion.bind-owner\":\"root\"}}", false },
		{ "{\"Labels\":{\"gabion.bind-owner\":\"me\"}}", false },
		{ "{\"Labels\":{\"gabion.bind-owner\":1}}", false },
		{ "{\"Env\":[\"A=b\",\"PUID=1000\"]}", true },
		{ "{\"Env\":[\"NB_UID=1000\",1,null]}", true },
		{ "{\"Env\":[\"PUID=1001\",\"PUID=10000\",\"PUID=\",\"PUID\",\"XPUID=1000\"]}",
		  false },
		{ "{\"Env\":[\"PUID=1000\"],\"Labels\":{\"gabion.bind-owner\":\"root\"}}", false },
		{ "{\"Env\":\"PUID=1000\"}", false },
		/* a development container is one that its tool has started, for another user */
		{ "{\"Labels\":{" METADATA("[{\\\"remoteUser\\\":\\\"dev\\\"}]") "}}", false },
		{ "{\"User\":\"dev\",\"Labels\":{" LOCAL "}}", true },
		{ "{\"User\":\"\",\"Labels\":{" LOCAL "}}", false },
		{ "{\"User\":\"root\",\"Labels\":{" LOCAL "}}", false },
		{ "{\"User\":\"0:5\",\"Labels\":{" LOCAL "}}", false },
		{ "{\"User\":\"rooter\",\"Labels\":{" LOCAL "}}", true },
		{ "{\"Labels\":{" LOCAL "," METADATA("[{\\\"remoteUser\\\":\\\"dev\\\"}]") "}}",
		  true },
		{ "{\"Labels\":{" LOCAL "," METADATA("{\\\"remoteUser\\\":\\\"dev\\\"}") "}}",
		  true },
		{ "{\"Labels\":{" LOCAL "," METADATA("[{\\\"remoteUser\\\":\\\"dev\\\"},{},"
						     "{\\\"remoteUser\\\":\\\"root\\\"}]") "}}",
		  false },
		{ "{\"User\":\"dev\",\"Labels\":{" LOCAL
		  "," METADATA("[{\\\"containerUser\\\":\\\"root\\\"}]") "}}",
		  false },
		{ "{\"Labels\":{" LOCAL "," METADATA("[{\\\"remoteUser\\\":\\\"dev\\\"},"
						     "{\\\"containerUser\\\":\\\"root\\\"}]") "}}",
		  true },
		{ "{\"User\":\"dev\",\"Labels\":{" LOCAL "," METADATA("[") "}}", true },
		{ "{\"User\":\"dev\",\"Labels\":{" LOCAL "," METADATA("[1,null,[]]") "}}", true },
		{ "{\"User\":\"dev\",\"Labels\":{\"gabion.bind-owner\":\"root\"," LOCAL "}}",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (own(cases[i].config) != cases[i].own)
			fail_msg("%s", cases[i].config);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_labels) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
