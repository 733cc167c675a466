/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define READ_CHUNK 16384u

int file_read_fd(int fd, struct buf *b)
{
	for (;;) {
		size_t room = MIN(READ_CHUNK, b->max - b->n);
		char probe;
		char *to;
		ssize_t k;

		if (room == 0) {
			k = read(fd, &probe, 1);
			return k < 0 ? -errno : k > 0 ? -EFBIG : 0;
		}
		to = buf_reserve(b, room);
		if (!to)
			return -ENOMEM;
		k = read(fd, to, room);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			return 0;
		buf_commit(b, (size_t)k);
	}
}

int file_read_at(int dirfd, const char *path, struct buf *b)
{
	CLEANUP_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return file_read_fd(fd, b);
}

int file_read(const char *path, struct buf *b)
{
	return file_read_at(AT_FDCWD, path, b);
}

static int sync_dir_of(int dirfd, const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	CLEANUP_FD int fd = -EBADF;

	if (!slash)
		(void)snprintf(dir, sizeof(dir), ".");
	else
		(void)snprintf(dir, sizeof(dir), "%.*s/", (int)(slash - path), path);
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

int file_replace_at(int dirfd, const char *path, struct slice data, mode_t mode, bool durable)
{
	char tmp[PATH_MAX];
	CLEANUP_FD int fd = -EBADF;
	int r;

	r = snprintf(tmp, sizeof(tmp), "%s.new.%ld", path, (long)getpid());
	if (r < 0 || (size_t)r >= sizeof(tmp))
		return -ENAMETOOLONG;
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data.p, data.n);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return r;
	}
	return durable ? sync_dir_of(dirfd, path) : 0;
}

int file_write_once(const char *path, struct slice data)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t w;

	if (fd < 0)
		return -errno;
	w = write(fd, data.p, data.n);
	if (w < 0)
		return -errno;
	return (size_t)w == data.n ? 0 : -EIO;
}

int file_mkdirs(const char *path, mode_t mode)
{
	char buf[PATH_MAX];
	size_t n = strlen(path);
	struct stat st;

	if (n >= sizeof(buf))
		return -ENAMETOOLONG;
	if (n == 0)
		return -ENOENT;
	memcpy(buf, path, n + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(buf, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(buf, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(buf, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
