/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/check.h"

#include <errno.h>
#include <stdlib.h>

#include "gate/answer.h"
#include "gate/archive.h"
#include "gate/exchange.h"
#include "gate/explain.h"
#include "gate/family.h"
#include "gate/request.h"
#include "gate/socket.h"
#include "gate/things.h"
#include "gate/volumes.h"
#include "policy/hostmount.h"
#include "json/json.h"

#define TREE_MAX (64u * 1024u * 1024u)

static void next(struct conn *c);

/* --- asking the engine --- */

/* GET /PREFIX/NAME/json on the engine. */
static void engine_get(struct conn *c, const char *prefix, struct slice name,
		       void (*done)(struct conn *c))
{
	CLEANUP_BUF struct buf target = BUF_INIT(65536);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	request_print_version(c->req, &target);
	buf_printf(&target, "/%s/", prefix);
	http_path_emit(name, &target);
	buf_add_str(&target, "/json");
	exchange_ask(c, &h, done);
}

/* The answer's object, or NULL after the client has been told. */
static struct json *answer_object(struct conn *c, struct arena *tree)
{
	struct json *v;

	if (c->x.status == 404 && !c->req->path_subject && !c->req->exec_id) {
		/* A 404 would tell the client that the image is missing. */
		answer_text(c, &(struct answer){ .status = 400 }, "No such container: %.*s",
			    SLICE_ARG(c->req->subjects[c->req->at].name));
		return NULL;
	}
	if (c->x.status != 200) {
		exchange_release(c); /* the engine's own words */
		return NULL;
	}
	v = exchange_json(c, tree, JSON_OBJECT);
	if (!v)
		answer_nonsense(c);
	return v;
}

static bool take_id(struct subject *s, const char *id)
{
	if (!id || strlen(id) != CONTROL_ID_LEN || !control_id_ok(id))
		return false;
	memcpy(s->id, id, CONTROL_ID_LEN + 1);
	return true;
}

/* --- who asked for it --- */

/* ROUTE_OWNER, and what a creation takes from others: both only for those who are not root. */
static void on_asker(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);
	struct subject *s = &c->req->subjects[c->req->at];
	const struct control_asker *a = (const void *)body.p;

	conn_timer_stop(c);
	if (result < 0) {
		answer_text(c, &(struct answer){ .status = 500 },
			    "who asked for container %.12s is not known: %.*s", s->id,
			    SLICE_ARG(body));
	} else if (result == CONTROL_DONE && body.n != sizeof(*a)) {
		answer_text(c, &(struct answer){ .status = 500 },
			    "gabiond's answer makes no sense");
	} else if (result == CONTROL_DONE && (a->flags & CONTROL_HAS_BINDS) && a->uid != c->uid) {
		answer_text(
			c,
			&(struct answer){ .status = 403,
					  .rule = "other-users-container",
					  .hint = "ask that user, or root" },
			"container %.*s acts with the rights of another user (uid %u); only that "
			"user and root may do this with it",
			SLICE_ARG(s->name), a->uid);
	} else {
		c->req->at++;
		next(c);
	}
	conn_update(c);
}

static void ask_asker(struct conn *c, const struct subject *s)
{
	struct control_request *q = ask_new(CONTROL_ASKER);

	if (q) {
		q->size = sizeof(q->id);
		memcpy(q->id.id, s->id, CONTROL_ID_LEN);
	}
	if (ask_start(&c->gate->ask, &c->call, q, -EBADF, on_asker) < 0)
		answer_text(c, &(struct answer){ .status = 503 }, "gabiond cannot be asked");
	else
		conn_timer(c, c->gate->limits.ask_seconds);
}

/* --- those that are not its own --- */

static void resolve(struct conn *c, const struct subject *s);

/* Engines before 23 answer the beginning of several ids with 500. */
static bool says_several(const struct json *v)
{
	const char *message = json_get_str(v, "message");

	return message && strstr(message, "Multiple IDs found");
}

/* Nobody has that name, or only somebody else's container (foreign: its id): the answer is the
 * same.
 */
