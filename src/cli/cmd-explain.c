/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion explain`: the verdict about a command, a creation or a request, without doing it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/auditlog.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/gateway.h"
#include "cli/print.h"
#include "policy/texts.h"

#define TEXT_MAX (16u << 20)
#define ARENA_MAX (64u << 20)
#define ONLY_LOOKS "it only looks, and was passed on"
#define ONLY_LOOKS_PLAIN ONLY_LOOKS "; isolation is off, and with it all lists"
#define ASKS_NOTHING "it asks nothing of the engine"
#define NO_ENGINE "/dev/null/docker.sock" /* nothing can be there */

struct args {
	const char *state_dir;
	const char *create;
	const char *request;
	const char *body;
	const char *image;
	const char *container;
	char as[80]; /* what the gate is told of these */
	bool last;
	bool json;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct args, state_dir),
	{ .name = "image",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, image),
	  .value = "IMAGE",
	  .help = "as a container of that image asks it over its socket" },
	{ .name = "container",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, container),
	  .value = "CONTAINER",
	  .help = "as that container, which has the socket, asks it" },
	{ .name = "create",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, create),
	  .value = "FILE",
	  .help = "the body of a POST /containers/create (-: standard input)" },
	{ .name = "request",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, request),
	  .value = "REQUEST",
	  .help = "method and target: 'POST /v1.43/images/x/push'" },
	{ .name = "body",
	  .kind = OPT_STRING,
	  .offset = offsetof(struct args, body),
	  .value = "FILE",
	  .help = "the JSON body of that request" },
	{ .name = "last",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct args, last),
	  .help = "the last denial in the audit log" },
	OPT_JSON(struct args, json),
};

static const struct opts opts = {
	.command = "explain",
	.usage = "[--state-dir DIR] [--image IMAGE | --container CONTAINER] [--json] "
		 "(-- DOCKER-WORD… | --create FILE | --request REQUEST [--body FILE] | --last)",
	.about = "Says whether something would be let through, by which rule, why and what can be "
		 "done about it,\nwithout doing it. The gate decides, as it would for the thing "
		 "itself.",
	.table = table,
	.count = ARRAY_SIZE(table),
	.max_args = 1023,
	.dashes = true,
};

/* It becomes a part of a request's head: no blanks, no line's end. */
static bool is_word(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static void print_line(const struct json *o, const char *key, const char *label)
{
	const char *s = json_get_str(o, key);
	char prefix[16];

	if (!s || !*s)
		return;
	(void)snprintf(prefix, sizeof(prefix), "%-10s", label);
	print_wrapped(prefix, s);
}

static int print_verdict(const struct args *args, const struct json *o)
{
	const char *verdict = json_get_str(o, "verdict");
	const char *method = json_get_str(o, "method");
	const char *target = json_get_str(o, "target");

	if (args->json)
		print_json(o);
	else {
		print_line(o, "time", "time");
		print_line(o, "verdict", "verdict");
		if (method && target)
			(void)printf("%-10s%s %s\n", "request", method, target);
		print_line(o, "exe", "by");
		print_line(o, "rule", "rule");
		print_line(o, "message", "message");
		print_line(o, "reason", "why");
		print_line(o, "hint", "way out");
		print_line(o, "reported", "reported");
	}
	return strcmp(verdict, "allow") == 0  ? CLI_EXIT_OK
	       : strcmp(verdict, "deny") == 0 ? CLI_EXIT_NO
					      : CLI_EXIT_UNKNOWN;
}

/* Whether the gate applies no list; false where it does not say. */
static bool is_plain(const struct instance *inst)
{
	const struct gateway_request q = { .method = "GET", .target = "/gabion/images" };
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf answer = BUF_INIT(TEXT_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc = NULL;

	return gateway_ask(inst, &q, &answer, NULL) == 200 &&
	       json_parse(&a, buf_slice(&answer), &limits, &doc, NULL, NULL) == 0 &&
	       !json_get_bool(doc, "isolation", true);
}

/* Nothing but looking was asked for: the engine has answered, if anybody asked it. */
static int print_passed(const struct args *args, const struct instance *inst, bool asked)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	struct json *o = arena_must(json_new(&a, JSON_OBJECT));
	bool plain = asked && is_plain(inst);
	const char *why = !asked ? ASKS_NOTHING : plain ? ONLY_LOOKS_PLAIN : ONLY_LOOKS;

	(void)json_set(&a, o, "verdict", json_new_str(&a, "allow"));
	(void)json_set(&a, o, "reason", json_new_str(&a, why));
	if (plain)
		(void)json_set(&a, o, "isolation", json_new_bool(&a, false));
	return print_verdict(args, o);
}

static int failed(const struct err *err, int r)
{
	cli_error("%s%s", err->text, r == -EACCES ? " (try sudo)" : "");
	return CLI_EXIT_UNKNOWN;
}

static int parse(struct arena *a, struct slice text, struct json **ret)
{
	struct json_limits limits = JSON_LIMITS;
	size_t used;

	limits.one_value = false;
	return json_parse(a, text, &limits, ret, &used, NULL) == 0 && json_get_str(*ret, "verdict")
		       ? 0
		       : -EPROTO;
}

/* --- as whom --- */

static const char *asks_as(const struct args *args)
{
	return args->container ? args->as : args->image ? args->image : "yes";
}

/* The gate knows containers by their ids. Returns 0 or an exit code. */
static int find_container(struct args *args, const struct instance *inst)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf target = BUF_INIT(4096);
	CLEANUP_BUF struct buf answer = BUF_INIT(TEXT_MAX);
	struct gateway_request q = { .method = "GET" };
	struct json_limits limits = JSON_LIMITS;
	struct err err = ERR_INIT;
	struct json *doc = NULL;
	const char *id;
	int r;

	buf_printf(&target, "/containers/%s/json", args->container);
	if (!buf_ok(&target)) {
		cli_error("explain: the name of the container is too long");
		return CLI_EXIT_USAGE;
	}
	q.target = target.p;
	r = gateway_ask(inst, &q, &answer, &err);
	if (r < 0)
		return failed(&err, r);
	(void)json_parse(&a, buf_slice(&answer), &limits, &doc, NULL, NULL);
	id = json_get_str(doc, "Id");
	if (r != 200 || !id || strlen(id) + 2 > sizeof(args->as)) {
		id = json_get_str(doc, "message");
		cli_error("%s", id ? id : "the engine does not say which container that is");
		return CLI_EXIT_UNKNOWN;
	}
	(void)snprintf(args->as, sizeof(args->as), "@%s", id);
	return 0;
}

/* --- a request --- */

static int read_body(const char *file, struct buf *b, struct err *err)
{
	int r = strcmp(file, "-") == 0 ? file_read_fd(STDIN_FILENO, b) : file_read(file, b);

	return r < 0 ? err_errno(err, r, "%s", file) : 0;
}

static int ask(const struct args *args, const struct instance *inst,
	       const struct gateway_request *q)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf answer = BUF_INIT(TEXT_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct err err = ERR_INIT;
	struct json *doc;
	int r = gateway_ask(inst, q, &answer, &err);

	if (r < 0)
		return failed(&err, r);
	if (json_parse(&a, buf_slice(&answer), &limits, &doc, NULL, NULL) < 0)
		return print_passed(args, inst, true);
	if (json_get_str(json_get(doc, "explain"), "verdict"))
		return print_verdict(args, json_get(doc, "explain"));
	if (r < 400)
		return print_passed(args, inst, true);
	cli_error("%s", json_get_str(doc, "message") ? json_get_str(doc, "message")
						     : "the engine refuses it");
	return CLI_EXIT_UNKNOWN;
}

static int explain_request(const struct args *args, const struct instance *inst)
{
	CLEANUP_BUF struct buf body = BUF_INIT(TEXT_MAX);
	const char *file = args->create ? args->create : args->body;
	struct gateway_request q = { .method = "POST",
				     .target = "/containers/create",
				     .explain = asks_as(args) };
	struct err err = ERR_INIT;
	char method[16];
	int r = file ? read_body(file, &body, &err) : 0;

	if (r < 0)
		return failed(&err, r);
	if (file)
		q.body = body.n ? buf_slice(&body) : SLICE_LIT("");
	if (args->request) {
		size_t n = strcspn(args->request, " ");

		q.target = args->request + n + strspn(args->request + n, " ");
		if (n == 0 || n >= sizeof(method) || q.target[0] != '/' || !is_word(q.target)) {
			cli_error("explain: --request wants a method and a target, as in 'POST "
				  "/v1.43/images/x/push'");
			return CLI_EXIT_USAGE;
		}
		(void)snprintf(method, sizeof(method), "%.*s", (int)n, args->request);
		q.method = method;
	}
	return ask(args, inst, &q);
}

/* --- a command --- */

/* What ends well without an engine asks none. */
static bool needs_engine(char **words)
{
	CLEANUP_BUF struct buf errors = BUF_INIT(TEXT_MAX);
	struct err err = ERR_INIT;

	return client_run(NO_ENGINE, words, TEXT_EXPLAIN_FIELD, "yes", &errors, &err) != 0;
}

static int explain_command(const struct args *args, const struct instance *inst, char **words)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf errors = BUF_INIT(TEXT_MAX);
	struct err err = ERR_INIT;
	struct json *o;
	const char *at;
	char socket[PATH_MAX + 16];
	int r;

	(void)snprintf(socket, sizeof(socket), "%s/docker.sock", inst->run);
	r = client_run(socket, words, TEXT_EXPLAIN_FIELD, asks_as(args), &errors, &err);
	if (r < 0)
		return failed(&err, r);
	buf_add_char(&errors, '\0');
	at = buf_ok(&errors) ? strstr(errors.p, TEXT_EXPLAIN_MARK) : NULL;
	if (at && parse(&a, slice_str(at + strlen(TEXT_EXPLAIN_MARK)), &o) == 0)
		return print_verdict(args, o);
	if (r == 0)
		return print_passed(args, inst, needs_engine(words));
	cli_error("docker ends before it asks the engine to do anything:\n%s",
		  errors.p ? errors.p : "");
	return CLI_EXIT_UNKNOWN;
}

/* --- the last denial --- */

static bool is_denial(const struct json *o)
{
	const char *verdict = json_get_str(o, "verdict");
	uint64_t uid = UINT64_MAX;

	(void)json_get_u64(o, "uid", &uid);
	return verdict && strcmp(verdict, "deny") == 0 && (geteuid() == 0 || uid == geteuid());
}

/* Keeps the line; a later one takes its place. */
static void take_denial(void *data, const struct json *o, struct slice line)
{
	struct buf *last = data;

	if (!is_denial(o))
		return;
	buf_reset(last);
	buf_add_slice(last, line);
}

static int explain_last(const struct args *args, const struct instance *inst)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf last = BUF_INIT(AUDITLOG_LINE_MAX);
	struct auditlog_reader reader = { .since = "", .take = take_denial, .data = &last };
	struct err err = ERR_INIT;
	struct json *o;
	int r = auditlog_read(&reader, inst->lib, &err);

	if (r < 0)
		return failed(&err, r);
	if (parse(&a, buf_slice(&last), &o) == 0)
		return print_verdict(args, o);
	cli_error("nothing was denied to %s, as far as the audit log goes back",
		  geteuid() == 0 ? "anybody" : "you");
	return CLI_EXIT_UNKNOWN;
}

int cmd_explain(int argc, char **argv)
{
	struct args args = { 0 };
	struct err err = ERR_INIT;
	struct instance inst;
	int rest;
	int r = opts_parse(&opts, argc, argv, &args, &rest);
	bool words = argc > rest;

	if (r != 0)
		return opts_exit(r);
	if (words + args.last + (args.create != NULL) + (args.request != NULL) != 1 ||
	    (args.body && !args.request) || ((args.image || args.container) && args.last) ||
	    (args.image && args.container)) {
		cli_error("explain: one of these is wanted: -- and words of a docker command, "
			  "--create, --request (with --body), --last; --image or --container, not "
			  "with --last");
		return CLI_EXIT_USAGE;
	}
	if (args.container && (!is_word(args.container) || strpbrk(args.container, "/?#%"))) {
		cli_error("explain: --container wants the name or the id of a container");
		return CLI_EXIT_USAGE;
	}
	if (args.image && (!is_word(args.image) || args.image[0] == '@')) {
		cli_error("explain: --image wants the name of an image");
		return CLI_EXIT_USAGE;
	}
	r = instance_find(&inst, args.state_dir, &err);
	if (r < 0)
		return failed(&err, r);
	if (args.last)
		return explain_last(&args, &inst);
	r = args.container ? find_container(&args, &inst) : 0;
	if (r != 0)
		return r;
	return words ? explain_command(&args, &inst, argv + rest) : explain_request(&args, &inst);
}
