/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "vfs/views.h"

#define FOREVER_SECONDS 31536000u
#define LARGE_SECONDS 1 /* for which a computed size is good */
#define PAGE 4096u
#define NUMBER_BITS 16
/* A text whose first piece nobody remembers may have grown a digit since: so much at the end is
 * rather not new. */
#define GROWTH_MAX 16u

void session_init(struct session *s, int views, int values)
{
	tree_make(&s->tree);
	opens_init(&s->opens);
	boxes_init(&s->boxes, views, values, &s->host.cg);
}

void session_done(struct session *s)
{
	boxes_done(&s->boxes);
	opens_done(&s->opens);
	host_done(&s->host);
}

/* Who a request is about. */
struct about {
	struct box *box;	      /* NULL: the folder of all containers */
	const struct tree_node *node; /* NULL: so, too */
	size_t index;		      /* of node */
};

static uint64_t inode_of(const struct about *a)
{
	return a->box ? a->box->hash << NUMBER_BITS | a->node->number : FUSE_ROOT_ID;
}

static int find(struct session *s, uint64_t inode, struct about *ret)
{
	struct box *box;
	int i;

	*ret = (struct about){ .box = NULL };
	if (inode == FUSE_ROOT_ID)
		return 0;
	i = tree_find(&s->tree, (uint16_t)inode);
	box = i < 0 ? NULL : boxes_of(&s->boxes, inode >> NUMBER_BITS);
	if (!box)
		return -ESTALE;
	*ret = (struct about){ .box = box, .node = &s->tree.v[i], .index = (size_t)i };
	return 0;
}

static int render(struct session *s, const struct about *a, struct buf *out)
{
	int r;

	(void)pthread_mutex_lock(&a->box->lock);
	r = a->node->row->read(a->node->row, &s->host, a->box, out);
	(void)pthread_mutex_unlock(&a->box->lock);
	return r == 0 && !buf_ok(out) ? -ENOMEM : r;
}

/* Programs read no file that is empty by its size, and count from its end what is longer than a
 * page: so it is as long as its text, rounded up to whole pages. */
static uint64_t size_of(struct session *s, const struct about *a)
{
	struct buf text = BUF_INIT(SESSION_ANSWER_MAX);
	uint64_t n = PAGE;

	if (a->node->row->large && render(s, a, &text) == 0)
		n = MAX((text.n + PAGE - 1) / PAGE * PAGE, (size_t)PAGE);
	buf_done(&text);
	return n;
}

/* exactly: also what has to be rendered for it; else the kernel asks when it needs that. */
static void fill_attr(struct session *s, const struct about *a, bool exactly, struct fuse_attr *ret,
		      uint64_t *ret_seconds)
{
	struct timespec now;
	uint64_t born;

	*ret = (struct fuse_attr){ .ino = inode_of(a), .nlink = 1, .blksize = PAGE };
	*ret_seconds = FOREVER_SECONDS;
	if (!a->box) {
		ret->mode = S_IFDIR | 0711;
		ret->nlink = 2;
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	born = (uint64_t)now.tv_sec - view_uptime(a->box) / 1000000000u;
	ret->atime = ret->mtime = ret->ctime = born;
	ret->uid = ret->gid = a->box->base;
	if (!a->node->row) {
		ret->mode = S_IFDIR | 0555;
		ret->nlink = 2;
		return;
	}
	ret->mode = S_IFREG | a->node->row->mode;
	ret->size = exactly ? size_of(s, a) : PAGE;
	if (a->node->row->large)
		*ret_seconds = exactly ? LARGE_SECONDS : 0;
}

static int answer_attr(struct session *s, const struct about *a, struct buf *out)
{
	struct fuse_attr_out o = { 0 };

	fill_attr(s, a, true, &o.attr, &o.attr_valid);
	buf_add(out, &o, sizeof(o));
	return 0;
}

static void fill_entry(struct session *s, const struct about *a, struct fuse_entry_out *ret)
{
	fill_attr(s, a, false, &ret->attr, &ret->attr_valid);
	ret->nodeid = ret->attr.ino;
	ret->entry_valid = FOREVER_SECONDS;
}

/* --- requests --- */

static int on_init(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	const struct fuse_init_in *in = q->arg;
	const uint32_t flags = FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS | FUSE_NO_OPENDIR_SUPPORT |
			       FUSE_DO_READDIRPLUS;
	struct fuse_init_out o = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.flags = in->flags & flags,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = SESSION_WRITE_MAX,
		.time_gran = 1,
	};

	(void)s;
	(void)a;
	if (in->major < FUSE_KERNEL_VERSION)
		return -EPROTO;
	if (in->major == FUSE_KERNEL_VERSION)
		o.minor = MIN(in->minor, o.minor);
	buf_add(out, &o, sizeof(o));
	return 0;
}

