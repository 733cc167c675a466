/* SPDX-License-Identifier: Apache-2.0 */
/* Which of two files holds, setting by setting; and files in a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/test-dir.h"
#include "settings/compose.h"

#define CAP (8u << 20)
#define SOCKET "enhancedContainerIsolation.dockerSocketMount"

struct fixture {
	struct arena arena;
	struct findings found;
	struct policy policy;
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

static const struct admin_file *file(struct fixture *f, const char *name, const char *text)
{
	struct admin_file *file = arena_must(arena_alloc(&f->arena, sizeof(*file)));

	if (!text)
		return NULL;
	if (admin_parse(&f->arena, slice_str(text), name, profile_default(), &f->found, file) !=
	    ADMIN_READ)
		fail_msg("%s", text);
	return file;
}

static void make(struct fixture *f, const char *host, const char *own)
{
	f->found = FINDINGS_INIT(&f->arena);
	assert_int_equal(compose(&f->arena, profile_default(), file(f, "HOST", host),
				 file(f, "OWN", own), &f->found, &f->policy),
			 0);
}

/* Rows of a key as "VALUE[ locked] SOURCE; …". */
static void is(struct fixture *f, const char *path, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	for (size_t i = 0; i < f->policy.nsettings; i++) {
		const struct policy_setting *s = &f->policy.settings[i];

		if (strcmp(s->key->path, path) != 0)
			continue;
		if (b.n > 0)
			buf_add_str(&b, "; ");
		json_emit(s->value, &b);
		buf_printf(&b, "%s %s", s->locked ? " locked" : "", s->source);
	}
	if (strcmp(b.p ? b.p : "", want) != 0)
		fail_msg("%s is %s", path, b.p ? b.p : "nothing");
}

static void images_are(const struct policy_socket *s, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	for (size_t i = 0; i < s->nimages; i++)
		buf_printf(&b, "%s%s", i ? " " : "", s->images[i].text);
	assert_string_equal(b.p ? b.p : "", want);
}

static void commands_are(const struct policy_commands *c, const char *want)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	buf_add_str(&b, c->allow ? "allow" : "deny");
	for (size_t i = 0; i < c->n; i++)
		buf_printf(&b, " %s", c->names[i]);
	assert_string_equal(b.p, want);
}

/* "no file at all: defaults (ECI on, empty image list)" */
static void test_no_files(void **state)
{
	struct fixture *f = *state;

	make(f, NULL, NULL);
	assert_true(f->policy.isolation);
	assert_int_equal(f->policy.nfiles, 0);
	assert_int_equal(f->policy.nsockets, 1);
	assert_int_equal(f->policy.sockets[0].nimages, 0);
	commands_are(&f->policy.sockets[0].commands, "deny");
	assert_int_equal(f->policy.nsharing, 0);
	is(f, "enhancedContainerIsolation.value", "true default");
	is(f, SOCKET ".imageList.images", "[] default");
	is(f, "filesharingAllowedDirectories", "");
	is(f, "blockDockerLoad.value", "");
}

#define FULL                                                                               \
	"{\"enhancedContainerIsolation\":{\"value\":false,\"dockerSocketMount\":{"         \
	"\"imageList\":{\"images\":[\"docker:cli\",{\"image\":\"x\",\"commandList\":{"     \
	"\"type\":\"allow\",\"commands\":[\"ps\"],\"reportOnly\":true}}],"                 \
	"\"allowDerivedImages\":true,\"keepPreviousDigests\":true},"                       \
	"\"commandList\":{\"type\":\"deny\",\"commands\":[\"push\"],\"reportOnly\":true}," \
	"\"ownChildrenOnly\":true}},\"filesharingAllowedDirectories\":[{\"path\":"         \
	"\"$HOME\"},\"/srv\"],\"blockDockerLoad\":{\"value\":true}}"

