/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ids.h"

#include <errno.h>
#include <inttypes.h>

#include "runtime/runtime.h"

static int missing(const struct runtime *rt, const char *what, uint64_t id, struct err *err)
{
	return err_set(err, -EINVAL,
		       "%s %" PRIu64 ": a container has the ids 0 to %u; \"idsPerContainer\" in "
		       "%s/gabion.json gives it more",
		       what, id, rt->size - 1, rt->inst.etc);
}

static int check(const struct runtime *rt, const struct json *process, struct err *err)
{
	static const char *const keys[][2] = { { "uid", "user" }, { "gid", "group" } };
	const struct json *user = json_get(process, "user");
	const struct json *groups = json_get(user, "additionalGids");
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_get_u64(user, keys[i][0], &id) == 0 && id >= rt->size)
			return missing(rt, keys[i][1], id, err);
	for (size_t i = 0; json_is(groups, JSON_ARRAY) && i < groups->n; i++) {
		uint32_t gid;

		if (json_is(groups->items[i], JSON_NUMBER) &&
		    num_parse_u32(groups->items[i]->text, &gid) == 0 && gid >= rt->size)
			return missing(rt, "group", gid, err);
	}
	return 0;
}

int ids_check(struct runtime *rt, struct err *err)
{
	return check(rt, json_get(rt->spec, "process"), err);
}

int ids_check_exec(struct runtime *rt, struct err *err)
{
	char **file = args_process_file(&rt->args);
	struct json *process;

	if (!file || runtime_read_json(rt, *file, ARGS_PROCESS_MAX, &process, NULL) < 0)
		return 0; /* the lower runtime has words for that */
	return check(rt, process, err);
}
