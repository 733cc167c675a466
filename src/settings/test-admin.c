/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/test-dir.h"
#include "settings/admin.h"

#define CAP (8u << 20)
#define SOCKET "enhancedContainerIsolation.dockerSocketMount"

struct fixture {
	struct arena arena;
	struct findings found;
	struct admin_file file;
	enum admin_result result;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->arena = ARENA_INIT(CAP);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_done(&f->arena);
	free(f);
	return 0;
}

#define WITH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

static void read_as(struct fixture *f, const char *profile, const char *text)
{
	int r;

	f->found = FINDINGS_INIT(&f->arena);
	r = admin_parse(&f->arena, slice_str(text), "FILE", profile_find(slice_str(profile)),
			&f->found, &f->file);
	assert_true(r >= 0);
	f->result = (enum admin_result)r;
}

static void print_all(const struct fixture *f, struct buf *b)
{
	for (size_t i = 0; i < f->found.n; i++) {
		buf_printf(b, "%s ", finding_kind_name(f->found.list[i].kind));
		finding_print(&f->found.list[i], b);
		buf_add_char(b, '\n');
	}
}

/* Reads the text and compares everything that was found. */
static void finds(struct fixture *f, const char *text, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	read_as(f, "docker", text);
	print_all(f, &b);
	assert_string_equal(b.p ? b.p : "", want);
	assert_int_equal(f->result == ADMIN_BROKEN, strstr(want, "error ") != NULL);
}

static const struct admin_setting *setting(const struct fixture *f, const char *path)
{
	const struct admin_setting *s = admin_find(&f->file, schema_find(path));

	if (!s)
		fail_msg("no setting %s", path);
	return s;
}

static void is(const struct fixture *f, const char *path, const char *want, bool locked)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);
	const struct admin_setting *s = setting(f, path);

	json_emit(s->value, &b);
	if (strcmp(b.p, want) != 0 || s->locked != locked)
		fail_msg("%s is %s%s", path, b.p, s->locked ? ", locked" : "");
}

/* 000: the example of the specification. */
static void test_example(void **state)
{
	struct fixture *f = *state;

	finds(f,
	      "{\n"
	      "  \"configurationFileVersion\": 2,\n"
	      "  \"enhancedContainerIsolation\": {\n"
	      "    \"locked\": true,\n"
	      "    \"value\": true,\n"
	      "    \"dockerSocketMount\": {\n"
	      "      \"imageList\": {\n"
	      "        \"images\": [\n"
	      "          \"docker.io/localstack/localstack:*\",\n"
	      "          \"docker:cli\"\n"
	      "        ],\n"
	      "        \"allowDerivedImages\": true\n"
	      "      },\n"
	      "      \"commandList\": { \"type\": \"deny\", \"commands\": [\"push\"] }\n"
	      "    }\n"
	      "  }\n"
	      "}\n",
	      "");
	is(f, "configurationFileVersion", "2", false);
	is(f, "enhancedContainerIsolation.value", "true", true);
	is(f, SOCKET ".imageList.images", "[\"docker.io/localstack/localstack:*\",\"docker:cli\"]",
	   true);
	is(f, SOCKET ".imageList.allowDerivedImages", "true", true);
	is(f, SOCKET ".commandList.type", "\"deny\"", true);
	is(f, SOCKET ".commandList.commands", "[\"push\"]", true);
	assert_int_equal(f->file.n, 6);
	assert_int_equal(setting(f, SOCKET ".imageList.images")->place.line, 8);
	assert_int_equal(setting(f, SOCKET ".imageList.images")->place.column, 19);
	assert_int_equal(setting(f, "enhancedContainerIsolation.value")->place.line, 5);
}

