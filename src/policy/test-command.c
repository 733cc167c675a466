/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "policy/test-command.h"
#include "policy/texts.h"

static const char *const iechor_unknown[] = { "compose", "dev",	     "extension", "feedback",
					      "init",	 "manifest", "plugins",	  "sbom",
					      "scan",	 "scout",    "trust",	  NULL };
static const struct command_profile iechor = { "iechor", "iEchor Desktop", iechor_unknown };

/* --- the specification's words --- */

#define PUSHED "/v1.43/images/myimage/push?tag=latest"

static void test_text(void **state)
{
	struct lists l;
	struct verdict v;

	(void)state;
	lists_begin(&l, COMMAND_LIST_DENY, 0, "build|push");
	decide(&l, "POST " PUSHED, &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_string_equal(v.message,
			    "enhanced container isolation: docker command \"" PUSHED "\" is "
			    "blocked; if you wish to allow it, configure the docker socket command "
			    "list in the Docker Desktop settings or admin-settings.");
	assert_string_equal(v.rule, "command-list");
	assert_string_equal(v.commands, "push");
	assert_false(v.reported);
	lists_end(&l);

	lists_begin_as(&l, &iechor, COMMAND_LIST_DENY, 0, "build|push");
	decide(&l, "POST " PUSHED, &v);
	assert_string_equal(v.message,
			    "enhanced container isolation: iechor command \"" PUSHED "\" is "
			    "blocked; if you wish to allow it, configure the iechor socket command "
			    "list in the iEchor Desktop settings or admin-settings.");
	lists_end(&l);
}

/* The end of the text stays, and the whole is there for who wants it. */
static void test_long_target(void **state)
{
	static const char end[] = "…\" is blocked; if you wish to allow it, configure the docker "
				  "socket command list in the Docker Desktop settings or "
				  "admin-settings.";
	CLEANUP_BUF struct buf target = BUF_INIT(65536);
	CLEANUP_BUF struct buf whole = BUF_INIT(65536);
	struct route_match m;
	struct verdict v;
	struct lists l;
	size_t fits = 0;

	(void)state;
	lists_begin(&l, COMMAND_LIST_DENY, 0, "push");
	assert_int_equal(route_find(SLICE_LIT("POST"), SLICE_LIT("/images/x/push"), NULL, 0, &m),
			 ROUTE_FOUND);
	for (size_t n = 0; n < 3000; n++) {
		buf_add_char(&target, 'x');
		command_list_decide(&l.list, &m, buf_slice(&target), &v);
		buf_reset(&whole);
		text_command_denied("docker", "Docker Desktop", buf_slice(&target), &whole);
		if (slice_eq_str(buf_slice(&whole), v.message))
			fits = target.n;
		else
			assert_true(slice_ends(slice_str(v.message), slice_str(end)));
		assert_true(strlen(v.message) < sizeof(v.message));
		assert_true(whole.n > target.n);
	}
	assert_true(fits > 700 && fits < 1000);
	lists_end(&l);
}

/* Lists of the documents in spec/, with the answers that tests/spec/examples.tsv expects. */
static void test_examples(void **state)
{
	static const struct {
		enum command_list_type type;
		const char *entries;
		const char *asks; /* "push=deny; ps=allow" */
	} cases[] = {
		{ COMMAND_LIST_DENY, "push", "push=deny; build=allow; ps=allow" },
		{ COMMAND_LIST_DENY, "build|push", "push=deny; build=deny; ps=allow" },
		{ COMMAND_LIST_DENY, "push|build|image*",
		  "push=deny; build=deny; image ls=deny; pull=deny; ps=allow" },
		{ COMMAND_LIST_ALLOW, "ps|container*|volume*",
		  "ps=allow; exec=allow; volume create=allow; info=deny; pull=deny" },
		{ COMMAND_LIST_ALLOW, "ps|container*|image*",
		  "ps=allow; run=allow; pull=allow; push=allow; build=allow; volume ls=deny" },
		{ COMMAND_LIST_DENY, "system*", "info=deny; ps=allow; system df=deny" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice rest = slice_str(cases[i].asks);
		struct slice ask;
		struct lists l;

		lists_begin(&l, cases[i].type, 0, cases[i].entries);
		while (slice_split(&rest, ';', &ask)) {
			struct slice name;
			bool allow;

			while (ask.p[0] == ' ')
				ask = slice_from(ask, 1);
			allow = slice_ends(ask, SLICE_LIT("=allow"));
			name = (struct slice){ ask.p, slice_find(ask, '=') };
			if (command_list_ask(&l.list, name) !=
			    (allow ? COMMAND_PASSES : COMMAND_BLOCKED))
				fail_msg("%s: %.*s", cases[i].entries, SLICE_ARG(ask));
		}
		assert_int_equal(command_list_ask(&l.list, SLICE_LIT("nosuch")), COMMAND_UNKNOWN);
		lists_end(&l);
	}
}

/* --- requests --- */

static const struct {
	enum command_list_type type;
	const char *entries;
	const char *request;
	const char *commands; /* NULL: passes */
} requests[] = {
#define DENY COMMAND_LIST_DENY
#define ALLOW COMMAND_LIST_ALLOW
	/* the version has no say */
	{ DENY, "push", "POST /v1.43/images/x/push", "push" },
	{ DENY, "push", "POST /v1.99/images/x/push", "push" },
	{ DENY, "push", "POST /v01.43.0/images/x/push", "push" },
	{ DENY, "push", "POST /v1.12/images/x/push", "push" },
	{ DENY, "push", "POST /images/create/push", "push" },
	{ DENY, "push", "POST /images/a/b/c/push", "push" },
	{ DENY, "push", "GET /images/push/json", NULL },

	{ DENY, "run", "POST /containers/create", "run" },
	{ DENY, "create", "POST /containers/create", "create" },
	{ DENY, "run|create", "POST /containers/create", "create, run" },
	{ DENY, "run", "POST /containers/x/start", NULL },
	{ DENY, "start", "POST /containers/x/start", "start" },
	{ DENY, "start", "POST /containers/create", NULL },
	{ DENY, "exec", "POST /containers/create/exec", "exec" },
	{ DENY, "exec", "POST /exec/x/start", "exec" },
	{ DENY, "container exec", "GET /exec/x/json", "exec" },
	{ DENY, "attach", "GET /containers/x/attach/ws", "attach" },
	{ DENY, "cp", "HEAD /containers/x/archive", "cp" },
	{ DENY, "cp", "PUT /containers/x/archive", "cp" },
	{ DENY, "ps", "GET /containers/json", "ps" },
	{ DENY, "container list", "GET /containers/json", "ps" },
	{ DENY, "ps", "GET /containers/json/json", NULL },
	{ DENY, "version", "GET /version", "version" },

	{ DENY, "inspect", "GET /containers/x/json", "inspect" },
	{ DENY, "inspect", "GET /images/x/json", "inspect" },
	{ DENY, "inspect", "GET /networks/x", "inspect" },
	{ DENY, "inspect", "GET /networks", NULL },
	{ DENY, "container inspect", "GET /containers/x/json", "container inspect" },
	{ DENY, "container inspect", "GET /images/x/json", NULL },
	{ DENY, "port", "GET /containers/x/json", "port" },

	{ DENY, "pull", "POST /images/create?fromImage=x", "pull" },
	{ DENY, "pull", "POST /images/create?fromSrc=-", NULL },
	{ DENY, "import", "POST /images/create?fromSrc=-", "import" },
	{ DENY, "import", "POST /images/create?fromImage=x", NULL },
	{ DENY, "pull", "POST /images/create?fromSrc=-&fromSrc=&fromImage=", "pull" },
	{ DENY, "import", "POST /images/create?fromImage=x&fromSrc=-", "import" },
	{ ALLOW, "pull", "POST /images/create?fromImage=x", NULL },
	{ ALLOW, "pull", "POST /images/create?fromImage=x&fromSrc=-", "import" },
	{ ALLOW, "pull|import", "POST /images/create?fromImage=x&fromSrc=-", NULL },

	{ DENY, "system prune", "POST /containers/prune", "system prune" },
	{ DENY, "system*", "POST /images/prune", "system prune" },
	{ DENY, "system*", "POST /networks/prune", "system prune" },
	{ DENY, "system*", "POST /volumes/prune", "system prune" },
	{ DENY, "system*", "POST /build/prune", "system prune" },
	{ DENY, "container prune", "POST /images/prune", NULL },
	{ ALLOW, "system prune", "POST /volumes/prune", NULL },

	{ DENY, "build*", "POST /build", "build" },
	{ DENY, "build*", "POST /session", "build, bake" },
	{ DENY, "image*", "POST /build?version=2", "build" },
	{ DENY, "image*", "POST /grpc", "build" },
	{ DENY, "builder prune", "POST /build/prune", "builder prune" },
	{ DENY, "builder prune", "POST /grpc", "builder prune" },
	{ DENY, "build", "POST /build/prune", NULL },
	{ DENY, "build", "POST /build/cancel", "build" },
	{ DENY, "push", "POST /build?version=2", NULL },
	{ DENY, "push", "POST /build?version=2&outputs=[{\"Type\":\"registry\"}]", "push" },
	{ DENY, "push", "POST /grpc", "push" },
	{ DENY, "push", "POST /session", NULL },
	{ DENY, "pull", "POST /grpc", NULL },
	{ ALLOW, "build", "POST /build", NULL },
	{ ALLOW, "build", "POST /grpc", "push" },
	{ ALLOW, "build|push", "POST /grpc", NULL },

	{ ALLOW, "stats", "GET /events?filters={\"type\":[\"container\"]}", NULL },
	{ ALLOW, "stats", "GET /events", "events" },
	{ ALLOW, "events", "GET /events?filters={\"type\":[\"container\"]}", NULL },
	{ DENY, "events", "GET /events?filters={\"type\":[\"container\"]}", "events" },
	{ DENY, "stats", "GET /events?filters={\"type\":[\"container\"]}", NULL },

	{ ALLOW, "run", "POST /containers/create", NULL },
	{ ALLOW, "run", "POST /containers/x/attach", NULL },
	{ ALLOW, "run", "POST /images/create?fromImage=x", "pull" },
	{ ALLOW, "run", "DELETE /containers/x", "rm" },
	{ ALLOW, "run", "GET /_ping", NULL },
	{ ALLOW, "run", "HEAD /_ping", NULL },
	{ ALLOW, "run", "GET /version", NULL },
	{ ALLOW, "run", "OPTIONS /x", NULL },
	{ ALLOW, "run", "GET /info", "info" },
	{ ALLOW, "network rm", "GET /networks/x", NULL },
	{ ALLOW, "ps", "GET /distribution/x/json", "" },
	{ DENY, "ps", "GET /distribution/x/json", NULL },
	{ ALLOW, "", "GET /containers/json", "ps" },
	{ ALLOW, "", "GET /_ping", NULL },
	{ DENY, "", "GET /containers/json", NULL },

	/* compose asks for its labels */
	{ DENY, "compose",
	  "GET /containers/json?filters={\"label\":[\"com.docker.compose.project=x\"]}",
	  "compose" },
	{ DENY, "compose", "GET /containers/json", NULL },
	{ DENY, "compose", "POST /containers/create", NULL },
	{ ALLOW, "ps",
	  "GET /containers/json?filters={\"label\":[\"com.docker.compose.project=x\"]}", NULL },
	{ ALLOW, "compose", "POST /containers/create", NULL },
	{ ALLOW, "compose", "POST /images/x/push", "push" },

	/* the host's root: only where somebody has asked for it */
	{ DENY, "push", "POST /plugins/pull", "" },
	{ DENY, "plugin install", "POST /plugins/pull", "plugin install" },
	{ DENY, "push", "POST /plugins/x/enable", "" },
	{ DENY, "push", "GET /plugins", NULL },
	{ ALLOW, "ps", "POST /plugins/create", "plugin create" },
	{ ALLOW, "plugin create", "POST /plugins/create", NULL },
	{ ALLOW, "plugin", "POST /plugins/x/set", NULL },

	/* never */
	{ DENY, "", "GET /debug/vars", "" },
	{ DENY, "", "POST /v1.41/debug/pprof/heap", "" },
	{ DENY, "", "PRI *", "" },
	{ ALLOW, "build", "PRI *", "build, bake" },
	{ DENY, "", "GET /nosuch", "" },
	{ DENY, "", "POST /containers//start", "" },
#undef DENY
#undef ALLOW
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct verdict v;
		struct lists l;

		lists_begin(&l, requests[i].type, 0, requests[i].entries);
		decide(&l, requests[i].request, &v);
		if ((v.kind == VERDICT_DENY) != (requests[i].commands != NULL) ||
		    strcmp(v.commands, requests[i].commands ? requests[i].commands : "") != 0)
			fail_msg("%s %s: %s: %d \"%s\"", requests[i].type ? "allow" : "deny",
				 requests[i].entries, requests[i].request, v.kind, v.commands);
		assert_int_equal(v.kind == VERDICT_DENY, v.message[0] != '\0');
		lists_end(&l);
	}
}

/* Exactly what gate.md says for this list: everything of containers, of execs and of volumes. */
static void test_an_allow_list_exactly(void **state)
{
	static const char *const passing[] = {
		"ping", "options", "version", "events-container", "exec", "commit", "compose",
	};
	struct lists l;

	(void)state;
	lists_begin(&l, COMMAND_LIST_ALLOW, 0, "ps|container*|volume*");
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++) {
		struct slice name = slice_str(route_class_name(c));
		bool want = (slice_starts(name, SLICE_LIT("container-")) &&
			     c != ROUTE_CLASS_CONTAINER_COPY_OLD) ||
			    slice_starts(name, SLICE_LIT("volume-"));

		for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
			want |= slice_eq_str(name, passing[i]);
		if (want == route_class_has(&l.list.blocked, c))
			fail_msg("%.*s", SLICE_ARG(name));
	}
	lists_end(&l);
}

