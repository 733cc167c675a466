/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making one entry. A file gets mode 0600 and its content first, then owner, attributes, mode (a
 * change of owner clears setuid), times. What has no content is worked on by its name in a
 * directory descriptor and without following: at worst somebody in the container swapped it for
 * something else that the container's root may change anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/util.h"
#include "cp/put.h"
#include "cp/status.h"

#define RACES 16
#define SECONDS_MAX 9223372036 /* of 64-bit nanoseconds; moby takes the epoch for times beyond */

struct meta {
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	struct timespec times[2];
};

static struct timespec bound(struct tar_time t)
{
	if (t.sec < 0 || t.sec >= SECONDS_MAX)
		return (struct timespec){ .tv_sec = 0 };
	return (struct timespec){ .tv_sec = t.sec, .tv_nsec = t.nsec };
}

static struct meta meta_of(const struct put *p, const struct tar_entry *e)
{
	struct meta m = { .mode = (uint32_t)(e->mode & 07777) };
	bool older = e->atime.sec < e->mtime.sec ||
		     (e->atime.sec == e->mtime.sec && e->atime.nsec < e->mtime.nsec);

	owner_choose(&p->owner, e->uid, e->gid, &m.uid, &m.gid, &m.mode);
	m.times[0] = bound(older ? e->mtime : e->atime);
	m.times[1] = bound(e->mtime);
	return m;
}

/* Attributes that the file system or the kernel does not let us have are left out, as in moby. */
static bool xattr_refused(int e)
{
	return e == ENOTSUP || e == EPERM;
}

static int fail(struct err *err, int code, const char *op, const struct place *at)
{
	return status_fail(err, code, op, at->full);
}

/* "OP FROM TO: why", as Go prints an os.LinkError. */
static int fail_link(struct err *err, int code, const char *op, const char *from,
		     const struct place *at)
{
	char both[ERR_TEXT_MAX];

	(void)snprintf(both, sizeof(both), "%.400s %.400s", from, at->full);
	return status_fail(err, code, op, both);
}

static int apply_fd(int fd, const struct place *at, const struct tar_entry *e, const struct meta *m,
		    struct err *err)
{
	if (fchown(fd, m->uid, m->gid) < 0)
		return fail(err, -errno, "lchown", at);
	for (const struct tar_xattr *x = e->xattrs; x; x = x->next)
		if (fsetxattr(fd, x->name, x->value.p, x->value.n, 0) < 0 && !xattr_refused(errno))
			return fail(err, -errno, "lsetxattr", at);
	if (fchmod(fd, m->mode) < 0)
		return fail(err, -errno, "chmod", at);
	if (futimens(fd, m->times) < 0)
		return fail(err, -errno, "chtimes", at);
	return 0;
}

