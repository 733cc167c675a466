/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/asker.h"

#include <errno.h>
#include <limits.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "settings/records.h"
#include "json/json.h"

#define RECORD_MAX 32768u

static int take_id(const struct json *obj, const char *key, uint32_t *ret)
{
	uint64_t v;

	if (json_get_u64(obj, key, &v) != 0 || v >= UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int take_groups(const struct json *groups, struct asker *ret)
{
	if (!json_is(groups, JSON_ARRAY) || groups->n > ASKER_GROUPS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < groups->n; i++) {
		const struct json *g = groups->items[i];

		if (!json_is(g, JSON_NUMBER) || num_parse_u32(g->text, &ret->groups[i]) < 0)
			return -EINVAL;
	}
	ret->ngroups = groups->n;
	return 0;
}

static int take_line(const struct json *line, struct asker *ret)
{
	if (!line)
		return 0;
	if (!json_is(line, JSON_ARRAY) || line->n > ASKER_LINE_MAX)
		return -EINVAL;
	for (size_t i = 0; i < line->n; i++) {
		const char *id = json_str(line->items[i]);

		if (!id || strlen(id) != ASKER_ID_LEN || !records_id_ok(id))
			return -EINVAL;
		memcpy(ret->line[i], id, ASKER_ID_LEN);
	}
	ret->nline = line->n;
	return 0;
}

int asker_load(const char *lib, const char *id, struct asker *ret, struct err *err)
{
	CLEANUP_ARENA struct arena arena = ARENA_INIT(256 * 1024);
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct asker a = { 0 };
	char path[PATH_MAX];
	struct json *v;
	int r;

	r = records_path(lib, RECORDS_ASKERS, id, path, err);
	if (r < 0)
		return r;
	r = file_read(path, &text);
	if (r == -ENOENT)
		return ASKER_NONE;
	if (r < 0)
		return err_errno(err, r, "%s", path);
	r = json_parse(&arena, buf_slice(&text), &limits, &v, NULL, err);
	if (r < 0) {
		(void)err_wrap(err, "%s", path);
		return r;
	}
	if (take_id(v, "uid", &a.uid) < 0 || take_id(v, "gid", &a.gid) < 0 ||
	    take_groups(json_get(v, "groups"), &a) < 0 || take_line(json_get(v, "line"), &a) < 0)
		return err_set(err, -EINVAL, "%s: not a record of who asked", path);
	a.truncated = json_get_bool(v, "truncated", false);
	a.binds = json_get_bool(v, "binds", false);
	a.own_number = json_get_bool(v, "ownNumber", false);
	*ret = a;
	return ASKER_OK;
}

int asker_store(const char *lib, const char *id, const struct asker *a, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);

	buf_printf(&text, "{\"uid\":%u,\"gid\":%u,\"groups\":[", a->uid, a->gid);
	for (size_t i = 0; i < a->ngroups; i++)
		buf_printf(&text, "%s%u", i ? "," : "", a->groups[i]);
	buf_printf(&text, "]%s%s%s", a->truncated ? ",\"truncated\":true" : "",
		   a->binds ? ",\"binds\":true" : "", a->own_number ? ",\"ownNumber\":true" : "");
	for (size_t i = 0; i < a->nline; i++)
		buf_printf(&text, "%s\"%.*s\"", i ? "," : ",\"line\":[", ASKER_ID_LEN, a->line[i]);
	buf_printf(&text, "%s}\n", a->nline ? "]" : "");
	if (!buf_ok(&text))
		return err_set(err, -ENOMEM, "record of container %.12s", id);
	return records_store(lib, RECORDS_ASKERS, id, buf_slice(&text), err);
}

int asker_forget(const char *lib, const char *id, struct err *err)
{
	return records_forget(lib, RECORDS_ASKERS, id, err);
}
