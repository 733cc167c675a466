/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/creds.h"
#include "linux/mnt.h"
#include "oci/spec.h"
#include "runtime/runtime.h"

#define LINKS_MAX 40 /* as many as the kernel follows */

/* Cuts "/a/b" into "/a" and returns "b"; NULL when there is nothing to cut. */
static const char *cut_last(char *path)
{
	char *slash;
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	slash = strrchr(path, '/');
	if (!slash || slash[1] == '\0')
		return NULL;
	*slash = '\0';
	return slash + 1;
}

/* The folder `path`, made with all above it where missing. Paths shrink with each step. */
static int make_folder(int root, const char *path)
{
	char parent[PATH_MAX];
	CLEANUP_FD int above = -EBADF;
	const char *name;
	int fd = at_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;
	(void)snprintf(parent, sizeof(parent), "%s", path);
	name = cut_last(parent);
	if (!name)
		return -ENOENT;
	above = make_folder(root, parent[0] ? parent : "/");
	if (above < 0)
		return above;
	if (mkdirat(above, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return at_open_in_root(root, path, O_PATH | O_DIRECTORY, 0);
}

static int make_file(int root, const char *path)
{
	char parent[PATH_MAX];
	CLEANUP_FD int above = -EBADF;
	CLEANUP_FD int made = -EBADF;
	const char *name;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	name = cut_last(parent);
	if (!name)
		return -EINVAL;
	above = make_folder(root, parent[0] ? parent : "/");
	if (above < 0)
		return above;
	made = openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (made < 0)
		return -errno;
	return at_open_in_root(root, path, O_PATH, 0);
}

/* The path of fd, which is in the root, and more after it; NULL when that is unknown. */
static const char *path_in_root(struct runtime *rt, int root, int fd, const char *rest)
{
	char path[PATH_MAX];
	char top[PATH_MAX];

	if (at_path_of(fd, path, sizeof(path)) < 0 || at_path_of(root, top, sizeof(top)) < 0 ||
	    strncmp(path, top, strlen(top)) != 0)
		return NULL;
	return arena_must(arena_printf(&rt->arena, "%s%s", path + strlen(top), rest));
}

/* Not there, or nothing that leads on; anything else is a failure, which must not pass for that. */
static bool leads_nowhere(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV || r == -ENAMETOOLONG;
}

/* `head` and `rest` with what a symlink `head` says in its place; NULL when it is none. */
static const char *follow(struct runtime *rt, int root, const char *head, const char *rest,
			  int *failed)
{
	CLEANUP_FD int link = at_open_in_root(root, head, O_PATH | O_NOFOLLOW, 0);
	const char *slash = strrchr(head, '/');
	char to[PATH_MAX];
	ssize_t n = link < 0 ? -1 : readlinkat(link, "", to, sizeof(to));

	if (link < 0 && !leads_nowhere(link))
		*failed = link;
	else if (link >= 0 && n < 0 && errno != EINVAL && errno != ENOENT)
		*failed = -errno;
	if (n <= 0 || (size_t)n >= sizeof(to))
		return NULL;
	to[n] = '\0';
	if (to[0] == '/' || !slash)
		return arena_must(arena_printf(&rt->arena, "%s%s", to, rest));
	return arena_must(
		arena_printf(&rt->arena, "%.*s/%s%s", (int)(slash - head), head, to, rest));
}

/* Where `dest` leads in the root: without symlinks as far as it is there, also those that lead to
 * what is not there yet (/etc/resolv.conf of systems with systemd-resolved). */
static const char *real_path(struct runtime *rt, int root, const char *dest, int *failed)
{
	const char *path = dest;
	char head[PATH_MAX];

	for (int links = 0; path && links < LINKS_MAX && strlen(path) < sizeof(head); links++) {
		const char *to = NULL;

		memcpy(head, path, strlen(path) + 1);
		do {
			const char *rest = path + strlen(head);
			CLEANUP_FD int fd = at_open_in_root(root, head[0] ? head : "/", O_PATH, 0);

			if (fd >= 0) {
				to = path_in_root(rt, root, fd, rest);
				return to ? to : dest;
			}
			if (!leads_nowhere(fd))
				*failed = fd;
			to = *failed ? NULL : follow(rt, root, head, rest, failed);
		} while (!to && !*failed && cut_last(head));
		path = to;
	}
	return dest;
}

int target_open(struct runtime *rt, int root, const char *dest, bool dir)
{
	int fd = at_open_in_root(root, dest, O_PATH | (dir ? O_DIRECTORY : 0), 0);
	int failed = 0;
	int token;
	int end;

	if (fd != -ENOENT)
		return fd;
	dest = real_path(rt, root, dest, &failed);
	if (failed)
		return failed;
	if (strlen(dest) >= PATH_MAX)
		return -ENAMETOOLONG;
	token = creds_fs_begin(rt->base);
	if (token < 0)
		return token;
	fd = dir ? make_folder(root, dest) : make_file(root, dest);
	end = creds_fs_end(token);
	if (end < 0 && fd >= 0) {
		(void)fd_close(fd);
		return end;
	}
	return fd;
}

static const struct bind *bind_of(const struct runtime *rt, const struct json *mount)
{
	for (size_t i = 0; i < rt->nbinds; i++)
		if (rt->binds[i].mount == mount)
			return &rt->binds[i];
	return NULL;
}

/* Same path or below it, dots and doubled slashes aside (engines write clean destinations). */
static bool lies_on(const char *dest, const char *other)
{
	size_t n = strlen(other);

	while (n > 1 && other[n - 1] == '/')
		n--;
	return n > 1 && strncmp(dest, other, n) == 0 && (dest[n] == '/' || dest[n] == '\0');
}

int target_find_covers(struct runtime *rt, int root, struct target_covers *ret)
{
	size_t n = oci_mount_count(rt->spec);
	int failed = 0;

	*ret = (struct target_covers){ .n = 0 };
	ret->c = arena_must(arena_array(&rt->arena, n + 1, sizeof(*ret->c)));
	for (size_t i = 0; i < n; i++) {
		const struct json *m = oci_mount_get(rt->spec, i);
		const char *dest = json_get_str(m, "destination");

		if (dest && !bind_of(rt, m))
			ret->c[ret->n++] =
				(struct target_cover){ .mount = m,
						       .path = real_path(rt, root, dest, &failed) };
	}
	return failed;
}

int target_covered(struct runtime *rt, int root, const struct target_covers *covers,
		   const struct json *mount)
{
	int failed = 0;
	const char *path = real_path(rt, root, json_get_str(mount, "destination"), &failed);

	if (failed)
		return failed;
	for (size_t i = 0; i < covers->n; i++)
		if (covers->c[i].mount != mount && lies_on(path, covers->c[i].path))
			return true;
	return false;
}

int target_lock_root(struct runtime *rt, int root, struct err *err)
{
	struct mnt_attr attr = { .userns = -EBADF, .set = MOUNT_ATTR_RDONLY };
	struct target_covers covers;
	int r;

	r = target_find_covers(rt, root, &covers);
	if (r < 0)
		return err_errno(err, r, "places of mounts in the root file system");
	for (size_t i = 0; i < oci_mount_count(rt->spec); i++) {
		const struct json *m = oci_mount_get(rt->spec, i);
		const char *dest = json_get_str(m, "destination");
		CLEANUP_FD int fd = -EBADF;

		r = dest ? target_covered(rt, root, &covers, m) : 1;
		if (r < 0)
			return err_errno(err, r, "place of the mount on %s", dest);
		if (r > 0)
			continue;
		fd = target_open(rt, root, dest, true);
		if (fd < 0)
			return err_errno(err, fd, "place for the mount on %s", dest);
	}
	r = mnt_prepare(root, &attr);
	return r < 0 ? err_errno(err, r, "root file system: read-only") : 0;
}