static void test_ours(void **state)
{
	struct fixture *f = *state;

	finds(f,
	      "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"imageList\":{\"images\":["
	      "\"a\",{\"image\":\"b:*\",\"commandList\":{\"type\":\"allow\",\"commands\":[\"ps\"],"
	      "\"reportOnly\":true}},{\"image\":\"c\"}],\"keepPreviousDigests\":true},"
	      "\"commandList\":{\"reportOnly\":true},\"ownChildrenOnly\":true}}}",
	      "");
	is(f, SOCKET ".imageList.images",
	   "[\"a\",{\"image\":\"b:*\",\"commandList\":{\"type\":\"allow\",\"commands\":[\"ps\"],"
	   "\"reportOnly\":true}},{\"image\":\"c\"}]",
	   false);
	is(f, SOCKET ".imageList.keepPreviousDigests", "true", false);
	is(f, SOCKET ".commandList.reportOnly", "true", false);
	is(f, SOCKET ".ownChildrenOnly", "true", false);
}

/* What the gate could not make a list of, gabiond must not take. */
static void test_images(void **state)
{
	static const struct {
		const char *entry;
		const char *why;
	} bad[] = {
		{ "a b", "it has a blank in it" },
		{ "*:*", "all images are written *" },
		{ "Docker", "" },
		{ "sha256:abc", "an image's id is written sha256: and 64 hex digits" },
		{ "a*", "* is a whole tag (name:*), and before that one part of a path" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP_BUF struct buf want = BUF_INIT(4096);
		char text[512];

		(void)snprintf(text, sizeof(text),
			       "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{"
			       "\"imageList\":{\"images\":[\n\"ok\",{\"image\":\"%s\"}]}}}}",
			       bad[i].entry);
		read_as(f, "docker", text);
		print_all(f, &want);
		assert_int_equal(f->result, ADMIN_BROKEN);
		assert_int_equal(f->found.n, 1);
		(void)snprintf(text, sizeof(text),
			       "error FILE:2:15: " SOCKET ".imageList.images[1].image: image list "
			       "entry \"%s\": %s",
			       bad[i].entry, bad[i].why);
		if (strncmp(want.p, text, strlen(text)) != 0 || !strstr(want.p, "name[:tag]"))
			fail_msg("%s", want.p);
	}
	/* 004: another engine has fewer forms. */
	read_as(f, "iechor",
		"{\"enhancedContainerIsolation\":{\"iechorSocketMount\":{\"imageList\":{"
		"\"images\":[\"*\"]}}}}");
	assert_int_equal(f->result, ADMIN_BROKEN);
	assert_non_null(strstr(f->found.list[0].text, "do not have that form"));
}

static void test_commands(void **state)
{
	finds(*state,
	      "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\n"
	      "\"imageList\":{\"images\":[{\"image\":\"a\",\"commandList\":{\n"
	      "\"commands\":[\"pss\"],\"type\":\"allow\"}}]},\n"
	      "\"commandList\":{\"Commands\":[\"ps\",\"plugin\",7,\"\",\n"
	      "\"comp*\",\"logout\"]}}}}",
	      "warning FILE:3:13: " SOCKET ".imageList.images[0].commandList.commands[0]: \"pss\" "
	      "is no command of docker and has no effect; the nearest is \"ps\"\n"
	      "warning FILE:4:16: " SOCKET ".commandList.Commands: taken for \"commands\": write "
	      "it so\n"
	      "error FILE:4:42: " SOCKET ".commandList.Commands[2]: a number where a string is "
	      "expected\n"
	      "error FILE:4:44: " SOCKET ".commandList.Commands[3]: an empty command: a name of "
	      "`docker --help` is expected\n"
	      "error FILE:5:1: " SOCKET ".commandList.Commands[4]: \"comp*\" is no wildcard; the "
	      "wildcards are container*, image*, volume*, network*, build*, system*\n"
	      "warning FILE:5:9: " SOCKET ".commandList.Commands[5]: \"logout\" has no effect: it "
	      "is about the client's own configuration\n");
}

/* Each unknown name is compared with each known one. */
static void test_many_commands(void **state)
{
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	buf_add_str(&b, "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{"
			"\"commandList\":{\"commands\":[\n\"x\"");
	for (size_t i = 0; i < 1000; i++)
		buf_add_str(&b, ",\"x\"");
	buf_add_str(&b, "]}}}}");
	finds(f, b.p,
	      "error FILE:1:79: " SOCKET ".commandList.commands: more than 1000 commands\n");
}

static void test_folders(void **state)
{
	struct fixture *f = *state;

	finds(f,
	      "{\"filesharingAllowedDirectories\":[{\"path\":\"$HOME\",\"sharedByDefault\":true},\n"
	      "{\"path\":\"$TEMP/x\",\"sharedByDefault\":false},\"/srv\",\n"
	      "{\"path\":\"C:\\\\Users\"}]}",
	      "note FILE:3:9: filesharingAllowedDirectories[3].path: a path of Windows: no folder "
	      "of this host\n");
	is(f, "filesharingAllowedDirectories",
	   "[{\"path\":\"$HOME\",\"sharedByDefault\":true},{\"path\":\"$TEMP/x\","
	   "\"sharedByDefault\":false},\"/srv\",{\"path\":\"C:\\\\Users\"}]",
	   true);
}

static void test_bad_folders(void **state)
{
	static const char *const bad[] = { "",		"home",	    "$HOMEX",	"$home",
					   "$HOME.ssh", "./x",	    "~/x",	"$PWD/x",
					   "HOME",	"$TMPFS/x", "${HOME}/x" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text), "{\"filesharingAllowedDirectories\":[\"%s\"]}",
			       bad[i]);
		finds(f, text,
		      "error FILE:1:35: filesharingAllowedDirectories[0]: not a folder: an "
		      "absolute path is expected, or one that begins with $HOME, $TMP or $TEMP\n");
	}
}

