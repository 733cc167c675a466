/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/util.h"
#include "settings/schema.h"

#define SOCKET "enhancedContainerIsolation.dockerSocketMount"

static const struct schema_key *must_find(const char *path)
{
	const struct schema_key *key = schema_find(path);

	if (!key)
		fail_msg("no key %s", path);
	return key;
}

/* What every row must be, whatever it says. */
static void check_row(const struct schema_key *key)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct json *fallback = schema_fallback(&a, key);
	const struct schema_key *parent = schema_parent(key);
	bool element = *schema_name(key) == '\0';

	if (schema_find(key->path) != key)
		fail_msg("%s stands there twice", key->path);
	if (!key->meaning || !*key->meaning || !key->types)
		fail_msg("%s says nothing", key->path);
	if (!element && !parent && strchr(key->path, '.'))
		fail_msg("%s is a member of nothing", key->path);
	if (parent && !(parent->types & SCHEMA_OBJECT))
		fail_msg("%s is a member of what is no object", key->path);
	if (parent && parent->socket && (!key->socket || strcmp(parent->socket, key->socket) != 0))
		fail_msg("%s is not of the engine of %s", key->path, parent->path);
	if (!element && schema_child(parent, slice_str(schema_name(key))) != key)
		fail_msg("%s is not found by its name", key->path);
	if ((key->types & SCHEMA_LIST) && !schema_element(key))
		fail_msg("elements of %s are nothing", key->path);
	if (element &&
	    !(must_find(arena_printf(&a, "%.*s", (int)strlen(key->path) - 2, key->path))->types &
	      SCHEMA_LIST))
		fail_msg("%s are elements of what is no list", key->path);
	if (key->fallback &&
	    (!fallback || !schema_type_fits(key->types, fallback) || !schema_allows(key, fallback)))
		fail_msg("%s may not have its own default", key->path);
	if ((key->flags & SCHEMA_VALUE) && (key->flags & SCHEMA_LOCKABLE))
		fail_msg("%s is both a value and what holds it", key->path);
	if ((key->flags & SCHEMA_VALUE) && strchr(key->path, '['))
		fail_msg("%s is a setting inside of another", key->path);
}

static void test_table(void **state)
{
	size_t values = 0;

	(void)state;
	for (size_t i = 0; i < schema_keys_n; i++) {
		check_row(&schema_keys[i]);
		values += (schema_keys[i].flags & SCHEMA_VALUE) != 0;
	}
	assert_true(values > 60);
}

/* Who merges by layers or by "true" must be of a kind that can be merged so. */
static void test_merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_keys_n; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (key->merge == SCHEMA_MERGE_TRUE)
			assert_int_equal(key->types, SCHEMA_BOOL);
		if (key->merge == SCHEMA_MERGE_LAYERS && (key->flags & SCHEMA_VALUE))
			assert_true(key->socket || (key->flags & SCHEMA_BINDS));
	}
}

static void test_profiles(void **state)
{
	(void)state;
	assert_string_equal(profiles[0].name, "docker");
	for (size_t i = 0; i < nprofiles; i++) {
		const struct profile *p = &profiles[i];
		char path[128];

		assert_ptr_equal(profile_find(slice_str(p->name)), p);
		(void)snprintf(path, sizeof(path), "enhancedContainerIsolation.%s.imageList.images",
			       p->socket_mount_key);
		assert_true(schema_applies(must_find(path), p));
		assert_true(schema_applies(must_find("enhancedContainerIsolation.value"), p));
	}
	assert_null(profile_find(SLICE_LIT("Docker")));
	assert_false(schema_applies(must_find(SOCKET ".commandList.type"),
				    profile_find(SLICE_LIT("iechor"))));
	assert_false(schema_applies(must_find("enhancedContainerIsolation.iechorSocketMount"),
				    profile_find(SLICE_LIT("docker"))));
	/* "profile without derived and local images": docs/spec-errata.md */
	assert_null(schema_find(
		"enhancedContainerIsolation.iechorSocketMount.imageList.allowDerivedImages"));
}

static void test_locks(void **state)
{
	const struct schema_key *eci = must_find("enhancedContainerIsolation");

	(void)state;
	assert_ptr_equal(schema_lock_of(must_find("enhancedContainerIsolation.value")), eci);
	assert_ptr_equal(schema_lock_of(must_find(SOCKET ".imageList.images")), eci);
	assert_ptr_equal(schema_lock_of(must_find("blockDockerLoad.value")),
			 must_find("blockDockerLoad"));
	assert_ptr_equal(schema_lock_of(must_find("linuxVM.dockerDaemonOptions.value")),
			 must_find("linuxVM.dockerDaemonOptions"));
	assert_null(schema_lock_of(must_find("configurationFileVersion")));
	assert_null(schema_lock_of(must_find("filesharingAllowedDirectories")));
}

