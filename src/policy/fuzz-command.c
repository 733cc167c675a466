/* SPDX-License-Identifier: Apache-2.0 */
/* Properties: every entry of a list either names commands or is complained about, and nothing is
 * complained about twice; a list and its opposite never both let through what an entry owns; what
 * decide() answers is what the set of blocked classes says; the message is never cut short of its
 * end. Input: a byte of type and flags, a byte that chooses a request, then entries, a line each.
 */
#include <assert.h>

#include "policy/command.h"

#define INPUT_MAX 4096u
#define ENTRIES_MAX 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct command_profile profile = { "docker", "Docker Desktop",
						(const char *const[]){ "scan", "plugins", NULL } };

static void check_problems(const struct command_problems *p, size_t nentries, bool bad)
{
	bool errors = false;

	for (size_t i = 0; i < p->n; i++) {
		assert(p->items[i].at < nentries);
		assert(i == 0 || p->items[i].at > p->items[i - 1].at);
		assert(p->items[i].text && strlen(p->items[i].text) < 1024);
		for (const char *c = p->items[i].text; *c; c++)
			assert((unsigned char)*c >= 0x20);
		errors |= p->items[i].error;
	}
	assert(errors == bad);
}

static void check_decision(const struct command_list *list, uint8_t choice, struct slice target)
{
	static const char end[] = "in the Docker Desktop settings or admin-settings.";
	size_t nroutes;
	const struct route *table = route_table(&nroutes);
	const struct route *route = &table[choice % nroutes];
	struct route_match m = { .route = route, .nclasses = 1, .classes = { route->class } };
	bool blocked = route_class_has(&list->blocked, route->class);
	bool report = list->flags & COMMAND_LIST_REPORT_ONLY;
	struct verdict v;

	command_list_decide(list, &m, target, &v);
	assert(v.kind == VERDICT_DENY || !blocked || (report && v.reported));
	assert(v.kind == VERDICT_ALLOW || blocked);
	assert(!v.reported || (blocked && v.kind == VERDICT_ALLOW));
	if (blocked)
		assert(slice_ends(slice_str(v.message), slice_str(end)));
	else
		assert(v.message[0] == '\0' && v.commands[0] == '\0');
}

/* What a command owns is not let through by those who deny it. */
static void check_owned(const struct command_list *list)
{
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n && list->type == COMMAND_LIST_DENY; i++)
		for (const uint8_t *c = table[i].owns; *c && command_set_has(&list->listed, i); c++)
			assert(route_class_has(&list->blocked, *c));
	for (size_t i = 0; i < n && list->type == COMMAND_LIST_ALLOW; i++)
		for (const uint8_t *c = table[i].needs; *c && command_set_has(&list->listed, i);
		     c++)
			assert(!route_class_has(&list->blocked, *c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice entries[ENTRIES_MAX];
	struct arena a = ARENA_INIT(4u << 20);
	struct command_problems problems;
	struct command_list list = { .profile = profile };
	struct slice rest;
	size_t nentries = 0;
	int r;

	if (n < 2 || n > INPUT_MAX)
		return 0;
	list.type = data[0] & 1 ? COMMAND_LIST_ALLOW : COMMAND_LIST_DENY;
	list.flags = data[0] >> 1 & 7;
	rest = (struct slice){ (const char *)data + 2, n - 2 };
	while (nentries < ENTRIES_MAX && slice_split(&rest, '\n', &entries[nentries]))
		nentries++;
	r = command_list_parse(&a, entries, nentries, &list, &problems);
	assert(r == COMMAND_OK || r == COMMAND_BAD);
	check_problems(&problems, nentries, r == COMMAND_BAD);
	if (r == COMMAND_OK) {
		check_decision(&list, data[1], (struct slice){ (const char *)data + 2, n - 2 });
		check_owned(&list);
	}
	arena_done(&a);
	return 0;
}
