/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/commands.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "gate/answer.h"
#include "gate/explain.h"
#include "gate/request.h"
#include "policy/solve.h"
#include "policy/texts.h"
#include "settings/entries.h"

static int make_list(struct arena *a, const struct profile *profile,
		     const struct policy_commands *commands, struct command_list *ret)
{
	struct slice *names = arena_array(a, MAX(commands->n, (size_t)1), sizeof(*names));
	struct command_problems problems;
	int r;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < commands->n; i++)
		names[i] = slice_str(commands->names[i]);
	*ret = entries_command_list(profile, commands->allow, commands->report_only);
	r = command_list_parse(a, names, commands->n, ret, &problems);
	for (size_t i = 0; r == COMMAND_BAD && i < problems.n; i++)
		if (problems.items[i].error)
			log_error("policy: command list: %s", problems.items[i].text);
	return r == COMMAND_BAD ? -EINVAL : r;
}

int commands_make(struct arena *a, const struct policy *p, size_t layer, struct commands_layer *ret)
{
	const struct policy_socket *s = &p->sockets[layer];
	int r = make_list(a, p->profile, &s->commands, &ret->list);

	ret->of_entries = arena_array(a, MAX(s->nimages, (size_t)1), sizeof(*ret->of_entries));
	if (!ret->of_entries)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < s->nimages; i++) {
		ret->of_entries[i] = ret->list;
		if (s->images[i].commands)
			r = make_list(a, p->profile, s->images[i].commands, &ret->of_entries[i]);
	}
	return r;
}

/* The entries by which its image is allowed, looked up again when anything has changed. */
static bool still_allowed(struct images *m, struct door *d)
{
	if (d->generation != m->generation) {
		d->allowed = images_allow_now(m, &d->grant, d->entries);
		d->generation = m->generation;
	}
	return d->allowed;
}

static void denied_image(struct conn *c, const struct door *d, struct buf *text)
{
	const struct profile *p = c->gate->images->policy.profile;
	CLEANUP_BUF struct buf name = BUF_INIT(2048);
	struct reference ref;

	if (reference_parse(p, d->grant.asked, &ref, NULL) == 0)
		reference_add_name(&ref, &name);
	else
		buf_add_slice(&name, d->grant.asked);
	text_socket_denied(p, buf_slice(&name), text);
}

#define NOT_ANY_MORE "the image was allowed when the container was made, and is not any more"

static void refuse_image(struct conn *c, const struct door *d)
{
	CLEANUP_BUF struct buf text = BUF_INIT(4096);

	denied_image(c, d, &text);
	answer_text(c,
		    &(struct answer){ .status = 403, .rule = "image-list", .reason = NOT_ANY_MORE },
		    "%.*s", SLICE_ARG(buf_slice(&text)));
}

static bool ends_with(const char *path, const char *end)
{
	return slice_ends(slice_str(path), slice_str(end));
}

/* The image entry by which the container is allowed, as it is written, if it has a list of its own.
 */
static const char *own_entry(const struct images *m, const struct door *d, size_t layer)
{
	const struct policy_socket *s = &m->policy.sockets[layer];
	size_t entry = d->entries[layer];

	return entry != IMAGELIST_NONE && s->images[entry].commands ? s->images[entry].text : NULL;
}

/* Which list said it, and the commands that own the request: where an administrator changes it. */
static void name_list(const struct images *m, const struct door *d, size_t layer,
		      const struct verdict *v, struct buf *b)
{
	const char *own = own_entry(m, d, layer);
	const char *key = own ? ".imageList.images" : ".commandList.commands";
	const char *source = POLICY_DEFAULT;

	for (size_t i = 0; i < m->policy.nsettings; i++) {
		const struct policy_setting *row = &m->policy.settings[i];

		if (row->layer == layer && ends_with(row->key->path, key))
			source = row->source;
	}
	buf_add_str(b, "commandList of ");
	if (own)
		buf_printf(b, "image entry \"%s\" of ", own);
	buf_printf(b, "%s: %s", strcmp(source, POLICY_DEFAULT) == 0 ? "the policy" : source,
		   v->commands);
}

/* Why the request would be refused whatever the lists say; NULL: it would not. */
static const char *never(const struct conn *c)
{
	const struct route *route = c->req->match.route;

	if (!route)
		return "gabion does not know that endpoint";
	return route->kind == ROUTE_REFUSE ? route->reason : NULL;
}

static void refuse_command(struct conn *c, const struct door *d, size_t layer,
			   enum route_class mark, const struct verdict *v)
{
	CLEANUP_BUF struct buf hint = BUF_INIT(16384);
	const char *why = never(c);

	if (why)
		buf_add_str(&hint, ANSWER_NEVER);
	else
		name_list(c->gate->images, d, layer, v, &hint);
	if (!why && mark == ROUTE_CLASS_COMPOSE)
		why = "it gives labels of compose's (" ROUTE_COMPOSE_LABEL "…)";
	answer_text(c,
		    &(struct answer){ .status = 403,
				      .rule = v->rule,
				      .reason = why,
				      .hint = buf_ok(&hint) ? hint.p : NULL },
		    "%s", v->message);
}