static void no_such(struct conn *c, const char *foreign)
{
	const struct request *r = c->req;
	enum route_kind kind = r->match.route->kind;
	bool exec = kind == ROUTE_EXEC_ID;
	/* A 404 would tell a creation that the image is missing. */
	struct answer a = { .status = kind == ROUTE_CREATE || kind == ROUTE_BUILD ? 400 : 404 };

	if (foreign) {
		a.rule = FAMILY_RULE;
		a.reason = "it was not made over this container's socket";
		a.subject = foreign;
		a.quiet = true;
	}
	answer_text(c, &a, "No such %s: %.*s", exec ? "exec instance" : "container",
		    SLICE_ARG(exec ? r->match.name : r->subjects[r->at].name));
}

/* Names may be written with the slash that the engine stores them with. */
static struct slice plain_name(const struct subject *s)
{
	return slice_from(s->name, s->name.n > 0 && s->name.p[0] == '/');
}

/* The engine means another container by that name, none, or several: by the beginning of an id, one
 * of the own ones may be meant. */
static void try_prefix(struct conn *c, struct subject *s, const char *foreign)
{
	char id[CONTROL_ID_LEN + 1];
	size_t n = s->by ? 0 : family_prefix(c, plain_name(s), id);

	if (n > 1) {
		answer_text(c, &(struct answer){ .status = 400 },
			    "Multiple IDs found with provided prefix: %.*s", SLICE_ARG(s->name));
		return;
	}
	s->by = n ? arena_strdup(&c->arena, id) : NULL;
	if (s->by)
		resolve(c, s);
	else
		no_such(c, foreign);
}

/* Whether the answer is about a container of its own; else the request goes on without it. */
static bool is_own(struct conn *c, struct arena *tree)
{
	struct subject *s = &c->req->subjects[c->req->at];
	struct json_limits limits = JSON_LIMITS;
	struct slice body = buf_slice(&c->x.body);
	struct json *v = NULL;
	const char *id;

	if (json_parse(tree, body, &limits, &v, NULL, NULL) < 0)
		v = NULL;
	id = json_get_str(v, c->req->exec_id ? "ContainerID" : "Id");
	if (c->x.status == 200 && id && strlen(id) == CONTROL_ID_LEN && control_id_ok(id)) {
		if (family_own(c, id))
			return true;
	} else if (c->x.status == 404 || c->x.status == 400 || says_several(v)) {
		id = NULL;
	} else if (s->by) {
		exchange_release(c); /* about a container of its own, in the engine's words */
		return false;
	} else {
		answer_text(c, &(struct answer){ .status = 502 },
			    "the engine does not say which container that is");
		return false;
	}
	if (c->req->exec_id)
		no_such(c, id);
	else
		try_prefix(c, s, id);
	return false;
}

/* --- which container it is --- */

static void on_subject(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct subject *s = &c->req->subjects[c->req->at];
	struct json *v;
	const char *user;

	if (s->own && !is_own(c, &tree))
		return;
	v = answer_object(c, &tree);
	if (!v)
		return;
	user = json_get_str(json_get(v, "Config"), "User");
	s->running = json_get_bool(json_get(v, "State"), "Running", false);
	s->user = arena_strdup(&c->arena, user ? user : "");
	if (!s->user || !take_id(s, json_get_str(v, "Id"))) {
		answer_nonsense(c);
		return;
	}
	if (c->req->match.route->kind == ROUTE_ARCHIVE && !s->running)
		archive_look(c, v);
	/* Its socket would come along. */
	if (s->mounts && door_find(c->gate, s->id))
		c->req->sockets++;
	if (!volumes_lent(c, v)) {
		conn_kill(c);
		return;
	}
	s = &c->req->subjects[c->req->at];
	if (s->owner) {
		ask_asker(c, s);
		return;
	}
	c->req->at++;
	next(c);
}

static bool name_ok(struct slice name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.-";

	if (name.n == 0 || name.p[0] == '.' || name.p[0] == '-')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!memchr(set, name.p[i], sizeof(set) - 1))
			return false;
	return true;
}

static void resolve(struct conn *c, const struct subject *s)
{
	struct slice name = s->by ? slice_str(s->by) : plain_name(s);

	if (s->own && !name_ok(name)) {
		no_such(c, NULL);
		return;
	}
	if (!name_ok(name)) {
		answer_text(c, &(struct answer){ .status = 404 }, "No such container: %.*s",
			    SLICE_ARG(s->name));
		return;
	}
	engine_get(c, "containers", name, on_subject);
}

