/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/effect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/util.h"

/* What the engine says it made of a body, and what of that was not asked for. */
static void test_effect(void **state)
{
	static const struct {
		const char *body;
		const char *made;
		const char *found;
	} cases[] = {
		{ "{}", "{}", NULL },
		{ "{}", "{\"HostConfig\":{\"NetworkMode\":\"default\",\"PidMode\":\"\"}}", NULL },
		{ "{}", "{\"HostConfig\":{\"PidMode\":\"host\"}}", "PidMode \"host\"" },
		{ "{}", "{\"HostConfig\":{\"NetworkMode\":\"host\"}}", "NetworkMode \"host\"" },
		{ "{}", "{\"HostConfig\":{\"UsernsMode\":\"host\"}}", "UsernsMode \"host\"" },
		{ "{\"HostConfig\":{\"Binds\":[\"/a//b/./c/../d/:/x\"]}}",
		  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a/b/d\"}]}", NULL },
		{ "{\"HostConfig\":{\"Binds\":[\"/..:/x\"]}}",
		  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/\"}]}", NULL },
		{ "{\"HostConfig\":{\"Binds\":[\"/a:/x\",\"v:/y\"]}}",
		  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"},"
		  "{\"Type\":\"volume\",\"Name\":\"v\",\"Source\":\"/lib/v\"}]}",
		  NULL },
		{ "{\"HostConfig\":{\"Binds\":[\"/a:/x\"]}}",
		  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"},"
		  "{\"Type\":\"bind\",\"Source\":\"/etc\"}]}",
		  "a bind of /etc" },
		{ "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/etc\"}]}}",
		  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/etc\"}]}", "a bind of /etc" },
		{ "{\"HostConfig\":{\"VolumesFrom\":[\"other\"]}}",
		  "{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\"}]}", NULL },
		{ "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/dev/fuse\"}]}}",
		  "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/dev/fuse\"}]}}", NULL },
		{ "{\"HostConfig\":{\"Privileged\":true,\"Devices\":[{\"PathOnHost\":\"/dev/"
		  "x\"}]}}",
		  "{\"HostConfig\":{\"Privileged\":true,\"Devices\":[{\"PathOnHost\":\"/dev/"
		  "x\"}]}}",
		  NULL },
		{ "{\"HostConfig\":{\"Binds\":[\"/dev/mem:/x\"]}}",
		  "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/dev/mem\"}]}}",
		  "the device /dev/mem" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const struct edit_how how = { .plain = false };
		CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
		struct json_limits limits = JSON_LIMITS;
		struct json *made;
		const char *found;
		struct edit e;

		assert_int_equal(edit_body(ROUTE_CREATE, &a, slice_str(cases[i].body), &how, &e,
					   NULL, NULL),
				 EDIT_OK);
		assert_int_equal(
			json_parse(&a, slice_str(cases[i].made), &limits, &made, NULL, NULL), 0);
		found = effect_judge(made, &e, &a);
		if (!found != !cases[i].found || (found && strcmp(found, cases[i].found) != 0))
			fail_msg("%s: %s", cases[i].made, found ? found : "nothing");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