static void report(struct conn *c, const struct door *d, size_t layer, enum route_class mark,
		   const struct verdict *v)
{
	CLEANUP_BUF struct buf hint = BUF_INIT(16384);

	if (explain_wanted(c)) {
		explain_report(c, v->message);
		return;
	}
	name_list(c->gate->images, d, layer, v, &hint);
	audit_conn(c, &(struct audit_event){
			      .verdict = "report",
			      .rule = v->rule,
			      .message = v->message,
			      .hint = buf_ok(&hint) ? hint.p : v->commands,
			      .mark = mark == ROUTE_CLASS_NONE ? NULL : route_class_name(mark),
			      .entry = own_entry(c->gate->images, d, layer) });
}

/* Decides for one layer after the other, until one says no: that is *ret_layer. mark: class that
 * the target does not show, or ROUTE_CLASS_NONE. */
static void decide(struct conn *c, const struct door *d, const struct route_match *match,
		   enum route_class mark, struct verdict *v, size_t *ret_layer)
{
	struct images *m = c->gate->images;

	for (size_t i = 0; i < m->policy.nsockets; i++) {
		struct command_list list = d->entries[i] == IMAGELIST_NONE
						   ? m->commands[i].list
						   : m->commands[i].of_entries[d->entries[i]];

		if (mark ==
		    ROUTE_CLASS_BUILD_PUSH) /* the class that a tunnel which is read was spared */
			list.flags &= ~(unsigned)COMMAND_LIST_TUNNEL_READ;
		command_list_decide(&list, match, c->req->head.target, v);
		*ret_layer = i;
		if (v->kind == VERDICT_DENY)
			return;
		if (v->reported)
			report(c, d, i, mark, v);
	}
}

static bool refused(struct conn *c, struct door *d, const struct route_match *match,
		    enum route_class mark)
{
	struct verdict v = { .kind = VERDICT_ALLOW };
	size_t layer = 0;

	if (images_plain(c->gate->images)) /* isolation is off, and with it these rules */
		return false;
	if (!still_allowed(c->gate->images, d)) {
		refuse_image(c, d);
		return true;
	}
	decide(c, d, match, mark, &v, &layer);
	/* What no list is about is refused in words of its own (request.c). */
	if (v.kind == VERDICT_ALLOW || (match->route && never(c) && !*v.commands))
		return false;
	refuse_command(c, d, layer, mark, &v);
	return true;
}

bool commands_refused(struct conn *c, struct door *d)
{
	if (c->gate->images->generation == 0) {
		answer_text(c, &(struct answer){ .status = 503, .rule = "no-policy" },
			    "gabion: there is no policy yet; try again");
		return true;
	}
	return refused(c, d, &c->req->match, ROUTE_CLASS_NONE);
}

bool commands_compose_refused(struct conn *c, struct door *d)
{
	struct route_match match = c->req->match;

	match.nclasses = 1; /* the others have been decided about */
	match.classes[0] = ROUTE_CLASS_COMPOSE;
	return refused(c, d, &match, ROUTE_CLASS_COMPOSE);
}

static void audit_build(struct conn *c, const char *rule, const char *reason, const char *hint,
			struct buf *text)
{
	conn_log(c, rule, text->p ? text->p : "");
	audit_conn(c, &(struct audit_event){ .verdict = "deny",
					     .rule = rule,
					     .message = text->p,
					     .reason = reason,
					     .hint = hint });
}

static bool reaches_host(struct conn *c, const char *what, struct buf *text)
{
	if (!what || images_plain(c->gate->images))
		return false;
	buf_printf(text, TEXT_BUILD_REACHES, what);
	audit_build(c, TEXT_BUILD_REACHES_RULE, NULL, "build with a Dockerfile", text);
	return true;
}

bool commands_build_refused(struct conn *c, const struct solve *solve, struct buf *text)
{
	CLEANUP_BUF struct buf hint = BUF_INIT(16384);
	struct verdict v = { .kind = VERDICT_ALLOW };
	struct images *m = c->gate->images;
	size_t layer = 0;

	if (reaches_host(c, solve->reaches, text))
		return true;
	if (!door_is_container(c->door) || images_plain(m))
		return false;
	if (!still_allowed(m, c->door)) {
		denied_image(c, c->door, text);
		audit_build(c, "image-list", NOT_ANY_MORE, NULL, text);
		return true;
	}
	decide(c, c->door, &c->req->match,
	       solve->pushes ? ROUTE_CLASS_BUILD_PUSH : ROUTE_CLASS_NONE, &v, &layer);
	if (v.kind == VERDICT_ALLOW)
		return false;
	buf_add_str(text, v.message);
	name_list(m, c->door, layer, &v, &hint);
	audit_build(c, v.rule, solve->pushes, buf_ok(&hint) ? hint.p : v.commands, text);
	return true;
}
