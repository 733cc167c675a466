/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <errno.h>

#include "base/util.h"
#include "http/target.h"
#include "settings/entries.h"

#define TARGET_ARENA_MAX (1u << 20)
/* The log keeps that much of a target (gate/audit.c): what is longer may have lost its query. */
#define TARGET_WHOLE_MAX 2047u

void suggest_add(struct suggest *s, struct slice method, struct slice target, struct slice mark)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(TARGET_ARENA_MAX);
	enum route_class marked = route_class_find(mark);
	struct http_refusal why;
	struct http_target t;
	struct route_match m;

	if (target.n > TARGET_WHOLE_MAX || http_target_parse(&a, target, &t, &why) != HTTP_OK ||
	    route_find(method, t.path, t.params, t.nparams, &m) != ROUTE_FOUND ||
	    (mark.n > 0 && marked == ROUTE_CLASS_NONE)) {
		s->strange++;
		return;
	}
	for (size_t i = 0; i < m.nclasses; i++)
		if (!command_is_in_tunnel(&m, m.classes[i]))
			route_class_add(&s->seen, m.classes[i]);
	if (marked != ROUTE_CLASS_NONE)
		route_class_add(&s->seen, marked);
	s->requests++;
}

static bool is_among(const uint8_t *classes, const struct route_class_set *set)
{
	for (; *classes; classes++)
		if (route_class_has(set, *classes))
			return true;
	return false;
}

static void add_needs(const struct command_set *commands, struct route_class_set *ret)
{
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++)
		if (command_set_has(commands, i))
			for (const uint8_t *c = table[i].needs; *c; c++)
				route_class_add(ret, *c);
}

/* Whether a list of these commands lets all of it through. */
static size_t count_blocked(const struct command_list *list, const struct command_set *commands,
			    const struct route_class_set *seen)
{
	struct command_list with = *list;
	size_t blocked = 0;

	with.listed = *commands;
	command_list_settle(&with);
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++)
		blocked += route_class_has(seen, c) && route_class_has(&with.blocked, c);
	return blocked;
}

/* What has to come to an allow list: of what the narrowest list for all of it has, what the one
 * that is there has not. */
static void widen(const struct command_list *list, const struct route_class_set *seen,
		  struct command_set *ret)
{
	struct route_class_set all = *seen;
	struct command_set narrowest;
	size_t least;
	size_t n;

	(void)command_table(&n);
	add_needs(&list->listed, &all);
	command_suggest(&all, &narrowest, NULL);
	*ret = list->listed;
	for (size_t i = 0; i < n; i++)
		if (command_set_has(&narrowest, i))
			command_set_add(ret, i);
	least = count_blocked(list, ret, seen);
	for (size_t i = 0; i < n; i++) {
		if (!command_set_has(ret, i) || command_set_has(&list->listed, i))
			continue;
		command_set_remove(ret, i);
		if (count_blocked(list, ret, seen) > least)
			command_set_add(ret, i);
	}
}

/* What stays of a deny list. */
static void loosen(const struct command_list *list, const struct route_class_set *seen,
		   struct command_set *ret)
{
	size_t n;
	const struct command *table = command_table(&n);

	*ret = list->listed;
	for (size_t i = 0; i < n; i++)
		if (is_among(table[i].owns, seen))
			command_set_remove(ret, i);
}

static bool is_subset(const struct command_set *a, const struct command_set *b)
{
	for (size_t i = 0; i < COMMAND_SET_WORDS; i++)
		if (a->bits[i] & ~b->bits[i])
			return false;
	return true;
}

/* Adds an entry that stays as it was, and takes what it stands for out of *left. */
static int keep_entry(struct arena *a, const struct command_list *like, const char *entry,
		      const struct command_set *want, struct command_set *left,
		      struct suggest_list *ret)
{
	struct command_list one = { .type = like->type, .profile = like->profile };
	struct slice text = slice_str(entry);
	struct command_problems ignored;
	int r = command_list_parse(a, &text, 1, &one, &ignored);

	if (r != COMMAND_OK)
		return r < 0 ? r : 0;
	if (!is_subset(&one.listed, want))
		return 0;
	for (size_t i = 0; i < COMMAND_SET_WORDS; i++)
		left->bits[i] &= ~one.listed.bits[i];
	ret->names[ret->n++] = entry;
	return 0;
}

static int name_all(struct arena *a, const struct command_list *list, const char *const *entries,
		    size_t nentries, const struct command_set *want, struct suggest_list *ret)
{
	struct command_set left = *want;
	int r = 0;
	size_t n;
	const struct command *table = command_table(&n);

	ret->names = arena_array(a, n + nentries, sizeof(*ret->names));
	if (!ret->names)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < nentries; i++)
		r = keep_entry(a, list, entries[i], want, &left, ret);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct slice name = command_name(&table[i]);

		if (!command_set_has(&left, i))
			continue;
		ret->names[ret->n] = arena_dup(a, name.p, name.n);
		r = ret->names[ret->n++] ? 0 : -ENOMEM;
	}
	return r;
}

int suggest_make(struct arena *a, const struct suggest *s, const struct profile *profile,
		 bool allow, const char *const *entries, size_t n, struct suggest_list *ret)
{
	struct command_list list = entries_command_list(profile, allow, false);
	struct slice *texts = arena_array(a, MAX(n, (size_t)1), sizeof(*texts));
	struct command_problems ignored;
	struct command_set want;
	int r;

	*ret = (struct suggest_list){ .allow = allow };
	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		texts[i] = slice_str(entries[i]);
	r = command_list_parse(a, texts, n, &list, &ignored);
	if (r != COMMAND_OK)
		return r < 0 ? r : -EINVAL;
	if (allow)
		widen(&list, &s->seen, &want);
	else
		loosen(&list, &s->seen, &want);
	ret->missed = count_blocked(&list, &want, &s->seen);
	return name_all(a, &list, entries, n, &want, ret);
}
