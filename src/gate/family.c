/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/family.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "gate/answer.h"
#include "gate/exchange.h"
#include "gate/images.h"
#include "gate/maker.h"
#include "gate/request.h"
#include "gate/sift.h"
#include "json/json.h"

#define TREE_MAX (96u * 1024u * 1024u)
#define OBJECT_MAX GATE_BODY_MAX

/* An answer that is sifted; in the connection's arena. */
struct family_sift {
	struct sift sift;
	struct conn *conn;
	uint64_t left; /* so many more objects of a list are wanted */
};

/* The label of what it makes. */
static void take_maker(struct conn *c)
{
	CLEANUP_BUF struct buf text = BUF_INIT(CONTROL_LINE_MAX * (CONTROL_ID_LEN + 1));
	char line[CONTROL_LINE_MAX][CONTROL_ID_LEN];
	struct edit_how *how = &c->req->how;

	how->own = true;
	maker_print((const char(*)[CONTROL_ID_LEN])line,
		    kin_line(&c->gate->kin, c->req->whose, line), &text);
	how->maker = (struct slice){ arena_dup(&c->arena, text.p, text.n), text.n };
	if (!how->maker.p)
		how->maker = slice_str("?"); /* nobody's */
}

void family_begin(struct conn *c, const struct door *d)
{
	const struct policy *p = &c->gate->images->policy;

	c->req->whose = NULL;
	for (size_t i = 0; d && i < p->nsockets; i++)
		if (p->sockets[i].own_children)
			c->req->whose = d->id;
	if (c->req->whose)
		take_maker(c);
}

/* The engine can only prune everybody's. */
static const struct pruning {
	enum route_class class;
	const char *what;
	const char *remove; /* the command for one by one, */
	const char *list;   /* and the one that finds them; NULL: there is none */
} prunings[] = {
	{ ROUTE_CLASS_CONTAINER_PRUNE, "containers", "rm",
	  "ps -aq -f status=exited -f status=created" },
	{ ROUTE_CLASS_VOLUME_PRUNE, "volumes", "volume rm", "volume ls -q -f dangling=true" },
	{ ROUTE_CLASS_NETWORK_PRUNE, "networks", "network rm", NULL },
};

static void refuse_pruning(struct conn *c, const struct pruning *p)
{
	const char *engine = c->gate->images->policy.profile->engine;
	const char *which = p->list ? arena_printf(&c->arena, "$(%s %s)", engine, p->list) : NULL;

	answer_text(c,
		    &(struct answer){ .status = 403,
				      .rule = FAMILY_RULE,
				      .hint = arena_printf(
					      &c->arena, "remove your own %s one by one: %s %s %s",
					      p->what, engine, p->remove, which ? which : "NAME") },
		    "enhanced container isolation: %s command \"%.*s\" is blocked; it would remove "
		    "%s that are not this container's own",
		    engine, SLICE_ARG(c->req->head.target), p->what);
}

bool family_refused(struct conn *c)
{
	for (size_t i = 0; c->req->whose && i < ARRAY_SIZE(prunings); i++) {
		if (c->req->match.route->class != prunings[i].class)
			continue;
		refuse_pruning(c, &prunings[i]);
		return true;
	}
	return false;
}

bool family_own(const struct conn *c, const char id[CONTROL_ID_LEN])
{
	return !c->req->whose || kin_own(&c->gate->kin, c->req->whose, id);
}

size_t family_prefix(const struct conn *c, struct slice prefix, char ret[CONTROL_ID_LEN + 1])
{
	return kin_prefix(&c->gate->kin, c->req->whose, prefix, ret);
}

/* --- queries --- */

bool family_query(struct conn *c)
{
	struct request *r = c->req;
	const struct slice *filters = http_target_param(&r->target, "filters", NULL);
	struct err err = ERR_INIT;

	if (!r->whose || r->match.route->kind != ROUTE_LIST || !filters)
		return true;
	if (edit_filters(&c->arena, *filters, &r->how, &r->edit, NULL, &err) == EDIT_OK)
		return true;
	answer_text(c, &(struct answer){ .status = 400 }, "%s", err.text);
	return false;
}

