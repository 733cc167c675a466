/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "settings/advice.h"

#define SOCKET "enhancedContainerIsolation.dockerSocketMount"
#define ECI(key_, text_) "{\"enhancedContainerIsolation\":{\"" key_ "\":{\n" text_ "}}}"
#define DOCKER(text_) ECI("dockerSocketMount", text_)
#define PASSING "it is recommended to deny containers what they do not need\n"

static void advises_as(const char *profile_name, const char *text, const char *want)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(8u << 20);
	const struct profile *profile = profile_find(slice_str(profile_name));
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	struct findings parsed = FINDINGS_INIT(&a);
	struct findings found = FINDINGS_INIT(&a);
	struct admin_file file;

	assert_int_equal(admin_parse(&a, slice_str(text), "F", profile, &parsed, &file),
			 ADMIN_READ);
	assert_int_equal(advice_add(&file, profile, &found), 0);
	assert_int_equal(found.errors, 0);
	for (size_t i = 0; i < found.n; i++) {
		assert_int_equal(found.list[i].kind, FINDING_WARNING);
		finding_print(&found.list[i], &b);
		buf_add_char(&b, '\n');
	}
	assert_string_equal(b.p ? b.p : "", want);
}

static void advises(const char *text, const char *want)
{
	advises_as("docker", text, want);
}

/* Without images nobody can do anything over the socket. */
static void test_nothing(void **state)
{
	(void)state;
	advises("{}", "");
	advises(DOCKER("\"imageList\":{\"allowDerivedImages\":true}"), "");
	advises(DOCKER("\"imageList\":{\"images\":[]},\"commandList\":{\"reportOnly\":true}"), "");
}

static void test_good(void **state)
{
	(void)state;
	advises(DOCKER("\"imageList\":{\"images\":[\"a:*\"],\"allowDerivedImages\":false},"
		       "\"commandList\":{\"type\":\"deny\",\"commands\":[\"push\",\"build\"]}"),
		"");
	advises(DOCKER("\"imageList\":{\"images\":[\"a\"]},"
		       "\"commandList\":{\"type\":\"allow\",\"commands\":[\"ps\"]}"),
		"");
}

static void test_images(void **state)
{
	(void)state;
	advises(DOCKER("\"imageList\":{\"images\":[\n\"a\", \"*\", {\"image\":\"*\"}],\n"
		       "\"allowDerivedImages\":true},\n"
		       "\"commandList\":{\"commands\":[\"push\",\"build*\"]}"),
		"F:4:22: " SOCKET ".imageList.allowDerivedImages: local images that are built from "
		"an allowed one may have the engine's socket: it is recommended to turn this off "
		"unless it is needed\n"
		"F:3:6: " SOCKET ".imageList.images[1]: every container may have the engine's "
		"socket: it is recommended to list the images that need it\n"
		"F:3:20: " SOCKET ".imageList.images[2]: every container may have the engine's "
		"socket: it is recommended to list the images that need it\n");
}

static void test_commands(void **state)
{
	(void)state;
	advises(DOCKER("\"imageList\":{\"images\":[\"a\"]}"),
		"F:2:23: " SOCKET ".commandList: push and build are not denied: " PASSING);
	advises(DOCKER("\"imageList\":{\"images\":[\"a\"]},\n\"commandList\":{\"type\":\"deny\"}"),
		"F:3:23: " SOCKET ".commandList: push and build are not denied: " PASSING);
	advises(DOCKER("\"imageList\":{\"images\":[\"a\"]},\n\"commandList\":{\"commands\":"
		       "[\"push\"]}"),
		"F:3:27: " SOCKET ".commandList: build is not denied: " PASSING);
	advises(DOCKER("\"imageList\":{\"images\":[\"a\"]},\n\"commandList\":{\"type\":\"allow\","
		       "\"commands\":[\"image\"]}"),
		"F:3:42: " SOCKET ".commandList: push and build are not denied: " PASSING);
	advises(DOCKER("\"imageList\":{\"images\":[\"a\"]},\n\"commandList\":{\"reportOnly\":true,"
		       "\"commands\":[\"push\",\"build\"]}"),
		"F:3:29: " SOCKET ".commandList: report-only: nothing is blocked, push and build "
		"included\n");
}

/* Where each image has a list of its own, the other one means nothing. */
static void test_own_commands(void **state)
{
	(void)state;
	advises(DOCKER("\"imageList\":{\"images\":[{\"image\":\"a\",\"commandList\":{\"commands\":"
		       "[\"push\"]}},\n{\"image\":\"b\",\"commandList\":{\"type\":\"allow\"}}]}"),
		"F:2:51: " SOCKET
		".imageList.images[0].commandList: build is not denied: " PASSING);
}

/* 004: the other engine's key, which has no derived images. */
static void test_profiles(void **state)
{
	(void)state;
	advises_as("iechor", ECI("iechorSocketMount", "\"imageList\":{\"images\":[\"a\"]}"),
		   "F:2:23: enhancedContainerIsolation.iechorSocketMount.commandList: push and "
		   "build are not denied: " PASSING);
	advises(ECI("iechorSocketMount", "\"imageList\":{\"images\":[\"a\"]}"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),	     cmocka_unit_test(test_good),
		cmocka_unit_test(test_images),	     cmocka_unit_test(test_commands),
		cmocka_unit_test(test_own_commands), cmocka_unit_test(test_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
