/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/which.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/slice.h"

#define SBIN "/usr/local/sbin:/usr/sbin:/sbin"

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

static int find_in(struct slice folders, const char *name, char *ret)
{
	struct slice folder;
	int n;

	while (slice_split(&folders, ':', &folder)) {
		if (folder.n == 0 || folder.p[0] != '/')
			continue;
		n = snprintf(ret, PATH_MAX, "%.*s/%s", SLICE_ARG(folder), name);
		if (n < PATH_MAX && is_program(ret))
			return 0;
	}
	return -ENOENT;
}

int which_find(const char *name, char *ret)
{
	if (find_in(slice_str(getenv("PATH")), name, ret) == 0)
		return 0;
	return find_in(SLICE_LIT(SBIN), name, ret);
}