static void check_full(struct fixture *f)
{
	const struct policy_socket *s = &f->policy.sockets[0];

	assert_false(f->policy.isolation);
	assert_int_equal(f->policy.nsockets, 1);
	images_are(s, "docker:cli x");
	assert_null(s->images[0].commands);
	commands_are(s->images[1].commands, "allow ps");
	assert_true(s->images[1].commands->report_only);
	commands_are(&s->commands, "deny push");
	assert_true(s->commands.report_only && s->allow_derived && s->keep_previous &&
		    s->own_children);
	assert_int_equal(f->policy.nsharing, 1);
	assert_int_equal(f->policy.sharing[0].n, 2);
	assert_string_equal(f->policy.sharing[0].paths[0], "$HOME");
	assert_string_equal(f->policy.sharing[0].paths[1], "/srv");
	assert_int_equal(f->policy.nfiles, 1);
}

/* One file alone holds as it is, whichever of the two. */
static void test_one_file(void **state)
{
	struct fixture *f = *state;

	make(f, FULL, NULL);
	check_full(f);
	assert_string_equal(f->policy.files[0], "HOST");
	is(f, "enhancedContainerIsolation.value", "false HOST:1:40");
	is(f, "blockDockerLoad.value", "true HOST:1:417");
	is(f, "filesharingAllowedDirectories", "[{\"path\":\"$HOME\"},\"/srv\"] locked HOST:1:364");
	make(f, NULL, FULL);
	check_full(f);
	assert_string_equal(f->policy.files[0], "OWN");
	is(f, SOCKET ".ownChildrenOnly", "true OWN:1:325");
}

/* What the host's file does not lock says nothing to an instance with a file of its own. */
static void test_not_locked(void **state)
{
	struct fixture *f = *state;

	make(f,
	     "{\"enhancedContainerIsolation\":{\"value\":true,\"dockerSocketMount\":{\"imageList\":"
	     "{\"images\":[\"a\"]}}}}",
	     "{\"enhancedContainerIsolation\":{\"value\":false,\"dockerSocketMount\":{"
	     "\"commandList\":{\"commands\":[\"pull\"]}}}}");
	assert_false(f->policy.isolation);
	assert_int_equal(f->policy.nsockets, 1);
	images_are(&f->policy.sockets[0], "");
	commands_are(&f->policy.sockets[0].commands, "deny pull");
	assert_int_equal(f->policy.nfiles, 2);
	assert_int_equal(f->found.n, 0);
}

/* "theirs may only tighten" */
static void test_locked_on(void **state)
{
	struct fixture *f = *state;

	make(f, "{\"enhancedContainerIsolation\":{\"locked\":true,\n\"value\":true}}",
	     "{\"enhancedContainerIsolation\":{\n\"value\":false}}");
	assert_true(f->policy.isolation);
	is(f, "enhancedContainerIsolation.value", "true locked HOST:2:9");
	assert_int_equal(f->found.n, 1);
	assert_int_equal(f->found.list[0].kind, FINDING_WARNING);
	assert_string_equal(f->found.list[0].file, "OWN");
	assert_int_equal(f->found.list[0].place.line, 2);
	assert_string_equal(f->found.list[0].text,
			    "enhancedContainerIsolation.value is locked by HOST:2: that one holds");
}

static void test_locked_off(void **state)
{
	struct fixture *f = *state;

	make(f, "{\"enhancedContainerIsolation\":{\"locked\":true,\"value\":false}}",
	     "{\"enhancedContainerIsolation\":{\n\"value\":true}}");
	assert_true(f->policy.isolation);
	is(f, "enhancedContainerIsolation.value", "true locked OWN:2:9");
	make(f, "{\"enhancedContainerIsolation\":{\"locked\":true,\"value\":false}}", "{}");
	assert_false(f->policy.isolation);
	is(f, "enhancedContainerIsolation.value", "false locked HOST:1:54");
	assert_int_equal(f->found.n, 0);
}

