/* SPDX-License-Identifier: Apache-2.0 */
/* `gabion images`: which images may have the engine's socket, and what is known of them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/gateway.h"
#include "cli/print.h"
#include "http/target.h"

#define ANSWER_MAX (16u << 20)
#define ARENA_MAX (64u << 20)

struct args {
	const char *state_dir;
	bool json;
};

static const struct opt table[] = {
	OPT_STATE_DIR(struct args, state_dir),
	OPT_JSON(struct args, json),
};

static const struct opts opts = {
	.command = "images",
	.usage = "[--state-dir DIR] [--json] [refresh | check IMAGE]",
	.about = "Lists the images whose containers may have the engine's socket (imageList of the "
		 "policy),\nwith the digests that are good for each. refresh asks the registries "
		 "first; check says\nof one image why it may or may not.",
	.table = table,
	.count = ARRAY_SIZE(table),
	.max_args = 2,
};

/* "12 s", "3 min", "5 h", "2 d". */
static void age(uint64_t then, uint64_t now, char ret[32])
{
	uint64_t s = now > then ? now - then : 0;

	if (then == 0)
		(void)snprintf(ret, 32, "never");
	else if (s < 120)
		(void)snprintf(ret, 32, "%llu s ago", (unsigned long long)s);
	else if (s < 7200)
		(void)snprintf(ret, 32, "%llu min ago", (unsigned long long)s / 60);
	else if (s < 172800)
		(void)snprintf(ret, 32, "%llu h ago", (unsigned long long)s / 3600);
	else
		(void)snprintf(ret, 32, "%llu d ago", (unsigned long long)s / 86400);
}

static uint64_t number(const struct json *o, const char *key)
{
	uint64_t v = 0;

	return json_get_u64(o, key, &v) == 0 ? v : 0;
}

static const char *text(const struct json *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return s ? s : "";
}

/* The registry's name, what it did, and the way out. */
static void print_refused(const struct json *refused, const struct instance *inst)
{
	static const struct {
		const char *credentials;
		const char *what;
	} rows[] = {
		{ "none", "wants credentials" },
		{ "file", "does not take the credentials of registry-auth.json" },
		{ "user", "did not take the credentials of a user" },
	};
	CLEANUP_BUF struct buf b = BUF_INIT(8192);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(text(refused, "credentials"), rows[i].credentials) == 0)
			buf_printf(&b,
				   "%s %s: put those of an account that may pull into %s/"
				   "registry-auth.json, or `docker login` and pull an image of it",
				   text(refused, "registry"), rows[i].what, inst->etc);
	if (buf_ok(&b) && b.p)
		print_wrapped("    registry   ", b.p);
}

static void print_entry(const struct json *e, uint64_t now, const struct instance *inst)
{
	const struct json *digests = json_get(e, "digests");
	uint64_t failed = number(e, "failed");
	uint64_t asked = number(e, "asked");
	char when[32];

	(void)printf("%s\n", text(e, "image"));
	if (strcmp(text(e, "image"), text(e, "reference")) != 0)
		(void)printf("    is         %s\n", text(e, "reference"));
	for (size_t i = 0; digests && i < digests->n; i++) {
		const struct json *d = digests->items[i];
		const char *repository = text(d, "repository");

		age(number(d, "seen"), now, when);
		(void)printf("    %-9s  %s%s%s (seen %s)\n",
			     json_get_bool(d, "current", false) ? "digest" : "previous", repository,
			     *repository ? "@" : "", text(d, "digest"), when);
	}
	if (asked) {
		age(asked, now, when);
		(void)printf("    registry   asked %s%s\n", when,
			     digests && digests->n ? "" : ": it has no such image");
	}
	if (failed) { /* an answer since then would have cleared it */
		age(failed, now, when);
		(void)printf("    registry   could not be asked %s\n", when);
		print_refused(json_get(e, "refused"), inst);
	}
	age(number(e, "used"), now, when);
	(void)printf("    used       %s\n", when);
}

static void print_lists(const struct json *doc, const struct instance *inst)
{
	const struct json *lists = json_get(doc, "lists");
	bool any = false;

	if (!json_get_bool(doc, "isolation", true))
		(void)printf("isolation is off: every container may have the socket\n");
	if (*text(doc, "registryAuth"))
		print_wrapped("not used       ", text(doc, "registryAuth"));
	for (size_t i = 0; lists && i < lists->n; i++) {
		const struct json *images = json_get(lists->items[i], "images");

		if (lists->n > 1)
			(void)printf("%s\n", i == 0 ? "# of this host" : "# of the instance, too");
		for (size_t k = 0; images && k < images->n; k++)
			print_entry(images->items[k], number(doc, "now"), inst);
		any = any || (images && images->n);
	}
	if (!any)
		(void)printf("no image may have the engine's socket "
			     "(dockerSocketMount.imageList of admin-settings.json is empty)\n");
}

