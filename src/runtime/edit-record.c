/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run/containers/ID.json: what gabiond and `gabion ps` must know of a running container. Written
 * before the container starts; whoever reads it checks that the process of pidFile has these ids.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/edit.h"
#include "runtime/hook.h"
#include "runtime/record.h"
#include "runtime/runtime.h"

#define RECORD_MAX 65536

bool record_id_valid(const char *id)
{
	if (!*id || id[0] == '.' || strlen(id) > 200)
		return false;
	for (; *id; id++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+",
			    *id))
			return false;
	return true;
}

const char *record_path(struct runtime *rt)
{
	return arena_must(
		arena_printf(&rt->arena, "%s/containers/%s.json", rt->inst.run, rt->args.id));
}

static int add_str(struct runtime *rt, struct json *o, const char *key, const char *value)
{
	return value ? json_set(&rt->arena, o, key, json_new_str(&rt->arena, value)) : 0;
}

static const char *absolute(struct runtime *rt, const char *path)
{
	char cwd[PATH_MAX];

	if (!path || path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return path;
	return arena_must(arena_printf(&rt->arena, "%s/%s", cwd, path));
}

static int fill(struct runtime *rt, struct json *o)
{
	int r = add_str(rt, o, "id", rt->args.id);

	if (r == 0)
		r = json_set(&rt->arena, o, "base", json_new_uint(&rt->arena, rt->base));
	if (r == 0)
		r = json_set(&rt->arena, o, "size", json_new_uint(&rt->arena, rt->size));
	if (r == 0)
		r = json_set(&rt->arena, o, "joined", json_new_bool(&rt->arena, rt->joined));
	if (r == 0 && rt->plain)
		r = json_set(&rt->arena, o, "plain", json_new_bool(&rt->arena, true));
	if (r == 0 && rt->rootfs.overlay && rt->rootfs.layers.overlay->upper)
		r = add_str(rt, o, "view", rt->rootfs.path);
	if (r == 0)
		r = add_str(rt, o, "pidFile", absolute(rt, rt->args.pid_file));
	if (r == 0)
		r = add_str(rt, o, "bundle", rt->bundle);
	return r == 0 ? add_str(rt, o, "lowerRuntime", rt->lower) : r;
}

/* Whether the container's first process still has its ids. */
static bool is_alive(const struct json *doc)
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	const char *pid_file = json_get_str(doc, "pidFile");
	struct idmap *map = calloc(1, sizeof(*map));
	char path[64];
	uint64_t base;
	uint32_t pid;
	bool alive = false;

	if (map && pid_file && file_read(pid_file, &b) == 0 &&
	    num_parse_u32(buf_slice(&b), &pid) == 0 && json_get_u64(doc, "base", &base) == 0) {
		(void)snprintf(path, sizeof(path), "/proc/%u/uid_map", pid);
		buf_reset(&b);
		alive = file_read(path, &b) == 0 && idmap_parse(buf_slice(&b), map) == 0 &&
			map->n > 0 && map->e[0].outside == base;
	}
	free(map);
	return alive;
}

/* The lower runtime refuses a second container of that id too, but later. */
static bool in_use(struct runtime *rt)
{
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
	struct json_limits limits = JSON_LIMITS;
	struct json *doc;

	return file_read(record_path(rt), &text) == 0 &&
	       json_parse(&rt->arena, buf_slice(&text), &limits, &doc, NULL, NULL) == 0 &&
	       !json_get_bool(doc, "plain", false) && is_alive(doc);
}

static int store(struct runtime *rt, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
	struct json *o = json_new(&rt->arena, JSON_OBJECT);
	char dir[PATH_MAX];
	int r;

	if (!record_id_valid(rt->args.id))
		return err_set(err, -EINVAL, "container id \"%s\" has bytes that an id cannot have",
			       rt->args.id);
	if (in_use(rt))
		return err_set(err, -EEXIST, "container %s exists and runs", rt->args.id);
	r = o ? fill(rt, o) : -ENOMEM;
	if (r < 0)
		return err_errno(err, r, "record");
	json_emit(o, &text);
	buf_add_char(&text, '\n');
	(void)snprintf(dir, sizeof(dir), "%s/containers", rt->inst.run);
	r = buf_ok(&text) ? file_mkdirs(dir, 0755) : -ENOMEM;
	if (r == 0)
		r = file_replace_at(AT_FDCWD, record_path(rt), buf_slice(&text), 0644, false);
	if (r < 0)
		return err_errno(err, r, "record of the container in %s", dir);
	rt->recorded = true;
	return 0;
}

