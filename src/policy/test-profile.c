/* SPDX-License-Identifier: Apache-2.0 */
/* The table of engines and the texts that are made of it (design 4.4 and 4.5). */
#include "policy/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "policy/texts.h"

static const struct profile *find(const char *name)
{
	const struct profile *p = profile_find(slice_str(name));

	if (!p)
		fail_msg("no profile %s", name);
	return p;
}

static void command_denied(const char *name, struct slice target, struct buf *b)
{
	text_command_denied(find(name)->engine, find(name)->product, target, b);
}

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < nprofiles; i++)
		assert_ptr_equal(find(profiles[i].name), &profiles[i]);
	assert_ptr_equal(profile_default(), find("docker"));
	assert_null(profile_find(SLICE_LIT("")));
	assert_null(profile_find(SLICE_LIT("Docker")));
	assert_null(profile_find(SLICE_LIT("docke")));
	assert_null(profile_find(SLICE_LIT("docker ")));
}

/* What the design says of each row. */
static void test_rows(void **state)
{
	const unsigned all = PROFILE_FORM_TAG | PROFILE_FORM_ANY_TAG | PROFILE_FORM_DIGEST |
			     PROFILE_FORM_PATTERN | PROFILE_FORM_ID | PROFILE_FORM_EVERYTHING;
	static const struct {
		const char *name, *registry, *key, *socket;
	} rows[] = {
		{ "docker", "docker.io", "dockerSocketMount", "/var/run/docker.sock" },
		{ "podman", "docker.io", "dockerSocketMount", "/run/podman/podman.sock" },
		{ "iechor", "iechor.io", "iechorSocketMount", "/var/run/iechor.sock" },
	};

	(void)state;
	assert_int_equal(nprofiles, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct profile *p = find(rows[i].name);
		bool limited = strcmp(p->name, "iechor") == 0;

		assert_string_equal(p->registry, rows[i].registry);
		assert_string_equal(p->space, "library");
		assert_string_equal(p->socket_mount_key, rows[i].key);
		assert_string_equal(p->sockets[0], rows[i].socket);
		assert_int_equal(p->derived, !limited);
		assert_int_equal(p->forms, limited ? PROFILE_FORM_TAG | PROFILE_FORM_ANY_TAG |
							     PROFILE_FORM_DIGEST
						   : all);
	}
}

/* Every member of every row is there, and lists end, are sorted and hold absolute paths. */
static void test_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < nprofiles; i++) {
		const struct profile *p = &profiles[i];

		assert_true(p->name[0] && p->engine[0] && p->product[0] && p->registry[0]);
		assert_true(p->registry_alias[0] && p->space[0] && p->socket_mount_key[0]);
		assert_non_null(p->sockets[0]);
		for (size_t k = 0; p->sockets[k]; k++)
			assert_int_equal(p->sockets[k][0], '/');
		for (size_t k = 1; p->unknown_commands[k]; k++)
			assert_true(strcmp(p->unknown_commands[k - 1], p->unknown_commands[k]) < 0);
	}
}

/* 004:244-256, every row of its table; 000:338-351, of which ours knows some. */
static void test_unknown_commands(void **state)
{
	static const char *const iechor[] = { "compose", "dev",	     "extension", "feedback",
					      "init",	 "manifest", "plugins",	  "sbom",
					      "scan",	 "scout",    "trust" };
	static const char *const known[] = { "compose", "manifest", "plugin", "scout", "trust" };
	static const char *const unknown[] = { "dev", "extension", "feedback", "init", "sbom" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(iechor); i++)
		assert_true(profile_is_unknown_command(find("iechor"), slice_str(iechor[i])));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_false(profile_is_unknown_command(find("docker"), slice_str(known[i])));
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_true(profile_is_unknown_command(find("docker"), slice_str(unknown[i])));
	assert_false(profile_is_unknown_command(find("iechor"), SLICE_LIT("push")));
	assert_false(profile_is_unknown_command(find("iechor"), SLICE_LIT("plugin")));
	assert_false(profile_is_unknown_command(find("iechor"), SLICE_LIT("")));
}

static void assert_text(struct buf *b, const char *want)
{
	assert_true(buf_ok(b));
	assert_string_equal(b->p, want);
	buf_reset(b);
}

/* 000:20, 000:280; 004:21, 004:187. */
static void test_texts(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct slice target = SLICE_LIT("/v1.43/images/myimage/push?tag=latest");

	(void)state;
	text_socket_denied(find("docker"), SLICE_LIT("docker.io/library/docker"), &b);
	assert_text(&b,
		    "enhanced container isolation: docker socket mount denied for container with "
		    "image \"docker.io/library/docker\"; image is not in the allowed list; if you "
		    "wish to allow it, configure the docker socket image list in the Docker "
		    "Desktop settings.");
	text_socket_denied(find("iechor"), SLICE_LIT("iechor.io/library/iechor"), &b);
	assert_text(&b,
		    "enhanced container isolation: iechor socket mount denied for container with "
		    "image \"iechor.io/library/iechor\"; image is not in the allowed list; if you "
		    "wish to allow it, configure the iechor socket image list in the iEchor "
		    "Desktop settings.");
	command_denied("docker", target, &b);
	assert_text(&b,
		    "enhanced container isolation: docker command "
		    "\"/v1.43/images/myimage/push?tag=latest\" is blocked; if you wish to allow "
		    "it, configure the docker socket command list in the Docker Desktop settings "
		    "or admin-settings.");
	command_denied("iechor", target, &b);
	assert_text(&b,
		    "enhanced container isolation: iechor command "
		    "\"/v1.43/images/myimage/push?tag=latest\" is blocked; if you wish to allow "
		    "it, configure the iechor socket command list in the iEchor Desktop settings "
		    "or admin-settings.");
}

/* A target is bytes: nothing of it is read as a format, and a NUL does not end it. */
static void test_raw_target(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	struct slice want = SLICE_LIT("command \"/%s%n\"\0x\" is blocked");

	(void)state;
	command_denied("docker", SLICE_LIT("/%s%n\"\0x"), &b);
	assert_true(buf_ok(&b));
	assert_non_null(memmem(b.p, b.n, want.p, want.n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	 cmocka_unit_test(test_rows),
		cmocka_unit_test(test_complete), cmocka_unit_test(test_unknown_commands),
		cmocka_unit_test(test_texts),	 cmocka_unit_test(test_raw_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