/* "all errors of a file are reported, not only the first" */
static void test_all_errors(void **state)
{
	finds(*state,
	      "{\n"
	      "\"configurationFileVersion\": \"2\",\n"
	      "\"enhancedContainerIsolation\": {\n"
	      "  \"value\": \"yes\", \"locked\": 1,\n"
	      "  \"dockerSocketMount\": {\n"
	      "    \"imageList\": { \"images\": [\"\", 3, {}, {\"image\": true}] },\n"
	      "    \"commandList\": { \"type\": \"block\", \"commands\": \"push\" }\n"
	      "  }\n"
	      "},\n"
	      "\"filesharingAllowedDirectories\": {\"value\": []}\n"
	      "}",
	      "error FILE:2:29: configurationFileVersion: a string where a whole number is "
	      "expected\n"
	      "error FILE:4:12: enhancedContainerIsolation.value: a string where true or false is "
	      "expected\n"
	      "error FILE:4:29: enhancedContainerIsolation.locked: a number where true or false "
	      "is expected\n"
	      "error FILE:6:31: " SOCKET ".imageList.images[0]: an empty image: NAME[:TAG], "
	      "NAME:*, NAME@DIGEST or * is expected\n"
	      "error FILE:6:35: " SOCKET ".imageList.images[1]: a number where a string or an "
	      "object is expected\n"
	      "error FILE:6:38: " SOCKET ".imageList.images[2]: \"image\" is missing\n"
	      "error FILE:6:52: " SOCKET ".imageList.images[3].image: a boolean where a string is "
	      "expected\n"
	      "error FILE:7:30: " SOCKET ".commandList.type: \"block\" where \"deny\" or "
	      "\"allow\" is expected\n"
	      "error FILE:7:51: " SOCKET ".commandList.commands: a string where a list is "
	      "expected\n"
	      "error FILE:10:34: filesharingAllowedDirectories: an object where a list is "
	      "expected\n");
}

static void test_not_json(void **state)
{
	finds(*state, "",
	      "error FILE:1:1: not JSON: the text ends where there should be a value\n");
	finds(*state, "{\n  \"a\": tru\n}",
	      "error FILE:2:11: not JSON: byte 0x0a where there should be the rest of true\n");
	finds(*state, "[]", "error FILE:1:1: a list where an object is expected\n");
	finds(*state, " null", "error FILE:1:2: null where an object is expected\n");
	finds(*state, "{} {}",
	      "error FILE:1:4: not JSON: '{' where there should be the end of the "
	      "text\n");
	finds(*state, "{\"a\\u0000\":1}",
	      "error FILE:1:4: not JSON: a NUL character in a string is not allowed\n");
}

