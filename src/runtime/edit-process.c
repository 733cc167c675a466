/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process: a working directory that names a descriptor of the runtime (CVE-2024-21626) is
 * refused, also where it is hidden by dots or slashes. Capabilities stay as the engine granted
 * them: they hold in the container's user namespace only.
 */
#include <errno.h>
#include <string.h>

#include "base/slice.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define PARTS_MAX 3

/* The first parts of a path after "." and ".." are resolved by name. */
static size_t first_parts(const char *path, struct slice parts[PARTS_MAX])
{
	struct slice rest = slice_str(path);
	struct slice part;
	size_t depth = 0;

	while (slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, "..")) {
			depth -= depth > 0;
			continue;
		}
		if (depth < PARTS_MAX)
			parts[depth] = part;
		depth++;
	}
	return MIN(depth, (size_t)PARTS_MAX);
}

static bool names_descriptor(const char *cwd)
{
	struct slice p[PARTS_MAX];
	size_t n = first_parts(cwd, p);

	if (n >= 2 && slice_eq_str(p[0], "dev") && slice_eq_str(p[1], "fd"))
		return true;
	return n >= 3 && slice_eq_str(p[0], "proc") &&
	       (slice_eq_str(p[2], "fd") || slice_eq_str(p[2], "cwd") ||
		slice_eq_str(p[2], "root") || slice_eq_str(p[2], "task") ||
		slice_eq_str(p[2], "map_files"));
}

int edit_process(struct runtime *rt, struct err *err)
{
	const struct json *process = json_get(rt->spec, "process");
	const char *cwd = json_get_str(process, "cwd");

	if (cwd && names_descriptor(cwd))
		return err_set(err, -EPERM,
			       "working directory %s is refused: it could be a descriptor of the "
			       "runtime, outside "
			       "of the container",
			       cwd);
	return 0;
}
