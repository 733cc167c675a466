/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/things.h"

#include "gate/answer.h"
#include "gate/exchange.h"
#include "gate/explain.h"
#include "gate/family.h"
#include "gate/maker.h"
#include "gate/request.h"
#include "json/json.h"

#define TREE_MAX (64u * 1024u * 1024u)
#define VOLUME_BODY_MAX (2u << 20)

static struct subject *current(struct conn *c)
{
	return &c->req->subjects[c->req->at];
}

static void go_on(struct conn *c)
{
	void (*next)(struct conn * c) = c->req->next;

	c->req->at++;
	next(c);
}

/* The path names it: what is foreign is not there. */
static bool in_path(const struct conn *c)
{
	return c->req->at == 0 &&
	       (c->req->match.route->flags & (ROUTE_NAMES_VOLUME | ROUTE_NAMES_NETWORK));
}

static void begin_target(const struct conn *c, struct buf *target)
{
	if (c->req->match.version.text.p)
		buf_printf(target, "/v%.*s", SLICE_ARG(c->req->match.version.text));
}

static struct json *parse(struct conn *c, struct arena *tree, enum json_kind kind)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v;

	if (json_parse(tree, buf_slice(&c->x.body), &limits, &v, NULL, NULL) == 0 &&
	    json_is(v, kind))
		return v;
	answer_text(c, &(struct answer){ .status = 502 }, "the engine's answer makes no sense");
	return NULL;
}

/* --- volumes --- */

static const char not_made[] = "the volume was not made over this container's socket";

/* As the engine says it, whether nobody has it or somebody else. */
static void no_such_volume(struct conn *c, bool foreign)
{
	struct answer a = { .status = 404 };

	if (foreign) {
		a.rule = FAMILY_RULE;
		a.reason = not_made;
		a.quiet = true;
	}
	answer_text(c, &a, "get %.*s: no such volume", SLICE_ARG(current(c)->name));
}

/* What makes or mounts a volume of that name cannot be told that there is none. */
static void refuse_volume(struct conn *c)
{
	struct slice name = current(c)->name;
	struct answer a = { .status = 403,
			    .rule = FAMILY_RULE,
			    .hint = "choose another name",
			    .reason = not_made };

	if (in_path(c))
		no_such_volume(c, true);
	else
		answer_text(c, &a,
			    "enhanced container isolation: volume %.*s is not this container's own",
			    SLICE_ARG(name));
}

/* All of those that have it are one's own, and there are some. */
static void on_users(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct json *list;
	bool own;

	if (c->x.status != 200) {
		exchange_release(c);
		return;
	}
	list = parse(c, &tree, JSON_ARRAY);
	if (!list)
		return;
	own = list->n > 0;
	for (size_t i = 0; i < list->n && own; i++) {
		const char *id = json_get_str(list->items[i], "Id");

		own = id && strlen(id) == CONTROL_ID_LEN && control_id_ok(id) && family_own(c, id);
	}
	if (own)
		go_on(c);
	else
		refuse_volume(c);
}

static void ask_users(struct conn *c)
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	begin_target(c, &target);
	buf_printf(&target,
		   "/containers/"
		   "json?all=1&filters=%%7B%%22volume%%22%%3A%%7B%%22%.*s%%22%%3Atrue%%7D%%7D",
		   SLICE_ARG(current(c)->name));
	exchange_ask(c, &h, on_users);
}

static void on_volume(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct json *v;
	bool own;

	if (c->x.status == 404) {
		/* To remove it may be no error, and what will be made will be one's own. */
		if (c->req->match.route->class == ROUTE_CLASS_VOLUME_INSPECT)
			no_such_volume(c, false);
		else
			go_on(c);
		return;
	}
	if (c->x.status != 200 && c->x.status != 201) {
		exchange_release(c); /* the engine's own words */
		return;
	}
	v = parse(c, &tree, JSON_OBJECT);
	if (!v)
		return;
	own = maker_own(v, c->req->whose);
	if (own)
		go_on(c);
	else if (maker_anonymous(current(c)->name) && !json_get(json_get(v, "Labels"), MAKER_LABEL))
		ask_users(c);
	else
		refuse_volume(c);
}

