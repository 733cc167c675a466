/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/command.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "policy/texts.h"

#define RULE "command-list"

/* --- names --- */

struct slice command_name(const struct command *c)
{
	struct slice names = slice_str(c->names);

	names.n = slice_find(names, '|');
	return names;
}

bool command_is(const struct command *c, struct slice entry)
{
	struct slice rest = slice_str(c->names);
	struct slice name;

	while (slice_split(&rest, '|', &name))
		if (slice_eq(name, entry) || (slice_starts(name, entry) && name.p[entry.n] == ' '))
			return true;
	return false;
}

/* --- decisions --- */

/* Blocked or not, whatever a list says; `otherwise` where that is for the list to say. */
static bool blocks(enum route_class c, bool granted, bool otherwise)
{
	unsigned flags = route_class_flags(c);

	if (flags & ROUTE_CLASS_SHUT)
		return true;
	if (flags & ROUTE_CLASS_OPEN)
		return false;
	if (flags & ROUTE_CLASS_GRANTED)
		return !granted;
	return otherwise;
}

static bool list_blocks(const struct command_list *list, enum route_class c)
{
	return list ? route_class_has(&list->blocked, c) : blocks(c, false, false);
}

bool command_is_in_tunnel(const struct route_match *m, enum route_class c)
{
	return c == ROUTE_CLASS_BUILD_PUSH && m->route->class == ROUTE_CLASS_BUILD_GRPC;
}

/* A tunnel that the caller reads is no way round: it refuses pushes itself. */
static bool is_read(const struct command_list *list, const struct route_match *m,
		    enum route_class c)
{
	return list && (list->flags & COMMAND_LIST_TUNNEL_READ) && command_is_in_tunnel(m, c);
}

/* The class for which the request is blocked, or ROUTE_CLASS_NONE. */
static enum route_class first_blocked(const struct command_list *list, const struct route_match *m)
{
	for (size_t i = 0; i < m->nclasses; i++)
		if (list_blocks(list, m->classes[i]) && !is_read(list, m, m->classes[i]))
			return m->classes[i];
	return ROUTE_CLASS_NONE;
}

static bool has(const uint8_t *classes, enum route_class c)
{
	for (; *classes; classes++)
		if (*classes == c)
			return true;
	return false;
}

/* Those that own it: of a deny list those that are listed, as they are the reason. */
static void name_owners(const struct command_list *list, enum route_class c, struct verdict *v)
{
	bool deny = list && list->type == COMMAND_LIST_DENY;
	size_t n;
	const struct command *table = command_table(&n);
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct slice name = command_name(&table[i]);

		if (!has(table[i].owns, c) || (deny && !command_set_has(&list->listed, i)))
			continue;
		if (used + name.n + sizeof(", …") > sizeof(v->commands)) {
			(void)snprintf(v->commands + used, sizeof(v->commands) - used, ", …");
			return;
		}
		used += (size_t)snprintf(v->commands + used, sizeof(v->commands) - used, "%s%.*s",
					 used ? ", " : "", SLICE_ARG(name));
	}
}

static const struct command_profile default_profile = { "docker", "Docker Desktop", NULL };

/* Where the whole text does not fit, the target gives way, never the rest. A request's target has
 * no NUL in it; other callers' may, and it would end the text. */
static void blocked_text(const struct command_profile *p, struct slice target, struct verdict *v)
{
	CLEANUP_BUF struct buf b = BUF_INIT(2 * sizeof(v->message));
	char start[sizeof(v->message)];
	size_t room = sizeof(v->message) - 1;

	target.n = target.p ? strnlen(target.p, target.n) : 0;
	text_command_denied(p->engine, p->product, SLICE_NULL, &b);
	room = b.n < room ? room - b.n : 0;
	if (target.n > room) {
		(void)snprintf(start, sizeof(start), "%.*s…",
			       (int)(room > strlen("…") ? room - strlen("…") : 0), target.p);
		target = slice_str(start);
	}
	buf_reset(&b);
	text_command_denied(p->engine, p->product, target, &b);
	(void)snprintf(v->message, sizeof(v->message), "%.*s", SLICE_ARG(buf_slice(&b)));
}

void command_list_decide(const struct command_list *list, const struct route_match *m,
			 struct slice target, struct verdict *ret)
{
	enum route_class c = m->route ? first_blocked(list, m) : ROUTE_CLASS_NONE;
	bool report = list && (list->flags & COMMAND_LIST_REPORT_ONLY);

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = RULE };
	if (m->route && c == ROUTE_CLASS_NONE)
		return;
	ret->kind = VERDICT_DENY;
	blocked_text(list ? &list->profile : &default_profile, target, ret);
	/* What no list says is not for a list to only report. */
	if (c == ROUTE_CLASS_NONE || (report && blocks(c, false, false)))
		return;
	name_owners(list, c, ret);
	if (report) {
		ret->kind = VERDICT_ALLOW;
		ret->reported = true;
	}
}

/* --- from names to classes --- */

static void add_all(struct route_class_set *s, const uint8_t *classes)
{
	for (; *classes; classes++)
		route_class_add(s, *classes);
}

void command_list_settle(struct command_list *list)
{
	struct route_class_set owned = { { 0, 0 } };
	struct route_class_set needed = { { 0, 0 } };
	bool allow = list->type == COMMAND_LIST_ALLOW;
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (!command_set_has(&list->listed, i))
			continue;
		add_all(&owned, table[i].owns);
		add_all(&needed, table[i].needs);
	}
	if ((list->flags & COMMAND_LIST_PULLS) &&
	    route_class_has(&needed, ROUTE_CLASS_CONTAINER_CREATE))
		route_class_add(&needed, ROUTE_CLASS_IMAGE_PULL);
	list->blocked = (struct route_class_set){ { 0, 0 } };
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++) {
		bool free = route_class_flags(c) & (ROUTE_CLASS_BASIC | ROUTE_CLASS_WHO);
		bool passes =
			allow ? free || route_class_has(&needed, c) : !route_class_has(&owned, c);

		if (blocks(c, allow && route_class_has(&needed, c), !passes))
			route_class_add(&list->blocked, c);
	}
}

enum command_answer command_list_ask(const struct command_list *list, struct slice name)
{
	enum command_answer answer = COMMAND_UNKNOWN;
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const uint8_t *c = table[i].owns[0] ? table[i].owns : table[i].needs;

		if (!command_is(&table[i], name))
			continue;
		if (answer == COMMAND_UNKNOWN)
			answer = COMMAND_PASSES;
		for (; *c; c++)
			if (!(route_class_flags(*c) & ROUTE_CLASS_SHUT) && list_blocks(list, *c))
				answer = COMMAND_BLOCKED;
	}
	return answer;
}
