/* SPDX-License-Identifier: Apache-2.0 */
/* From the entries of a list to a set of commands, and what to tell who wrote them. */
#include <errno.h>

#include "base/near.h"
#include "base/util.h"
#include "policy/command.h"
#include "json/path.h"

#define TEXT_MAX 1024u

struct parse {
	struct arena *arena;
	struct command_list *list;
	struct command_problems *problems;
	size_t at;
	bool bad;
	bool failed; /* out of memory */
};

#define GROUPS_MAX 3

static const struct {
	const char *name;
	const char *groups[GROUPS_MAX];
} wildcards[] = {
	{ "container*", { "container" } },
	{ "image*", { "image" } },
	{ "volume*", { "volume" } },
	{ "network*", { "network" } },
	{ "build*", { "build", "builder", "buildx" } },
	{ "system*", { "system" } },
};

#define WILDCARDS "container*, image*, volume*, network*, build*, system*"

/* --- what is wrong --- */

static void problem(struct parse *p, bool error, const struct buf *text)
{
	const char *copy = buf_ok(text) ? arena_dup(p->arena, text->p, text->n) : NULL;

	if (!copy) {
		p->failed = true;
		return;
	}
	p->bad |= error;
	p->problems->items[p->problems->n++] = (struct command_problem){ error, p->at, copy };
}

static struct buf begin(struct slice entry)
{
	struct buf b = BUF_INIT(TEXT_MAX);

	/* Every byte may be written as six. */
	entry.n = MIN(entry.n, TEXT_MAX / 16);
	path_quote(entry, &b);
	return b;
}

static void warn_unsupported(struct parse *p, struct slice entry)
{
	CLEANUP_BUF struct buf b = begin(entry);

	buf_printf(&b, " is not supported in the command list of %s and has no effect",
		   p->list->profile.engine);
	problem(p, false, &b);
}

static void warn_note(struct parse *p, struct slice entry, const struct command *c)
{
	CLEANUP_BUF struct buf b = begin(entry);
	bool deny = p->list->type == COMMAND_LIST_DENY;

	switch (c->note) {
	case COMMAND_NOTE_NONE:
		return;
	case COMMAND_NOTE_IDLE:
		buf_printf(&b, " has no effect: %s", c->why);
		break;
	case COMMAND_NOTE_TUNNEL:
		if (p->list->flags & COMMAND_LIST_TUNNEL_READ)
			return;
		FALLTHROUGH;
	case COMMAND_NOTE_DENY:
		if (!deny)
			return;
		buf_printf(&b, ": %s", c->why);
		break;
	}
	problem(p, false, &b);
}

/* By the name itself, or that of a group which it is in: "plugin" of "plugin ls". */
static bool is_unsupported(const struct command_list *list, struct slice entry)
{
	const char *const *u = list->profile.unknown;

	for (; u && *u; u++) {
		struct slice name = slice_str(*u);

		if (slice_eq(entry, name) || (slice_starts(entry, name) && entry.p[name.n] == ' '))
			return true;
	}
	return false;
}

/* A name, and each group that it is in. */
static void offer_name(struct near *best, struct slice entry, struct slice name)
{
	for (size_t n = 0; n < name.n; n++)
		if (name.p[n] == ' ')
			near_offer(best, entry, (struct slice){ name.p, n });
	near_offer(best, entry, name);
}

/* Of what has an effect. */
static struct slice nearest(const struct command_list *list, struct slice entry)
{
	struct slice prefix = slice_str(list->profile.engine);
	struct near best = NEAR_NONE;
	size_t n;
	const struct command *table = command_table(&n);

	/* "docker ps" is how it is typed. */
	if (slice_starts(entry, prefix) && entry.n > prefix.n && entry.p[prefix.n] == ' ')
		entry = slice_from(entry, prefix.n + 1);
	for (size_t i = 0; i < n; i++) {
		struct slice rest = slice_str(table[i].names);
		struct slice name;

		if (table[i].note == COMMAND_NOTE_IDLE)
			continue;
		while (slice_split(&rest, '|', &name))
			if (!is_unsupported(list, name))
				offer_name(&best, entry, name);
	}
	return best.word;
}

static void warn_unknown(struct parse *p, struct slice entry)
{
	CLEANUP_BUF struct buf b = begin(entry);
	struct slice name = nearest(p->list, entry);

	buf_printf(&b, " is no command of %s and has no effect", p->list->profile.engine);
	if (name.p)
		buf_printf(&b, "; the nearest is \"%.*s\"", SLICE_ARG(name));
	problem(p, false, &b);
}

static void refuse_wildcard(struct parse *p, struct slice entry)
{
	CLEANUP_BUF struct buf b = begin(entry);

	buf_add_str(&b, " is no wildcard; the wildcards are " WILDCARDS);
	problem(p, true, &b);
}

/* --- entries --- */

/* How many commands the name stands for; *ret_one is one of them. */
static size_t add_commands(struct command_list *list, struct slice entry,
			   const struct command **ret_one)
{
	size_t found = 0;
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (!command_is(&table[i], entry))
			continue;
		command_set_add(&list->listed, i);
		*ret_one = &table[i];
		found++;
	}
	return found;
}

static void take_wildcard(struct parse *p, struct slice entry)
{
	const struct command *ignored;

	for (size_t i = 0; i < ARRAY_SIZE(wildcards); i++) {
		if (!slice_eq_str(entry, wildcards[i].name))
			continue;
		for (size_t j = 0; j < GROUPS_MAX && wildcards[i].groups[j]; j++)
			(void)add_commands(p->list, slice_str(wildcards[i].groups[j]), &ignored);
		return;
	}
	refuse_wildcard(p, entry);
}

static void take_entry(struct parse *p, struct slice entry)
{
	const struct command *one = NULL;
	size_t found;

	if (slice_find(entry, '*') < entry.n) {
		take_wildcard(p, entry);
		return;
	}
	if (is_unsupported(p->list, entry)) {
		warn_unsupported(p, entry);
		return;
	}
	found = add_commands(p->list, entry, &one);
	if (found == 0)
		warn_unknown(p, entry);
	else if (found == 1)
		warn_note(p, entry, one);
}

int command_list_parse(struct arena *a, const struct slice *entries, size_t n,
		       struct command_list *ret, struct command_problems *problems)
{
	struct command_list list = { .type = ret->type,
				     .flags = ret->flags,
				     .profile = ret->profile };
	struct parse p = { .arena = a, .list = &list, .problems = problems };

	*problems = (struct command_problems){ 0, NULL };
	problems->items = arena_array(a, MAX(n, (size_t)1), sizeof(*problems->items));
	if (!problems->items)
		return -ENOMEM;
	for (; p.at < n; p.at++)
		take_entry(&p, entries[p.at]);
	if (p.failed)
		return -ENOMEM;
	if (p.bad)
		return COMMAND_BAD;
	command_list_settle(&list);
	*ret = list;
	return COMMAND_OK;
}