static void print_decided(const struct json *doc)
{
	const struct json *by = json_get(doc, "by");

	for (size_t i = 0; by && i < by->n; i++)
		(void)printf("entry     %s\n", json_str(by->items[i]));
	if (*text(doc, "digest"))
		(void)printf("digest    %s\n", text(doc, "digest"));
	if (*text(doc, "reason"))
		print_wrapped("why       ", text(doc, "reason"));
	if (*text(doc, "message"))
		print_wrapped("message   ", text(doc, "message"));
	if (*text(doc, "hint"))
		print_wrapped("way out   ", text(doc, "hint"));
}

static int print_check(const struct json *doc)
{
	const struct json *would = json_get(doc, "withIsolation");
	const char *verdict = text(doc, "verdict");

	if (strcmp(verdict, "missing") == 0) {
		cli_error("the engine has no image %s; pull it first", text(doc, "image"));
		return CLI_EXIT_UNKNOWN;
	}
	if (strcmp(verdict, "unknown") == 0) {
		cli_error("the engine does not say which image %s is", text(doc, "image"));
		return CLI_EXIT_UNKNOWN;
	}
	(void)printf("verdict   %s\n", verdict);
	(void)printf("image     %s\n", text(doc, "id"));
	print_decided(doc);
	if (would) {
		(void)printf("were isolation on:\nverdict   %s\n", text(would, "verdict"));
		print_decided(would);
	}
	return strcmp(verdict, "allow") == 0 ? CLI_EXIT_OK : CLI_EXIT_NO;
}

static int verdict_code(const struct json *doc)
{
	const char *verdict = text(doc, "verdict");

	return strcmp(verdict, "deny") == 0		    ? CLI_EXIT_NO
	       : strcmp(verdict, "allow") == 0 || !*verdict ? CLI_EXIT_OK
							    : CLI_EXIT_UNKNOWN;
}

/* Which request the words ask for; -EINVAL: none. */
static int request_of(int n, char **words, struct gateway_request *q, struct buf *target)
{
	buf_add_str(target, "/gabion/images");
	q->method = "GET";
	if (n == 1 && strcmp(words[0], "refresh") == 0) {
		q->method = "POST";
		buf_add_str(target, "/refresh");
	} else if (n == 2 && strcmp(words[0], "check") == 0) {
		struct slice_pair pair = { SLICE_LIT("image"), slice_str(words[1]) };
		struct http_target t = { .nparams = 1, .params = &pair };

		buf_add_str(target, "/check");
		http_query_emit(&t, target);
	} else if (n != 0) {
		return -EINVAL;
	}
	buf_add_char(target, '\0');
	q->target = target->p;
	return 0;
}

static int run(const struct args *args, const struct gateway_request *q)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(ARENA_MAX);
	CLEANUP_BUF struct buf body = BUF_INIT(ANSWER_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct err err = ERR_INIT;
	struct instance inst;
	struct json *doc;
	int r = instance_find(&inst, args->state_dir, &err);

	if (r == 0)
		r = gateway_ask(&inst, q, &body, &err);
	if (r >= 0 && json_parse(&a, buf_slice(&body), &limits, &doc, NULL, &err) < 0)
		r = -EPROTO;
	if (r < 0) {
		cli_error("%s%s", err.text, r == -EACCES ? " (try sudo)" : "");
		return CLI_EXIT_UNKNOWN;
	}
	if (r != 200) {
		cli_error("%s", text(doc, "message"));
		return CLI_EXIT_UNKNOWN;
	}
	if (args->json) {
		print_json(doc);
		return verdict_code(doc);
	}
	if (*text(doc, "verdict"))
		return print_check(doc);
	print_lists(doc, &inst);
	return CLI_EXIT_OK;
}

int cmd_images(int argc, char **argv)
{
	CLEANUP_BUF struct buf target = BUF_INIT(16384);
	struct gateway_request q = { 0 };
	struct args args = { 0 };
	int rest;
	int r;

	r = opts_parse(&opts, argc, argv, &args, &rest);
	if (r != 0)
		return opts_exit(r);
	if (request_of(argc - rest, argv + rest, &q, &target) < 0) {
		cli_error("images: `refresh` and `check IMAGE` are what can be asked for");
		return CLI_EXIT_USAGE;
	}
	return run(&args, &q);
}
