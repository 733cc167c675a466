/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/test-command.h"

static struct route_class_set classes(const char *names)
{
	struct route_class_set s = { { 0, 0 } };
	struct slice rest = slice_str(names);
	struct slice name;

	while (slice_split(&rest, ' ', &name)) {
		enum route_class c = route_class_find(name);

		if (c == ROUTE_CLASS_NONE)
			fail_msg("%.*s is no class", SLICE_ARG(name));
		route_class_add(&s, c);
	}
	return s;
}

static void names_of(const struct command_set *s, struct buf *b)
{
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++)
		if (command_set_has(s, i)) {
			buf_add_str(b, b->n ? ", " : "");
			buf_add_slice(b, command_name(&table[i]));
		}
}

static const struct {
	const char *seen;
	const char *commands;
} suggestions[] = {
	{ "ping version", "" },
	{ "container-list", "ps" },
	{ "container-create container-attach container-wait container-start "
	  "container-resize container-kill",
	  "run" },
	/* start may attach, for which it looks at the container; run does not look */
	{ "container-create container-start", "run" },
	{ "container-start container-inspect", "start" },
	{ "container-inspect exec", "exec" },
	{ "exec", "exec" },
	{ "container-inspect container-logs", "logs" },
	{ "network-inspect network-remove", "network rm" },
	{ "events-container container-list container-stats", "stats" },
	{ "events-container", "events" },
	{ "container-copy-out", "cp" },
	{ "container-prune network-prune image-prune build-prune volume-prune", "system prune" },
	{ "container-prune network-prune image-prune",
	  "container prune, image prune, network prune" },
	{ "build-classic", "build" },
	{ "build-session build-grpc", "bake" },
	{ "build-grpc", "buildx ls" },
	{ "image-push", "push" },
	{ "image-pull container-list", "ps, pull" },
	{ "auth", "login" },
	{ "compose container-list", "ps" },
};

static void test_suggestions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(suggestions); i++) {
		CLEANUP_BUF struct buf got = BUF_INIT(65536);
		struct route_class_set seen = { { 0, 0 } };
		struct route_class_set missed;
		struct command_set set;

		seen = classes(suggestions[i].seen);
		command_suggest(&seen, &set, &missed);
		names_of(&set, &got);
		if (strcmp(got.p ? got.p : "", suggestions[i].commands) != 0)
			fail_msg("%s: %s, not %s", suggestions[i].seen, got.p ? got.p : "",
				 suggestions[i].commands);
		assert_int_equal(missed.bits[0] | missed.bits[1], 0);
	}
}

static void test_what_no_list_can_let_through(void **state)
{
	struct route_class_set seen = classes("debug container-list http2");
	struct route_class_set missed;
	struct command_set set;

	(void)state;
	command_suggest(&seen, &set, &missed);
	assert_true(route_class_has(&missed, ROUTE_CLASS_DEBUG));
	assert_true(route_class_has(&missed, ROUTE_CLASS_HTTP2));
	assert_false(route_class_has(&missed, ROUTE_CLASS_CONTAINER_LIST));
	command_suggest(&seen, &set, NULL);
}

/* How many classes the list lets through beyond those that were seen. */
static size_t excess(const struct command_list *list, const struct route_class_set *seen)
{
	size_t n = 0;

	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++)
		n += !route_class_has(&list->blocked, c) && !route_class_has(seen, c) &&
		     !(route_class_flags(c) &
		       (ROUTE_CLASS_OPEN | ROUTE_CLASS_BASIC | ROUTE_CLASS_WHO));
	return n;
}

static bool lets_through(const struct command_list *list, const struct route_class_set *seen)
{
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++)
		if (route_class_has(seen, c) && route_class_has(&list->blocked, c))
			return false;
	return true;
}

static struct command_list list_of(const struct command_set *set)
{
	struct command_list list = { .type = COMMAND_LIST_ALLOW, .listed = *set };

	command_list_settle(&list);
	return list;
}

static bool explains(const struct command *c, const struct route_class_set *seen)
{
	for (const uint8_t *need = c->needs; *need; need++)
		if (route_class_has(seen, *need))
			return true;
	return false;
}