static void test_without_a_list(void **state)
{
	static const struct {
		const char *request;
		bool passes;
	} cases[] = {
		{ "POST /containers/create", true },
		{ "POST /images/x/push", true },
		{ "POST /grpc", true },
		{ "GET /plugins", true },
		{ "POST /plugins/pull", false },
		{ "GET /debug/vars", false },
		{ "PRI *", false },
		{ "GET /nosuch", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct verdict v;

		decide(NULL, cases[i].request, &v);
		if ((v.kind == VERDICT_ALLOW) != cases[i].passes)
			fail_msg("%s", cases[i].request);
	}
}

static void test_flags(void **state)
{
	struct verdict v;
	struct lists l;

	(void)state;
	lists_begin(&l, COMMAND_LIST_ALLOW, COMMAND_LIST_PULLS, "run");
	decide(&l, "POST /images/create?fromImage=x", &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	decide(&l, "POST /images/create?fromSrc=-", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	lists_end(&l);
	lists_begin(&l, COMMAND_LIST_ALLOW, COMMAND_LIST_PULLS, "start");
	decide(&l, "POST /images/create?fromImage=x", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	lists_end(&l);
	/* Nobody gets what is denied. */
	lists_begin(&l, COMMAND_LIST_DENY, COMMAND_LIST_PULLS, "pull");
	decide(&l, "POST /images/create?fromImage=x", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	lists_end(&l);

	/* Who reads the tunnel refuses pushes there; elsewhere they are refused here. */
	lists_begin(&l, COMMAND_LIST_DENY, COMMAND_LIST_TUNNEL_READ, "push");
	decide(&l, "POST /grpc", &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	decide(&l, "POST /build?version=2&outputs=[{}]", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	decide(&l, "POST /images/x/push", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	lists_end(&l);
	lists_begin(&l, COMMAND_LIST_DENY, COMMAND_LIST_TUNNEL_READ, "build");
	decide(&l, "POST /grpc", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	lists_end(&l);
}

static void test_report_only(void **state)
{
	struct verdict v;
	struct lists l;

	(void)state;
	lists_begin(&l, COMMAND_LIST_DENY, COMMAND_LIST_REPORT_ONLY, "push");
	decide(&l, "POST " PUSHED, &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	assert_true(v.reported);
	assert_string_equal(v.commands, "push");
	assert_string_equal(v.rule, "command-list");
	assert_true(v.message[0] != '\0');
	decide(&l, "GET /info", &v);
	assert_int_equal(v.kind, VERDICT_ALLOW);
	assert_false(v.reported);
	assert_string_equal(v.message, "");
	/* What no list could let through is not a matter of this one. */
	decide(&l, "GET /debug/vars", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	decide(&l, "POST /plugins/pull", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_string_equal(v.commands, "");
	decide(&l, "GET /nosuch", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_false(v.reported);
	lists_end(&l);
	lists_begin(&l, COMMAND_LIST_ALLOW, COMMAND_LIST_REPORT_ONLY, "ps");
	decide(&l, "POST /plugins/pull", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_string_equal(v.commands, "");
	lists_end(&l);
}

/* However many own it, and however long their names are. */
static void test_many_owners(void **state)
{
	struct verdict v;
	struct lists l;

	(void)state;
	lists_begin(&l, COMMAND_LIST_DENY, 0, "build*");
	decide(&l, "POST /grpc", &v);
	assert_int_equal(v.kind, VERDICT_DENY);
	assert_true(slice_starts(slice_str(v.commands), SLICE_LIT("build, bake, builder prune, ")));
	assert_true(strlen(v.commands) < sizeof(v.commands));
	lists_end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_long_target),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_an_allow_list_exactly),
		cmocka_unit_test(test_without_a_list),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_report_only),
		cmocka_unit_test(test_many_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