/* The number of newest containers that are wanted; 0: all, or the engine will complain. */
static uint64_t limit_of(const struct http_target *t)
{
	const struct slice *limit = http_target_param(t, "limit", NULL);
	uint64_t n = 0;

	if (!limit)
		return 0;
	/* As Go's strconv.Atoi(). */
	if (num_parse_u64(slice_from(*limit, limit->n > 0 && limit->p[0] == '+'), INT64_MAX, &n) <
	    0)
		return 0;
	return n;
}

/* The engine would count the containers of others too. A limit means that those are wanted, too,
 * which do not run. */
static void lift_limit(struct http_target *t)
{
	for (size_t i = 0; i < t->nparams; i++) {
		struct slice_pair *p = &t->params[i];

		if (!slice_eq_str(p->key, "limit") && !slice_eq_str(p->key, "all"))
			continue;
		*p = (struct slice_pair){ SLICE_LIT("all"), SLICE_LIT("1") };
	}
}

static int fix_filters(struct conn *c)
{
	CLEANUP_BUF struct buf text = BUF_INIT(2u * HTTP_HEAD_MAX);
	struct request *r = c->req;
	struct slice names[EDIT_OTHERS_MAX];
	struct slice ids[EDIT_OTHERS_MAX];
	struct edit_how with = { .own = true,
				 .n = MIN(r->nsubjects, (size_t)EDIT_OTHERS_MAX),
				 .names = names,
				 .ids = ids };
	struct slice *filters = (struct slice *)http_target_param(&r->target, "filters", NULL);
	struct edit ignored;
	char *kept;

	for (size_t i = 0; i < with.n; i++) {
		names[i] = r->subjects[i].name;
		ids[i] = slice_str(r->subjects[i].id);
	}
	if (!filters || filters->n == 0)
		return 0;
	if (edit_filters(&c->arena, *filters, &with, &ignored, &text, NULL) != EDIT_OK)
		return -ENOMEM;
	kept = arena_dup(&c->arena, text.p, text.n);
	if (!kept)
		return -ENOMEM;
	*filters = (struct slice){ kept, text.n };
	return 0;
}

/* --- judging objects of the engine's --- */

static bool is_id(const char *s)
{
	return s && strlen(s) == CONTROL_ID_LEN && control_id_ok(s);
}

static struct json *parse(struct arena *a, struct slice object)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v;

	return json_parse(a, object, &limits, &v, NULL, NULL) == 0 ? v : NULL;
}

static enum sift_verdict judge_container(void *data, struct slice object, struct buf *changed)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	struct family_sift *f = data;
	struct json *v = parse(&a, object);
	const char *id = json_get_str(v, "Id");

	(void)changed;
	if (!v)
		return SIFT_BAD;
	if (!is_id(id) || !family_own(f->conn, id) || f->left == 0)
		return SIFT_DROP;
	f->left--;
	return SIFT_KEEP;
}

/* Could a creation that is on its way be of one of this container's own? */
static bool is_making(const struct conn *c)
{
	for (const struct conn *o = c->gate->making ? c->gate->conns : NULL; o; o = o->next)
		if (o->req && o->req->making && kin_own(&c->gate->kin, c->req->whose, o->door->id))
			return true;
	return false;
}

/* Which container an event is of: Actor.ID where it is an event of a container; else it stands
 * among the attributes (networks: connect, disconnect; volumes: mount, unmount). A container's
 * attributes are also its labels, and say nothing. NULL: of none. */
static const char *event_subject(const struct json *v)
{
	const struct json *actor = json_get(v, "Actor");
	const char *type = json_get_str(v, "Type");

	if (type && strcmp(type, "container") == 0) {
		const char *id = json_get_str(actor, "ID");

		return id ? id : "";
	}
	return json_get_str(json_get(actor, "Attributes"), "container");
}

