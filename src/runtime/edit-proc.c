/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc and /sys. The lower runtime mounts them as the spec says, plain: masks and read-only paths
 * that it made in the container's namespace the container's root could take away again. A hook,
 * this program again, puts trees in their place that the kernel locks (view/view.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "oci/spec.h"
#include "runtime/edit.h"
#include "runtime/hook.h"
#include "runtime/lower.h"
#include "runtime/runtime.h"
#include "view/record.h"

#define RECORD_MAX (1u << 20)

static const char *record_path_of(struct runtime *rt)
{
	return arena_must(arena_printf(&rt->arena, "%s/views/%s.json", rt->inst.run, rt->args.id));
}

/* "/proc/x" when there is a tree of /proc. */
static bool is_in_tree(const struct json *record, const char *path)
{
	for (enum view_tree tree = 0; tree < VIEW_TREES; tree++) {
		const char *name = view_tree_name(tree);
		size_t n = strlen(name);

		if (path[0] == '/' && strncmp(path + 1, name, n) == 0 && path[n + 1] == '/' &&
		    json_get(record, name))
			return true;
	}
	return false;
}

/* Moves the paths that the trees take care of from the spec to the record. */
static int take_paths(struct runtime *rt, struct json *record, const char *from, const char *to)
{
	struct json *list = json_get(json_get(rt->spec, "linux"), from);
	struct json *taken = json_need(&rt->arena, record, to, JSON_ARRAY);
	size_t kept = 0;
	int r = taken ? 0 : -ENOMEM;

	if (!json_is(list, JSON_ARRAY))
		return r;
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const char *path = json_str(list->items[i]);

		if (path && is_in_tree(record, path))
			r = json_append(&rt->arena, taken, list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->n = kept;
	return r;
}

/* Where the lower runtime would write them too late (runtime/sysctls.h). */
static int take_sysctls(struct runtime *rt, struct json *record)
{
	struct json *linux_part = json_get(rt->spec, "linux");
	struct json *sysctls = json_get(linux_part, "sysctl");
	int r;

	if (lower_is_crun(rt->lower) || !sysctls || !json_get(record, view_tree_name(VIEW_PROC)))
		return 0;
	r = json_set(&rt->arena, record, "sysctls", sysctls);
	(void)json_del(linux_part, "sysctl");
	return r;
}

static int take_trees(struct runtime *rt, struct json *record)
{
	int r = 0;

	for (enum view_tree tree = 0; r == 0 && tree < VIEW_TREES; tree++) {
		char place[16];
		struct json *m;
		const char *type;

		(void)snprintf(place, sizeof(place), "/%s", view_tree_name(tree));
		m = oci_mount_find(rt->spec, place);
		type = json_get_str(m, "type");
		if (!type || strcmp(type, view_tree_type(tree)) != 0)
			continue;
		r = view_record_tree(&rt->arena, record, tree, json_get(m, "options"));
		/* crun makes it read-only after the hooks, when it is there no more. */
		(void)oci_mount_del_option(m, "ro");
	}
	return r;
}

static int fill(struct runtime *rt, struct json *record)
{
	struct arena *a = &rt->arena;
	char nodes[PATH_MAX];
	struct stat st;
	int r = json_set(a, record, "id", json_new_str(a, rt->args.id));

	if (r == 0)
		r = json_set(a, record, "base", json_new_uint(a, rt->base));
	if (r == 0)
		r = json_set(a, record, "size", json_new_uint(a, rt->size));
	if (r == 0)
		r = json_set(a, record, "start", json_new_uint(a, rt->born_ns));
	if (r == 0)
		r = json_set(a, record, "root", json_new_str(a, rt->stage.root));
	if (r == 0)
		r = json_set(a, record, "stage", json_new_str(a, stage_path(rt, "view")));
	if (r == 0)
		r = take_paths(rt, record, "maskedPaths", "masked");
	if (r == 0)
		r = take_paths(rt, record, "readonlyPaths", "readonly");
	if (r == 0)
		r = take_sysctls(rt, record);
	/* Where gabiond runs, it has made this folder, and gabion-vfs mounts on it. */
	(void)snprintf(nodes, sizeof(nodes), "%s/vfs", rt->inst.run);
	if (r == 0 && stat(nodes, &st) == 0)
		r = json_set(
			a, record, "nodes",
			json_new_str(a, arena_must(arena_printf(a, "%s/%s", nodes, rt->args.id))));
	return r;
}

int edit_proc(struct runtime *rt, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
	struct json *record = json_new(&rt->arena, JSON_OBJECT);
	const char *path = record_path_of(rt);
	char dir[PATH_MAX];
	int r;

	/* What is restored has the mounts that it had. */
	r = !record				       ? -ENOMEM
	    : strcmp(rt->args.command, "restore") == 0 ? 0
						       : take_trees(rt, record);
	if (r == 0 && record->n == 0 && !rt->delegate)
		return 0;
	if (r == 0)
		r = fill(rt, record);
	if (r == 0 && rt->delegate)
		r = json_set(&rt->arena, record, "delegate", json_new_bool(&rt->arena, true));
	if (r < 0)
		return err_errno(err, r, "spec");
	json_emit(record, &text);
	(void)snprintf(dir, sizeof(dir), "%s/views", rt->inst.run);
	r = buf_ok(&text) ? file_mkdirs(dir, 0700) : -ENOMEM;
	if (r == 0)
		r = file_replace_at(AT_FDCWD, path, buf_slice(&text), 0640, false);
	if (r < 0)
		return err_errno(err, r, "record of what the container sees in %s", dir);
	rt->viewed = true;
	return hook_add(rt, "createRuntime", HOOK_PROC, path, err);
}

void undo_proc(struct runtime *rt)
{
	if (rt->viewed)
		(void)unlink(record_path_of(rt));
	rt->viewed = false;
}