static int on_lookup(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	struct fuse_entry_out o = { 0 };
	struct about child = *a;
	int i = TREE_TOP;

	if (a->box)
		i = a->node->row ? -1 : tree_child(&s->tree, a->index, q->rest);
	else
		child.box = boxes_find(&s->boxes, q->rest);
	if (i < 0 || !child.box)
		return -ENOENT;
	child.index = (size_t)i;
	child.node = &s->tree.v[i];
	fill_entry(s, &child, &o);
	if (!a->box) {
		o.entry_valid = 0;
		boxes_put(&s->boxes, child.box);
	}
	buf_add(out, &o, sizeof(o));
	return 0;
}

static int on_getattr(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	(void)q;
	return answer_attr(s, a, out);
}

/* `> file` cuts it first: that is no change. */
static int on_setattr(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	const struct fuse_setattr_in *in = q->arg;
	const uint32_t harmless = FATTR_SIZE | FATTR_FH | FATTR_LOCKOWNER | FATTR_KILL_SUIDGID |
				  FATTR_MTIME | FATTR_CTIME;

	if (!a->box || !a->node->row || !a->node->row->knob || (in->valid & ~harmless) ||
	    !(in->valid & FATTR_SIZE))
		return -EPERM;
	return answer_attr(s, a, out);
}

static int on_open(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	const struct fuse_open_in *in = q->arg;
	struct fuse_open_out o = { .open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH };

	if (!a->box || !a->node->row)
		return -EISDIR;
	if ((in->flags & O_ACCMODE) != O_RDONLY && !a->node->row->knob)
		return -EACCES;
	o.fh = opens_add(&s->opens, a->box->hash);
	buf_add(out, &o, sizeof(o));
	return 0;
}

static int on_release(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	const struct fuse_release_in *in = q->arg;

	(void)a;
	(void)out;
	opens_drop(&s->opens, in->fh);
	return 0;
}

static void add_piece(struct buf *out, const struct buf *text, uint64_t offset, size_t size)
{
	if (offset < text->n)
		buf_add(out, text->p + offset, MIN(size, text->n - (size_t)offset));
}

static int read_now(struct session *s, const struct about *a, const struct fuse_read_in *in,
		    enum opens_piece known, struct buf *out)
{
	struct buf text = BUF_INIT(SESSION_ANSWER_MAX);
	int r = render(s, a, &text);

	if (r == 0 && in->offset == 0)
		opens_begin(&s->opens, in->fh, buf_slice(&text), text.n <= in->size);
	if (r == 0 && (in->offset == 0 || known == OPENS_REST || in->offset + GROWTH_MAX < text.n))
		add_piece(out, &text, in->offset, in->size);
	buf_done(&text);
	return r == 0 && !buf_ok(out) ? -ENOMEM : r;
}

/*
 * Only read(2) and its like: these say whose locks they are under. What fills the page cache for
 * sendfile(2), splice(2) or mmap(2) does not, and gets an error, upon which programs read: the
 * kernel would take a short text for the file's new size and cut later ones there.
 */
static int on_read(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	const struct fuse_read_in *in = q->arg;
	enum opens_piece piece = OPENS_UNKNOWN;

	if (!a->box || !a->node->row)
		return -EISDIR;
	if (!(in->read_flags & FUSE_READ_LOCKOWNER))
		return -EINVAL;
	if (in->offset > 0)
		piece = opens_read(&s->opens, in->fh, in->offset, in->size, out);
	return piece == OPENS_PIECE ? 0 : read_now(s, a, in, piece, out);
}

static int put_value(struct session *s, const struct about *a, struct slice text)
{
	const struct node *row = a->node->row;
	char value[VALUE_MAX];
	char before[VALUE_MAX] = "";
	const char *old;
	int r = knob_check(row->knob, text, value, sizeof(value));

	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&a->box->lock);
	old = values_get(&a->box->values, row->path);
	if (old)
		memcpy(before, old, strlen(old) + 1);
	r = values_set(&a->box->values, row->path, slice_str(value));
	if (r == 0)
		r = boxes_save_values(&s->boxes, a->box);
	if (r < 0 && old)
		(void)values_set(&a->box->values, row->path, slice_str(before));
	else if (r < 0)
		values_drop(&a->box->values, row->path);
	(void)pthread_mutex_unlock(&a->box->lock);
	return r;
}

/* As the kernel's own: only what is written at the beginning counts (sysctl_writes_strict), and
 * who appends writes at our end. */
static int on_write(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	const struct fuse_write_in *in = q->arg;
	int r = 0;

	if (!a->box || !a->node->row || !a->node->row->knob)
		return -EACCES;
	if (in->size > 0 && (in->offset == 0 || (in->flags & O_APPEND)))
		r = put_value(s, a, q->rest);
	if (r == 0)
		session_written(q, out);
	return r;
}