/* 4.58: a byte order mark is no error. */
static void test_byte_order_mark(void **state)
{
	finds(*state, "\xef\xbb\xbf{\"enhancedContainerIsolation\":{\"value\":false}}", "");
	is(*state, "enhancedContainerIsolation.value", "false", false);
	finds(*state, "\xef\xbb\xbf[]", "error FILE:1:1: a list where an object is expected\n");
}

static void test_unknown(void **state)
{
	finds(*state,
	      "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"imageList\":{\n"
	      "\"images\":[],\n"
	      "\"allowedDerivedImages\":true}},\n"
	      "\"imageList\":{\"images\":[\"*\"]}},\n"
	      "\"frobnicate\":1}",
	      "warning FILE:3:1: " SOCKET ".imageList.allowedDerivedImages: unknown key: it has no "
	      "effect; \"allowDerivedImages\" is a known one\n"
	      "warning FILE:4:1: enhancedContainerIsolation.imageList: unknown key here: it has no "
	      "effect; it belongs where " SOCKET ".imageList is\n"
	      "warning FILE:5:1: frobnicate: unknown key: it has no effect\n");
	assert_null(admin_find(&((struct fixture *)*state)->file,
			       schema_find(SOCKET ".imageList.allowDerivedImages")));
}

/* Go takes keys in any case; two that are one to it are nobody's to choose from. */
static void test_folding(void **state)
{
	finds(*state, "{\"EnhancedContainerIsolation\":{\"Value\":true,\"LOCKED\":true}}",
	      "warning FILE:1:2: EnhancedContainerIsolation: taken for "
	      "\"enhancedContainerIsolation\": write it so\n"
	      "warning FILE:1:32: EnhancedContainerIsolation.Value: taken for \"value\": write it "
	      "so\n"
	      "warning FILE:1:45: EnhancedContainerIsolation.LOCKED: taken for \"locked\": write "
	      "it so\n");
	is(*state, "enhancedContainerIsolation.value", "true", true);
	finds(*state, "{\"enhancedContainerIsolation\":{\"value\":true,\n\"VALUE\":false}}",
	      "error FILE:2:1: enhancedContainerIsolation.VALUE: given twice, first in line 1\n");
	finds(*state,
	      "{\"enhancedContainerIsolation\":{\"locked\":true,\"value\":true,"
	      "\"loc\\u212aed\":false}}",
	      "error FILE:1:59: enhancedContainerIsolation[\"loc\xe2\x84\xaa"
	      "ed\"]: given twice, first in line 1\n");
	finds(*state, "{\"x\":1,\n\"x\":2}",
	      "warning FILE:1:2: x: unknown key: it has no effect\n"
	      "error FILE:2:1: x: given twice, first in line 1\n");
}

/* 4.44.1: "locked" alone says nothing. */
static void test_locked_without_value(void **state)
{
	finds(*state, "{\"enhancedContainerIsolation\":\n{\"locked\":true}}",
	      "error FILE:2:1: enhancedContainerIsolation: \"locked\" is true, but there is no "
	      "\"value\" to lock it to\n");
	finds(*state, "{\"enhancedContainerIsolation\":{\"locked\":false}}", "");
	finds(*state, "{\"enhancedContainerIsolation\":{\"locked\":true,\"value\":null}}",
	      "error FILE:1:54: enhancedContainerIsolation.value: null where true or false is "
	      "expected\n");
}

/* The rest of the specification is known, and what is wrong in it keeps nothing else back. */
static void test_not_enforced(void **state)
{
	struct fixture *f = *state;

	finds(f,
	      "{\"blockDockerLoad\":{\"locked\":true,\"value\":true},\n"
	      "\"useGrpcfuse\":{\"value\":1},\n"
	      "\"proxy\":{\"locked\":true,\"mode\":\"manual\",\"exclude\":\"a,b\",\n"
	      "  \"windowsDockerdPort\":0},\n"
	      "\"enhancedContainerIsolation\":{\"value\":true}}",
	      "note FILE:1:2: blockDockerLoad: not enforced yet: it has no effect\n"
	      "note FILE:2:1: useGrpcfuse: means nothing to an engine on Linux: it has no effect\n"
	      "warning FILE:2:24: useGrpcfuse.value: a number where true or false is expected\n"
	      "note FILE:3:1: proxy: not enforced yet: it has no effect\n"
	      "note FILE:4:3: proxy.windowsDockerdPort: means nothing to an engine on Linux: it "
	      "has no effect\n");
	is(f, "blockDockerLoad.value", "true", true);
	is(f, "proxy.exclude", "\"a,b\"", true);
	is(f, "enhancedContainerIsolation.value", "true", false);
}

