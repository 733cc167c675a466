/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/habits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/slice.h"
#include "linux/at.h"
#include "runtime/lower.h"
#include "runtime/runtime.h"

#define PASSWD_MAX (4u << 20)

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* --- HOME --- */

static bool has_home(const struct json *env)
{
	for (size_t i = 0; json_is(env, JSON_ARRAY) && i < env->n; i++)
		if (slice_starts(env->items[i]->text, SLICE_LIT("HOME=")))
			return true;
	return false;
}

/* NAME:PASSWORD:UID:… */
static bool is_of(struct slice line, uint64_t uid)
{
	struct slice part;
	uint32_t found;

	return slice_split(&line, ':', &part) && slice_split(&line, ':', &part) &&
	       slice_split(&line, ':', &part) && num_parse_u32(part, &found) == 0 && found == uid;
}

/* Nothing that could be looked at: not there, or in a file system that is the container's alone. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES;
}

/* The file is the image's, or the container's: no node or pipe of theirs is opened. 1, also where
 * it is too large to say; 0; -errno. */
static int has_entry(int root, uint64_t uid)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PASSWD_MAX);
	CLEANUP_FD int place = at_open_in_root(root, "/etc/passwd", O_PATH, 0);
	CLEANUP_FD int fd = -EBADF;
	char path[AT_FD_PATH_MAX];
	struct slice rest;
	struct slice line;
	struct stat st;
	int r;

	if (place < 0)
		return is_absent(place) ? 0 : place;
	if (fstat(place, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	at_fd_path(place, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : file_read_fd(fd, &text);
	if (r < 0)
		return r == -EFBIG ? 1 : r;
	rest = buf_slice(&text);
	while (slice_split(&rest, '\n', &line))
		if (is_of(line, uid))
			return 1;
	return 0;
}

/* 1: it was missing. */
static int keep_home(struct runtime *rt, struct json *process, int root, struct err *err)
{
	struct json *env = json_need(&rt->arena, process, "env", JSON_ARRAY);
	uint64_t uid = 0;
	int r;

	(void)json_get_u64(json_get(process, "user"), "uid", &uid);
	if (!env)
		return no_memory(err);
	r = has_home(env) ? 1 : has_entry(root, uid);
	if (r < 0)
		return err_errno(err, r, "/etc/passwd of the container");
	if (r == 1)
		return 0;
	return json_append(&rt->arena, env, json_new_str(&rt->arena, "HOME=/")) < 0 ? no_memory(err)
										    : 1;
}

/* --- a tmpfs --- */

static bool has_mode(const struct json *mount)
{
	const struct json *options = json_get(mount, "options");

	for (size_t i = 0; json_is(options, JSON_ARRAY) && i < options->n; i++)
		if (slice_starts(options->items[i]->text, SLICE_LIT("mode=")))
			return true;
	return false;
}

static bool is_tmpfs(const struct json *mount)
{
	const char *type = json_get_str(mount, "type");

	return type && strcmp(type, "tmpfs") == 0 && json_get_str(mount, "destination");
}

/* What it covers is in a tmpfs that is mounted before it, and so not there. */
static bool is_within(const struct json *mounts, size_t at)
{
	const char *path = json_get_str(mounts->items[at], "destination");

	for (size_t i = 0; i < at; i++) {
		const char *above = json_get_str(mounts->items[i], "destination");
		size_t n = above ? strlen(above) : 0;

		if (is_tmpfs(mounts->items[i]) && strncmp(path, above, n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

static int keep_mode(struct runtime *rt, struct json *mount, int root, struct err *err)
{
	const char *path = json_get_str(mount, "destination");
	CLEANUP_FD int fd = at_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
	struct json *options;
	char mode[16];
	struct stat st;

	if (is_absent(fd))
		return 0; /* it is made by the lower runtime */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, fd < 0 ? fd : -errno, "tmpfs on %s", path);
	(void)snprintf(mode, sizeof(mode), "mode=%04o", st.st_mode & 07777);
	options = json_need(&rt->arena, mount, "options", JSON_ARRAY);
	if (!options || json_append(&rt->arena, options, json_new_str(&rt->arena, mode)) < 0)
		return no_memory(err);
	return 0;
}

static int keep_modes(struct runtime *rt, int root, struct err *err)
{
	const struct json *mounts = json_get(rt->spec, "mounts");
	int r = 0;

	for (size_t i = 0; json_is(mounts, JSON_ARRAY) && i < mounts->n && r == 0; i++)
		if (is_tmpfs(mounts->items[i]) && !has_mode(mounts->items[i]) &&
		    !is_within(mounts, i))
			r = keep_mode(rt, mounts->items[i], root, err);
	return r;
}

/* --- groups --- */

/* Engines name the process's own one twice. False: not here. */
static bool keep_groups(const struct json *process)
{
	struct json *groups = json_get(json_get(process, "user"), "additionalGids");
	size_t kept = 0;

	if (!json_is(groups, JSON_ARRAY))
		return false;
	for (size_t i = 0; i < groups->n; i++) {
		size_t k = 0;

		while (k < kept && !slice_eq(groups->items[k]->text, groups->items[i]->text))
			k++;
		if (k == kept)
			groups->items[kept++] = groups->items[i];
	}
	if (kept == groups->n)
		return false;
	groups->n = kept;
	return true;
}

int habits_keep(struct runtime *rt, int root, struct err *err)
{
	struct json *process = json_get(rt->spec, "process");
	int r = 0;

	if (!lower_is_crun(rt->lower))
		return 0;
	if (json_is(process, JSON_OBJECT)) {
		(void)keep_groups(process);
		r = keep_home(rt, process, root, err);
	}
	return r >= 0 ? keep_modes(rt, root, err) : r;
}

/* --- exec --- */

static int replace_file(struct runtime *rt, const struct json *process, char **file,
			struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(2 * ARGS_PROCESS_MAX);
	int fd = memfd_create("process", 0); /* the lower runtime reads it */
	int r = fd < 0 ? -errno : 0;

	json_emit(process, &text);
	if (r == 0)
		r = buf_ok(&text) ? fd_write_all(fd, text.p, text.n) : -ENOMEM;
	if (r < 0)
		return err_errno(err, r, "what is to run");
	*file = arena_printf(&rt->arena, "/proc/self/fd/%d", fd);
	return *file ? 0 : no_memory(err);
}

/* The container's root, or -errno: it does not run, and the lower runtime will say so. */
static int open_root(const struct runtime *rt)
{
	CLEANUP_BUF struct buf text = BUF_INIT(64);
	char path[64];
	uint32_t pid;
	int fd = rt->init_file ? file_read(rt->init_file, &text) : -ENOENT;

	if (fd < 0)
		return fd;
	if (num_parse_u32(buf_slice(&text), &pid) < 0)
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int habits_keep_exec(struct runtime *rt, struct err *err)
{
	char **file = args_process_file(&rt->args);
	CLEANUP_FD int root = -EBADF;
	struct json *process;
	bool other;
	int r;

	if (!file || !lower_is_crun(rt->lower) ||
	    runtime_read_json(rt, *file, ARGS_PROCESS_MAX, &process, NULL) < 0 ||
	    !json_is(process, JSON_OBJECT))
		return 0;
	root = open_root(rt);
	if (root < 0)
		return 0;
	other = keep_groups(process);
	r = keep_home(rt, process, root, err);
	if (r < 0)
		return r;
	return other || r == 1 ? replace_file(rt, process, file, err) : 0;
}
