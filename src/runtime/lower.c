/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/capture.h"
#include "base/cleanup.h"
#include "base/util.h"
#include "linux/mnt.h"

/* Not the PATH: whoever starts the engine would choose what runs as root below it. */
static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
				       "/usr/bin",	  "/sbin",	    "/bin" };
#define HELP_MAX 65536u
#define PATIENCE_MS 5000

static const char *const names[] = { "crun", "runc" };

static bool is_program(const struct stat *st, const struct stat *self)
{
	return S_ISREG(st->st_mode) && (st->st_mode & 0111) &&
	       !(st->st_dev == self->st_dev && st->st_ino == self->st_ino);
}

static bool find(const char *name, const struct stat *self, char *ret)
{
	struct stat st;

	for (size_t f = 0; f < ARRAY_SIZE(folders); f++) {
		(void)snprintf(ret, PATH_MAX, "%s/%s", folders[f], name);
		if (stat(ret, &st) == 0 && is_program(&st, self))
			return true;
	}
	return false;
}

int lower_find(const struct facts *facts, char *ret, struct err *err)
{
	struct stat self;
	struct stat st;

	if (stat("/proc/self/exe", &self) < 0)
		return err_errno(err, -errno, "/proc/self/exe");
	if (facts->lower_runtime) {
		if (stat(facts->lower_runtime, &st) < 0)
			return err_errno(err, -errno,
					 "lowerRuntime %s of gabion.json is no program",
					 facts->lower_runtime);
		if (!is_program(&st, &self))
			return err_set(err, -ENOENT,
				       "lowerRuntime %s of gabion.json is not crun or runc (no "
				       "program, or "
				       "gabion-runc itself)",
				       facts->lower_runtime);
		(void)snprintf(ret, PATH_MAX, "%s", facts->lower_runtime);
		return 0;
	}
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		if (find(names[n], &self, ret))
			return 0;
	return err_set(
		err, -ENOENT,
		"no lower runtime: install crun (or runc), or name one as \"lowerRuntime\" in "
		"gabion.json");
}

int lower_for_keep(const struct facts *facts, char *ret, struct err *err)
{
	CLEANUP_BUF struct buf help = BUF_INIT(HELP_MAX);
	const char *const argv[] = { ret, "run", "--help", NULL };
	char other[PATH_MAX];
	struct stat self;

	if (!lower_is_crun(ret))
		return 0;
	if (capture(argv, PATIENCE_MS, &help) != 0 || strstr(help.p ? help.p : "", "--keep"))
		return 0; /* or it says by itself what is wrong */
	if (!facts->lower_runtime && stat("/proc/self/exe", &self) == 0 &&
	    find("runc", &self, other)) {
		(void)snprintf(ret, PATH_MAX, "%s", other);
		return 0;
	}
	return err_set(
		err, -ENOTSUP,
		"%s does not know `run --keep`, which the BuildKit of this engine asks for: crun "
		"1.15 or later does, and runc, where gabion.json does not name another "
		"lowerRuntime",
		ret);
}

/* The program on a read-only mount that is nowhere attached, or -errno. */
static int read_only(const char *path)
{
	static const struct mnt_attr attr = { .userns = -EBADF, .set = MOUNT_ATTR_RDONLY };
	CLEANUP_FD int program = open(path, O_PATH | O_CLOEXEC);
	CLEANUP_FD int mnt = program < 0 ? -errno : mnt_clone(program, false);
	int r = mnt < 0 ? mnt : mnt_prepare(mnt, &attr);

	return r < 0 ? r : TAKE_FD(mnt);
}

int lower_become(const char *path, char *const argv[])
{
	CLEANUP_FD int program = read_only(path);

	if (program >= 0)
		(void)execveat(program, "", argv, environ, AT_EMPTY_PATH);
	else if (program != -EPERM)
		return program;
	(void)execv(path, argv); /* a script, too, which has to have a path */
	return -errno;
}

bool lower_is_crun(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, "crun", 4) == 0;
}
