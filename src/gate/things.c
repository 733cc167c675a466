/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/things.h"

#include "gate/answer.h"
#include "gate/exchange.h"
#include "gate/family.h"
#include "gate/maker.h"
#include "gate/request.h"
#include "gate/volumes.h"
#include "json/json.h"

#define TREE_MAX (64u * 1024u * 1024u)

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

static void begin_target(const struct conn *c, struct buf *target)
{
	if (c->req->match.version.text.p)
		buf_printf(target, "/v%.*s", SLICE_ARG(c->req->match.version.text));
}

static struct json *parse(struct conn *c, struct arena *tree)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v;

	if (json_parse(tree, buf_slice(&c->x.body), &limits, &v, NULL, NULL) == 0 &&
	    json_is(v, JSON_OBJECT))
		return v;
	answer_text(c, &(struct answer){ .status = 502 }, "the engine's answer makes no sense");
	return NULL;
}

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
	v = parse(c, &tree);
	if (!v)
		return;
	name = json_get(v, "Name");
	id = json_get_str(v, "Id");
	if (!name || !id || strlen(id) != CONTROL_ID_LEN || !control_id_ok(id)) {
		answer_text(c, &(struct answer){ .status = 502 },
			    "the engine's answer makes no sense");
	} else if (slice_eq_str(name->text, "host") && c->req->match.route->kind == ROUTE_CREATE) {
		answer_text(c,
			    &(struct answer){ .status = 403,
					      .rule = "host-network",
					      .hint = "publish ports with -p instead" },
			    "%s", edit_network_text);
	} else if (name->text.n > 0 && maker_predefined(name->text)) {
		s->everybodys = arena_printf(&c->arena, "%.*s", SLICE_ARG(name->text));
		if (s->everybodys)
			go_on(c);
		else
			conn_kill(c);
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
		volumes_look(c, s);
	else
		ask_network(c, s);
}
