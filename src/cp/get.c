/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archiving one path, as moby does for GET /containers/{id}/archive.
 *
 * Names: the base name of the path as it was asked for stands for what is archived: /etc and /etc/
 * give "etc/", "etc/passwd"; /etc/. gives "./", "./passwd"; / gives "/", "/etc/". Order: a
 * directory before what it has, names sorted by their bytes. Owners are ids as seen inside, times
 * whole seconds, no names of users. Sockets are left out. The only attribute that is carried is
 * security.capability. A file with several names is archived under the first and a link from then
 * on. Symlinks are archived, never followed below the path asked for.
 *
 * Moby mounts only root and volumes to copy. So what lies below proc, sysfs, a --tmpfs or /dev is
 * not archived when one comes upon it from above (its mount point is, as an empty directory); a
 * --tmpfs that is asked for by its own path is, which moby cannot do.
 *
 * A file that vanishes or changes its type meanwhile is left out, one that shrinks is filled up
 * with zeros, one that cannot be read is left out too, but then the answer after the stream is an
 * error.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/util.h"
#include "cp/fs.h"
#include "cp/inodes.h"
#include "cp/mounts.h"
#include "cp/status.h"
#include "cp/work.h"

#define HEAD_MAX (4u << 20)
#define CAPABILITY_MAX 64u

/* A directory on the way to where we are. */
struct frame {
	int fd;
	struct fs_names names;
	size_t next;   /* in names */
	size_t name_n; /* length of its own name in get.name */
	uint64_t mount;
	bool hide_devices; /* its nodes are the runtime's, not the image's */
};

struct get {
	const struct work *w;
	struct sink sink;
	struct buf head;
	struct buf name; /* of the current entry in the archive, directories without their slash */
	struct inodes seen;
	struct frame *frames; /* owned, FS_DEPTH_MAX */
	size_t depth;
	struct err problem; /* the first thing that could not be archived */
};

static void note(struct get *g, int r, const char *op)
{
	if (g->problem.code == 0)
		(void)status_fail(&g->problem, r, op, g->name.n ? g->name.p : "/");
}

static unsigned char type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return TAR_FILE;
	case S_IFDIR:
		return TAR_DIR;
	case S_IFLNK:
		return TAR_SYMLINK;
	case S_IFCHR:
		return TAR_CHAR;
	case S_IFBLK:
		return TAR_BLOCKDEV;
	case S_IFIFO:
		return TAR_FIFO;
	default:
		return '\0'; /* a socket */
	}
}

/* As moby: revision 3 names a user namespace's root, which means nothing outside; without that
 * field it is revision 2. Returns its bytes in p, none when the file has no capabilities. */
static struct slice read_capability(int fd, char p[CAPABILITY_MAX])
{
	ssize_t n = fgetxattr(fd, "security.capability", p, CAPABILITY_MAX);

	if (n < 4)
		return (struct slice){ p, 0 };
	if (p[3] == 3 && n > 20) {
		p[3] = 2;
		n = 20;
	}
	return (struct slice){ p, (size_t)n };
}

static int emit(struct get *g, const struct stat *st, struct tar_entry e)
{
	bool device = e.type == TAR_CHAR || e.type == TAR_BLOCKDEV;

	if (e.type == TAR_DIR)
		buf_add_char(&g->name, '/');
	if (!buf_ok(&g->name))
		return -ENAMETOOLONG;
	e.name = g->name.p;
	e.mode = st->st_mode & 07777;
	e.uid = st->st_uid;
	e.gid = st->st_gid;
	e.mtime.sec = st->st_mtim.tv_sec;
	e.devmajor = device ? major(st->st_rdev) : 0;
	e.devminor = device ? minor(st->st_rdev) : 0;
	buf_reset(&g->head);
	tar_emit(&g->head, &e);
	if (e.type == TAR_DIR) {
		g->name.n--;
		g->name.p[g->name.n] = '\0';
	}
	return buf_ok(&g->head) ? sink_add(&g->sink, g->head.p, g->head.n) : -ENOMEM;
}

