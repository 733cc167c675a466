/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/judge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "linux/at.h"
#include "linux/mountinfo.h"
#include "runtime/place.h"
#include "runtime/runtime.h"

#define DEPTH_MAX 64
#define DENIED "can't mount %s because it's configured as a restricted host mount"

/* An engine's or containerd's socket, wherever it is and whoever's. */
static const char *const socket_names[] = {
	"docker.sock",	   "engine.sock",     "containerd.sock", "containerd.sock.ttrpc",
	"podman.sock",	   "crio.sock",	      "buildkitd.sock",	 "iechor.sock",
	"docker.raw.sock", "dockershim.sock",
};

/* Where a hard link to something protected would lead, data roots of engines left out: they are
 * large, and nobody but root can make a link from there. */
static const char *const linked_trees[] = { "/etc", "/boot", "/usr", "/run" };

static int decide(struct runtime *rt, int fd, const char *asked, bool *ret_read_only,
		  struct err *err)
{
	struct hostmount_request req = { .asked = asked };
	struct verdict verdict;
	int r;

	if (!rt->hostmounts) {
		rt->hostmounts = arena_must(arena_alloc(&rt->arena, sizeof(*rt->hostmounts)));
		r = place_policy(rt, rt->hostmounts, err);
		if (r < 0)
			return r;
	}
	r = place_of(rt, fd, &req.place, err);
	if (r < 0)
		return r;
	hostmount_decide(rt->hostmounts, &req, &verdict);
	if (verdict.kind == VERDICT_DENY)
		return err_set(err, -EPERM, "%s", verdict.message);
	*ret_read_only |= verdict.read_only;
	return 0;
}

static bool has_socket_name(int fd)
{
	char path[PATH_MAX];
	const char *name;

	if (at_path_of(fd, path, sizeof(path)) < 0)
		return true;
	name = strrchr(path, '/');
	for (size_t i = 0; name && i < ARRAY_SIZE(socket_names); i++)
		if (strcmp(name + 1, socket_names[i]) == 0)
			return true;
	return false;
}

/* 1 when the tree holds the inode, 0 when not; what cannot be read is passed over. */
static int holds_inode(int dirfd, const struct stat *wanted, int depth)
{
	CLEANUP_DIR DIR *dir = NULL;
	struct dirent *e;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return 0;
	}
	while ((e = readdir(dir))) {
		CLEANUP_FD int sub = -EBADF;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type != DT_DIR && e->d_ino == wanted->st_ino)
			return 1;
		if (e->d_type != DT_DIR || depth == DEPTH_MAX)
			continue;
		sub = openat(fd, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0 && fstat(sub, &st) == 0 && st.st_dev == wanted->st_dev &&
		    holds_inode(sub, wanted, depth + 1))
			return 1;
	}
	return 0;
}

static bool tree_has(const char *tree, const struct stat *wanted)
{
	CLEANUP_FD int fd = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == wanted->st_dev &&
	       holds_inode(fd, wanted, 0);
}

/* A file with several names is also looked for under the protected ones. Rare, so it may take a
 * while. */
static bool is_linked(struct runtime *rt, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(linked_trees); i++)
		if (tree_has(linked_trees[i], st))
			return true;
	return tree_has(rt->inst.etc, st) || tree_has(rt->inst.run, st);
}

struct below {
	struct runtime *rt;
	const char *path;
	bool *read_only;
	struct err *err;
};

static int judge_submount(const struct mountinfo_entry *m, void *data)
{
	struct below *b = data;
	size_t n = strlen(b->path);
	CLEANUP_FD int fd = -EBADF;

	if (strncmp(m->point, b->path, n) != 0 || m->point[n] != '/')
		return 0;
	fd = open(m->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) /* under another mount: not within reach */
		return 0;
	return decide(b->rt, fd, m->point, b->read_only, b->err);
}

static int judge_below(struct runtime *rt, int fd, bool *read_only, struct err *err)
{
	struct below b = { .rt = rt, .read_only = read_only, .err = err };
	char path[PATH_MAX];
	struct slice info;
	int r;

	r = at_path_of(fd, path, sizeof(path));
	if (r < 0)
		return err_errno(err, r, "mount source");
	b.path = path;
	r = runtime_mountinfo(rt, &info, err);
	return r < 0 ? r : mountinfo_each(info, judge_submount, &b, err);
}

static int no_record(struct runtime *rt, const char *asked, struct err *err)
{
	return err_set(err, -EPERM,
		       "can't mount %s: nobody is on record as having asked for container %s; "
		       "start it through %s/"
		       "docker.sock, or set \"bindsWithoutRecord\" in %s/gabion.json",
		       asked, rt->args.id, rt->inst.run, rt->inst.etc);
}

int judge_host(struct runtime *rt, int fd, const char *asked, bool recursive, bool *ret_read_only,
	       struct err *err)
{
	struct stat st;
	int r;

	*ret_read_only = false;
	if (!rt->has_asker && !rt->facts.unrecorded_root)
		return no_record(rt, asked, err);
	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "mount source %s", asked);
	if ((S_ISSOCK(st.st_mode) && has_socket_name(fd)) || is_linked(rt, &st))
		return err_set(err, -EPERM, DENIED, asked);
	r = decide(rt, fd, asked, ret_read_only, err);
	if (r == 0 && recursive && S_ISDIR(st.st_mode))
		r = judge_below(rt, fd, ret_read_only, err);
	return r;
}