static void on_exec(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct subject *s = &c->req->subjects[c->req->at];
	struct json *v;

	if (s->own && !is_own(c, &tree))
		return;
	v = answer_object(c, &tree);
	if (!v)
		return;
	if (!take_id(s, json_get_str(v, "ContainerID"))) {
		answer_nonsense(c);
		return;
	}
	c->req->exec_id = NULL;
	s->name = slice_str(s->id);
	if (s->owner) {
		ask_asker(c, s);
		return;
	}
	c->req->at++;
	next(c);
}

/* --- a fresh view --- */

static void on_refreshed(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);

	conn_timer_stop(c);
	if (result < 0)
		answer_text(c, &(struct answer){ .status = 500 },
			    "the engine's view of container %.12s could not be refreshed: %.*s",
			    c->req->subjects[0].id, SLICE_ARG(body));
	else {
		c->req->plain = result == CONTROL_PLAIN;
		go(c);
	}
	conn_update(c);
}

/* Also before a copy: whether the container is isolated, so that the copy is gabion-cp's work. */
static void refresh(struct conn *c)
{
	struct control_request *q;

	if (c->req->match.route->kind == ROUTE_ARCHIVE && !archive_path_ok(c))
		return;
	q = ask_new(CONTROL_REFRESH);
	if (q) {
		q->size = sizeof(q->id);
		memcpy(q->id.id, c->req->subjects[0].id, CONTROL_ID_LEN);
	}
	if (ask_start(&c->gate->ask, &c->call, q, -EBADF, on_refreshed) < 0)
		answer_text(c, &(struct answer){ .status = 503 }, "gabiond cannot be asked");
	else
		conn_timer(c, c->gate->limits.ask_seconds);
}

/* --- paths of the host --- */

/* body: the text for the user, a NUL, the rule. */
static void refuse_path(struct conn *c, struct slice body)
{
	struct slice text = { body.p, slice_find(body, '\0') };
	struct slice rest = slice_from(body, text.n + 1);
	const char *rule = arena_dup(&c->arena, rest.p, rest.n);

	if (!rule || !*rule)
		rule = "hostmount";
	answer_text(
		c, &(struct answer){ .status = 403, .rule = rule, .hint = hostmount_way_out(rule) },
		"%.*s", SLICE_ARG(text));
}

/* One of those that were asked for; the ones after it have not been looked at. */
static bool take_socket(struct request *r, struct slice body)
{
	uint32_t index = UINT32_MAX;

	if (body.n == sizeof(index))
		memcpy(&index, body.p, sizeof(index));
	if (index >= r->asked - r->source)
		return false;
	r->source += index + 1;
	r->sockets++;
	return true;
}

static void on_paths(struct ask_call *call, int result, struct slice body)
{
	struct conn *c = CONTAINER_OF(call, struct conn, call);
	struct request *r = c->req;

	conn_timer_stop(c);
	if (result == CONTROL_DONE) {
		r->source = r->asked;
		next(c);
	} else if (result == CONTROL_IS_SOCKET && take_socket(r, body)) {
		next(c);
	} else if (result == -EPERM) {
		refuse_path(c, body);
	} else if (result < 0) {
		answer_text(c, &(struct answer){ .status = 400, .rule = "bind-source" }, "%.*s",
			    SLICE_ARG(body));
	} else {
		answer_text(c, &(struct answer){ .status = 500 },
			    "gabiond's answer makes no sense");
	}
	conn_update(c);
}

static void ask_paths(struct conn *c)
{
	unsigned predict = explain_wanted(c) ? CONTROL_PATH_PREDICT : 0;
	struct control_request *q = ask_new(CONTROL_PATH);
	struct request *r = c->req;

	r->asked = r->source;
	if (q) {
		go_asker(c, &q->path.asker);
		memset(q->path.asker.id, '0', CONTROL_ID_LEN);
		while (r->asked < r->edit.nsources &&
		       control_path_add(q, r->edit.sources[r->asked].path,
					r->edit.sources[r->asked].flags | predict))
			r->asked++;
	}
	if (ask_start(&c->gate->ask, &c->call, q, -EBADF, on_paths) < 0)
		answer_text(c, &(struct answer){ .status = 503 }, "gabiond cannot be asked");
	else
		conn_timer(c, c->gate->limits.ask_seconds);
}

/* --- in order --- */

static bool starts(const struct request *r)
{
	enum route_class class = r->match.route->class;

	return class == ROUTE_CLASS_CONTAINER_START || class == ROUTE_CLASS_CONTAINER_RESTART;
}

/* The image may have the engine's socket. */
static void judged(struct conn *c)
{
	c->req->judged = true;
	next(c);
}