/* Sends size bytes of fd, then padding. What cannot be had any more is zeros. */
static int send_content(struct get *g, int fd, uint64_t size)
{
	uint64_t left = size;

	while (left > 0) {
		char *to;
		size_t room;
		ssize_t k;
		int r = sink_room(&g->sink, &to, &room);

		if (r < 0)
			return r;
		k = read(fd, to, (size_t)MIN((uint64_t)room, left));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			note(g, -errno, "read");
		if (k <= 0)
			break;
		sink_commit(&g->sink, (size_t)k);
		left -= (uint64_t)k;
	}
	return sink_zeros(&g->sink, left + tar_padding(size));
}

/* Is this a further name of something that is in the archive already? Then that one's name. */
static int first_name(struct get *g, const struct stat *st, const char **ret)
{
	*ret = NULL;
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return 0;
	return inodes_name(&g->seen, st->st_dev, st->st_ino, g->name.p, ret);
}

/* A regular file that is open for reading. */
static int add_file(struct get *g, int fd, const struct stat *st)
{
	char capability[CAPABILITY_MAX];
	struct tar_entry e = { .type = TAR_FILE, .size = st->st_size };
	int r = first_name(g, st, &e.link);

	if (r < 0)
		return r;
	e.capability = read_capability(fd, capability);
	if (e.link) {
		e.type = TAR_LINK;
		e.size = 0;
		return emit(g, st, e);
	}
	r = emit(g, st, e);
	return r < 0 ? r : send_content(g, fd, (uint64_t)st->st_size);
}

/* Anything that is archived without opening it. */
static int add_special(struct get *g, int dirfd, const char *name, const struct stat *st)
{
	char link[PATH_MAX + 1];
	struct tar_entry e = { .type = type_of(st->st_mode) };
	int r;

	if (e.type == '\0')
		return 0;
	r = first_name(g, st, &e.link);
	if (r < 0)
		return r;
	if (e.link) {
		e.type = TAR_LINK;
	} else if (e.type == TAR_SYMLINK) {
		ssize_t k = readlinkat(dirfd, name, link, sizeof(link) - 1);

		if (k < 0)
			return 0; /* gone, or no link any more */
		link[k] = '\0';
		e.link = link;
	}
	return emit(g, st, e);
}

/* Does the walk stop at this directory? above: the mount that it was reached from, 0 at the top. */
static bool is_leaf(struct get *g, const struct fs_mount *m, uint64_t above)
{
	if (m->pseudo)
		return true;
	return m->memory && above != 0 && m->id != above && mounts_scratch(g->w->mountinfo, m->id);
}

/* A directory that is open for reading: archives it, and makes it the current one unless the walk
 * stops there. */
static int enter_dir(struct get *g, int take_fd, const struct stat *st, uint64_t above)
{
	CLEANUP_FD int fd = take_fd;
	struct frame *f = &g->frames[g->depth];
	struct fs_mount m;
	int r = fs_mount(fd, &m);

	if (r == 0)
		r = emit(g, st, (struct tar_entry){ .type = TAR_DIR });
	if (r < 0 || is_leaf(g, &m, above))
		return r;
	if (g->depth == FS_DEPTH_MAX || g->name.n >= PATH_MAX) {
		note(g, -ENAMETOOLONG, "open");
		return 0;
	}
	*f = (struct frame){ .name_n = g->name.n,
			     .mount = m.id,
			     .hide_devices = m.memory && mounts_scratch(g->w->mountinfo, m.id) };
	r = fs_names_read(fd, &f->names);
	if (r < 0) {
		note(g, r, "readdirent");
		return r == -ENOMEM ? r : 0;
	}
	f->fd = TAKE_FD(fd);
	g->depth++;
	return 0;
}

static void leave_dir(struct get *g)
{
	struct frame *f = &g->frames[--g->depth];

	fs_names_done(&f->names);
	f->fd = fd_close(f->fd);
}

static bool vanished(int r)
{
	return r == -ENOENT || r == -ELOOP || r == -ENOTDIR || r == -ENXIO;
}

