/* SPDX-License-Identifier: Apache-2.0 */
#include "cp/mounts.h"

#include "base/util.h"

enum column {
	COLUMN_ID,
	COLUMN_PARENT,
	COLUMN_DEVICE,
	COLUMN_ROOT,
	COLUMN_POINT,
	COLUMN_OPTIONS,
	COLUMNS,
};

static bool has_option(struct slice options, const char *name)
{
	struct slice one;

	while (slice_split(&options, ',', &one))
		if (slice_eq_str(one, name))
			return true;
	return false;
}

bool mounts_scratch(struct slice mountinfo, uint64_t mnt_id)
{
	struct slice line;

	while (slice_split(&mountinfo, '\n', &line)) {
		struct slice columns[COLUMNS] = { { NULL, 0 } };
		uint64_t id;
		size_t n = 0;

		while (n < COLUMNS && slice_split(&line, ' ', &columns[n]))
			n++;
		if (n < COLUMNS || num_parse_u64(columns[COLUMN_ID], UINT64_MAX, &id) < 0 ||
		    id != mnt_id)
			continue;
		return slice_eq_str(columns[COLUMN_ROOT], "/") &&
		       !has_option(columns[COLUMN_OPTIONS], "idmapped");
	}
	return true;
}