static void next(struct conn *c)
{
	struct request *r = c->req;

	if (r->at < r->nsubjects && r->subjects[r->at].kind != SUBJECT_CONTAINER)
		things_resolve(c, &r->subjects[r->at], next);
	else if (r->at < r->nsubjects && r->exec_id)
		engine_get(c, "exec", slice_str(r->exec_id), on_exec);
	else if (r->at < r->nsubjects)
		resolve(c, &r->subjects[r->at]);
	else if (r->source == 0 && archive_refused(c))
		return;
	else if (r->source < r->edit.nsources)
		ask_paths(c);
	else if (r->sockets > 0 && !r->judged && !r->by_engine)
		socket_judge(c, judged);
	else if (starts(r) && !r->judged && r->path_subject)
		socket_recheck(c, judged);
	else if (r->refresh && r->path_subject && r->subjects[0].running)
		refresh(c);
	else if (!volumes_make(c, next))
		go(c);
}

static struct slice named(const struct request *r)
{
	const struct slice *container;

	if (r->match.route->kind != ROUTE_COMMIT)
		return r->match.name;
	container = http_target_param(&r->target, "container", NULL);
	return container ? *container : SLICE_LIT("");
}

static void add(struct request *r, struct slice name, bool owner)
{
	struct subject *s = &r->subjects[r->nsubjects++];

	s->name = name;
	s->owner = owner;
	s->own = r->whose;
}

/* Does the path or the query say which container it acts on? */
static bool names_container(const struct route *route)
{
	return (route->flags & ROUTE_CONTAINER) || route->kind == ROUTE_COMMIT;
}

/* Of the path, and of the body or the query: what edit.h found to be wanted. */
static void add_things(struct request *r)
{
	const struct route *route = r->match.route;
	bool volume = route->flags & ROUTE_NAMES_VOLUME;

	if (r->whose && (volume || (route->flags & ROUTE_NAMES_NETWORK))) {
		add(r, r->match.name, false);
		r->subjects[0].kind = volume ? SUBJECT_VOLUME : SUBJECT_NETWORK;
		r->path_subject = true;
	}
	for (size_t i = 0; i < r->edit.nnetworks; i++) {
		add(r, r->edit.networks[i], false);
		r->subjects[r->nsubjects - 1].kind = SUBJECT_NETWORK;
	}
	for (size_t i = 0; i < r->edit.nvolumes; i++) {
		add(r, r->edit.volumes[i].name, false);
		r->subjects[r->nsubjects - 1].kind = SUBJECT_VOLUME;
		r->subjects[r->nsubjects - 1].make = r->edit.volumes[i].make;
	}
}

void check_begin(struct conn *c)
{
	struct request *r = c->req;
	const struct route *route = r->match.route;
	bool owner = (route->flags & ROUTE_OWNER) && c->uid != 0;

	r->refresh = (route->flags & ROUTE_REFRESH) || route->kind == ROUTE_ARCHIVE ||
		     r->edit.names_user;
	r->subjects =
		arena_array(&c->arena, 1 + r->edit.nothers + r->edit.nnetworks + r->edit.nvolumes,
			    sizeof(*r->subjects));
	if (!r->subjects) {
		conn_kill(c);
		return;
	}
	if (route->kind == ROUTE_EXEC_ID && (owner || r->whose)) {
		r->exec_id = arena_dup(&c->arena, r->match.name.p, r->match.name.n);
		if (!r->exec_id || !name_ok(r->match.name)) {
			answer_text(c, &(struct answer){ .status = 404 },
				    "No such exec instance: %.*s", SLICE_ARG(r->match.name));
			return;
		}
		add(r, r->match.name, owner);
	} else if (route->kind != ROUTE_EXEC_ID &&
		   (owner || r->refresh || route->kind == ROUTE_ARCHIVE ||
		    (r->whose && names_container(route)) || (starts(r) && c->gate->doors->next))) {
		add(r, named(r), owner);
		r->path_subject = true;
	}
	add_things(r);
	for (size_t i = 0; i < r->edit.nothers; i++) {
		bool mounts = i < r->edit.nfrom && c->gate->doors->next && !r->how.plain;

		if (c->uid != 0 || mounts || r->whose) {
			add(r, r->edit.others[i], c->uid != 0);
			r->subjects[r->nsubjects - 1].mounts = mounts;
		}
	}
	next(c);
}
