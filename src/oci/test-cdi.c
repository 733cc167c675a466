/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "oci/cdi.h"

#define CAP (8u << 20)

static const char text[] =
	"{\"cdiVersion\":\"0.6.0\",\"kind\":\"gabion.test/tun\",\"devices\":["
	"{\"name\":\"one\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/one\"}],"
	"\"mounts\":[{\"hostPath\":\"/one\",\"containerPath\":\"/in\","
	"\"options\":[\"ro\",\"bind\"]}]}},"
	"{\"name\":\"two\",\"containerEdits\":{\"hooks\":[{\"hookName\":\"prestart\","
	"\"path\":\"/two\"}]}}],"
	"\"containerEdits\":{\"env\":[\"A=b\"],\"hooks\":[{\"hookName\":\"createContainer\","
	"\"path\":\"/all\",\"args\":[\"all\",\"x\"],\"env\":[\"B=c\"],\"timeout\":7}]}}";

static const struct json *parse(struct arena *a, const char *s)
{
	struct err err = ERR_INIT;
	struct json *v;

	if (json_parse(a, slice_str(s), &JSON_LIMITS, &v, NULL, &err) < 0)
		fail_msg("%s: %s", s, err.text);
	return v;
}

/* Of the file and the device "one" only. */
static void load(struct arena *a, struct cdi_edits *ret)
{
	struct err err = ERR_INIT;
	struct cdi_file f;
	const struct json *one;

	if (cdi_file_parse(a, slice_str(text), &f, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(slice_eq_str(f.kind, "gabion.test/tun"));
	assert_null(cdi_file_device(&f, SLICE_LIT("three")));
	one = cdi_file_device(&f, SLICE_LIT("one"));
	assert_non_null(one);
	*ret = (struct cdi_edits){ 0 };
	assert_int_equal(cdi_edits_add(a, ret, f.edits), 0);
	assert_int_equal(cdi_edits_add(a, ret, json_get(one, "containerEdits")), 0);
	assert_int_equal(ret->nodes->n, 1);
}

static void test_mounts(void **state)
{
	static const struct {
		const char *mount;
		bool want;
	} rows[] = {
		{ "{\"source\":\"/one\",\"destination\":\"/in\",\"options\":[\"ro\",\"bind\"]}",
		  true },
		{ "{\"source\":\"/one\",\"destination\":\"/in\",\"type\":\"\","
		  "\"options\":[\"ro\",\"bind\"]}",
		  true },
		{ "{\"source\":\"/one\",\"destination\":\"/in\",\"options\":[\"bind\"]}", false },
		{ "{\"source\":\"/one\",\"destination\":\"/in\",\"options\":[\"rw\",\"bind\"]}",
		  false },
		{ "{\"source\":\"/one\",\"destination\":\"/"
		  "in\",\"options\":[\"ro\",\"bind\",\"rw\"]}",
		  false },
		{ "{\"source\":\"/one\",\"destination\":\"/in\",\"options\":[\"ro\",1]}", false },
		{ "{\"source\":\"/one/\",\"destination\":\"/in\",\"options\":[\"ro\",\"bind\"]}",
		  false },
		{ "{\"source\":\"/one\",\"destination\":\"/etc\",\"options\":[\"ro\",\"bind\"]}",
		  false },
		{ "{\"source\":\"/one\",\"destination\":\"/in\",\"type\":\"tmpfs\","
		  "\"options\":[\"ro\",\"bind\"]}",
		  false },
		{ "{}", false },
		{ "[]", false },
	};
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct cdi_edits none = { 0 };
	struct cdi_edits e;

	(void)state;
	load(&a, &e);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct json *m = parse(&a, rows[i].mount);

		if (cdi_edits_have_mount(&e, m) != rows[i].want)
			fail_msg("%s", rows[i].mount);
		assert_false(cdi_edits_have_mount(&none, m));
	}
}

static void test_hooks(void **state)
{
	static const struct {
		const char *list, *hook;
		bool want;
	} rows[] = {
		{ "createContainer",
		  "{\"path\":\"/all\",\"args\":[\"all\",\"x\"],\"env\":[\"B=c\"],\"timeout\":7}",
		  true },
		{ "createRuntime",
		  "{\"path\":\"/all\",\"args\":[\"all\",\"x\"],\"env\":[\"B=c\"],\"timeout\":7}",
		  false },
		{ "createContainer",
		  "{\"path\":\"/al\",\"args\":[\"all\",\"x\"],\"env\":[\"B=c\"],\"timeout\":7}",
		  false },
		{ "createContainer",
		  "{\"path\":\"/all\",\"args\":[\"all\",\"y\"],\"env\":[\"B=c\"],\"timeout\":7}",
		  false },
		{ "createContainer",
		  "{\"path\":\"/all\",\"args\":[\"all\"],\"env\":[\"B=c\"],\"timeout\":7}", false },
		{ "createContainer", "{\"path\":\"/all\",\"args\":[\"all\",\"x\"],\"timeout\":7}",
		  false },
		{ "createContainer",
		  "{\"path\":\"/"
		  "all\",\"args\":[\"all\",\"x\"],\"env\":[\"LD_PRELOAD=c\"],\"timeout\":7}",
		  false },
		{ "createContainer",
		  "{\"path\":\"/all\",\"args\":[\"all\",\"x\"],\"env\":[\"B=c\"],\"timeout\":8}",
		  false },
		{ "createContainer",
		  "{\"path\":\"/all\",\"args\":[\"all\",\"x\"],\"env\":[\"B=c\"]}", false },
		{ "prestart", "{\"path\":\"/two\"}", false }, /* of the other device */
		{ "createContainer", "{}", false },
	};
	CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
	struct cdi_edits e;

	(void)state;
	load(&a, &e);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (cdi_edits_have_hook(&e, rows[i].list, parse(&a, rows[i].hook)) != rows[i].want)
			fail_msg("%s %s", rows[i].list, rows[i].hook);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"kind: a/b\n",
		"{\"kind\":\"\"}",
		"{\"kind\":1}",
		"{\"kind\":\"a/b\"} x",
		"{\"kind\":\"a/b\",\"kind\":\"c/d\"}",
		"{\"kind\":\"a/b\",\"Kind\":\"c/d\"}",
		"{\"kind\":\"a/b\",\"devices\":{}}",
		"{\"kind\":\"a/b\",\"devices\":[{\"name\":1}]}",
		"{\"kind\":\"a/b\",\"containerEdits\":{\"hooks\":[{\"path\":\"/a\\u0000b\"}]}}",
		"{\"kind\":\"a/b\",\"containerEdits\":{\"mounts\":[{\"options\":\"ro\"}]}}",
		"{\"kind\":\"a/b\",\"containerEdits\":{\"deviceNodes\":[{\"major\":\"1\"}]}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP_ARENA struct arena a = ARENA_INIT(CAP);
		struct err err = ERR_INIT;
		struct cdi_file f;

		if (cdi_file_parse(&a, slice_str(texts[i]), &f, &err) >= 0)
			fail_msg("taken: %s", texts[i]);
		assert_true(*err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
