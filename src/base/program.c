/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folder of each program in a build tree, beside the folder of the running one. */
static const struct {
	const char *name;
	const char *folder;
} built[] = {
	{ "gabion", "cli" },	      { "gabiond", "daemon" },
	{ "gabion-runc", "runtime" }, { "gabion-gate", "gate" },
	{ "gabion-cp", "cp" },	      { "gabion-port", "port" },
	{ "gabion-hold", "hold" },    { "gabion-vet", "vet" },
	{ "gabion-vfs", "vfs" },      { "gabion-frontend", "buildkit" },
};

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* Whether DIR/MIDDLE/NAME is a program; if so *ret is its path without symlinks. */
static bool try_at(const char *dir, const char *middle, const char *name, char *ret)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s%s", dir, middle, name);

	return n > 0 && (size_t)n < sizeof(path) && is_program(path) && realpath(path, ret);
}

int program_find(const char *name, char *ret, struct err *err)
{
	const char *env = getenv("GABION_LIBEXEC");
	char dir[PATH_MAX];
	char middle[64];
	ssize_t n;

	if (env && *env) {
		if (try_at(env, "", name, ret))
			return 0;
		return err_set(err, -ENOENT, "no program %s in GABION_LIBEXEC=%s", name, env);
	}
	n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	if (n < 0)
		return err_errno(err, -errno, "/proc/self/exe");
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	if (try_at(dir, "", name, ret) || try_at(dir, "../libexec/gabion/", name, ret))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(built); i++) {
		if (strcmp(built[i].name, name) != 0)
			continue;
		(void)snprintf(middle, sizeof(middle), "../%s/", built[i].folder);
		if (try_at(dir, middle, name, ret))
			return 0;
	}
	return err_set(err, -ENOENT, "%s is not installed: looked in %s and %s/../libexec/gabion",
		       name, dir, dir);
}