/* One name of the current directory; g->name is its name in the archive. */
static int add_name(struct get *g, const struct frame *f, const char *name)
{
	CLEANUP_FD int fd = -EBADF;
	struct stat st;
	bool dir;

	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (!vanished(-errno))
			note(g, -errno, "lstat");
		return 0;
	}
	dir = S_ISDIR(st.st_mode);
	if (f->hide_devices && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
		return 0;
	if (!dir && !S_ISREG(st.st_mode))
		return add_special(g, f->fd, name, &st);
	fd = fs_open(f->fd, name, O_RDONLY | O_NOFOLLOW | (dir ? O_DIRECTORY : 0), 0, FS_NAME);
	if (fd < 0 || fstat(fd, &st) < 0) {
		if (!vanished(fd))
			note(g, fd, "open");
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return enter_dir(g, TAKE_FD(fd), &st, f->mount);
	return S_ISREG(st.st_mode) ? add_file(g, fd, &st) : 0;
}

static int walk(struct get *g)
{
	int r = 0;

	while (r == 0 && g->depth > 0) {
		struct frame *f = &g->frames[g->depth - 1];

		if (f->next == f->names.n) {
			leave_dir(g);
			continue;
		}
		g->name.n = f->name_n;
		buf_add_char(&g->name, '/');
		buf_add_str(&g->name, f->names.names[f->next]);
		if (!buf_ok(&g->name))
			return -ENAMETOOLONG;
		r = add_name(g, f, f->names.names[f->next++]);
	}
	return r;
}

/* The path that was asked for, opened as what it is: content for files and directories. */
static int open_top(const struct work *w, struct buf *text, struct err *err)
{
	CLEANUP_FD int fd = fs_open_client(w->root, w->job->path, text, err);
	CLEANUP_FD int content = -EBADF;
	struct stat st;
	int flags;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return status_fail(err, -errno, "lstat", text->p);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return TAKE_FD(fd);
	flags = O_RDONLY | O_NOFOLLOW | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0);
	content = fs_open(w->root, text->p, flags, 0, FS_IN_ROOT);
	if (content < 0)
		return status_fail(err, content, "open", text->p);
	return TAKE_FD(content);
}

/* A symlink or a node at the top: there is no directory to name it in, but there is its own
 * descriptor. */
static int archive_top(struct get *g, int take_fd, const struct stat *st)
{
	CLEANUP_FD int fd = take_fd;

	if (S_ISDIR(st->st_mode))
		return enter_dir(g, TAKE_FD(fd), st, 0);
	if (S_ISREG(st->st_mode))
		return add_file(g, fd, st);
	return add_special(g, fd, "", st);
}

static int run(struct get *g, int take_fd, const struct stat *st)
{
	int r = archive_top(g, take_fd, st);

	if (r == 0)
		r = walk(g);
	if (r == 0)
		r = sink_zeros(&g->sink, 2 * TAR_BLOCK);
	return r < 0 ? r : sink_flush(&g->sink);
}

static void get_done(struct get *g)
{
	while (g->depth > 0)
		leave_dir(g);
	sink_done(&g->sink);
	buf_done(&g->head);
	buf_done(&g->name);
	inodes_done(&g->seen);
	free(g->frames);
}

static int get_init(struct get *g, const struct work *w, struct slice base)
{
	*g = (struct get){ .w = w,
			   .head = BUF_INIT(HEAD_MAX),
			   .name = BUF_INIT(PATH_TEXT_MAX),
			   .problem = ERR_INIT };
	inodes_init(&g->seen);
	g->frames = calloc(FS_DEPTH_MAX, sizeof(*g->frames));
	buf_add_slice(&g->name, slice_eq_str(base, "/") ? SLICE_LIT("") : base);
	if (!g->frames || !buf_ok(&g->name))
		return -ENOMEM;
	return sink_init(&g->sink, w->job->fd);
}

int work_get(const struct work *w, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_FD int fd = open_top(w, &text, err);
	struct get g;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	r = work_facts(w, fd, text.p, &st, err);
	if (r < 0)
		return r;
	r = get_init(&g, w, path_base(text.p));
	if (r == 0)
		r = run(&g, TAKE_FD(fd), &st);
	if (r < 0)
		(void)err_errno(err, r, "archive");
	else if (g.problem.code < 0)
		*err = g.problem;
	r = r < 0 ? r : g.problem.code;
	get_done(&g);
	return r;
}