/* For what is not opened. Modes of nodes were given when they were made; a symlink has none. */
static int apply_name(const struct place *at, const struct tar_entry *e, const struct meta *m,
		      struct err *err)
{
	if (fchownat(at->dir, at->base, m->uid, m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, -errno, "lchown", at);
	if (e->xattrs && fchdir(at->dir) < 0)
		return fail(err, -errno, "chdir", at);
	for (const struct tar_xattr *x = e->xattrs; x; x = x->next)
		if (lsetxattr(at->base, x->name, x->value.p, x->value.n, 0) < 0 &&
		    !xattr_refused(errno))
			return fail(err, -errno, "lsetxattr", at);
	if (utimensat(at->dir, at->base, m->times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, -errno, "chtimes", at);
	return 0;
}

static int write_at(int fd, struct slice data, int64_t offset)
{
	while (data.n > 0) {
		ssize_t k = pwrite(fd, data.p, data.n, offset);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		data = slice_from(data, (size_t)k);
		offset += k;
	}
	return 0;
}

static int copy_content(struct put *p, int fd, const struct place *at, const struct tar_entry *e,
			struct err *err)
{
	struct slice data;
	int64_t offset;
	int r;

	for (;;) {
		r = tar_data(&p->tar, &data, &offset, err);
		if (r < 0)
			return r;
		if (r == TAR_DATA_END)
			break;
		r = write_at(fd, data, offset);
		if (r < 0)
			return fail(err, r, "write", at);
	}
	if (e->sparse && ftruncate(fd, e->size) < 0)
		return fail(err, -errno, "truncate", at);
	return 0;
}

static int make_file(struct put *p, const struct place *at, const struct tar_entry *e,
		     struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	struct meta m = meta_of(p, e);
	int r;

	for (int i = 0; i < RACES; i++) {
		fd = fs_open(at->dir, at->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600,
			     FS_NAME);
		if (fd != -EEXIST)
			break;
		(void)fs_remove(at->dir, at->base); /* somebody was quicker */
	}
	if (fd < 0)
		return fail(err, fd, "open", at);
	r = copy_content(p, fd, at, e, err);
	return r < 0 ? r : apply_fd(fd, at, e, &m, err);
}

static int make_dir(struct put *p, const struct place *at, const struct tar_entry *e,
		    struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	struct meta m = meta_of(p, e);
	struct fs_mount mount;
	int r;

	if (mkdirat(at->dir, at->base, 0700) < 0 && errno != EEXIST)
		return fail(err, -errno, "mkdir", at);
	fd = fs_open(at->dir, at->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, FS_NAME);
	if (fd < 0)
		return fail(err, fd, "open", at);
	r = fs_mount(fd, &mount);
	if (r < 0)
		return fail(err, r, "statx", at);
	if (mount.pseudo)
		return 0; /* for moby it would be the directory below /proc that changes */
	r = apply_fd(fd, at, e, &m, err);
	if (r == 0 && put_later(p, at->name, m.times) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return r;
}

static int make_node(struct put *p, const struct place *at, const struct tar_entry *e,
		     struct err *err)
{
	struct meta m = meta_of(p, e);
	mode_t type = e->type == TAR_FIFO ? S_IFIFO : e->type == TAR_CHAR ? S_IFCHR : S_IFBLK;
	CLEANUP_FD int fd = -EBADF;
	int r;

	if (e->devmajor < 0 || e->devmajor > UINT32_MAX || e->devminor < 0 ||
	    e->devminor > UINT32_MAX)
		return err_set(err, -EBADMSG, "device number %lld:%lld for \"%s\" out of range",
			       (long long)e->devmajor, (long long)e->devminor, e->name);
	if (mknodat(at->dir, at->base, type | m.mode,
		    makedev((unsigned)e->devmajor, (unsigned)e->devminor)) < 0) {
		if (errno == EPERM && type != S_IFIFO)
			return err_set(err, -EPERM,
				       "mknod %s: operation not permitted: a container with its "
				       "own user namespace cannot have device nodes made",
				       at->full);
		return fail(err, -errno, "mknod", at);
	}
	r = apply_name(at, e, &m, err);
	if (r < 0 || type != S_IFIFO || !(m.mode & (S_ISUID | S_ISGID)))
		return r;
	/* They went with the change of owner. Opening a FIFO to read never blocks here. */
	fd = fs_open(at->dir, at->base, O_RDONLY | O_NOFOLLOW, 0, FS_NAME);
	if (fd < 0 || fchmod(fd, m.mode) < 0)
		return fail(err, fd < 0 ? fd : -errno, "chmod", at);
	return 0;
}

static int make_symlink(struct put *p, const struct place *at, const struct tar_entry *e,
			struct err *err)
{
	struct meta m = meta_of(p, e);

	if (symlinkat(e->link, at->dir, at->base) < 0)
		return fail_link(err, -errno, "symlink", e->link, at);
	return apply_name(at, e, &m, err);
}

static int link_target(struct put *p, const struct place *at, const char *target, struct err *err)
{
	CLEANUP_FD int dir = -EBADF;
	char full[ERR_TEXT_MAX];
	const char *base;
	int r = 0;

	dir = put_open_parent(p, target, false, &base);
	if (dir < 0)
		r = dir;
	else if (linkat(dir, base, at->dir, at->base, 0) < 0)
		r = -errno;
	if (r < 0) {
		(void)snprintf(full, sizeof(full), "%s/%s", p->where.n > 1 ? p->where.p : "",
			       target);
		return fail_link(err, r, "link", full, at);
	}
	return 0;
}

/* The header of a link has metadata too, and moby applies it to the file. */
static int make_link(struct put *p, const struct place *at, const struct tar_entry *e,
		     struct err *err)
{
	CLEANUP_BUF struct buf target = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_FD int fd = -EBADF;
	struct meta m = meta_of(p, e);
	struct stat st;
	int r = path_entry(&target, e->link);

	if (r != 0)
		return err_set(err, -EBADMSG, "invalid hardlink target \"%s\"", e->link);
	r = link_target(p, at, target.p, err);
	if (r < 0)
		return r;
	if (fstatat(at->dir, at->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(err, -errno, "lstat", at);
	if (!S_ISREG(st.st_mode))
		return apply_name(at, e, &m, err);
	fd = fs_open(at->dir, at->base, O_RDONLY | O_NOFOLLOW, 0, FS_NAME);
	if (fd < 0)
		return fail(err, fd, "open", at);
	return apply_fd(fd, at, e, &m, err);
}

static const struct {
	unsigned char type;
	int (*make)(struct put *p, const struct place *at, const struct tar_entry *e,
		    struct err *err);
} makers[] = {
	{ TAR_FILE, make_file },       { TAR_GNU_SPARSE, make_file }, { TAR_DIR, make_dir },
	{ TAR_SYMLINK, make_symlink }, { TAR_LINK, make_link },	      { TAR_FIFO, make_node },
	{ TAR_CHAR, make_node },       { TAR_BLOCKDEV, make_node },
};

int entry_make(struct put *p, const struct place *at, const struct tar_entry *e, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (makers[i].type == e->type)
			return makers[i].make(p, at, e, err);
	return err_set(err, -EBADMSG, "unhandled tar header type %d", e->type);
}
