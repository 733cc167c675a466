/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folders are read anew at each start, as engines do: what is compared is what is there now. A
 * file that changed in between names other things than the spec has, and these are refused.
 *
 * Engines (CDI's pkg/cdi) take a device from the last folder that has it, and from none if two
 * files of one folder have it. They also read YAML, which we do not: it is named where a device is
 * missing.
 */
#include "runtime/cdi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/util.h"
#include "policy/cdi.h"

#define FILE_MAX (4u << 20)
#define FILES_MAX 256

const char *const cdi_folders[] = { "/etc/cdi", "/var/run/cdi", NULL };

struct source {
	const char *path;
	int priority; /* of its folder */
	struct cdi_file file;
	bool used;
};

struct sources {
	struct arena *arena;
	struct source items[FILES_MAX];
	size_t n;
	const char *yaml; /* one of the files in YAML; NULL: there are none */
};

static int check_owner(int fd, const char *path, mode_t type, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if ((st.st_mode & S_IFMT) != type)
		return err_set(err, -EPERM, "CDI: %s is not a %s", path,
			       type == S_IFDIR ? "folder" : "file");
	if (st.st_uid == 0 && !(st.st_mode & 022))
		return 0;
	return err_set(
		err, -EPERM,
		"CDI: %s can be written by others than root (user %u, mode %03o), who could give "
		"containers any device; chown root and chmod go-w it",
		path, st.st_uid, st.st_mode & 07777);
}

static int read_file(struct sources *s, int dir, const char *folder, const char *name, int priority,
		     struct err *err)
{
	const char *path = arena_must(arena_printf(s->arena, "%s/%s", folder, name));
	bool yaml = slice_ends(slice_str(name), SLICE_LIT(".yaml"));
	CLEANUP_BUF struct buf text = BUF_INIT(FILE_MAX);
	CLEANUP_FD int fd = -EBADF;
	int r;

	if (!yaml && !slice_ends(slice_str(name), SLICE_LIT(".json")))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, -EPERM,
			       "CDI: %s is a symlink; put the file itself into the folder", path);
	if (fd < 0)
		return err_errno(err, -errno, "CDI: %s", path);
	r = check_owner(fd, path, S_IFREG, err);
	if (r < 0)
		return r;
	if (yaml) {
		s->yaml = path;
		return 0;
	}
	if (s->n == FILES_MAX)
		return err_set(err, -E2BIG, "CDI: more than %d files", FILES_MAX);
	r = file_read_fd(fd, &text);
	if (r < 0)
		return err_errno(err, r, "CDI: %s", path);
	s->items[s->n] = (struct source){ .path = path, .priority = priority };
	r = cdi_file_parse(s->arena, buf_slice(&text), &s->items[s->n].file, err);
	if (r < 0) {
		(void)err_wrap(err, "CDI: %s", path);
		return r;
	}
	s->n++;
	return 0;
}

static int read_folder(struct sources *s, const char *folder, int priority, struct err *err)
{
	CLEANUP_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_DIR DIR *dir = NULL;
	struct dirent *e;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, -errno, "CDI: %s", folder);
	r = check_owner(fd, folder, S_IFDIR, err);
	if (r < 0)
		return r;
	dir = fdopendir(fd);
	if (!dir)
		return err_errno(err, -errno, "CDI: %s", folder);
	(void)TAKE_FD(fd);
	while (r == 0 && (e = readdir(dir)))
		if (e->d_type != DT_DIR)
			r = read_file(s, dirfd(dir), folder, e->d_name, priority, err);
	return r;
}

static int missing(const struct sources *s, const char *const *folders, const char *name,
		   struct err *err)
{
	if (s->yaml)
		return err_set(
			err, -ENOENT,
			"CDI: device %s is in none of the JSON files; gabion does not read YAML "
			"(%s): convert it, with `nvidia-ctk cdi generate --format=json` for one "
			"of nvidia's",
			name, s->yaml);
	return err_set(err, -ENOENT, "CDI: device %s is in no file of %s and %s", name, folders[0],
		       folders[1] ? folders[1] : "no other folder");
}

static int find(struct sources *s, const char *const *folders, const char *name,
		struct source **ret_source, const struct json **ret_device, struct err *err)
{
	struct source *found = NULL;
	struct source *twin = NULL;
	struct slice kind;
	struct slice last;