/* Whose it is, its events do not say. */
static bool is_thing(const struct json *v)
{
	const char *type = json_get_str(v, "Type");

	return type && (strcmp(type, "volume") == 0 || strcmp(type, "network") == 0);
}

static enum sift_verdict judge_event(void *data, struct slice object, struct buf *changed)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	const struct family_sift *f = data;
	const struct conn *c = f->conn;
	struct json *v = parse(&a, object);
	const char *id = event_subject(v);

	(void)changed;
	if (!v)
		return SIFT_BAD;
	if (!id)
		return is_thing(v) ? SIFT_DROP : SIFT_KEEP;
	if (!is_id(id))
		return SIFT_DROP;
	if (kin_was_own(&c->gate->kin, c->req->whose, id))
		return SIFT_KEEP;
	return is_making(c) ? SIFT_WAIT : SIFT_DROP;
}

static enum sift_verdict changed_to(const struct json *v, struct buf *changed)
{
	json_emit(v, changed);
	return SIFT_CHANGE;
}

/* "Containers": who is connected, by id; "ep-…" where that is not known. */
static enum sift_verdict keep_own_connected(const struct conn *c, struct arena *a, struct json *v,
					    struct buf *changed)
{
	struct json *all = json_get(v, "Containers");
	struct json *own = json_new(a, JSON_OBJECT);

	if (!v || !own)
		return SIFT_BAD;
	if (!json_is(all, JSON_OBJECT))
		return SIFT_KEEP;
	for (size_t i = 0; i < all->n; i++) {
		struct json_member *m = &all->members[i];

		if (m->key.n != CONTROL_ID_LEN || !control_id_ok(m->key.p) ||
		    !family_own(c, m->key.p))
			continue;
		if (json_add(a, own, m->key, m->value) < 0)
			return SIFT_BAD;
	}
	if (json_set(a, v, "Containers", own) < 0)
		return SIFT_BAD;
	return changed_to(v, changed);
}

static enum sift_verdict judge_network(void *data, struct slice object, struct buf *changed)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	const struct family_sift *f = data;

	return keep_own_connected(f->conn, &a, parse(&a, object), changed);
}

static enum sift_verdict judge_networks(void *data, struct slice object, struct buf *changed)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	const struct family_sift *f = data;
	struct json *v = parse(&a, object);
	const struct json *name = json_get(v, "Name");

	if (!v || !name)
		return SIFT_BAD;
	if (!maker_predefined(name->text) && !maker_own(v, f->conn->req->whose))
		return SIFT_DROP;
	return keep_own_connected(f->conn, &a, v, changed);
}

static void keep_own_volumes(const struct conn *c, struct json *list)
{
	for (size_t i = json_is(list, JSON_ARRAY) ? list->n : 0; i > 0; i--)
		if (!maker_own(list->items[i - 1], c->req->whose))
			json_remove(list, i - 1);
}

static enum sift_verdict judge_volumes(void *data, struct slice object, struct buf *changed)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	const struct family_sift *f = data;
	struct json *v = parse(&a, object);

	if (!v)
		return SIFT_BAD;
	keep_own_volumes(f->conn, json_get(v, "Volumes"));
	return changed_to(v, changed);
}

static void keep_own(const struct conn *c, struct json *list)
{
	for (size_t i = json_is(list, JSON_ARRAY) ? list->n : 0; i > 0; i--) {
		const char *id = json_get_str(list->items[i - 1], "Id");

		if (!is_id(id) || !family_own(c, id))
			json_remove(list, i - 1);
	}
}

/* "Containers", "Volumes"; from API 1.52 on, "ContainerUsage", … with "Items". The sums stay, as
 * those of GET /info do. */
