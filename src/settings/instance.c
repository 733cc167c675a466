/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sub(char *out, const char *dir, const char *name)
{
	int n = snprintf(out, INSTANCE_PATH_MAX, "%s%s", dir, name);

	return n < 0 || n >= INSTANCE_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* realpath(3) of dir, where the last part need not exist. */
static int resolve(const char *dir, char *ret, struct err *err)
{
	char parent[PATH_MAX];
	char real[PATH_MAX];
	const char *slash;
	int n;

	if (realpath(dir, real)) {
		n = snprintf(ret, INSTANCE_PATH_MAX, "%s", real);
		return n >= INSTANCE_PATH_MAX
			       ? err_set(err, -ENAMETOOLONG, "state directory path is too long")
			       : 0;
	}
	n = snprintf(parent, sizeof(parent), "%s", dir);
	if (n >= (int)sizeof(parent))
		return err_set(err, -ENAMETOOLONG, "state directory path is too long");
	while (n > 1 && parent[n - 1] == '/')
		parent[--n] = '\0';
	slash = strrchr(parent, '/');
	if (!slash) {
		if (!realpath(".", real))
			return err_errno(err, -errno, "current directory");
		n = snprintf(ret, INSTANCE_PATH_MAX, "%s/%s", real, parent);
	} else {
		parent[slash - parent] = '\0';
		if (!realpath(slash == parent ? "/" : parent, real))
			return err_errno(err, -errno, "parent of state directory %s", dir);
		n = snprintf(ret, INSTANCE_PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
			     slash + 1);
	}
	return n >= INSTANCE_PATH_MAX
		       ? err_set(err, -ENAMETOOLONG, "state directory path is too long")
		       : 0;
}

int instance_find(struct instance *ret, const char *state_dir, struct err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!state_dir || !*state_dir)
		state_dir = getenv("GABION_STATE_DIR");
	if (!state_dir || !*state_dir) {
		(void)sub(ret->etc, "", "/etc/gabion");
		(void)sub(ret->run, "", "/run/gabion");
		(void)sub(ret->lib, "", "/var/lib/gabion");
		return 0;
	}
	r = resolve(state_dir, ret->dir, err);
	if (r < 0)
		return r;
	ret->private_dir = true;
	if (sub(ret->etc, ret->dir, "/etc") < 0 || sub(ret->run, ret->dir, "/run") < 0 ||
	    sub(ret->lib, ret->dir, "/lib") < 0)
		return err_set(err, -ENAMETOOLONG, "state directory path is too long");
	return 0;
}

const char *instance_ids_dir(void)
{
	const char *dir = getenv("GABION_IDS_DIR");

	return dir && *dir ? dir : "/var/lib/gabion-ids";
}
