/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path as a client wrote it. The process is whoever asks: root for root, and else that user and
 * nobody more. What is there is opened once and judged by that descriptor. What is missing is
 * judged by the folder that would hold it, and then made below that folder's descriptor, step by
 * step and through no symlink: wherever names lead meanwhile, nothing is made elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "hostpath/hostpath.h"
#include "hostpath/place.h"
#include "linux/at.h"
#include "policy/cdi.h"

#define MAKE_DEPTH_MAX 256

const char *hostpath_clean(struct arena *a, const char *path)
{
	char *clean = arena_must(arena_alloc(a, strlen(path) + 2));
	struct slice rest = slice_str(path);
	struct slice part;
	size_t n = 0;

	while (slice_split(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq_str(part, "."))
			continue;
		if (slice_eq_str(part, "..")) {
			while (n > 0 && clean[--n] != '/')
				;
			continue;
		}
		clean[n++] = '/';
		memcpy(clean + n, part.p, part.n);
		n += part.n;
	}
	if (n == 0)
		clean[n++] = '/';
	clean[n] = '\0';
	return clean;
}

static int failed(const struct hostpath *h, const char *path, int r, struct err *err)
{
	return err_errno(err, r, "can't mount %s as user %u", path, h->asker);
}

/* --- what is missing --- */

/* mkdir -p below a folder. On failure what was made is taken away again. */
static int make_below(int dir, struct slice names, int depth, int *ret_fd)
{
	CLEANUP_FD int fd = -EBADF;
	char name[NAME_MAX + 1];
	struct slice first;
	bool made;
	int r;

	if (!slice_split(&names, '/', &first) || first.n > NAME_MAX)
		return -ENAMETOOLONG;
	if (depth == MAKE_DEPTH_MAX)
		return -ELOOP;
	memcpy(name, first.p, first.n);
	name[first.n] = '\0';
	made = mkdirat(dir, name, 0755) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	if (r == 0 && names.p)
		r = make_below(fd, names, depth + 1, ret_fd);
	else if (r == 0)
		*ret_fd = TAKE_FD(fd);
	if (r < 0 && made)
		(void)unlinkat(dir, name, AT_REMOVEDIR);
	return r;
}

/* The nearest folder above path that is there; *ret_missing: what is not, below it. */
static int open_above(const struct hostpath *h, const char *path, const char **ret_missing)
{
	char *above = arena_must(arena_strdup(h->arena, path));

	for (;;) {
		char *slash = strrchr(above, '/');
		int fd;

		*slash = '\0';
		fd = open(slash == above ? "/" : above, O_PATH | O_DIRECTORY | O_CLOEXEC);
		*ret_missing = path + (slash - above) + 1;
		if (fd >= 0)
			return fd;
		if (errno != ENOENT || slash == above)
			return -errno;
	}
}

/* *ret_fd stays as it is where the verdict is no, and with HOSTPATH_PREDICT. */
static int make(const struct hostpath *h, const char *path, unsigned flags, struct verdict *ret,
		int *ret_fd, struct err *err)
{
	struct hostmount_request req = { .asked = path };
	CLEANUP_FD int above = open_above(h, path, &req.missing);
	int r;

	if (above < 0)
		return failed(h, path, above, err);
	r = hostpath_judge_fs(above, path, ret, err);
	if (r < 0 || ret->kind == VERDICT_DENY)
		return r;
	r = place_of(h, above, &req.place, err);
	if (r < 0)
		return r;
	hostmount_decide(&h->policy, &req, ret);
	if (ret->kind == VERDICT_DENY)
		return 0;
	if (flags & HOSTPATH_PREDICT)
		r = faccessat(above, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	else
		r = make_below(above, slice_str(req.missing), 0, ret_fd);
	if (r < 0)
		return err_errno(err, r,
				 "can't mount %s: it is not there, and user %u can't make it", path,
				 h->asker);
	return 0;
}

/* --- what is there --- */

static int ask_device(const struct hostpath *h, const char *path, struct verdict *ret,
		      struct err *err)
{
	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "device-open" };
	if (fd < 0 && errno == ENOENT)
		return 0; /* the engine says so in its own words */
	if (fd < 0)
		return err_errno(err, -errno, "device %s as user %u", path, h->asker);
	return device_judge(h, fd, path, ret, err);
}

static int judge(const struct hostpath *h, int fd, const char *path, unsigned flags,
		 struct verdict *ret, struct err *err)
{
	char found[PATH_MAX];
	struct stat st;
	int r;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "hostmount-open" };
	/* gabion-runc makes it the container's own. */
	if (at_path_of(fd, found, sizeof(found)) == 0 && strcmp(found, "/sys/fs/cgroup") == 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return failed(h, path, -errno, err);
	if (S_ISBLK(st.st_mode)) {
		*ret = (struct verdict){ .kind = VERDICT_DENY, .rule = "hostmount-block-device" };
		(void)snprintf(ret->message, sizeof(ret->message),
			       "can't mount %s: it is a block device", path);
		return 0;
	}
	r = hostpath_judge_fs(fd, path, ret, err);
	if (r < 0 || ret->kind == VERDICT_DENY)
		return r;
	return hostpath_judge(h, fd, path, flags & HOSTPATH_RECURSIVE, ret, err);
}

int hostpath_ask(const struct hostpath *h, const char *path, unsigned flags, struct verdict *ret,
		 struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	const char *clean;
	int r = 0;

	if (flags & HOSTPATH_RULE)
		return device_judge_rule(h, path, ret, err);
	if (flags & HOSTPATH_CDI) {
		cdi_judge(slice_str(path), (const char *const *)h->facts->cdi.items,
			  h->facts->cdi.n, h->inst->etc, ret);
		return 0;
	}
	if (flags & HOSTPATH_DEVICE) /* engines do not clean these */
		return ask_device(h, path, ret, err);
	clean = hostpath_clean(h->arena, path);
	fd = open(clean, O_PATH | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !(flags & HOSTPATH_MAKE))
		return err_set(err, -ENOENT,
			       "invalid mount config for type \"bind\": bind source path does not "
			       "exist: %s",
			       clean); /* the engine's own words */
	if (fd < 0 && errno == ENOENT)
		r = make(h, clean, flags, ret, &fd, err);
	else if (fd < 0)
		r = failed(h, clean, -errno, err);
	return r < 0 || fd < 0 ? r : judge(h, fd, clean, flags, ret, err);
}
