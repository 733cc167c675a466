/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what was asked for to the commands that ask for it.
 *
 * Most classes are needed by a command that needs nothing but what was seen: such commands are
 * free. The others have a price, the classes that they bring and nobody asked for. For what free
 * commands cannot explain, the cheapest set is looked for by trying all commands for one class,
 * then for the next, and giving up where it gets dearer than what was found before. Then free
 * commands are taken, the one that explains most first, so that run stands for what run does
 * instead of six commands that do a part of it each; and what has become superfluous goes.
 */
#include "base/util.h"
#include "policy/command.h"

/* Enough for everything that tests try; a search that is cut short answers the best so far. */
#define STEPS_MAX 200000u

#define PASSING (ROUTE_CLASS_OPEN | ROUTE_CLASS_BASIC | ROUTE_CLASS_WHO)

struct choice {
	struct command_set commands;
	size_t ncommands;
	size_t price;
	struct route_class_set got; /* what passes: what was seen, and what was brought */
};

struct search {
	const struct command *table;
	size_t n;
	size_t steps;
	bool found;
	struct choice best;
};

static bool is_empty(const struct route_class_set *s)
{
	return (s->bits[0] | s->bits[1]) == 0;
}

static void clear(struct route_class_set *s, enum route_class c)
{
	s->bits[c / 64] &= ~(UINT64_C(1) << (c % 64));
}

static enum route_class first(const struct route_class_set *s)
{
	enum route_class c = ROUTE_CLASS_NONE;

	while (!route_class_has(s, c))
		c++;
	return c;
}

static bool needs(const struct command *command, enum route_class c)
{
	for (const uint8_t *need = command->needs; *need; need++)
		if (*need == c)
			return true;
	return false;
}

static size_t count_in(const struct command *command, const struct route_class_set *s)
{
	size_t n = 0;

	for (const uint8_t *need = command->needs; *need; need++)
		n += route_class_has(s, *need);
	return n;
}

/* How many classes it lets through that neither were seen nor have been paid for. */
static size_t price(const struct command *command, const struct choice *so_far)
{
	size_t n = 0;

	for (const uint8_t *need = command->needs; *need; need++)
		n += !route_class_has(&so_far->got, *need) && !(route_class_flags(*need) & PASSING);
	return n;
}

static void take(const struct search *s, size_t i, struct choice *to, struct route_class_set *open)
{
	to->price += price(&s->table[i], to);
	to->ncommands++;
	command_set_add(&to->commands, i);
	for (const uint8_t *need = s->table[i].needs; *need; need++) {
		route_class_add(&to->got, *need);
		clear(open, *need);
	}
}

static bool is_better(const struct choice *a, const struct choice *b)
{
	return a->price != b->price ? a->price < b->price : a->ncommands < b->ncommands;
}

/* As deep as there are classes. */
static void search(struct search *s, const struct choice *so_far, struct route_class_set open)
{
	enum route_class c;

	if (s->found && !is_better(so_far, &s->best))
		return;
	if (is_empty(&open)) {
		s->best = *so_far;
		s->found = true;
		return;
	}
	c = first(&open);
	for (size_t i = 0; i < s->n; i++) {
		struct choice with = *so_far;
		struct route_class_set left = open;

		if (!needs(&s->table[i], c))
			continue;
		/* The first way to the end is always walked. */
		if (s->found && s->steps++ >= STEPS_MAX)
			return;
		take(s, i, &with, &left);
		search(s, &with, left);
	}
}

/* Takes out of the set what free commands explain. */
static void drop_free(const struct search *s, const struct choice *so_far,
		      struct route_class_set *open)
{
	for (size_t i = 0; i < s->n; i++)
		if (price(&s->table[i], so_far) == 0)
			for (const uint8_t *need = s->table[i].needs; *need; need++)
				clear(open, *need);
}

/* The free command that explains most of what is open; false: none explains anything. */
static bool find_free(const struct search *s, const struct choice *so_far,
		      const struct route_class_set *open, size_t *ret)
{
	size_t most = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t gain = count_in(&s->table[i], open);

		if (gain <= most || price(&s->table[i], so_far) > 0)
			continue;
		most = gain;
		*ret = i;
	}
	return most > 0;
}

static bool covers(const struct search *s, const struct command_set *commands,
		   struct route_class_set seen)
{
	for (size_t i = 0; i < s->n; i++)
		if (command_set_has(commands, i))
			for (const uint8_t *need = s->table[i].needs; *need; need++)
				clear(&seen, *need);
	return is_empty(&seen);
}

static void drop_superfluous(const struct search *s, const struct route_class_set *seen,
			     struct command_set *commands)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!command_set_has(commands, i))
			continue;
		command_set_remove(commands, i);
		if (!covers(s, commands, *seen))
			command_set_add(commands, i);
	}
}

/* Splits what was seen into what commands are about and what none needs; what every list lets
 * through is neither. */
static void split(const struct search *s, const struct route_class_set *seen,
		  struct route_class_set *ret_about, struct route_class_set *ret_missed)
{
	*ret_about = (struct route_class_set){ { 0, 0 } };
	*ret_missed = (struct route_class_set){ { 0, 0 } };
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++) {
		size_t i = 0;

		if (!route_class_has(seen, c) || (route_class_flags(c) & PASSING))
			continue;
		while (i < s->n && !needs(&s->table[i], c))
			i++;
		route_class_add(i < s->n ? ret_about : ret_missed, c);
	}
}

void command_suggest(const struct route_class_set *seen, struct command_set *ret,
		     struct route_class_set *ret_missed)
{
	struct search s = { 0 };
	struct choice none = { 0 };
	struct route_class_set about;
	struct route_class_set missed;
	struct route_class_set open;
	size_t i = 0;

	s.table = command_table(&s.n);
	split(&s, seen, &about, &missed);
	none.got = about;
	open = about;
	drop_free(&s, &none, &open);
	search(&s, &none, open);

	open = about;
	for (size_t j = 0; j < s.n; j++)
		if (command_set_has(&s.best.commands, j))
			for (const uint8_t *need = s.table[j].needs; *need; need++)
				clear(&open, *need);
	while (find_free(&s, &s.best, &open, &i))
		take(&s, i, &s.best, &open);
	drop_superfluous(&s, &about, &s.best.commands);
	*ret = s.best.commands;
	if (ret_missed)
		*ret_missed = missed;
}
