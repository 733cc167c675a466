/* SPDX-License-Identifier: Apache-2.0 */
/* Directories: their names, and removing them with all they have. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"
#include "cp/fs.h"

#define NAMES_MAX (256u << 20) /* bytes of names in one directory */
#define PASSES 64	       /* a directory that the container keeps filling is given up */

/* Lets names[i] sink to its place in the heap names[0..n): the greatest is on top. */
static void sink_down(const char **names, size_t n, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;
		const char *top = names[i];

		if (child >= n)
			return;
		if (child + 1 < n && strcmp(names[child + 1], names[child]) > 0)
			child++;
		if (strcmp(names[child], top) <= 0)
			return;
		names[i] = names[child];
		names[child] = top;
		i = child;
	}
}

/* Heap sort. The C library's qsort(3) asks how much memory there is, on some versions by opening
 * files; nothing here may open a file that the container chooses. */
static void sort_names(const char **names, size_t n)
{
	for (size_t i = n / 2; i > 0; i--)
		sink_down(names, n, i - 1);
	for (size_t end = n; end > 1; end--) {
		const char *last = names[end - 1];

		names[end - 1] = names[0];
		names[0] = last;
		sink_down(names, end - 1, 0);
	}
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Appends the names of one getdents64(2) buffer. */
static void add_names(struct buf *text, size_t *count, const char *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		const struct dirent64 *d = (const struct dirent64 *)(const void *)(p + at);

		if (!is_dots(d->d_name)) {
			buf_add(text, d->d_name, strlen(d->d_name) + 1);
			(*count)++;
		}
		at += d->d_reclen;
	}
}

int fs_names_read(int dirfd, struct fs_names *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT(NAMES_MAX);
	_Alignas(struct dirent64) char block[32768];
	size_t count = 0;
	const char *p;

	if (lseek(dirfd, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		ssize_t k = getdents64(dirfd, block, sizeof(block));

		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		add_names(&text, &count, block, (size_t)k);
		if (!buf_ok(&text))
			return -ENOMEM;
	}
	*ret = (struct fs_names){ .names = calloc(MAX(count, (size_t)1), sizeof(char *)),
				  .n = count };
	if (!ret->names)
		return -ENOMEM;
	ret->text = TAKE_PTR(text.p);
	p = ret->text;
	for (size_t i = 0; i < count; i++) {
		ret->names[i] = p;
		p += strlen(p) + 1;
	}
	sort_names(ret->names, count);
	return 0;
}

void fs_names_done(struct fs_names *n)
{
	free(n->text);
	free(n->names);
	*n = (struct fs_names){ .n = 0 };
}

/* One directory that is being emptied. */
struct level {
	int fd;
	int passes; /* how often it was read */
	size_t next;
	struct fs_names names;
	const char *name; /* in the level above; borrowed from its names, or the caller's */
};

struct removal {
	struct level *levels; /* owned, FS_DEPTH_MAX */
	size_t depth;
};

static int push(struct removal *rm, int dirfd, const char *name)
{
	struct level *l = &rm->levels[rm->depth];

	if (rm->depth == FS_DEPTH_MAX)
		return -ENAMETOOLONG;
	*l = (struct level){ .name = name };
	l->fd = fs_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, FS_SAME);
	if (l->fd < 0)
		return l->fd == -EXDEV ? -EBUSY : l->fd;
	rm->depth++;
	return 0;
}

static void pop(struct removal *rm)
{
	struct level *l = &rm->levels[--rm->depth];

	fs_names_done(&l->names);
	l->fd = fd_close(l->fd);
}

/* 0: it is gone; 1: it is a directory that has something; -errno. */
static int remove_one(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (unlinkat(dirfd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return 1;
	/* What was a file a moment ago is a directory now, or the other way round: once more. */
	if (errno == EISDIR || errno == ENOTDIR)
		return 1;
	return -errno;
}

/* The next name of the level, NULL when it has been emptied; reads it again while it has some. */
static int next_name(struct level *l, const char **ret)
{
	int r;

	if (l->next == l->names.n) {
		if (++l->passes > PASSES)
			return -ENOTEMPTY;
		fs_names_done(&l->names);
		l->next = 0;
		r = fs_names_read(l->fd, &l->names);
		if (r < 0)
			return r;
	}
	*ret = l->next < l->names.n ? l->names.names[l->next++] : NULL;
	return 0;
}

static int empty_all(struct removal *rm, int dirfd)
{
	while (rm->depth > 0) {
		struct level *l = &rm->levels[rm->depth - 1];
		const char *name;
		int r = next_name(l, &name);

		if (r < 0)
			return r;
		if (!name) {
			int above = rm->depth > 1 ? rm->levels[rm->depth - 2].fd : dirfd;

			r = remove_one(above, l->name);
			if (r < 0)
				return r;
			if (r == 0)
				pop(rm);
			continue;
		}
		r = remove_one(l->fd, name);
		if (r == 1)
			r = push(rm, l->fd, name);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ELOOP)
			return r;
	}
	return 0;
}

int fs_remove(int dirfd, const char *name)
{
	struct removal rm = { .depth = 0 };
	int r = remove_one(dirfd, name);

	if (r <= 0)
		return r;
	rm.levels = calloc(FS_DEPTH_MAX, sizeof(*rm.levels));
	if (!rm.levels)
		return -ENOMEM;
	r = push(&rm, dirfd, name);
	if (r == 0)
		r = empty_all(&rm, dirfd);
	while (rm.depth > 0)
		pop(&rm);
	free(rm.levels);
	return r;
}
