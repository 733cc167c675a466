/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "policy/test-command.h"

static const struct command_profile docker = { "docker", "Docker Desktop", NULL };
static const char *const iechor_unknown[] = { "compose", "dev",	     "extension", "feedback",
					      "init",	 "manifest", "plugins",	  "sbom",
					      "scan",	 "scout",    "trust",	  NULL };
static const struct command_profile iechor = { "iechor", "iEchor Desktop", iechor_unknown };

#define DENY COMMAND_LIST_DENY
#define ALLOW COMMAND_LIST_ALLOW
#define SIX "container*, image*, volume*, network*, build*, system*"

static const struct {
	const struct command_profile *profile;
	enum command_list_type type;
	const char *entries;
	const char *problems; /* a line each: "0 warning: text" */
} cases[] = {
	{ &docker, DENY, "ps|rmi|container ls|image*|plugin", "" },
	{ &docker, DENY, "", "" },
	{ &docker, DENY, "psuh",
	  "0 warning: \"psuh\" is no command of docker and has no effect; the nearest is "
	  "\"push\"" },
	{ &docker, DENY, "docker pll",
	  "0 warning: \"docker pll\" is no command of docker and has no effect; the nearest is "
	  "\"pull\"" },
	{ &docker, DENY, "PS",
	  "0 warning: \"PS\" is no command of docker and has no effect; the nearest is \"ps\"" },
	/* a group is near, too */
	{ &docker, DENY, "volum|netwrk|stak|buildx imagetool",
	  "0 warning: \"volum\" is no command of docker and has no effect; the nearest is "
	  "\"volume\"\n"
	  "1 warning: \"netwrk\" is no command of docker and has no effect; the nearest is "
	  "\"network\"\n"
	  "2 warning: \"stak\" is no command of docker and has no effect; the nearest is "
	  "\"stack\"\n"
	  "3 warning: \"buildx imagetool\" is no command of docker and has no effect" },
	/* what has no effect either is none, nor is what has little in common */
	{ &docker, DENY, "sandbox|sbm|contxt|xy",
	  "0 warning: \"sandbox\" is no command of docker and has no effect\n"
	  "1 warning: \"sbm\" is no command of docker and has no effect\n"
	  "2 warning: \"contxt\" is no command of docker and has no effect\n"
	  "3 warning: \"xy\" is no command of docker and has no effect" },
	{ &iechor, DENY, "compos",
	  "0 warning: \"compos\" is no command of iechor and has no effect" },
	{ &docker, ALLOW, "ps|contianer ls",
	  "1 warning: \"contianer ls\" is no command of docker and has no effect; the nearest is "
	  "\"container ls\"" },
	{ &docker, DENY, "plugins",
	  "0 warning: \"plugins\" is no command of docker and has no effect; the nearest is "
	  "\"plugin\"" },
	{ &docker, DENY, "push\n|\"ps\"",
	  "0 warning: \"push\\n\" is no command of docker and has no effect; the nearest is "
	  "\"push\"\n"
	  "1 warning: \"\\\"ps\\\"\" is no command of docker and has no effect" },

	{ &docker, DENY, "vol*", "0 error: \"vol*\" is no wildcard; the wildcards are " SIX },
	{ &docker, DENY, "*", "0 error: \"*\" is no wildcard; the wildcards are " SIX },
	{ &docker, DENY, "container *",
	  "0 error: \"container *\" is no wildcard; the wildcards are " SIX },
	{ &docker, DENY, "buildx*", "0 error: \"buildx*\" is no wildcard; the wildcards are " SIX },
	/* all of them, not only the first */
	{ &docker, DENY, "p*|psuh|ps|*s",
	  "0 error: \"p*\" is no wildcard; the wildcards are " SIX "\n"
	  "1 warning: \"psuh\" is no command of docker and has no effect; the nearest is \"push\"\n"
	  "3 error: \"*s\" is no wildcard; the wildcards are " SIX },

	/* commands that no list can do anything about */
	{ &docker, DENY, "manifest|logout|context ls",
	  "0 warning: \"manifest\" has no effect: it talks to registries itself, not to the "
	  "engine\n"
	  "1 warning: \"logout\" has no effect: it is about the client's own configuration\n"
	  "2 warning: \"context ls\" has no effect: it is about the client's own configuration" },
	{ &docker, ALLOW, "scout",
	  "0 warning: \"scout\" has no effect: it is no command of the engine; what it asks the "
	  "engine for is decided as the commands that ask for the same" },
	{ &docker, ALLOW, "dev|extension|feedback|init|sbom|trust", "6 warnings" },
	{ &iechor, ALLOW, "compose|plugins|scan|trust sign|ps",
	  "0 warning: \"compose\" is not supported in the command list of iechor and has no "
	  "effect\n"
	  "1 warning: \"plugins\" is not supported in the command list of iechor and has no "
	  "effect\n"
	  "2 warning: \"scan\" is not supported in the command list of iechor and has no effect\n"
	  "3 warning: \"trust sign\" is not supported in the command list of iechor and has no "
	  "effect" },
	{ &iechor, ALLOW, "iechor psh",
	  "0 warning: \"iechor psh\" is no command of iechor and has no effect; the nearest is "
	  "\"ps\"" },

	/* denied more than one might think; of an allow list that cannot be said */
	{ &docker, DENY, "port",
	  "0 warning: \"port\": exec, logs, attach and others look at the container first, and are "
	  "blocked as well" },
	{ &docker, DENY, "compose",
	  "0 warning: \"compose\": it is known by the labels that it looks for and gives; its "
	  "pull, push and build are those of the engine, and have to be denied by their own "
	  "names" },
	{ &docker, DENY, "push",
	  "0 warning: \"push\": the builder can push, too: builds through its tunnel, as newer "
	  "clients make them, are blocked as well" },
	{ &docker, ALLOW, "port|compose|push|inspect|version|run", "" },
};

