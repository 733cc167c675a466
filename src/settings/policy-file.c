/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's two files: run/policy.json, in force; lib/policy.json, the last good one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "settings/policy.h"

#define NAME "policy.json"

/* What is there when a gabiond runs, or ever ran, for an instance: its lock and its record are
 * there as long as the instance is up, the last good policy for good. Without all of them this is
 * an engine that only uses gabion-runc. 1, 0 or -errno. */
static int has_daemon(const struct instance *inst)
{
	const struct {
		const char *dir;
		const char *name;
	} marks[] = {
		{ inst->run, "gabiond.lock" },
		{ inst->run, "instance.json" },
		{ inst->lib, NAME },
	};
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", marks[i].dir, marks[i].name);
		if (lstat(path, &st) == 0)
			return true;
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return false;
}

/* Root's file (or that of who asks, which concerns nobody else), which only its owner can write. */
static int check_file(int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "is no file");
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, -EPERM, "others than root may write to it");
	return 0;
}

static int load(struct arena *a, const char *path, struct policy *ret, struct err *err)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	CLEANUP_BUF struct buf text = BUF_INIT(POLICY_FILE_MAX);
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? POLICY_NONE
							   : err_errno(err, -errno, "%s", path);
	r = check_file(fd, err);
	if (r < 0) {
		(void)err_wrap(err, "%s", path);
		return r;
	}
	r = file_read_fd(fd, &text);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	return policy_parse(a, buf_slice(&text), path, ret, err);
}

int policy_load(struct arena *a, const struct instance *inst, struct policy *ret, struct err *err)
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", inst->run, NAME);
	r = load(a, path, ret, err);
	if (r != POLICY_NONE)
		return r;
	r = has_daemon(inst);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	if (r > 0)
		return err_set(err, -ENOENT,
			       "there is no policy: %s is missing, which gabiond of this instance "
			       "writes (`gabion status` says what is wrong)",
			       path);
	r = policy_defaults(a, profile_default(), ret);
	return r < 0 ? err_errno(err, r, "policy") : POLICY_NONE;
}

int policy_load_last(struct arena *a, const struct instance *inst, struct policy *ret,
		     struct err *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", inst->lib, NAME);
	return load(a, path, ret, err);
}

static int store(const char *dir, struct slice text, bool durable, struct err *err)
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, NAME);
	r = file_replace_at(AT_FDCWD, path, text, 0644, durable);
	return r < 0 ? err_errno(err, r, "writing %s", path) : 0;
}

int policy_store_last(const struct instance *inst, struct slice text, struct err *err)
{
	return store(inst->lib, text, true, err);
}

int policy_store(const struct instance *inst, struct slice text, struct err *err)
{
	return store(inst->run, text, false, err);
}