static void test_version(void **state)
{
	finds(*state, "{\"configurationFileVersion\":3}",
	      "error FILE:1:29: configurationFileVersion: 3 where 2 is expected\n");
	finds(*state, "{\"configurationFileVersion\":2.0}",
	      "error FILE:1:29: configurationFileVersion: 2.0 where a whole number is expected\n");
}

/* 004: another engine has another key. */
static void test_profiles(void **state)
{
	static const char text[] =
		"{\"enhancedContainerIsolation\":{\"value\":true,\"locked\":true,"
		"\"iechorSocketMount\":{\"imageList\":{\"images\":[\"iechor:cli\"],"
		"\"allowDerivedImages\":true},\"commandList\":{\"commands\":[\"push\"]}}}}";
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	finds(f, text,
	      "warning FILE:1:59: enhancedContainerIsolation.iechorSocketMount: not for this "
	      "engine (engineProfile \"docker\" of gabion.json): it has no effect; "
	      "\"dockerSocketMount\" is its key\n");
	assert_int_equal(f->file.n, 1);
	read_as(f, "iechor", text);
	assert_int_equal(f->result, ADMIN_READ);
	is(f, "enhancedContainerIsolation.iechorSocketMount.imageList.images", "[\"iechor:cli\"]",
	   true);
	is(f, "enhancedContainerIsolation.iechorSocketMount.commandList.commands", "[\"push\"]",
	   true);
	print_all(f, &b);
	assert_non_null(strstr(b.p, "allowDerivedImages: unknown key"));
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	CLEANUP_BUF struct buf b = BUF_INIT(CAP);

	for (size_t i = 0; i < 300; i++)
		buf_printf(&b, "%c\"x%zu\":0\n", i ? ',' : '{', i);
	buf_add_str(&b, ",\"configurationFileVersion\":0}");
	read_as(f, "docker", b.p);
	assert_int_equal(f->result, ADMIN_BROKEN);
	assert_int_equal(f->found.errors, 1);
	assert_true(f->found.lost > 200);
	assert_non_null(strstr(finding_first_error(&f->found)->key, "configurationFileVersion"));
	buf_reset(&b);
	for (size_t i = 0; i < 1001; i++)
		buf_printf(&b, "%c\"x%zu\":0\n", i ? ',' : '{', i);
	buf_add_str(&b, "}");
	finds(f, b.p, "error FILE:1:1: more than 1000 keys\n");
}

static int read_file(struct fixture *f, const char *dir, uid_t owner)
{
	char path[PATH_MAX];

	f->found = FINDINGS_INIT(&f->arena);
	return admin_read(&f->arena, test_path(path, dir, ADMIN_NAME), owner,
			  profile_find(SLICE_LIT("docker")), &f->found, &f->file);
}

static void file_finds(struct fixture *f, const char *dir, uid_t owner, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	assert_int_equal(read_file(f, dir, owner), *want ? ADMIN_BROKEN : ADMIN_READ);
	print_all(f, &b);
	if (*want ? !b.p || !strstr(b.p, want) : b.n > 0)
		fail_msg("%s", b.p ? b.p : "nothing");
}

static void test_files(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct fixture *f = *state;
	char path[PATH_MAX];

	test_dir_new(dir);
	assert_int_equal(read_file(f, dir, getuid()), ADMIN_MISSING);
	assert_int_equal(f->found.n, 0);
	test_put(dir, ADMIN_NAME, "{\"enhancedContainerIsolation\":{\"value\":true}}");
	assert_int_equal(chmod(test_path(path, dir, ADMIN_NAME), 0644), 0);
	file_finds(f, dir, getuid(), "");
	is(f, "enhancedContainerIsolation.value", "true", false);
	assert_string_equal(f->file.name, path);
	test_put(dir, ADMIN_NAME, "{");
	file_finds(f, dir, getuid(), "/" ADMIN_NAME ":1:2: not JSON");
}

