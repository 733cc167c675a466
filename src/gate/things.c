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

struct subject *things_current(struct conn *c)
{
	return &c->req->subjects[c->req->at];
}

void things_go_on(struct conn *c)
{
	void (*next)(struct conn * c) = c->req->next;

	c->req->at++;
	next(c);
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
	answer_text(c, &a, "network %.*s not found", SLICE_ARG(things_current(c)->name));
}

static void on_network(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct subject *s = things_current(c);
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
	v = exchange_json(c, &tree, JSON_OBJECT);
	name = json_get(v, "Name");
	id = json_get_str(v, "Id");
	if (!name || !id || strlen(id) != CONTROL_ID_LEN || !control_id_ok(id)) {
		answer_nonsense(c);
	} else if (slice_eq_str(name->text, "host") && c->req->match.route->kind == ROUTE_CREATE) {
		answer_text(c,
			    &(struct answer){ .status = 403,
					      .rule = "host-network",
					      .hint = "publish ports with -p instead" },
			    "%s", edit_network_text);
	} else if (name->text.n > 0 && maker_predefined(name->text)) {
		s->everybodys = arena_printf(&c->arena, "%.*s", SLICE_ARG(name->text));
		if (s->everybodys)
			things_go_on(c);
		else
			conn_kill(c);
	} else if (maker_own(v, c->req->whose)) {
		memcpy(s->id, id, CONTROL_ID_LEN + 1);
		things_go_on(c);
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
	request_print_version(c->req, &target);
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
