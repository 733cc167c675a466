/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extracting an archive below one path, as moby does for PUT /containers/{id}/archive.
 *
 * The path is resolved once, its last part too, and must be a directory; everything else happens
 * relative to that descriptor. Names in the archive that lead out of it are refused, leading
 * slashes dropped; the extraction root itself is left as it is. Symlinks on the way are followed as
 * in the container: an absolute one starts at its root (as with Docker 20.10 to 28; later versions
 * start at the destination). What is in the way is removed first, but a directory stays for a
 * directory and gets the new metadata; JOB_NO_OVERWRITE_DIR forbids to replace a directory by
 * something else and the other way round. Missing parents are made 0755 and the root's. Whose the
 * files are: owner.h. Devices cannot be made in a user namespace. Global PAX headers are ignored.
 * An error leaves what was extracted by then.
 */
#include "cp/put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/util.h"
#include "cp/status.h"

#define DIRS_MAX (256u << 20) /* bytes of names, and of entries, of directories in one archive */
#define PASSWD_MAX (16u << 20)

struct put_dir {
	size_t name; /* in names */
	struct timespec times[2];
};

int put_later(struct put *p, const char *name, const struct timespec times[2])
{
	struct put_dir d = { .name = p->names.n, .times = { times[0], times[1] } };

	buf_add(&p->names, name, strlen(name) + 1);
	buf_add(&p->dirs, &d, sizeof(d));
	return buf_ok(&p->names) && buf_ok(&p->dirs) ? 0 : -ENOMEM;
}

/* Opens one directory of a path, made if it is missing. Follows symlinks. */
static int step_into(int dir, const char *name)
{
	int fd = fs_open(dir, name, O_PATH | O_DIRECTORY, 0, FS_FOLLOW);

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return fs_open(dir, name, O_PATH | O_DIRECTORY, 0, FS_FOLLOW);
}

static int make_parents(int dest, const char *path)
{
	CLEANUP_BUF struct buf part = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_FD int dir = fd_copy(dest);
	struct slice rest = slice_str(path);
	struct slice one;

	while (dir >= 0 && slice_split(&rest, '/', &one)) {
		int next;

		buf_reset(&part);
		buf_add_slice(&part, one);
		if (!buf_ok(&part))
			return -ENAMETOOLONG;
		next = step_into(dir, part.p);
		if (next < 0)
			return next;
		(void)fd_close(dir);
		dir = next;
	}
	return TAKE_FD(dir);
}

int put_open_parent(struct put *p, const char *path, bool make, const char **ret_base)
{
	CLEANUP_BUF struct buf parent = BUF_INIT(PATH_TEXT_MAX);
	const char *slash = strrchr(path, '/');
	int fd;

	*ret_base = slash ? slash + 1 : path;
	if (!slash)
		return fd_copy(p->dest);
	buf_add(&parent, path, (size_t)(slash - path));
	if (!buf_ok(&parent))
		return -ENAMETOOLONG;
	fd = fs_open(p->dest, parent.p, O_PATH | O_DIRECTORY, 0, FS_FOLLOW);
	if (fd == -ENOENT && make)
		fd = make_parents(p->dest, parent.p);
	return fd;
}

static void forget_parent(struct put *p)
{
	p->parent = fd_close(p->parent);
	buf_reset(&p->parent_name);
}

/* The parent of name, from the last entry if it is the same. Nothing is put below /proc and the
 * like: a plain copy has no business with kernel interfaces. */
