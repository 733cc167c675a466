/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "cp/fs.h"
#include "cp/status.h"
#include "cp/work.h"

int work_facts(const struct work *w, int fd, const char *text, struct stat *ret, struct err *err)
{
	CLEANUP_BUF struct buf target = BUF_INIT(PATH_TEXT_MAX);
	struct status_facts f = { .name = path_base(text), .link_target = "" };
	int r;

	if (fstat(fd, &f.st) < 0)
		return status_fail(err, -errno, "lstat", text);
	if (S_ISLNK(f.st.st_mode)) {
		r = fs_follow(w->root, text, &target);
		if (r == -ELOOP)
			return err_set(err, r, "evalSymlinksInScope: too many links in %s", text);
		if (r < 0)
			return status_fail(err, r, "lstat", text);
		f.link_target = target.p;
	}
	r = status_facts(w->job->status_fd, &f);
	if (r < 0)
		return err_errno(err, r, "status");
	*ret = f.st;
	return 0;
}

int work_stat(const struct work *w, struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(PATH_TEXT_MAX);
	CLEANUP_FD int fd = fs_open_client(w->root, w->job->path, &text, err);
	struct stat st;

	return fd < 0 ? fd : work_facts(w, fd, text.p, &st, err);
}