/* As the engine has them: it refuses others. */
static bool volume_ok(struct slice name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.-";

	for (size_t i = 0; i < name.n; i++)
		if (!memchr(set, name.p[i], sizeof(set) - 1))
			return false;
	return name.n > 0 && name.p[0] != '.' && name.p[0] != '-';
}

static void ask_volume(struct conn *c, const struct subject *s)
{
	CLEANUP_BUF struct buf target = BUF_INIT(65536);
	CLEANUP_BUF struct buf body = BUF_INIT(VOLUME_BODY_MAX);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	if (!volume_ok(s->name)) {
		if (in_path(c))
			no_such_volume(c, false);
		else
			answer_text(c, &(struct answer){ .status = 400 },
				    "%.*s: no volume can have that name", SLICE_ARG(s->name));
		return;
	}
	begin_target(c, &target);
	if (s->make.n && !explain_wanted(c)) {
		buf_add_slice(&body, s->make);
		buf_add_str(&target, "/volumes/create");
		h.method = SLICE_LIT("POST");
		h.content_type = "application/json";
		h.whole = &body;
	} else {
		buf_printf(&target, "/volumes/%.*s", SLICE_ARG(s->name));
	}
	exchange_ask(c, &h, on_volume);
}

/* --- networks --- */

/* As the engine says it. A 404 would tell a creation that the image is missing. */
static void no_such_network(struct conn *c, const char *foreign)
{
	enum route_kind kind = c->req->match.route->kind;
	struct answer a = { .status = kind == ROUTE_CREATE || kind == ROUTE_BUILD ? 400 : 404 };

	if (foreign) {
		a.rule = FAMILY_RULE;
		a.reason = "the network was not made over this container's socket";
		a.subject = foreign;
		a.quiet = true;
	}
	answer_text(c, &a, "network %.*s not found", SLICE_ARG(current(c)->name));
}

static void on_network(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct subject *s = current(c);
	const struct json *name;
	struct json *v;
	const char *id;

	if (c->x.status != 200) {
		if (c->x.status == 404 || c->x.status < 400)
			no_such_network(c, NULL);
		else
			exchange_release(c);
		return;
	}
	v = parse(c, &tree, JSON_OBJECT);
	if (!v)
		return;
	name = json_get(v, "Name");
	id = json_get_str(v, "Id");
	if (!name || !id || strlen(id) != CONTROL_ID_LEN || !control_id_ok(id)) {
		answer_text(c, &(struct answer){ .status = 502 },
			    "the engine's answer makes no sense");
	} else if (name->text.n > 0 && maker_predefined(name->text)) {
		s->everybodys = true;
		go_on(c);
	} else if (maker_own(v, c->req->whose)) {
		memcpy(s->id, id, CONTROL_ID_LEN + 1);
		go_on(c);
	} else {
		no_such_network(c, id);
	}
}

static void ask_network(struct conn *c, const struct subject *s)
{
	CLEANUP_BUF struct buf target = BUF_INIT(65536);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	/* It would be another path. */
	if (s->name.n == 0 || slice_find(s->name, '/') < s->name.n || s->name.p[0] == '.') {
		no_such_network(c, NULL);
		return;
	}
	begin_target(c, &target);
	buf_add_str(&target, "/networks/");
	http_path_emit(s->name, &target);
	exchange_ask(c, &h, on_network);
}

void things_resolve(struct conn *c, const struct subject *s, void (*next)(struct conn *c))
{
	c->req->next = next;
	if (s->kind == SUBJECT_VOLUME)
		ask_volume(c, s);
	else
		ask_network(c, s);
}
