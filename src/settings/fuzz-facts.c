/* SPDX-License-Identifier: Apache-2.0 */
/* Any gabion.json: refused with a text that names the file, or facts that hold what facts.h says.
 */
#include <stdlib.h>

#include "settings/facts.h"
#include "settings/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_list(const struct facts_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		must(l->items[i] && l->items[i][0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP_ARENA struct arena a = ARENA_INIT(64u << 20);
	struct err err = ERR_INIT;
	struct facts f;

	if (facts_parse(&a, (struct slice){ (const char *)data, n }, "FILE", &f, &err) < 0) {
		must(err.code < 0 && strstr(err.text, "FILE"));
		return 0;
	}
	must(!f.lower_runtime || f.lower_runtime[0] == '/');
	must(f.runtime_name && f.runtime_name[0]);
	must(f.profile && profile_find(slice_str(f.profile->name)) == f.profile);
	must(f.ids_per_container >= 65536 && f.ids_per_container <= 1u << 28);
	must(!f.has_range || (f.range_start >= 65536 && f.range_count >= 65536 &&
			      (uint64_t)f.range_start + f.range_count <= 0x80000000u));
	check_list(&f.devices);
	check_list(&f.hooks);
	check_list(&f.engines);
	check_list(&f.restricted);
	check_list(&f.sharing);
	must(f.has_sharing || f.sharing.n == 0);
	return 0;
}