static int find_parent(struct put *p, const char *name, struct place *at, struct err *err)
{
	const char *slash = strrchr(name, '/');
	struct slice parent = { name, slash ? (size_t)(slash - name) : 0 };
	struct fs_mount m;
	int r;

	at->base = slash ? slash + 1 : name;
	if (p->parent < 0 || !slice_eq(parent, buf_slice(&p->parent_name))) {
		forget_parent(p);
		p->parent = put_open_parent(p, name, true, &at->base);
		if (p->parent < 0)
			return status_fail(err, p->parent, "mkdir", at->full);
		buf_add_slice(&p->parent_name, parent);
		r = fs_mount(p->parent, &m);
		if (r < 0)
			return status_fail(err, r, "statx", at->full);
		if (m.pseudo)
			return status_fail(err, -EPERM, "open", at->full);
	}
	at->dir = p->parent;
	return 0;
}

/* Makes room: 0 when the place is free or has a directory for a directory. */
static int clear(struct put *p, const struct place *at, const struct tar_entry *e, struct err *err)
{
	bool keep = p->w->job->flags & JOB_NO_OVERWRITE_DIR;
	struct stat st;
	int r;

	if (fstatat(at->dir, at->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : status_fail(err, -errno, "lstat", at->full);
	if (keep && S_ISDIR(st.st_mode) && e->type != TAR_DIR)
		return err_set(err, -EEXIST,
			       "cannot overwrite directory \"%s\" with non-directory \"%s\"",
			       at->full, p->where.p);
	if (keep && !S_ISDIR(st.st_mode) && e->type == TAR_DIR)
		return err_set(err, -EEXIST,
			       "cannot overwrite non-directory \"%s\" with directory \"%s\"",
			       at->full, p->where.p);
	if (S_ISDIR(st.st_mode) && e->type == TAR_DIR)
		return 0;
	r = fs_remove(at->dir, at->base);
	return r < 0 ? status_fail(err, r, "unlinkat", at->full) : 0;
}

static int extract_one(struct put *p, const struct tar_entry *e, struct err *err)
{
	CLEANUP_BUF struct buf name = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_BUF struct buf full = BUF_INIT(PATH_TEXT_MAX);
	struct place at;
	int r = path_entry(&name, e->name);

	if (r == PATH_ENTRY_ROOT)
		return 0;
	if (r < 0)
		return err_set(err, r, "invalid entry name \"%s\"", e->name);
	buf_add_slice(&full, buf_slice(&p->where));
	if (p->where.n > 1)
		buf_add_char(&full, '/');
	buf_add_slice(&full, buf_slice(&name));
	if (!buf_ok(&full))
		return err_errno(err, -ENAMETOOLONG, "open");
	at = (struct place){ .name = name.p, .full = full.p };
	r = find_parent(p, name.p, &at, err);
	if (r == 0)
		r = clear(p, &at, e, err);
	if (r == 0)
		r = entry_make(p, &at, e, err);
	/* Only plain files leave all paths to directories as they were. */
	if (e->type != TAR_FILE)
		forget_parent(p);
	return r;
}

/* Directories get their times last, as what was made in them changed them. One that has gone, or is
 * no directory any more, needs none. */
static int set_dir_times(struct put *p, struct err *err)
{
	size_t n = p->dirs.n / sizeof(struct put_dir);

	for (size_t i = 0; i < n; i++) {
		CLEANUP_FD int parent = -EBADF;
		struct put_dir d;
		struct stat st;
		const char *base;

		memcpy(&d, p->dirs.p + i * sizeof(d), sizeof(d));
		parent = put_open_parent(p, p->names.p + d.name, false, &base);
		if (parent < 0 || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISDIR(st.st_mode))
			continue;
		if (utimensat(parent, base, d.times, AT_SYMLINK_NOFOLLOW) < 0)
			return status_fail(err, -errno, "chtimes", p->names.p + d.name);
	}
	return 0;
}

static int extract(struct put *p, struct err *err)
{
	const struct tar_entry *e;
	int r;

	for (;;) {
		r = tar_next(&p->tar, &e, err);
		if (r < 0)
			return r;
		if (r == TAR_END)
			return set_dir_times(p, err);
		r = extract_one(p, e, err);
		if (r < 0)
			return r;
	}
}

/* Opens the destination and says what moby says of one that will not do. */
static int open_dest(struct put *p, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PATH_TEXT_MAX);
	struct fs_mount root;
	struct fs_mount m;
	struct stat st;
	int r;

	path_absolute(&text, p->w->job->path);
	if (!buf_ok(&text))
		return err_errno(err, -ENAMETOOLONG, "lstat");
	p->dest = fs_open(p->w->root, text.p, O_PATH, 0, FS_IN_ROOT);
	if (p->dest < 0)
		return status_fail(err, p->dest, "lstat", text.p);
	if (fstat(p->dest, &st) < 0)
		return status_fail(err, -errno, "lstat", text.p);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "extraction point is not a directory");
	r = fs_follow(p->w->root, text.p, &p->where);
	if (r < 0)
		return status_fail(err, r, "lstat", text.p);
	r = fs_mount(p->dest, &m);
	if (r == 0)
		r = fs_mount(p->w->root, &root);
	if (r < 0)
		return status_fail(err, r, "statx", text.p);
	if (m.pseudo)
		return status_fail(err, -EPERM, "open", text.p);
	if (m.read_only)
		return err_set(err, -EROFS, "%s is marked read-only",
			       m.id == root.id ? "container rootfs" : "mounted volume");
	return 0;
}