int edit_record(struct runtime *rt, struct err *err)
{
	int r = store(rt, err);

	return r == 0 && strcmp(rt->args.command, "run") == 0
		       ? hook_add(rt, "poststop", HOOK_FORGET, record_path(rt), err)
		       : r;
}

int record_plain(struct runtime *rt, struct err *err)
{
	/* Its spec is left alone, so nothing would take the record of a `run` away, but a `delete`
	 * when it is kept. */
	if (strcmp(rt->args.command, "run") == 0 && !rt->args.keep)
		return 0;
	rt->plain = true;
	rt->base = 0;
	rt->size = UINT32_MAX; /* as its uid_map says */
	return store(rt, err);
}

void undo_record(struct runtime *rt)
{
	if (rt->recorded)
		(void)unlink(record_path(rt));
	rt->recorded = false;
}

static bool access_ok(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static bool is_forced(const struct args *args)
{
	for (int i = 1; i < args->argc; i++)
		if (strcmp(args->argv[i], "--force") == 0 || strcmp(args->argv[i], "-f") == 0)
			return true;
	return false;
}

/* RUN/containers/ID.json, and with it RUN/views/ID.json (edit-proc.c) and RUN/values/ID, which
 * gabion-vfs keeps. */
void record_remove(const char *record)
{
	struct slice run = slice_str(record);
	struct slice id;
	char path[PATH_MAX];

	(void)unlink(record);
	run.n = (size_t)(strrchr(record, '/') - record);
	id = slice_from(slice_str(record), run.n + 1);
	while (run.n > 0 && run.p[run.n - 1] != '/')
		run.n--;
	id.n -= MIN(id.n, strlen(".json"));
	(void)snprintf(path, sizeof(path), "%.*sviews/%.*s.json", SLICE_ARG(run), SLICE_ARG(id));
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%.*svalues/%.*s", SLICE_ARG(run), SLICE_ARG(id));
	(void)unlink(path);
}

void record_forget(struct runtime *rt)
{
	for (int i = 1; i < rt->args.argc; i++) {
		CLEANUP_BUF struct buf text = BUF_INIT(RECORD_MAX);
		struct json_limits limits = JSON_LIMITS;
		struct json *doc;
		char path[PATH_MAX];

		if (!record_id_valid(rt->args.argv[i]))
			continue;
		(void)snprintf(path, sizeof(path), "%s/containers/%s.json", rt->inst.run,
			       rt->args.argv[i]);
		if (file_read(path, &text) < 0)
			continue;
		/* Without isolation any process of the host has those ids: nothing can be told. */
		if (json_parse(&rt->arena, buf_slice(&text), &limits, &doc, NULL, NULL) < 0 ||
		    json_get_bool(doc, "plain", false) || !is_alive(doc) || is_forced(&rt->args))
			record_remove(path);
	}
}

static void read_range(const struct json *doc, uint32_t *ret_base, uint32_t *ret_size)
{
	uint64_t base;
	uint64_t size;

	if (json_get_u64(doc, "base", &base) == 0 && json_get_u64(doc, "size", &size) == 0 &&
	    base <= UINT32_MAX && size <= UINT32_MAX - base) {
		*ret_base = (uint32_t)base;
		*ret_size = (uint32_t)size;
	}
}

/* The record that one of the words of the command line names, if any: its lower runtime. */
bool record_lower(struct runtime *rt, char *ret)
{
	for (int i = 1; i < rt->args.argc; i++) {
		struct json *doc;
		const char *lower;
		char path[PATH_MAX];

		if (!record_id_valid(rt->args.argv[i]))
			continue;
		(void)snprintf(path, sizeof(path), "%s/containers/%s.json", rt->inst.run,
			       rt->args.argv[i]);
		if (runtime_read_json(rt, path, RECORD_MAX, &doc, NULL) < 0)
			continue;
		lower = json_get_str(doc, "lowerRuntime");
		if (lower && lower[0] == '/' && access_ok(lower)) {
			(void)snprintf(ret, PATH_MAX, "%s", lower);
			read_range(doc, &rt->base, &rt->size);
			rt->init_file = json_get_str(doc, "pidFile");
			return true;
		}
	}
	return false;
}
