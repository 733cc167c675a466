/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process: a working directory that names a descriptor of the runtime (CVE-2024-21626) is
 * refused, also where it is hidden by dots, slashes, or symlinks of the image. Capabilities stay as
 * the engine granted them: they hold in the container's user namespace only. A seccomp filter that
 * reports to a socket of the host is refused: the lower runtime would connect there as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "linux/at.h"
#include "policy/texts.h"
#include "runtime/edit.h"
#include "runtime/runtime.h"

#define PARTS_MAX 256
#define LINKS_MAX 40

/* The parts walked so far: a place that the kernel would leave by a link of its own? */
static bool is_descriptor(const struct slice *p, size_t n)
{
	if (n >= 2 && slice_eq_str(p[0], "dev") && slice_eq_str(p[1], "fd"))
		return true;
	return n >= 3 && slice_eq_str(p[0], "proc") &&
	       (slice_eq_str(p[2], "fd") || slice_eq_str(p[2], "cwd") ||
		slice_eq_str(p[2], "root") || slice_eq_str(p[2], "task") ||
		slice_eq_str(p[2], "map_files"));
}

/* Walks by name, asking after every step: the kernel has followed a link before it reads a "..". */
static bool names_descriptor(const char *cwd)
{
	struct slice parts[PARTS_MAX];
	struct slice rest = slice_str(cwd);
	struct slice part;
	size_t n = 0;

	while (slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, "..")) {
			n -= n > 0;
			continue;
		}
		if (n == PARTS_MAX)
			return true;
		parts[n++] = part;
		if (is_descriptor(parts, n))
			return true;
	}
	return false;
}

static int refuse(const char *cwd, struct err *err)
{
	return err_set(err, -EPERM,
		       "working directory %s is refused: it could be a descriptor of the runtime, "
		       "outside of the "
		       "container",
		       cwd);
}

/* The text of path's first symlink put in its place: 1, 0 when it has none, -errno when that cannot
 * be known. */
static int follow_one(struct arena *a, int root, const char *path, const char **ret)
{
	struct slice all = slice_str(path);

	for (size_t at = 1; at <= all.n; at++) {
		char target[PATH_MAX];
		CLEANUP_FD int fd = -EBADF;
		const char *prefix;
		const char *slash;
		ssize_t n;

		if (at < all.n && path[at] != '/')
			continue;
		prefix = arena_must(arena_dup(a, path, at));
		fd = at_open_in_root(root, prefix, O_PATH | O_NOFOLLOW, 0);
		if (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES)
			return 0;
		if (fd < 0)
			return fd;
		n = readlinkat(fd, "", target, sizeof(target) - 1);
		if (n <= 0) /* readlinkat(2) on anything but a symlink: EINVAL or ENOENT */
			continue;
		target[n] = '\0';
		slash = strrchr(prefix, '/');
		*ret = target[0] == '/' ? arena_printf(a, "%s%s", target, path + at)
					: arena_printf(a, "%.*s/%s%s", (int)(slash - prefix),
						       prefix, target, path + at);
		(void)arena_must((void *)*ret);
		return 1;
	}
	return 0;
}

int process_check_cwd(struct runtime *rt, int root, struct err *err)
{
	const char *cwd = json_get_str(json_get(rt->spec, "process"), "cwd");
	const char *path = cwd;
	int r;

	if (!cwd)
		return 0;
	for (int links = 0; links < LINKS_MAX; links++) {
		if (names_descriptor(path))
			return refuse(cwd, err);
		r = follow_one(&rt->arena, root, path, &path);
		if (r <= 0)
			return r < 0 ? err_errno(err, r, "working directory %s", cwd) : 0;
	}
	return err_set(err, -ELOOP, "working directory %s: too many symlinks", cwd);
}

int edit_process(struct runtime *rt, struct err *err)
{
	const struct json *process = json_get(rt->spec, "process");
	const char *cwd = json_get_str(process, "cwd");
	const char *listener = json_get_str(json_at(rt->spec, "linux.seccomp"), "listenerPath");

	if (cwd && cwd[0] != '/')
		return err_set(err, -EINVAL, "working directory %s is not absolute", cwd);
	if (cwd && names_descriptor(cwd))
		return refuse(cwd, err);
	if (listener && *listener)
		return err_set(err, -EPERM, TEXT_SECCOMP_LISTENER, listener);
	return 0;
}