static enum sift_verdict judge_usage(void *data, struct slice object, struct buf *changed)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TREE_MAX);
	const struct family_sift *f = data;
	struct json *v = parse(&a, object);

	if (!v)
		return SIFT_BAD;
	keep_own(f->conn, json_get(v, "Containers"));
	keep_own(f->conn, json_get(json_get(v, "ContainerUsage"), "Items"));
	keep_own_volumes(f->conn, json_get(v, "Volumes"));
	keep_own_volumes(f->conn, json_get(json_get(v, "VolumeUsage"), "Items"));
	return changed_to(v, changed);
}

/* --- answers --- */

static const struct sifted {
	enum route_class class;
	enum sift_kind kind;
	bool drop_large; /* an object that is too large goes, not the answer */
	sift_judge_fn *judge;
} sifted[] = {
	{ ROUTE_CLASS_CONTAINER_LIST, SIFT_LIST, true, judge_container },
	{ ROUTE_CLASS_EVENTS, SIFT_SEQUENCE, true, judge_event },
	{ ROUTE_CLASS_NETWORK_LIST, SIFT_LIST, true, judge_networks },
	{ ROUTE_CLASS_VOLUME_LIST, SIFT_SEQUENCE, false, judge_volumes },
	{ ROUTE_CLASS_NETWORK_INSPECT, SIFT_SEQUENCE, false, judge_network },
	{ ROUTE_CLASS_DISK_USAGE, SIFT_SEQUENCE, false, judge_usage },
};

static const struct sifted *find_sifted(enum route_class class)
{
	for (size_t i = 0; i < ARRAY_SIZE(sifted); i++)
		if (sifted[i].class == class)
			return &sifted[i];
	return NULL;
}

/* What is sifted has to be readable. */
static void take_plain_text(struct http_head *h)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (slice_eq_nocase(h->fields[i].name, SLICE_LIT("accept-encoding")))
			h->fields[i].kind = HTTP_FIELD_HOP;
}

int family_prepare(struct conn *c)
{
	struct request *r = c->req;
	const struct sifted *how = r->whose ? find_sifted(r->match.route->class) : NULL;
	struct family_sift *f;
	int rc = 0;

	if (!how)
		return 0;
	f = arena_alloc(&c->arena, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->conn = c;
	f->left = UINT64_MAX;
	if (r->match.route->kind == ROUTE_LIST) {
		uint64_t limit = limit_of(&r->target);

		if (limit > 0) {
			f->left = limit;
			lift_limit(&r->target);
		}
		rc = fix_filters(c);
	}
	take_plain_text(&r->head);
	sift_init(&f->sift, how->kind, OBJECT_MAX, how->judge, f);
	f->sift.drop_large = how->drop_large;
	r->sift = &f->sift;
	return rc;
}

/* --- creations --- */

/* At the end of the round, since the scratch buffer may be in use. */
static void wake(struct loop_deferred *d)
{
	struct gate *g = CONTAINER_OF(d, struct gate, wake);
	struct conn *next;

	for (struct conn *c = g->conns; c; c = next) {
		next = c->next;
		if (!c->x.stalled)
			continue;
		exchange_resume(c);
		conn_update(c);
	}
}

void family_making(struct conn *c)
{
	c->req->making = door_is_container(c->door);
	c->gate->making += c->req->making;
}

void family_made(struct conn *c)
{
	if (!c->req->making)
		return;
	c->req->making = false;
	c->gate->making--;
	loop_defer(&c->gate->loop, &c->gate->wake, wake);
}

int family_add(struct conn *c)
{
	char line[CONTROL_LINE_MAX][CONTROL_ID_LEN];
	size_t n;

	if (!door_is_container(c->door))
		return 0;
	n = kin_line(&c->gate->kin, c->door->id, line);
	return kin_add(&c->gate->kin, c->req->created, (const char(*)[CONTROL_ID_LEN])line, n);
}

void family_stop(struct conn *c)
{
	if (!c->req)
		return;
	family_made(c);
	if (c->req->sift)
		sift_done(c->req->sift);
	c->req->sift = NULL;
}
