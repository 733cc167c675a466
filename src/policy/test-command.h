/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and requests out of strings, for tests. */
#pragma once

#include "base/util.h"
#include "policy/command.h"

#define TEST_ENTRIES_MAX 64u
#define TEST_PARAMS_MAX 8u

struct lists {
	struct arena arena;
	struct command_list list;
	struct command_problems problems;
	int result;
};

/* entries: "ps|container*"; "": none. */
static inline void lists_begin_as(struct lists *l, const struct command_profile *profile,
				  enum command_list_type type, unsigned flags, const char *entries)
{
	struct slice list[TEST_ENTRIES_MAX];
	struct slice rest = *entries ? slice_str(entries) : SLICE_NULL;
	size_t n = 0;

	*l = (struct lists){ .arena = ARENA_INIT(1u << 20),
			     .list = { .type = type, .flags = flags, .profile = *profile } };
	while (n < TEST_ENTRIES_MAX && slice_split(&rest, '|', &list[n]))
		n++;
	l->result = command_list_parse(&l->arena, list, n, &l->list, &l->problems);
}

static inline void lists_begin(struct lists *l, enum command_list_type type, unsigned flags,
			       const char *entries)
{
	static const struct command_profile docker = { "docker", "Docker Desktop", NULL };

	lists_begin_as(l, &docker, type, flags, entries);
	assert_int_equal(l->result, COMMAND_OK);
}

static inline void lists_end(struct lists *l)
{
	arena_done(&l->arena);
}

/* request: "POST /images/create?fromImage=x", with nothing escaped. l NULL: no list. */
static inline void decide(const struct lists *l, const char *request, struct verdict *v)
{
	struct slice rest = slice_str(request);
	struct slice_pair params[TEST_PARAMS_MAX];
	struct slice method;
	struct slice target;
	struct slice query;
	struct slice path;
	struct slice pair;
	struct route_match m;
	size_t n = 0;

	(void)slice_split(&rest, ' ', &method);
	target = rest;
	query = target;
	(void)slice_split(&query, '?', &path);
	while (n < TEST_PARAMS_MAX && slice_split(&query, '&', &pair)) {
		size_t eq = slice_find(pair, '=');

		params[n++] = (struct slice_pair){ { pair.p, eq }, slice_from(pair, eq + 1) };
	}
	(void)route_find(method, path, params, n, &m);
	command_list_decide(l ? &l->list : NULL, &m, target, v);
}