static void print(const struct command_problems *p, struct buf *b)
{
	for (size_t i = 0; i < p->n; i++)
		buf_printf(b, "%s%zu %s: %s", i ? "\n" : "", p->items[i].at,
			   p->items[i].error ? "error" : "warning", p->items[i].text);
}

static void test_problems(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_BUF struct buf got = BUF_INIT(65536);
		struct lists l;
		bool bad = strstr(cases[i].problems, " error: ") != NULL;
		char count[32];

		lists_begin_as(&l, cases[i].profile, cases[i].type, 0, cases[i].entries);
		assert_int_equal(l.result, bad ? COMMAND_BAD : COMMAND_OK);
		print(&l.problems, &got);
		(void)snprintf(count, sizeof(count), "%zu warnings", l.problems.n);
		if (!slice_eq_str(buf_slice(&got), cases[i].problems) &&
		    strcmp(count, cases[i].problems) != 0)
			fail_msg("%s:\n%s\nnot\n%s", cases[i].entries, got.p ? got.p : "",
				 cases[i].problems);
		lists_end(&l);
	}
}

static void test_a_bad_list_is_none(void **state)
{
	struct lists l;

	(void)state;
	lists_begin_as(&l, &docker, ALLOW, 0, "ps|vol*");
	assert_int_equal(l.result, COMMAND_BAD);
	for (size_t i = 0; i < COMMAND_SET_WORDS; i++)
		assert_int_equal(l.list.listed.bits[i], 0);
	lists_end(&l);
}

/* What has no effect in a list that allows allows nothing. */
static void test_what_is_not_known_is_not_allowed(void **state)
{
	static const char *const entries[] = { "nosuch", "manifest", "compose", "plugins" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct verdict v;
		struct lists l;

		lists_begin_as(&l, &iechor, ALLOW, 0, entries[i]);
		assert_int_equal(l.result, COMMAND_OK);
		decide(&l, "GET /containers/json", &v);
		assert_int_equal(v.kind, VERDICT_DENY);
		decide(&l, "GET /_ping", &v);
		assert_int_equal(v.kind, VERDICT_ALLOW);
		lists_end(&l);
	}
}

/* "docker image ..." is a matter of one name in each pair. */
static void test_wildcards(void **state)
{
	static const struct {
		const char *wildcard;
		const char *in, *out;
	} wild[] = {
		{ "container*", "ps|run|commit|cp|exec|attach|export|container prune|port",
		  "pull|build|info|volume ls|checkpoint ls|inspect" },
		{ "image*", "images|rmi|build|import|load|save|push|pull|tag|history|image inspect",
		  "search|commit|builder prune|bake|ps" },
		{ "volume*", "volume ls|volume create|volume update", "ps|network ls" },
		{ "network*", "network ls|network rm", "volume ls|node ls" },
		{ "build*", "build|bake|builder prune|buildx du|buildx history logs",
		  "image prune|pull|push" },
		{ "system*", "system df|events|info|system prune|system dial-stdio",
		  "version|inspect|container prune" },
	};
	size_t n;
	const struct command *table = command_table(&n);

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(wild); i++) {
		bool in = i % 2 == 0;
		struct slice rest = slice_str(in ? wild[i / 2].in : wild[i / 2].out);
		struct slice name;
		struct lists l;

		lists_begin(&l, DENY, 0, wild[i / 2].wildcard);
		while (slice_split(&rest, '|', &name)) {
			size_t found = 0;

			for (size_t j = 0; j < n; j++) {
				if (!command_is(&table[j], name))
					continue;
				found++;
				if (command_set_has(&l.list.listed, j) != in)
					fail_msg("%s: %.*s", wild[i / 2].wildcard, SLICE_ARG(name));
			}
			assert_int_equal(found, 1);
		}
		lists_end(&l);
	}
}

static void test_memory(void **state)
{
	static const struct slice entries[] = { { "nosuch", 6 }, { "x*", 2 } };

	(void)state;
	for (size_t cap = 0; cap < 1024; cap += 8) {
		struct arena a = ARENA_INIT(cap);
		struct command_list list = { .profile = docker };
		struct command_problems problems;
		int r = command_list_parse(&a, entries, 2, &list, &problems);

		assert_true(r == -ENOMEM || (r == COMMAND_BAD && problems.n == 2));
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_a_bad_list_is_none),
		cmocka_unit_test(test_what_is_not_known_is_not_allowed),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