/* Locking the group locks what it does not say, too: no image may have the socket. */
static void test_locked_group(void **state)
{
	struct fixture *f = *state;

	make(f, "{\"enhancedContainerIsolation\":{\"locked\":true,\"value\":true}}",
	     "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"imageList\":{\"images\":["
	     "\"*\"]}}}}");
	assert_int_equal(f->policy.nsockets, 2);
	images_are(&f->policy.sockets[0], "");
	images_are(&f->policy.sockets[1], "*");
	is(f, SOCKET ".imageList.images", "[] locked default; [\"*\"] locked OWN:1:75");
}

#define HOST_SOCKET                                                                       \
	"{\"enhancedContainerIsolation\":{\"locked\":true,\"value\":true,"                \
	"\"dockerSocketMount\":{\"imageList\":{\"images\":[\"a\",\"b\"],"                 \
	"\"allowDerivedImages\":true},\"commandList\":{\"type\":\"allow\",\"commands\":[" \
	"\"ps\",\"logs\"]}}}}"

/* Both layers have to allow; what the own file does not mention is as in the host's. */
static void test_two_layers(void **state)
{
	struct fixture *f = *state;
	const struct policy_socket *s = f->policy.sockets;

	make(f, HOST_SOCKET,
	     "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"imageList\":{\"images\":["
	     "\"b\",\"c\"]}}}}");
	assert_int_equal(f->policy.nsockets, 2);
	images_are(&s[0], "a b");
	images_are(&s[1], "b c");
	assert_true(s[0].allow_derived && s[1].allow_derived);
	commands_are(&s[0].commands, "allow ps logs");
	commands_are(&s[1].commands, "allow ps logs");
}

/* A list of commands is one thing: half of it is not the host's. */
static void test_unit(void **state)
{
	struct fixture *f = *state;
	const struct policy_socket *s = f->policy.sockets;

	make(f, HOST_SOCKET,
	     "{\"enhancedContainerIsolation\":{\"dockerSocketMount\":{\"commandList\":{"
	     "\"commands\":[\"logs\"]}}}}");
	images_are(&s[1], "a b");
	commands_are(&s[0].commands, "allow ps logs");
	commands_are(&s[1].commands, "deny logs");
}

/* An own file that says nothing about the socket leaves the host's as it is. */
static void test_own_without_socket(void **state)
{
	struct fixture *f = *state;

	make(f, HOST_SOCKET, "{\"filesharingAllowedDirectories\":[\"/home\"]}");
	assert_int_equal(f->policy.nsockets, 1);
	images_are(&f->policy.sockets[0], "a b");
	assert_int_equal(f->policy.nsharing, 1);
}

/* Shared folders have no lock: the host's always bind. */
static void test_sharing(void **state)
{
	struct fixture *f = *state;

	make(f, "{\"filesharingAllowedDirectories\":[\"/srv\"]}",
	     "{\"filesharingAllowedDirectories\":[\"/srv/a\",\"/\"]}");
	assert_int_equal(f->policy.nsharing, 2);
	assert_string_equal(f->policy.sharing[0].paths[0], "/srv");
	assert_int_equal(f->policy.sharing[1].n, 2);
	make(f, "{\"filesharingAllowedDirectories\":[]}", "{}");
	assert_int_equal(f->policy.nsharing, 1);
	assert_int_equal(f->policy.sharing[0].n, 0);
}

/* Settings that are not enforced yet: the host's where locked. */
static void test_lock(void **state)
{
	struct fixture *f = *state;

	make(f, "{\"blockDockerLoad\":{\"value\":true,\"locked\":true}}",
	     "{\"blockDockerLoad\":{\"value\":false}}");
	is(f, "blockDockerLoad.value", "true locked HOST:1:29");
	make(f, "{\"blockDockerLoad\":{\"value\":true}}",
	     "{\"blockDockerLoad\":{\"value\":false}}");
	is(f, "blockDockerLoad.value", "false OWN:1:29");
}