/* No file, nothing that is one, and nothing that waits. */
static void test_no_files(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct fixture *f = *state;
	char path[PATH_MAX];

	test_dir_new(dir);
	(void)test_path(path, dir, ADMIN_NAME);
	assert_int_equal(mkfifo(path, 0600), 0);
	file_finds(f, dir, getuid(), "is no file");
	assert_int_equal(unlink(path), 0);
	test_mkdir(dir, ADMIN_NAME);
	file_finds(f, dir, getuid(), "is no file");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(read_file(f, dir, getuid()), ADMIN_MISSING);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(ADMIN_NAME, path), 0);
	file_finds(f, dir, getuid(), "Too many levels of symbolic links");
}

static void test_large_file(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct fixture *f = *state;
	char path[PATH_MAX];

	test_dir_new(dir);
	test_put(dir, ADMIN_NAME, "{");
	assert_int_equal(truncate(test_path(path, dir, ADMIN_NAME), ADMIN_FILE_MAX + 1), 0);
	file_finds(f, dir, getuid(), "is larger than 1 MiB");
}

/* Whoever can write the file decides: root, and who is named. */
static void test_hands(void **state)
{
	static const struct {
		mode_t file;
		mode_t dir;
		uid_t owner;
		const char *want;
	} cases[] = {
		{ 0644, 0755, 0, "" },
		{ 0600, 0700, 0, "" },
		{ 0646, 0755, 0, "everybody may write to it" },
		{ 0644, 0757, 0, "its folder everybody may write to it" },
		{ 0644, 01777, 0, "" },
		{ 0644, 0755, 1234, "belongs to somebody else than root" },
	};
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct fixture *f = *state;
	char path[PATH_MAX];

	if (!test_is_root("files of several users"))
		skip();
	test_dir_new(dir);
	test_put(dir, ADMIN_NAME, "{}");
	(void)test_path(path, dir, ADMIN_NAME);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(chown(path, cases[i].owner, 0), 0);
		assert_int_equal(chmod(path, cases[i].file), 0);
		assert_int_equal(chmod(dir, cases[i].dir), 0);
		file_finds(f, dir, 0, cases[i].want);
		file_finds(f, dir, ADMIN_ANYBODY, "");
	}
	file_finds(f, dir, 1234, "");
	assert_int_equal(chown(path, 0, 1234), 0);
	assert_int_equal(chmod(path, 0664), 0);
	file_finds(f, dir, 0, "a group may write to it");
}

static void test_places(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct err err = ERR_INIT;
	struct admin_places places;
	struct instance inst;
	char path[PATH_MAX];

	(void)state;
	test_dir_new(dir);
	assert_int_equal(instance_find(&inst, dir, &err), 0);
	admin_places(&inst, &places);
	assert_string_equal(places.own, test_path(path, dir, "etc/" ADMIN_NAME));
	assert_int_equal(places.own_owner, getuid());
	assert_string_equal(places.host[0], "/etc/gabion/admin-settings.json");
	assert_string_equal(places.host[1], "/usr/share/docker-desktop/admin-settings.json");
	assert_int_equal(unsetenv("GABION_STATE_DIR"), 0);
	assert_int_equal(instance_find(&inst, NULL, &err), 0);
	admin_places(&inst, &places);
	assert_string_equal(places.own, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_example),	    WITH(test_ours),
		WITH(test_folders),	    WITH(test_bad_folders),
		WITH(test_all_errors),	    WITH(test_not_json),
		WITH(test_byte_order_mark), WITH(test_unknown),
		WITH(test_folding),	    WITH(test_locked_without_value),
		WITH(test_not_enforced),    WITH(test_version),
		WITH(test_profiles),	    WITH(test_limits),
		WITH(test_files),	    WITH(test_no_files),
		WITH(test_large_file),	    WITH(test_hands),
		WITH(test_places),	    WITH(test_images),
		WITH(test_commands),	    WITH(test_many_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
