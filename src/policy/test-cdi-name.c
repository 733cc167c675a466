/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "policy/cdi.h"

static void test_names(void **state)
{
	static const char *const good[] = { "nvidia.com/gpu=0", "nvidia.com/gpu=all", "a/b=c",
					    "v-1.x_y/c-l=GPU-1:2.3_4", "gabion.test/tun=0" };
	static const char *const bad[] = {
		"",	   "/dev/fuse", "a/b",	  "a/b=",   "=c",      "a=c",
		"/b=c",	   "a/=c",	"1a/b=c", "a/1b=c", "a/b=c=d", "a/b/c=d",
		"a./b=c",  "a/b-=c",	"a/b=-c", "a/b=c:", "a b/c=d", "a/b=c d",
		"a/b=c/d", "a/b=*",	"*/b=c",  "a/*=c",  "a/b=c*",  "a/b=\xc3\xa9",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!cdi_name_split(slice_str(good[i]), NULL, NULL) ||
		    !cdi_pattern_ok(slice_str(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (cdi_name_split(slice_str(bad[i]), NULL, NULL) ||
		    cdi_pattern_ok(slice_str(bad[i])) != (strcmp(bad[i], "a/b=*") == 0))
			fail_msg("%s", bad[i]);
}

static void test_judge(void **state)
{
	static const char *const patterns[] = { "nvidia.com/gpu=*", "gabion.test/tun=one" };
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
		{ "nvidia.com/gpu=0", true },	 { "nvidia.com/gpu=all", true },
		{ "gabion.test/tun=one", true }, { "gabion.test/tun=two", false },
		{ "gabion.test/tun=*", false },	 { "gabion.test/tun=onetwo", false },
		{ "nvidia.com/gpux=0", false },	 { "nvidia.com/mig=0", false },
		{ "xnvidia.com/gpu=0", false },	 { "NVIDIA.com/gpu=0", false },
		{ "nvidia.com/gpu=", false },	 { "nvidia.com/gpu=a/b", false },
		{ "nvidia.com/gpu=*", false },	 { "", false },
	};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cdi_judge(slice_str(rows[i].name), patterns, ARRAY_SIZE(patterns), "/e", &v);
		if ((v.kind == VERDICT_ALLOW) != rows[i].want)
			fail_msg("%s", rows[i].name);
		cdi_judge(slice_str(rows[i].name), NULL, 0, "/e", &v);
		assert_int_equal(v.kind, VERDICT_DENY);
		assert_string_equal(v.rule, "cdi-device");
		assert_non_null(strstr(v.message, rows[i].name));
		assert_non_null(strstr(v.message, "\"cdiDevices\" of /e/gabion.json"));
	}
}

static void test_requests(void **state)
{
	static const struct {
		const char *text;
		int want;
		size_t n;
	} rows[] = {
		{ "{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/b=c\",\"a/b=d\"]}", CDI_REQUEST_OK, 2 },
		{ "{\"Driver\":\"cdi\",\"Count\":0,\"DeviceIDs\":[\"a/b=c\"],\"Options\":null,"
		  "\"Capabilities\":[[\"gpu\"]]}",
		  CDI_REQUEST_OK, 1 },
		{ "{\"Driver\":\"cdi\",\"Options\":{}}", CDI_REQUEST_OK, 0 },
		{ "{\"Driver\":\"cdi\",\"Count\":-1}", CDI_REQUEST_BAD, 0 },
		{ "{\"Driver\":\"cdi\",\"Count\":1,\"DeviceIDs\":[\"a/b=c\"]}", CDI_REQUEST_BAD,
		  0 },
		{ "{\"Driver\":\"cdi\",\"Options\":{\"a\":\"b\"}}", CDI_REQUEST_BAD, 0 },
		{ "{\"Driver\":\"cdi\",\"DeviceIDs\":[\"all\"]}", CDI_REQUEST_BAD, 0 },
		{ "{\"Driver\":\"cdi\",\"DeviceIDs\":[\"a/b=c\",1]}", CDI_REQUEST_BAD, 0 },
		{ "{\"Driver\":\"CDI\",\"DeviceIDs\":[\"a/b=c\"]}", CDI_REQUEST_FOREIGN, 0 },
		{ "{\"Driver\":\"\",\"Count\":-1,\"Capabilities\":[[\"gpu\"]]}",
		  CDI_REQUEST_FOREIGN, 0 },
		{ "{\"Driver\":\"nvidia\"}", CDI_REQUEST_FOREIGN, 0 },
		{ "{\"DeviceIDs\":[\"a/b=c\"]}", CDI_REQUEST_FOREIGN, 0 },
		{ "{}", CDI_REQUEST_FOREIGN, 0 },
		{ "null", CDI_REQUEST_FOREIGN, 0 },
		{ "\"cdi\"", CDI_REQUEST_FOREIGN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(1u << 20);
		const struct json *names = NULL;
		struct err err = ERR_INIT;
		struct json *v;

		assert_int_equal(
			json_parse(&a, slice_str(rows[i].text), &JSON_LIMITS, &v, NULL, NULL), 0);
		if (cdi_request_read(v, &names, &err) != rows[i].want ||
		    (names ? names->n : 0) < rows[i].n)
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_int_equal(rows[i].want == CDI_REQUEST_BAD, *err.text != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