static void test_profile(void **state)
{
	const struct profile *iechor = profile_find(SLICE_LIT("iechor"));
	struct fixture *f = *state;
	struct admin_file own;

	f->found = FINDINGS_INIT(&f->arena);
	assert_int_equal(
		admin_parse(&f->arena,
			    SLICE_LIT("{\"enhancedContainerIsolation\":{\"iechorSocketMount\":{"
				      "\"imageList\":{\"images\":[\"iechor:cli\"]}}}}"),
			    "OWN", iechor, &f->found, &own),
		ADMIN_READ);
	assert_int_equal(compose(&f->arena, iechor, NULL, &own, &f->found, &f->policy), 0);
	images_are(&f->policy.sockets[0], "iechor:cli");
	assert_false(f->policy.sockets[0].allow_derived);
}

static void places_in(const char *dir, struct admin_places *ret)
{
	*ret = (struct admin_places){ .own_owner = getuid() };
	(void)test_path(ret->own, dir, "own.json");
	(void)test_path(ret->host[0], dir, "host.json");
	(void)test_path(ret->host[1], dir, "desktop.json");
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];

	test_put(dir, name, text);
	if (chmod(test_path(path, dir, name), 0644) < 0)
		abort();
}

/* The first of the host's files that is there counts, and is all that counts of the host. */
static void test_files(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct fixture *f = *state;
	struct admin_places places;

	if (!test_is_root("the host's files are root's"))
		skip();
	test_dir_new(dir);
	places_in(dir, &places);
	f->found = FINDINGS_INIT(&f->arena);
	assert_int_equal(compose_load(&f->arena, &places, profile_default(), &f->found, &f->policy),
			 COMPOSE_OK);
	assert_int_equal(f->policy.nfiles, 0);
	put(dir, "desktop.json", "{\"enhancedContainerIsolation\":{\"value\":false}}");
	assert_int_equal(compose_load(&f->arena, &places, profile_default(), &f->found, &f->policy),
			 COMPOSE_OK);
	assert_false(f->policy.isolation);
	assert_string_equal(f->policy.files[0], places.host[1]);
	put(dir, "host.json", "{\"filesharingAllowedDirectories\":[]}");
	assert_int_equal(compose_load(&f->arena, &places, profile_default(), &f->found, &f->policy),
			 COMPOSE_OK);
	assert_true(f->policy.isolation);
	assert_int_equal(f->policy.nsharing, 1);
	put(dir, "own.json", "{\"enhancedContainerIsolation\":{\"value\":false}}");
	assert_int_equal(compose_load(&f->arena, &places, profile_default(), &f->found, &f->policy),
			 COMPOSE_OK);
	assert_false(f->policy.isolation);
	assert_int_equal(f->policy.nsharing, 1);
	assert_int_equal(f->policy.nfiles, 2);
}

/* All errors of all files. */
static void test_broken_files(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	struct fixture *f = *state;
	struct admin_places places;

	test_dir_new(dir);
	places_in(dir, &places);
	put(dir, "host.json",
	    "{\"configurationFileVersion\":1,\"filesharingAllowedDirectories\":1}");
	put(dir, "own.json", "{");
	f->found = FINDINGS_INIT(&f->arena);
	assert_int_equal(compose_load(&f->arena, &places, profile_default(), &f->found, &f->policy),
			 COMPOSE_BROKEN);
	assert_true(f->found.errors >= 2);
	/* A broken one is not passed over for the next. */
	put(dir, "desktop.json", "{}");
	put(dir, "own.json", "{}");
	f->found = FINDINGS_INIT(&f->arena);
	assert_int_equal(compose_load(&f->arena, &places, profile_default(), &f->found, &f->policy),
			 COMPOSE_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_no_files),   WITH(test_one_file),	WITH(test_not_locked),
		WITH(test_locked_on),  WITH(test_locked_off),	WITH(test_locked_group),
		WITH(test_two_layers), WITH(test_unit),		WITH(test_own_without_socket),
		WITH(test_sharing),    WITH(test_lock),		WITH(test_profile),
		WITH(test_files),      WITH(test_broken_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