	if (!cdi_name_split(slice_str(name), &kind, &last))
		return err_set(err, -EINVAL, "CDI: %s is not the name of a device", name);
	for (size_t i = 0; i < s->n; i++) {
		struct source *one = &s->items[i];

		if (!slice_eq(one->file.kind, kind) || !cdi_file_device(&one->file, last) ||
		    (found && one->priority < found->priority))
			continue;
		twin = found && found->priority == one->priority ? found : NULL;
		found = one;
	}
	if (!found)
		return missing(s, folders, name, err);
	if (twin)
		return err_set(err, -EEXIST, "CDI: device %s is in %s and in %s", name, twin->path,
			       found->path);
	*ret_source = found;
	*ret_device = cdi_file_device(&found->file, last);
	return 0;
}

/* What a file leaves out engines take from the node of the host. */
static int read_node(const struct json *node, struct cdi_node *ret, struct err *err)
{
	const char *path = json_get_str(node, "path");
	const char *host = json_get_str(node, "hostPath");
	const char *type = json_get_str(node, "type");
	const char *access = json_get_str(node, "permissions");
	struct device d = { type && *type ? *type : '\0', 0, 0 };
	struct stat st;

	if (!path || !*path)
		return err_set(err, -EINVAL,
			       "CDI: a device node without \"path\"; each entry of \"deviceNodes\" "
			       "needs one");
	(void)json_get_i64(node, "major", &d.major);
	(void)json_get_i64(node, "minor", &d.minor);
	host = host && *host ? host : path;
	if (!d.type || (!d.major && d.type != 'p')) {
		if (lstat(host, &st) < 0)
			return err_errno(err, -errno, "CDI: device node %s", host);
		if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode) && !S_ISFIFO(st.st_mode))
			return err_set(err, -ENODEV, "CDI: %s is not a device node", host);
		if (!d.type)
			d.type = S_ISCHR(st.st_mode) ? 'c' : S_ISBLK(st.st_mode) ? 'b' : 'p';
		if (!d.major) {
			d.major = major(st.st_rdev);
			d.minor = minor(st.st_rdev);
		}
	}
	if (d.type == 'u')
		d.type = 'c';
	*ret = (struct cdi_node){ path, d, access && *access ? access : "rwm" };
	return 0;
}

static int read_nodes(struct arena *a, struct cdi *c, struct err *err)
{
	const struct json *list = c->edits.nodes;
	int r = 0;

	c->nodes = arena_must(arena_array(a, (list ? list->n : 0) + 1, sizeof(*c->nodes)));
	c->nnodes = 0;
	for (size_t i = 0; list && r == 0 && i < list->n; i++) {
		r = read_node(list->items[i], &c->nodes[c->nnodes], err);
		c->nnodes += r == 0;
	}
	return r;
}

int cdi_load(struct arena *a, const char *const *folders, const struct json *names, struct cdi *ret,
	     struct err *err)
{
	struct sources *s = arena_must(arena_alloc(a, sizeof(*s)));
	int r = 0;

	s->arena = a;
	s->n = 0;
	s->yaml = NULL;
	for (int i = 0; r == 0 && folders[i]; i++)
		r = read_folder(s, folders[i], i, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names->n; i++) {
		const struct json *device = NULL;
		struct source *one = NULL;

		r = find(s, folders, json_str(names->items[i]), &one, &device, err);
		if (r < 0)
			return r;
		if (!one->used)
			r = cdi_edits_add(a, &ret->edits, one->file.edits);
		one->used = true;
		if (r == 0)
			r = cdi_edits_add(a, &ret->edits, json_get(device, "containerEdits"));
		if (r < 0)
			return err_errno(err, r, "CDI: %s", one->path);
	}
	return read_nodes(a, ret, err);
}

static bool same(const struct device *a, const struct device *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

const struct cdi_node *cdi_find_node(const struct cdi *c, const char *path, const struct device *d)
{
	for (size_t i = c->nnodes; i-- > 0;) /* engines keep the last one of a path */
		if (same(&c->nodes[i].d, d) && strcmp(c->nodes[i].path, path) == 0)
			return &c->nodes[i];
	return NULL;
}

bool cdi_opens(const struct cdi *c, const struct device *d)
{
	for (size_t i = 0; i < c->nnodes; i++)
		if (same(&c->nodes[i].d, d))
			return true;
	return false;
}
