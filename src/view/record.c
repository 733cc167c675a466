/* SPDX-License-Identifier: Apache-2.0 */
#include "view/record.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "base/util.h"

static const struct {
	const char *word;
	uint64_t attr;
} words[] = {
	{ "ro", MOUNT_ATTR_RDONLY },	   { "nosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },	   { "noexec", MOUNT_ATTR_NOEXEC },
	{ "noatime", MOUNT_ATTR_NOATIME }, { "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW },
};

/* What procfs itself takes (proc(5)) and a container may say; all else of a spec's options says how
 * to mount, or is the default. */
static const char *const own_options[] = { "hidepid=", "gid=", "subset=" };

uint64_t view_attr_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].attr;
	return 0;
}

static bool is_own(struct slice option)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_options); i++)
		if (slice_starts(option, slice_str(own_options[i])))
			return true;
	return false;
}

bool view_options_ok(const char *options)
{
	struct slice rest = slice_str(options);
	struct slice option;

	while (slice_split(&rest, ',', &option))
		if (option.n > 0 && !is_own(option))
			return false;
	return true;
}

int view_record_tree(struct arena *a, struct json *record, enum view_tree tree,
		     const struct json *options)
{
	struct json *o = json_need(a, record, view_tree_name(tree), JSON_OBJECT);
	struct json *attr = o ? json_need(a, o, "attr", JSON_ARRAY) : NULL;
	const char *own = "";
	int r = attr ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && json_is(options, JSON_ARRAY) && i < options->n; i++) {
		const char *word = json_str(options->items[i]);

		if (!word)
			continue;
		if (view_attr_of(word))
			r = json_append(a, attr, json_new_str(a, word));
		else if (tree == VIEW_PROC && *word && view_options_ok(word))
			own = arena_printf(a, "%s%s%s", own, *own ? "," : "", word);
		if (!own)
			r = -ENOMEM;
	}
	return r == 0 && *own ? json_set(a, o, "options", json_new_str(a, own)) : r;
}

int view_record_cgroup(struct arena *a, struct json *record, struct slice text)
{
	struct json *o = json_need(a, record, "cgroup", JSON_OBJECT);
	struct slice line;
	int r = o ? 0 : -ENOMEM;

	while (r == 0 && slice_split(&text, '\n', &line)) {
		struct slice id;
		struct slice controllers;
		struct slice name;

		if (!slice_split(&line, ':', &id) || !slice_split(&line, ':', &controllers) ||
		    !line.p)
			continue;
		if (controllers.n == 0)
			controllers = slice_str("unified");
		while (r == 0 && slice_split(&controllers, ',', &name))
			r = json_add(a, o, name, json_new_slice(a, line));
	}
	return r;
}

static int read_paths(struct arena *a, const struct json *list, struct view_paths *ret)
{
	size_t n = json_is(list, JSON_ARRAY) ? list->n : 0;
	const char **path = arena_array(a, n + 1, sizeof(*path));

	if (!path)
		return -ENOMEM;
	ret->path = path;
	ret->n = 0;
	for (size_t i = 0; i < n; i++) {
		path[ret->n] = json_str(list->items[i]);
		ret->n += path[ret->n] != NULL;
	}
	return 0;
}

static void read_tree(const struct json *o, enum view_tree tree, struct view *ret)
{
	const struct json *attr = json_get(o, "attr");

	ret->tree[tree] = json_is(o, JSON_OBJECT);
	ret->options[tree] = json_get_str(o, "options");
	for (size_t i = 0; json_is(attr, JSON_ARRAY) && i < attr->n; i++) {
		const char *word = json_str(attr->items[i]);

		ret->attr[tree] |= word ? view_attr_of(word) : 0;
	}
}

int view_of_record(struct arena *a, const struct json *record, struct view *ret, struct err *err)
{
	uint64_t base = 0;
	int r;

	*ret = (struct view){ .nodes = json_get_str(record, "nodes") };
	if (json_get_u64(record, "base", &base) != 0 || base == 0 || base > UINT32_MAX)
		return err_set(err, -EINVAL, "record of what a container sees: no base");
	ret->owner = (uint32_t)base;
	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++)
		read_tree(json_get(record, view_tree_name(tree)), tree, ret);
	r = read_paths(a, json_get(record, "masked"), &ret->masked);
	if (r == 0)
		r = read_paths(a, json_get(record, "readonly"), &ret->read_only);
	return r < 0 ? err_errno(err, r, "record of what a container sees") : 0;
}