/* The least excess of no command, of each, and of all pairs that are about what was seen. */
static size_t least_excess(const struct route_class_set *seen)
{
	struct command_set none = { { 0 } };
	struct command_list list = list_of(&none);
	size_t least = lets_through(&list, seen) ? excess(&list, seen) : SIZE_MAX;
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n && explains(&table[i], seen); j++) {
			struct command_set set = { { 0 } };

			if (!explains(&table[j], seen))
				continue;
			command_set_add(&set, i);
			command_set_add(&set, j);
			list = list_of(&set);
			if (lets_through(&list, seen))
				least = MIN(least, excess(&list, seen));
		}
	return least;
}

static bool is_needed(enum route_class c)
{
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++)
		for (const uint8_t *need = table[i].needs; *need; need++)
			if (*need == c)
				return true;
	return false;
}

/* Tried against all pairs of commands, for every class and for pairs of classes that need more than
 * was seen. */
static void test_narrowest(void **state)
{
	static const char *const pairs[] = {
		"exec container-logs",
		"network-remove container-stats",
		"build-grpc build-session",
		"task-list service-logs",
		"events-container container-stats",
		"node-update swarm-update",
		"distribution image-pull",
		"container-copy-in image-attestations",
		"secret-update config-update",
		"build-push build-grpc",
		"container-attach-ws container-resize",
		"auth info",
	};

	(void)state;
	for (size_t i = 1; i < ROUTE_CLASS_COUNT + ARRAY_SIZE(pairs); i++) {
		struct route_class_set seen = { { 0, 0 } };
		struct command_set set;
		struct command_list list;

		if (i < ROUTE_CLASS_COUNT && !is_needed((enum route_class)i))
			continue;
		if (i < ROUTE_CLASS_COUNT)
			route_class_add(&seen, (enum route_class)i);
		else
			seen = classes(pairs[i - ROUTE_CLASS_COUNT]);
		command_suggest(&seen, &set, NULL);
		list = list_of(&set);
		assert_true(lets_through(&list, &seen));
		if (excess(&list, &seen) != least_excess(&seen))
			fail_msg("%s: %zu more than was seen, not %zu",
				 i < ROUTE_CLASS_COUNT ? route_class_name((enum route_class)i)
						       : pairs[i - ROUTE_CLASS_COUNT],
				 excess(&list, &seen), least_excess(&seen));
	}
}

/* Of whatever a command asks for, nothing else is allowed than what it asks for. */
static void test_what_a_command_asks_for(void **state)
{
	size_t n;
	const struct command *table = command_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct route_class_set seen = { { 0, 0 } };
		struct command_set set;
		struct command_list list;

		for (const uint8_t *c = table[i].needs; *c; c++)
			route_class_add(&seen, *c);
		command_suggest(&seen, &set, NULL);
		list = list_of(&set);
		if (!lets_through(&list, &seen) || excess(&list, &seen) != 0)
			fail_msg("%s", table[i].names);
	}
}

static void check_none_could_be_left_out(const struct command_set *set,
					 const struct route_class_set *seen)
{
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++) {
		struct command_set less = *set;
		struct command_list list;

		if (!command_set_has(set, i))
			continue;
		command_set_remove(&less, i);
		list = list_of(&less);
		if (lets_through(&list, seen))
			fail_msg("without %s, too", table[i].names);
	}
}

/* What several commands ask for, with gaps; the same in every run. */
static void test_mixtures(void **state)
{
	uint64_t random = 1;
	size_t n;
	const struct command *table = command_table(&n);

	(void)state;
	for (size_t round = 0; round < 1000; round++) {
		struct route_class_set seen = { { 0, 0 } };
		struct command_set set;
		struct command_list list;

		for (size_t i = 0; i < 2 + round % 6; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			for (const uint8_t *c = table[(random >> 33) % n].needs; *c; c++)
				if ((random >> (8 + *c % 24) & 3) != 0)
					route_class_add(&seen, *c);
		}
		command_suggest(&seen, &set, NULL);
		list = list_of(&set);
		assert_true(lets_through(&list, &seen));
		check_none_could_be_left_out(&set, &seen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_what_no_list_can_let_through),
		cmocka_unit_test(test_narrowest),
		cmocka_unit_test(test_what_a_command_asks_for),
		cmocka_unit_test(test_mixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