void session_written(const struct wire *q, struct buf *out)
{
	const struct fuse_write_in *in = q->arg;
	struct fuse_write_out o = { .size = in->size };

	buf_add(out, &o, sizeof(o));
}

static int on_statfs(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	struct fuse_statfs_out o = { .st = { .bsize = PAGE, .frsize = PAGE, .namelen = 255 } };

	(void)s;
	(void)q;
	(void)a;
	buf_add(out, &o, sizeof(o));
	return 0;
}

/* child: whom the entry is about, as a lookup would say, or NULL for a plain one. Returns whether
 * there was room. */
static bool add_entry(struct session *s, struct buf *out, size_t room, const struct fuse_dirent *d,
		      struct slice name, const struct about *child)
{
	struct fuse_entry_out entry = { 0 };
	size_t n = FUSE_DIRENT_SIZE(d) + (child ? sizeof(entry) : 0);
	static const char zero[8];

	if (out->n + n > room)
		return false;
	if (child && child->box)
		fill_entry(s, child, &entry);
	if (child)
		buf_add(out, &entry, sizeof(entry));
	buf_add(out, d, FUSE_NAME_OFFSET);
	buf_add_slice(out, name);
	buf_add(out, zero, FUSE_DIRENT_SIZE(d) - FUSE_NAME_OFFSET - name.n);
	return true;
}

/* Containers are not listed: who has to know them does. plus: each entry with what a lookup says.
 */
static int list(struct session *s, const struct wire *q, const struct about *a, bool plus,
		struct buf *out)
{
	const struct fuse_read_in *in = q->arg;
	static const char *const dots[] = { ".", ".." };
	const struct about none = { .box = NULL };
	CLEANUP_BUF struct buf name = BUF_INIT(NAME_MAX);
	struct fuse_dirent d = { .ino = inode_of(a), .type = S_IFDIR >> 12 };
	uint64_t at = in->offset;

	if (a->box && a->node->row)
		return -ENOTDIR;
	for (; at < 2; at++) {
		d.off = at + 1;
		d.namelen = (uint32_t)strlen(dots[at]);
		if (!add_entry(s, out, in->size, &d, slice_str(dots[at]), plus ? &none : NULL))
			return 0;
	}
	for (; a->box && at - 2 < s->tree.n; at++) {
		const struct tree_node *n = &s->tree.v[at - 2];
		struct about child = { .box = a->box, .node = n, .index = at - 2 };

		buf_reset(&name);
		if (!tree_name(&s->tree, a->index, at - 2, &name))
			continue;
		d.ino = inode_of(&child);
		d.off = at + 1;
		d.type = (n->row ? S_IFREG : S_IFDIR) >> 12;
		d.namelen = (uint32_t)name.n;
		if (!add_entry(s, out, in->size, &d, buf_slice(&name), plus ? &child : NULL))
			return 0;
	}
	return 0;
}

static int on_readdir(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	return list(s, q, a, false, out);
}

static int on_readdirplus(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	return list(s, q, a, true, out);
}

/* With default_permissions the kernel does not ask. */
static int on_access(struct session *s, const struct wire *q, struct about *a, struct buf *out)
{
	(void)s;
	(void)q;
	(void)a;
	(void)out;
	return 0;
}

static const struct {
	uint32_t opcode;
	int (*handle)(struct session *s, const struct wire *q, struct about *a, struct buf *out);
	bool nobody; /* is not about a node, or the node does not matter */
} handlers[] = {
	{ FUSE_LOOKUP, on_lookup, false },
	{ FUSE_GETATTR, on_getattr, false },
	{ FUSE_SETATTR, on_setattr, false },
	{ FUSE_OPEN, on_open, false },
	{ FUSE_READ, on_read, false },
	{ FUSE_WRITE, on_write, false },
	{ FUSE_STATFS, on_statfs, true },
	{ FUSE_RELEASE, on_release, true },
	{ FUSE_INIT, on_init, true },
	{ FUSE_READDIR, on_readdir, false },
	{ FUSE_ACCESS, on_access, true },
	{ FUSE_DESTROY, on_access, true },
	{ FUSE_READDIRPLUS, on_readdirplus, false },
};

int session_handle(struct session *s, const struct wire *q, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		struct about a = { .box = NULL };
		int r = 0;

		if (handlers[i].opcode != q->head->opcode)
			continue;
		if (!handlers[i].nobody)
			r = find(s, q->head->nodeid, &a);
		if (r == 0)
			r = handlers[i].handle(s, q, &a, out);
		boxes_put(&s->boxes, a.box);
		return r == 0 && !buf_ok(out) ? -ENOMEM : r;
	}
	return -ENOSYS;
}
