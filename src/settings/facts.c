/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "policy/cdi.h"
#include "settings/schema.h"
#include "json/json.h"

#define FACTS_FILE_MAX (1u << 20)

/* Where a value goes, with what its error messages need. */
struct target {
	struct arena *arena;
	const char *file;
	const char *key;
	struct facts *facts;
	struct err *err;
};

static int wrong(const struct target *t, const char *want)
{
	return err_set(t->err, -EINVAL, "%s: \"%s\" must be %s", t->file, t->key, want);
}

static int set_path(const struct target *t, const struct json *v, const char **ret)
{
	const char *s = json_str(v);

	if (!s || s[0] != '/')
		return wrong(t, "an absolute path");
	*ret = s;
	return 0;
}

static int set_paths(const struct target *t, const struct json *v, struct facts_list *ret)
{
	if (!json_is(v, JSON_ARRAY))
		return wrong(t, "a list of absolute paths");
	ret->items = arena_array(t->arena, v->n ? v->n : 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++) {
		int r = set_path(t, v->items[i], &ret->items[i]);

		if (r < 0)
			return r;
	}
	ret->n = v->n;
	return 0;
}

/* One of two words; *ret is whether it is the second. */
static int set_choice(const struct target *t, const struct json *v, const char *no, const char *yes,
		      bool *ret)
{
	const char *s = json_str(v);
	char want[64];

	if (s && (strcmp(s, no) == 0 || strcmp(s, yes) == 0)) {
		*ret = strcmp(s, yes) == 0;
		return 0;
	}
	(void)snprintf(want, sizeof(want), "\"%s\" or \"%s\"", no, yes);
	return wrong(t, want);
}

static int on_lower(const struct target *t, const struct json *v)
{
	return set_path(t, v, &t->facts->lower_runtime);
}

static int on_name(const struct target *t, const struct json *v)
{
	t->facts->runtime_name = json_str(v);
	return t->facts->runtime_name && *t->facts->runtime_name ? 0 : wrong(t, "a name");
}

static int on_profile(const struct target *t, const struct json *v)
{
	const char *s = json_str(v);
	const struct profile *p = s ? profile_find(slice_str(s)) : NULL;

	if (!p)
		return wrong(t, "\"docker\", \"podman\" or \"iechor\"");
	t->facts->profile = p;
	return 0;
}

static int on_ids(const struct target *t, const struct json *v)
{
	uint32_t n;

	if (!json_is(v, JSON_NUMBER) || num_parse_u32(v->text, &n) < 0 || n < 65536 ||
	    n > (1u << 28))
		return wrong(t, "a number of ids from 65536 to 268435456");
	t->facts->ids_per_container = n;
	return 0;
}

static int on_range(const struct target *t, const struct json *v)
{
	uint64_t start;
	uint64_t count;

	if (!json_is(v, JSON_OBJECT) || json_get_u64(v, "start", &start) != 0 ||
	    json_get_u64(v, "count", &count) != 0 || v->n != 2 || start < 65536 || count < 65536 ||
	    start > UINT32_MAX || count > UINT32_MAX || start + count > 0x80000000u)
		return wrong(t, "{\"start\": ID, \"count\": IDS} between 65536 and 2147483647");
	t->facts->has_range = true;
	t->facts->range_start = (uint32_t)start;
	t->facts->range_count = (uint32_t)count;
	return 0;
}

static int on_unmappable(const struct target *t, const struct json *v)
{
	return set_choice(t, v, "refuse", "nobody", &t->facts->unmappable_nobody);
}

static int on_unrecorded(const struct target *t, const struct json *v)
{
	return set_choice(t, v, "refuse", "root", &t->facts->unrecorded_root);
}

static int on_devices(const struct target *t, const struct json *v)
{
	return set_paths(t, v, &t->facts->devices);
}

static int on_cdi(const struct target *t, const struct json *v)
{
	struct facts_list *list = &t->facts->cdi;

	if (!json_is(v, JSON_ARRAY))
		return wrong(t, "a list of names of CDI devices");
	list->items = arena_array(t->arena, v->n ? v->n : 1, sizeof(*list->items));
	if (!list->items)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++) {
		const char *s = json_str(v->items[i]);

		if (!s || !cdi_pattern_ok(slice_str(s)))
			return err_set(
				t->err, -EINVAL,
				"%s: \"%s\": \"%.200s\" is not the name of a CDI device; write "
				"VENDOR/CLASS=NAME (\"nvidia.com/gpu=0\"), or VENDOR/CLASS=* for "
				"all of a class",
				t->file, t->key, s ? s : "");
		list->items[i] = s;
	}
	list->n = v->n;
	return 0;
}

static int on_hooks(const struct target *t, const struct json *v)
{
	return set_paths(t, v, &t->facts->hooks);
}

static int on_engines(const struct target *t, const struct json *v)
{
	return set_paths(t, v, &t->facts->engines);
}

static int on_restricted(const struct target *t, const struct json *v)
{
	return set_paths(t, v, &t->facts->restricted);
}

static int on_sharing(const struct target *t, const struct json *v)
{
	t->facts->has_sharing = true;
	return set_paths(t, v, &t->facts->sharing);
}

static const struct {
	const char *key;
	int (*set)(const struct target *t, const struct json *v);
} keys[] = {
	{ "lowerRuntime", on_lower },
	{ "runtimeName", on_name },
	{ "engineProfile", on_profile },
	{ "idsPerContainer", on_ids },
	{ "idRange", on_range },
	{ "unmappableFilesystem", on_unmappable },
	{ "bindsWithoutRecord", on_unrecorded },
	{ "devices", on_devices },
	{ "cdiDevices", on_cdi },
	{ "hooks", on_hooks },
	{ "engineRoots", on_engines },
	{ "restrictedMounts", on_restricted },
	{ "filesharingAllowedDirectories", on_sharing },
};

static int set_member(struct target *t, const struct json_member *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!slice_eq_str(m->key, keys[i].key))
			continue;
		t->key = keys[i].key;
		return keys[i].set(t, m->value);
	}
	return err_set(t->err, -EINVAL, "%s: unknown key \"%.*s\"", t->file, SLICE_ARG(m->key));
}

static void facts_defaults(struct facts *f)
{
	*f = (struct facts){ .runtime_name = "sysbox-runc",
			     .profile = profile_default(),
			     .ids_per_container = FACTS_IDS_PER_CONTAINER };
}

int facts_parse(struct arena *a, struct slice text, const char *name, struct facts *ret,
		struct err *err)
{
	struct target t = { .arena = a, .file = name, .facts = ret, .err = err };
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;
	int r;

	facts_defaults(ret);
	limits.no_nul = true;
	r = json_parse(a, text, &limits, &doc, NULL, err);
	if (r < 0) {
		(void)err_wrap(err, "%s", name);
		return r;
	}
	if (!json_is(doc, JSON_OBJECT))
		return err_set(err, -EINVAL, "%s: must be a JSON object", name);
	for (size_t i = 0; i < doc->n; i++) {
		r = set_member(&t, &doc->members[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int facts_load(struct arena *a, const struct instance *inst, struct facts *ret, struct err *err)
{
	CLEANUP_BUF struct buf b = BUF_INIT(FACTS_FILE_MAX);
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/gabion.json", inst->etc);
	r = file_read(path, &b);
	if (r == -ENOENT || r == -ENOTDIR) {
		facts_defaults(ret);
		return 0;
	}
	if (r < 0)
		return err_errno(err, r, "%s", path);
	return facts_parse(a, buf_slice(&b), path, ret, err);
}
