/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "settings/registryauth.h"

#define ARENA_MAX (4u << 20)

int registryauth_private(int fd, const char *path, uid_t owner, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EACCES, "%s is not a regular file", path);
	if (st.st_uid != 0 && st.st_uid != owner)
		return err_set(err, -EACCES, "%s belongs to user %u: `chown root` it", path,
			       st.st_uid);
	if (st.st_mode & 077)
		return err_set(err, -EACCES,
			       "%s can be used by others (its mode is %04o): `chmod 600` it", path,
			       st.st_mode & 07777);
	return 0;
}

static int parse(int fd, const char *path, const struct profile *p, struct err *err)
{
	CLEANUP_BUF_WIPE struct buf text = BUF_INIT(REGISTRYAUTH_FILE_MAX);
	CLEANUP_ARENA_WIPE struct arena a = ARENA_INIT(ARENA_MAX);
	struct registryauth_list list;
	int r = buf_reserve(&text, REGISTRYAUTH_FILE_MAX) ? file_read_fd(fd, &text) : -ENOMEM;

	if (r < 0)
		return err_errno(err, r, "%s", path);
	return registryauth_parse(&a, buf_slice(&text), path, p, &list, err);
}

int registryauth_check(const struct instance *i, const struct profile *p, char ret_path[PATH_MAX],
		       struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	struct stat st = { .st_uid = 0 };
	int r;

	(void)snprintf(ret_path, PATH_MAX, "%s/" REGISTRYAUTH_NAME, i->etc);
	if (i->private_dir && stat(i->dir, &st) < 0)
		return REGISTRYAUTH_NONE;
	fd = open(ret_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return REGISTRYAUTH_NONE;
	if (fd < 0 && errno == EACCES)
		return REGISTRYAUTH_HIDDEN;
	if (fd < 0)
		r = err_errno(err, -errno, "%s", ret_path);
	else
		r = registryauth_private(fd, ret_path, st.st_uid, err);
	if (r == 0)
		r = parse(fd, ret_path, p, err);
	return r < 0 ? REGISTRYAUTH_BAD : REGISTRYAUTH_USED;
}
