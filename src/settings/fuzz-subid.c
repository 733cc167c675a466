/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any /etc/subuid, /etc/passwd: the ranges stay within the id space, and whoever asks for one name
 * gets a part of what all names have.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "settings/ranges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct ranges *set)
{
	must(set->n <= RANGES_MAX);
	for (size_t i = 0; i < set->n; i++) {
		uint64_t end = 0;

		must(set->r[i].count > 0);
		must((uint64_t)set->r[i].start + set->r[i].count <= UINT32_MAX);
		must(ranges_hit(set, set->r[i].start, 1, &end) && end > set->r[i].start);
		must(ranges_hit(set, set->r[i].start + set->r[i].count - 1, 1, &end));
	}
}

/* First and last id of each of some is an id of all. */
static void check_part(const struct ranges *some, const struct ranges *all)
{
	for (size_t i = 0; i < some->n && i < 64; i++) {
		uint64_t end;

		must(ranges_hit(all, some->r[i].start, 1, &end));
		must(ranges_hit(all, some->r[i].start + some->r[i].count - 1, 1, &end));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_FREE struct ranges *sets = calloc(4, sizeof(*sets));
	struct slice text = { (const char *)data, n };

	must(sets != NULL);
	if (n > 65536 || ranges_parse_sub(text, NULL, NULL, NULL, &sets[0]) < 0)
		return 0;
	must(ranges_parse_sub(text, "gabion", NULL, NULL, &sets[1]) == 0);
	must(ranges_parse_sub(text, NULL, NULL, "gabion", &sets[2]) == 0);
	check(&sets[0]);
	check(&sets[1]);
	check(&sets[2]);
	check_part(&sets[1], &sets[0]);
	check_part(&sets[2], &sets[0]);
	must(sets[0].n == 0 || sets[1].n + sets[2].n > 0);
	if (ranges_parse_accounts(text, &sets[3]) == 0)
		check(&sets[3]);
	return 0;
}
