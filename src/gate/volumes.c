/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/volumes.h"

#include "gate/answer.h"
#include "gate/exchange.h"
#include "gate/explain.h"
#include "gate/family.h"
#include "gate/request.h"
#include "gate/things.h"

#define TREE_MAX (64u * 1024u * 1024u)
#define VOLUME_BODY_MAX (2u << 20)
#define SINGLY_MAX 8u /* where there are more in a creation, one list of all is asked for */

static const char not_made[] = "the volume was not made over this container's socket";

static enum route_class class_of(const struct conn *c)
{
	return c->req->match.route->class;
}

/* The path names it: what is foreign is not there. */
static bool in_path(const struct conn *c)
{
	return c->req->at == 0 && (c->req->match.route->flags & ROUTE_NAMES_VOLUME);
}

static void ask(struct conn *c, const char *prefix, struct slice name, const char *query,
		void (*done)(struct conn *c))
{
	CLEANUP_BUF struct buf target = BUF_INIT(65536);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	request_print_version(c->req, &target);
	buf_printf(&target, "%s%.*s%s", prefix, SLICE_ARG(name), query);
	if (buf_ok(&target))
		exchange_ask(c, &h, done);
	else
		answer_text(c, &(struct answer){ .status = 400 }, "a volume's name is too long");
}

/* --- answers --- */

/* To remove with force what nobody has is no error. */
static bool is_forced(const struct conn *c)
{
	return class_of(c) == ROUTE_CLASS_VOLUME_REMOVE && !explain_wanted(c) &&
	       http_target_bool(&c->req->target, "force");
}

/* In the engine's words, whether nobody has it or somebody else. */
static void no_such_volume(struct conn *c, bool foreign)
{
	struct answer a = { .status = is_forced(c) ? 204 : 404 };

	if (foreign) {
		a.rule = FAMILY_RULE;
		a.reason = not_made;
		a.quiet = true;
	}
	answer_text(c, &a, "get %.*s: no such volume", SLICE_ARG(things_current(c)->name));
}

/* What makes or mounts a volume of that name cannot be told that there is none. */
void volumes_refuse(struct conn *c)
{
	struct answer a = { .status = 403,
			    .rule = FAMILY_RULE,
			    .hint = "choose another name",
			    .reason = not_made };

	if (in_path(c)) {
		no_such_volume(c, true);
		return;
	}
	if (things_current(c)->lent)
		a.hint = "start a container of your own that has it, and copy its volumes again";
	answer_text(c, &a, "enhanced container isolation: volume %.*s is not this container's own",
		    SLICE_ARG(things_current(c)->name));
}

/* --- whose it is --- */

/* It may be its containers'. */
static bool is_nameless(struct slice name, const struct json *v)
{
	return maker_anonymous(name) && !json_get(json_get(v, "Labels"), MAKER_LABEL);
}

static bool is_own(const struct conn *c, const struct json *container)
{
	const char *id = json_get_str(container, "Id");

	return id && strlen(id) == CONTROL_ID_LEN && control_id_ok(id) && family_own(c, id);
}

static size_t count_own(const struct conn *c, const struct json *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += is_own(c, list->items[i]);
	return n;
}

/* As the engine says it, without those of others. */
static void in_use(struct conn *c, const struct json *list)
{
	CLEANUP_BUF struct buf ids = BUF_INIT(GATE_BODY_MAX);

	for (size_t i = 0; i < list->n; i++)
		if (is_own(c, list->items[i]))
			buf_printf(&ids, "%s%s", ids.n ? ", " : "",
				   json_get_str(list->items[i], "Id"));
	answer_text(c, &(struct answer){ .status = 409 }, "remove %.*s: volume is in use - [%.*s]",
		    SLICE_ARG(things_current(c)->name), SLICE_ARG(buf_slice(&ids)));
}

/* Containers that have it. */
static void on_users(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	const struct subject *s = things_current(c);
	const struct json *list;
	size_t own;

	if (c->x.status != 200) {
		exchange_release(c);
		return;
	}
	list = exchange_json(c, &tree, JSON_ARRAY);
	if (!list) {
		answer_nonsense(c);
		return;
	}
	own = count_own(c, list);
	if (s->lent ? own == 0 : !s->labelled && (own == 0 || own < list->n))
		volumes_refuse(c);
	else if (class_of(c) == ROUTE_CLASS_VOLUME_REMOVE && list->n > 0)
		in_use(c, list);
	else
		things_go_on(c);
}

/* running: one of its own that runs holds it, and came by it rightly. */
static void ask_users(struct conn *c, bool running)
{
	ask(c,
	    running ? "/containers/json?filters=%7B%22volume%22%3A%7B%22"
		    : "/containers/json?all=1&filters=%7B%22volume%22%3A%7B%22",
	    things_current(c)->name, "%22%3Atrue%7D%7D", on_users);
}

