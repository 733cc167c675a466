/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

#define LIST_MAX (64u << 20)

bool records_id_ok(const char *id)
{
	for (size_t i = 0; i < RECORDS_ID_LEN; i++)
		if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f')))
			return false;
	return true;
}

int records_path(const char *lib, const char *folder, const char *id, char *ret, struct err *err)
{
	int n;

	if (strlen(id) != RECORDS_ID_LEN || !records_id_ok(id))
		return err_set(err, -EINVAL, "%.80s is not the full id of a container", id);
	n = snprintf(ret, PATH_MAX, "%s/%s/%s", lib, folder, id);
	if (n < 0 || n >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "path of the record of container %.12s", id);
	return 0;
}

int records_store(const char *lib, const char *folder, const char *id, struct slice text,
		  struct err *err)
{
	char dir[PATH_MAX];
	char path[PATH_MAX];
	int r = records_path(lib, folder, id, path, err);

	if (r < 0)
		return r;
	r = file_replace_at(AT_FDCWD, path, text, 0644, true);
	if (r == -ENOENT) {
		(void)snprintf(dir, sizeof(dir), "%s/%s", lib, folder);
		r = file_mkdirs(dir, 0755);
		if (r == 0)
			r = file_replace_at(AT_FDCWD, path, text, 0644, true);
	}
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

int records_forget(const char *lib, const char *folder, const char *id, struct err *err)
{
	char path[PATH_MAX];
	int r = records_path(lib, folder, id, path, err);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, -errno, "%s", path);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, RECORDS_ID_LEN);
}

int records_list(const char *lib, const char *folder, const char *after,
		 char (**ret)[RECORDS_ID_LEN], size_t *ret_n)
{
	CLEANUP_BUF struct buf ids = BUF_INIT(LIST_MAX);
	CLEANUP_DIR DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *e;

	(void)snprintf(path, sizeof(path), "%s/%s", lib, folder);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL)
		if (strlen(e->d_name) == RECORDS_ID_LEN && records_id_ok(e->d_name) &&
		    memcmp(e->d_name, after, RECORDS_ID_LEN) > 0)
			buf_add(&ids, e->d_name, RECORDS_ID_LEN);
	if (!buf_ok(&ids))
		return -ENOMEM;
	*ret_n = ids.n / RECORDS_ID_LEN;
	if (*ret_n)
		qsort(ids.p, *ret_n, RECORDS_ID_LEN, by_id);
	*ret = (void *)ids.p;
	ids = BUF_INIT(LIST_MAX); /* the caller's now */
	return 0;
}