/* A file of the container's, empty when it has none. */
static int read_small(int root, const char *path, struct buf *b)
{
	CLEANUP_FD int fd = fs_open(root, path, O_RDONLY, 0, FS_IN_ROOT);
	struct stat st;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? file_read_fd(fd, b) : -EINVAL;
}

static int choose_owner(struct put *p, struct err *err)
{
	CLEANUP_BUF struct buf passwd = BUF_INIT(PASSWD_MAX);
	CLEANUP_BUF struct buf group = BUF_INIT(PASSWD_MAX);
	const struct job *job = p->w->job;
	struct owner_files files;
	int r;

	p->owner = (struct owner){ .size = job->size };
	if (!(job->flags & JOB_COPY_UIDGID) || !job->user)
		return 0;
	r = read_small(p->w->root, "/etc/passwd", &passwd);
	if (r < 0)
		return status_fail(err, r, "open", "/etc/passwd");
	r = read_small(p->w->root, "/etc/group", &group);
	if (r < 0)
		return status_fail(err, r, "open", "/etc/group");
	files = (struct owner_files){ .passwd = buf_slice(&passwd), .group = buf_slice(&group) };
	p->owner.fixed = true;
	return owner_lookup(job->user, &files, &p->owner.uid, &p->owner.gid, err);
}

static void put_done(struct put *p)
{
	p->dest = fd_close(p->dest);
	forget_parent(p);
	buf_done(&p->parent_name);
	buf_done(&p->where);
	buf_done(&p->dirs);
	buf_done(&p->names);
	tar_done(&p->tar);
}

int work_put(const struct work *w, struct err *err)
{
	struct put p = { .w = w,
			 .dest = -EBADF,
			 .parent = -EBADF,
			 .where = BUF_INIT(PATH_TEXT_MAX),
			 .parent_name = BUF_INIT(PATH_TEXT_MAX),
			 .dirs = BUF_INIT(DIRS_MAX),
			 .names = BUF_INIT(DIRS_MAX) };
	struct source *source = NULL;
	int r = open_dest(&p, err);

	if (r == 0)
		r = choose_owner(&p, err);
	if (r == 0)
		r = source_open(w->job->fd, &source, err);
	if (r == 0) {
		tar_init(&p.tar, source);
		r = extract(&p, err);
		/* "not-found" is about the destination; here it is a link's target, or a race. */
		if (r == -ENOENT)
			r = err->code = -EINVAL;
	}
	if (r == 0) {
		r = status_done(w->job->status_fd);
		source_drain(source);
	}
	put_done(&p);
	source = source_free(source);
	return r;
}