static void is_missing(struct conn *c)
{
	if (things_current(c)->lent) {
		answer_text(c, &(struct answer){ .status = 400 }, "get %.*s: no such volume",
			    SLICE_ARG(things_current(c)->name));
	} else if (in_path(c)) {
		no_such_volume(c, false);
	} else {
		things_current(c)->missing = true;
		things_go_on(c);
	}
}

/* It was made before there were rules, or past the gate. */
static bool refuse_options(struct conn *c, const struct json *v)
{
	const char *driver = json_get_str(v, "Driver");
	struct edit e = { .rule = NULL };
	struct err err = ERR_INIT;

	if (c->req->match.route->kind != ROUTE_CREATE || c->req->how.plain ||
	    edit_volume_options(driver ? driver : "", json_get(v, "Options"), &e, &err) == EDIT_OK)
		return false;
	answer_text(c, &(struct answer){ .status = 403, .rule = e.rule, .hint = e.hint },
		    "volume %.*s: %s", SLICE_ARG(things_current(c)->name), err.text);
	return true;
}

static void on_volume(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	struct subject *s = things_current(c);
	const struct json *v;

	if (c->x.status == 404) {
		is_missing(c);
		return;
	}
	if (c->x.status != 200) {
		exchange_release(c); /* the engine's own words */
		return;
	}
	v = exchange_json(c, &tree, JSON_OBJECT);
	if (!v) {
		answer_nonsense(c);
		return;
	}
	if (refuse_options(c, v))
		return;
	if (!c->req->whose) {
		things_go_on(c);
		return;
	}
	s->labelled = maker_own(v, c->req->whose);
	if (s->labelled && class_of(c) == ROUTE_CLASS_VOLUME_INSPECT && !explain_wanted(c))
		exchange_release(c);
	else if (s->labelled && class_of(c) == ROUTE_CLASS_VOLUME_REMOVE)
		ask_users(c, false);
	else if (s->labelled)
		things_go_on(c);
	else if (s->lent || is_nameless(s->name, v))
		ask_users(c, s->lent);
	else
		volumes_refuse(c);
}

/* As the engine has them: it refuses others. */
static bool name_ok(struct slice name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.-";

	for (size_t i = 0; i < name.n; i++)
		if (!memchr(set, name.p[i], sizeof(set) - 1))
			return false;
	return name.n > 0 && name.p[0] != '.' && name.p[0] != '-';
}

/* --- many at once --- */

static const struct json *find(const struct json *list, struct slice name)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct json *v = json_get(list->items[i], "Name");

		if (json_is(v, JSON_STRING) && slice_eq(v->text, name))
			return list->items[i];
	}
	return NULL;
}

/* All that there are. NULL: the engine does not say, or knows that some are not among them. */
static const struct json *take_list(struct conn *c, struct arena *tree)
{
	const struct json *o = c->x.status == 200 ? exchange_json(c, tree, JSON_OBJECT) : NULL;
	const struct json *list = json_get(o, "Volumes");
	const struct json *warnings = json_get(o, "Warnings");

	return json_is(list, JSON_ARRAY) && (!warnings || warnings->n == 0) ? list : NULL;
}

static void on_list(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	const struct json *list = take_list(c, &tree);
	struct request *r = c->req;

	if (!list) {
		r->volumes_singly = true;
		r->next(c);
		return;
	}
	for (; r->at < r->nsubjects && things_current(c)->kind == SUBJECT_VOLUME; r->at++) {
		const struct json *v = find(list, things_current(c)->name);

		if (!v)
			things_current(c)->missing = true;
		else if (refuse_options(c, v))
			return;
	}
	r->next(c);
}

static void ask_list(struct conn *c)
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);
	struct exchange_head h = { .method = SLICE_LIT("GET"), .target = &target, .minor = 1 };

	request_print_version(c->req, &target);
	buf_add_str(&target, "/volumes");
	exchange_ask_large(c, &h, on_list);
}

/* Nobody asks whose they are, and the same is asked about each of them. */
static bool are_many(const struct request *r)
{
	size_t n = 0;

	if (r->whose || r->volumes_singly)
		return false;
	while (r->at + n < r->nsubjects && r->subjects[r->at + n].kind == SUBJECT_VOLUME)
		n++;
	return n > SINGLY_MAX;
}

void volumes_look(struct conn *c, const struct subject *s)
{
	if (are_many(c->req))
		ask_list(c);
	else if (name_ok(s->name))
		ask(c, "/volumes/", s->name, "", on_volume);
	else if (!c->req->whose)
		things_go_on(c); /* the engine says that no volume can have it */
	else if (in_path(c))
		no_such_volume(c, false);
	else
		answer_text(c, &(struct answer){ .status = 400 },
			    "%.*s: no volume can have that name", SLICE_ARG(s->name));
}

