/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/dockerdata.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "linux/mountinfo.h"
#include "runtime/runtime.h"
#include "runtime/source.h"

#define NAME_LIMIT 256
#define RECORD_MAX (16u << 20) /* of a container, by the engine */
#define DEPTH_MAX 8	       /* slashes in the name of an image */

static const char safe_mount[] = "tmp/safe-mount";

bool dockerdata_is_part(const char *rest)
{
	return strncmp(rest, safe_mount, strlen(safe_mount)) == 0;
}

struct search {
	struct runtime *rt;
	const struct mountinfo_entry *part;
	const char *inner; /* what follows the part's mount point */
	const char *path;
	const char *point;
};

/* What follows `folder` in `path`, "" when they are equal, NULL when it is not below. */
static const char *after(const char *path, const char *folder)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	if (strncmp(path, folder, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n;
}

static int look(const struct mountinfo_entry *m, void *data)
{
	struct search *s = data;
	const char *rest = after(s->part->root, m->root);
	const char *root;
	const char *name;

	if (m->dev_major != s->part->dev_major || m->dev_minor != s->part->dev_minor || !rest)
		return 0;
	name = arena_must(arena_printf(&s->rt->arena, "%s%s%s",
				       strcmp(m->point, "/") == 0 ? "" : m->point,
				       strcmp(rest, "/") == 0 ? "" : rest, s->inner));
	rest = source_below_root(s->rt, name, &root);
	if (!rest || dockerdata_is_part(rest))
		return 0;
	s->path = name;
	s->point = arena_must(arena_strdup(&s->rt->arena, m->point));
	return 1;
}

int dockerdata_whole(struct runtime *rt, uint64_t mnt_id, const char *path, const char **ret_path,
		     const char **ret_point, struct err *err)
{
	struct mountinfo_entry part;
	struct search s = { .rt = rt, .part = &part };
	struct slice info;
	int r;

	r = runtime_mountinfo(rt, &info, err);
	if (r == 0)
		r = mountinfo_find(&rt->arena, info, mnt_id, &part, err);
	if (r != 0)
		return r;
	s.inner = after(path, part.point);
	if (!s.inner)
		return 1;
	r = mountinfo_each(info, look, &s, err);
	if (r <= 0)
		return r < 0 ? r : 1;
	*ret_path = s.path;
	*ret_point = s.point;
	return 0;
}

/* "overlay2/LAYER/…" and "vfs/dir/LAYER/…": the driver and the layer. */
static bool split_layer(const char *rest, struct slice *driver, struct slice *layer)
{
	struct slice path = slice_str(rest);

	if (!slice_split(&path, '/', driver) || !slice_split(&path, '/', layer))
		return false;
	if (slice_eq_str(*driver, "vfs"))
		return slice_eq_str(*layer, "dir") && slice_split(&path, '/', layer);
	return slice_eq_str(*driver, "overlay2");
}

/* Whether the file's text is the name; engines write no newline, but one does not matter. */
static bool holds_name(int dirfd, const char *file, struct slice name)
{
	CLEANUP_BUF struct buf text = BUF_INIT(NAME_LIMIT);
	struct slice rest;
	struct slice line;

	if (file_read_at(dirfd, file, &text) < 0)
		return false;
	rest = buf_slice(&text);
	return slice_split(&rest, '\n', &line) && slice_eq(line, name);
}

/* Whether a mount-id below dirfd is the layer: in folders whose name begins with `prefix`, or at
 * any depth below those. */
static bool search_below(int dirfd, const char *prefix, struct slice layer, int depth)
{
	CLEANUP_FD int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir)
		return false;
	(void)TAKE_FD(fd);
	while ((e = readdir(dir))) {
		CLEANUP_FD int sub = -EBADF;

		if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		sub = openat(dirfd, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0 && (holds_name(sub, "mount-id", layer) ||
				 (depth > 0 && search_below(sub, "", layer, depth - 1))))
			return true;
	}
	return false;
}

static int open_mounts(const char *root, struct slice driver)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/image/%.*s/layerdb/mounts", root,
			 SLICE_ARG(driver));

	return n < 0 || (size_t)n >= sizeof(path)
		       ? -ENAMETOOLONG
		       : open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool dockerdata_is_image_mount(const char *root, const char *rest, const char *id)
{
	struct slice driver;
	struct slice layer;
	CLEANUP_FD int dir =
		split_layer(rest, &driver, &layer) ? open_mounts(root, driver) : -EBADF;
	char prefix[NAME_LIMIT];
	int n = snprintf(prefix, sizeof(prefix), "%s-", id);

	return dir >= 0 && n > 1 && (size_t)n < sizeof(prefix) &&
	       search_below(dir, prefix, layer, DEPTH_MAX);
}

int dockerdata_requests(struct runtime *rt, const struct json **ret, struct err *err)
{
	*ret = NULL;
	for (const char *const *root = source_engine_roots(rt); *root; root++) {
		struct json *doc;
		char path[PATH_MAX];
		int r;

		(void)snprintf(path, sizeof(path), "%s/containers/%s/hostconfig.json", *root,
			       rt->args.id);
		r = runtime_read_json(rt, path, RECORD_MAX, &doc, err);
		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		if (r < 0)
			return r;
		*ret = json_get(doc, "DeviceRequests");
		if (!json_is(*ret, JSON_ARRAY))
			*ret = NULL;
		return 0;
	}
	return 0;
}

int dockerdata_image(struct runtime *rt, const char **ret_id, const char **ret_asked)
{
	for (const char *const *root = source_engine_roots(rt); *root; root++) {
		struct json *doc;
		const char *id;
		const char *asked;
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/containers/%s/config.v2.json", *root,
			       rt->args.id);
		if (runtime_read_json(rt, path, RECORD_MAX, &doc, NULL) < 0)
			continue;
		id = json_get_str(doc, "Image");
		asked = json_get_str(json_get(doc, "Config"), "Image");
		if (!id || !asked)
			continue;
		*ret_id = id;
		*ret_asked = asked;
		return 0;
	}
	return -ENOENT;
}