static void test_children(void **state)
{
	const struct schema_key *eci = must_find("enhancedContainerIsolation");
	const struct schema_key *images = must_find(SOCKET ".imageList.images");
	const struct schema_key *entry = schema_element(images);

	(void)state;
	assert_ptr_equal(schema_child(NULL, SLICE_LIT("enhancedContainerIsolation")), eci);
	assert_ptr_equal(schema_child(NULL, SLICE_LIT("EnhancedContainerIsolation")), eci);
	assert_ptr_equal(schema_child(eci, SLICE_LIT("locked")), &schema_locked);
	assert_ptr_equal(schema_child(eci, SLICE_LIT("LOCKED")), &schema_locked);
	assert_null(schema_child(NULL, SLICE_LIT("locked")));
	assert_null(schema_child(NULL, SLICE_LIT("value")));
	assert_null(schema_child(eci, SLICE_LIT("imageList")));
	assert_string_equal(entry->path, SOCKET ".imageList.images[]");
	assert_string_equal(schema_child(entry, SLICE_LIT("image"))->path,
			    SOCKET ".imageList.images[].image");
	assert_ptr_equal(schema_parent(schema_child(entry, SLICE_LIT("image"))), entry);
	assert_null(schema_parent(entry));
	assert_null(schema_parent(eci));
	assert_string_equal(schema_name(entry), "");
	assert_string_equal(schema_name(images), "images");
	assert_string_equal(schema_name(eci), "enhancedContainerIsolation");
}

static void test_hints(void **state)
{
	static const struct {
		const char *parent;
		const char *key;
		const char *want;
		bool elsewhere;
	} cases[] = {
		{ SOCKET ".imageList", "allowedDerivedImages", "allowDerivedImages", false },
		{ SOCKET ".imageList", "image", "images", false },
		{ NULL, "enhancedContainerIsolaton", "enhancedContainerIsolation", false },
		{ NULL, "imageList", SOCKET ".imageList", true },
		{ NULL, "commandList", SOCKET ".commandList", true },
		{ NULL, "dockerSocketMount", SOCKET, true },
		{ "enhancedContainerIsolation", "lockd", "locked", false },
		{ "enhancedContainerIsolation", "valeu", "value", false },
		{ NULL, "value", NULL, false },
		{ NULL, "frobnicate", NULL, false },
		{ SOCKET, "images", SOCKET ".imageList.images", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool elsewhere = true;
		const char *got = schema_hint(cases[i].parent ? must_find(cases[i].parent) : NULL,
					      slice_str(cases[i].key), &elsewhere);

		if (!got != !cases[i].want || (got && strcmp(got, cases[i].want) != 0) ||
		    elsewhere != cases[i].elsewhere)
			fail_msg("%s: %s", cases[i].key, got ? got : "nothing");
	}
}

static void test_path_hints(void **state)
{
	(void)state;
	assert_string_equal(schema_hint_path(SLICE_LIT("images")), SOCKET ".imageList.images");
	assert_string_equal(schema_hint_path(SLICE_LIT("enhancedcontainerisolation.valu")),
			    "enhancedContainerIsolation.value");
	assert_string_equal(schema_hint_path(SLICE_LIT("filesharing.alloweddirectories")),
			    "filesharingAllowedDirectories");
	assert_string_equal(schema_hint_path(SLICE_LIT(SOCKET ".imageList.allowedDerivedImages")),
			    SOCKET ".imageList.allowDerivedImages");
	assert_null(schema_hint_path(SLICE_LIT("frobnicate")));
}

static void test_types(void **state)
{
	static const struct {
		const char *text;
		unsigned types;
	} cases[] = {
		{ "true", SCHEMA_BOOL },
		{ "false", SCHEMA_BOOL },
		{ "0", SCHEMA_INT },
		{ "-12", SCHEMA_INT },
		{ "1.0", 0 },
		{ "1e3", 0 },
		{ "\"\"", SCHEMA_STRING },
		{ "99999999999999999999", 0 },
		{ "null", 0 },
		{ "[]", SCHEMA_LIST },
		{ "{}", SCHEMA_OBJECT },
	};
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	struct json_limits limits = JSON_LIMITS;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json *v = NULL;

		assert_int_equal(json_parse(&a, slice_str(cases[i].text), &limits, &v, NULL, NULL),
				 0);
		for (unsigned bit = 1; bit <= SCHEMA_OBJECT; bit <<= 1)
			if (schema_type_fits(bit, v) != (cases[i].types == bit))
				fail_msg("%s as type %u", cases[i].text, bit);
	}
}

static void test_type_texts(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(256);

	(void)state;
	schema_type_text(SCHEMA_STRING | SCHEMA_OBJECT, &b);
	assert_string_equal(b.p, "a string or an object");
	buf_reset(&b);
	schema_type_text(SCHEMA_BOOL, &b);
	assert_string_equal(b.p, "true or false");
}

static void test_allowed(void **state)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(65536);
	const struct schema_key *type = must_find(SOCKET ".commandList.type");

	(void)state;
	assert_true(schema_allows(type, json_new_str(&a, "allow")));
	assert_false(schema_allows(type, json_new_str(&a, "Allow")));
	assert_false(schema_allows(type, json_new_str(&a, "")));
	assert_true(schema_allows(must_find("configurationFileVersion"), json_new_int(&a, 2)));
	assert_false(schema_allows(must_find("configurationFileVersion"), json_new_int(&a, 3)));
	assert_true(schema_allows(must_find("proxy.http"), json_new_str(&a, "x")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	   cmocka_unit_test(test_merges),
		cmocka_unit_test(test_profiles),   cmocka_unit_test(test_locks),
		cmocka_unit_test(test_children),   cmocka_unit_test(test_hints),
		cmocka_unit_test(test_path_hints), cmocka_unit_test(test_types),
		cmocka_unit_test(test_type_texts), cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