/* --- making them --- */

/* The answer to POST /volumes/create: the engine gives what is there already to whoever asks. */
static bool is_made(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);

	return maker_own(exchange_json(c, &tree, JSON_OBJECT), c->req->whose);
}

static void on_made(struct conn *c)
{
	if (c->x.status != 201) {
		exchange_release(c);
	} else if (!is_made(c)) {
		volumes_refuse(c);
	} else {
		things_current(c)->missing = false;
		c->req->at = c->req->nsubjects;
		c->req->next(c);
	}
}

bool volumes_make(struct conn *c, void (*next)(struct conn *c))
{
	CLEANUP_BUF struct buf target = BUF_INIT(4096);
	CLEANUP_BUF struct buf body = BUF_INIT(VOLUME_BODY_MAX);
	struct exchange_head h = { .method = SLICE_LIT("POST"),
				   .target = &target,
				   .minor = 1,
				   .content_type = "application/json",
				   .whole = &body };
	struct request *r = c->req;
	size_t i = 0;

	while (i < r->nsubjects && !(r->subjects[i].missing && r->subjects[i].make.n))
		i++;
	if (i == r->nsubjects || explain_wanted(c))
		return false;
	r->at = i;
	r->next = next;
	buf_add_slice(&body, r->subjects[i].make);
	request_print_version(r, &target);
	buf_add_str(&target, "/volumes/create");
	exchange_ask(c, &h, on_made);
	return true;
}

void volumes_made(struct conn *c)
{
	c->req->at = 0; /* the only one that it names, if it does */
	if (c->x.status != 201 || is_made(c) || c->req->nsubjects == 0)
		exchange_release(c);
	else
		volumes_refuse(c);
}

/* --- when they are held --- */

static void confirm(struct conn *c);

static void on_held(struct conn *c)
{
	CLEANUP_ARENA struct arena tree = ARENA_INIT(TREE_MAX);
	const struct json *v = c->x.status == 200 ? exchange_json(c, &tree, JSON_OBJECT) : NULL;

	/* Nobody can make one of that name by chance. */
	if (!v || (!maker_own(v, c->req->whose) && !is_nameless(things_current(c)->name, v))) {
		c->req->forbidden(c);
		return;
	}
	c->req->at++;
	confirm(c);
}

static void confirm(struct conn *c)
{
	struct request *r = c->req;

	while (r->at < r->nsubjects && r->subjects[r->at].kind != SUBJECT_VOLUME)
		r->at++;
	if (r->at < r->nsubjects) {
		ask(c, "/volumes/", things_current(c)->name, "", on_held);
		return;
	}
	exchange_put_back(c, &r->kept);
	r->next(c);
}

void volumes_confirm(struct conn *c, void (*next)(struct conn *c),
		     void (*forbidden)(struct conn *c))
{
	struct request *r = c->req;

	if (!r->whose || r->edit.nvolumes == 0) {
		next(c);
		return;
	}
	exchange_keep(c, &r->kept);
	r->at = 0;
	r->next = next;
	r->forbidden = forbidden;
	confirm(c);
}

/* --- of other containers --- */

static bool is_used(const struct request *r)
{
	enum route_class class = r->match.route->class;

	return class == ROUTE_CLASS_CONTAINER_START || class == ROUTE_CLASS_CONTAINER_RESTART ||
	       (r->match.route->kind == ROUTE_ARCHIVE && !r->subjects[0].running);
}

bool volumes_lent(struct conn *c, const struct json *container)
{
	const struct json *from = json_at(container, "HostConfig.VolumesFrom");
	const struct json *mounts = json_get(container, "Mounts");
	struct request *r = c->req;
	struct subject *list;

	if (!r->whose || !is_used(r) || !json_is(from, JSON_ARRAY) || from->n == 0 ||
	    !json_is(mounts, JSON_ARRAY))
		return true;
	list = arena_array(&c->arena, r->nsubjects + mounts->n, sizeof(*list));
	if (!list)
		return false;
	for (size_t i = 0; i < r->nsubjects; i++)
		list[i] = r->subjects[i];
	for (size_t i = 0; i < mounts->n; i++) {
		const char *type = json_get_str(mounts->items[i], "Type");
		const char *name = json_get_str(mounts->items[i], "Name");
		struct subject s = { .kind = SUBJECT_VOLUME, .lent = true };

		if (!type || strcmp(type, "volume") != 0 || !name ||
		    maker_anonymous(slice_str(name)))
			continue;
		s.name = slice_str(arena_strdup(&c->arena, name));
		if (!s.name.p)
			return false;
		list[r->nsubjects++] = s;
	}
	r->subjects = list;
	return true;
}
