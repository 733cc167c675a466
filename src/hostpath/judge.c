/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "hostpath/hostpath.h"
#include "hostpath/place.h"
#include "linux/at.h"
#include "linux/mountinfo.h"

#define DEPTH_MAX 64

/* An engine's or containerd's socket, wherever it is and whoever's. */
static const char *const socket_names[] = {
	"docker.sock",	   "engine.sock",     "containerd.sock", "containerd.sock.ttrpc",
	"podman.sock",	   "crio.sock",	      "buildkitd.sock",	 "iechor.sock",
	"docker.raw.sock", "dockershim.sock",
};

/* Where a hard link to something protected would lead, data roots of engines left out: they are
 * large, and nobody but root can make a link from there. */
static const char *const linked_trees[] = { "/etc", "/boot", "/usr", "/run" };

static int decide(const struct hostpath *h, int fd, const char *asked, struct verdict *ret,
		  struct err *err)
{
	struct hostmount_request req = { .asked = asked };
	int r = place_of(h, fd, &req.place, err);

	if (r == 0)
		hostmount_decide(&h->policy, &req, ret);
	return r;
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
static bool is_linked(const struct hostpath *h, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(linked_trees); i++)
		if (tree_has(linked_trees[i], st))
			return true;
	return tree_has(h->inst->etc, st) || tree_has(h->inst->run, st);
}

struct below {
	const struct hostpath *h;
	const char *path;
	struct verdict *verdict;
	struct err *err;
};

/* 1: it is denied. */
static int judge_submount(const struct mountinfo_entry *m, void *data)
{
	struct below *b = data;
	size_t n = strlen(b->path);
	CLEANUP_FD int fd = -EBADF;
	struct verdict verdict;
	int r;

	if (strncmp(m->point, b->path, n) != 0 || m->point[n] != '/')
		return 0;
	fd = open(m->point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) /* under another mount: not within reach */
		return 0;
	r = decide(b->h, fd, m->point, &verdict, b->err);
	if (r < 0)
		return r;
	if (verdict.kind == VERDICT_DENY)
		*b->verdict = verdict;
	else
		b->verdict->read_only |= verdict.read_only;
	return verdict.kind == VERDICT_DENY;
}

static int judge_below(const struct hostpath *h, int fd, struct verdict *ret, struct err *err)
{
	struct below b = { .h = h, .verdict = ret, .err = err };
	char path[PATH_MAX];
	int r;

	r = at_path_of(fd, path, sizeof(path));
	if (r < 0)
		return err_errno(err, r, "mount source");
	b.path = path;
	r = mountinfo_each(h->mountinfo, judge_submount, &b, err);
	return r < 0 ? r : 0;
}

int hostpath_judge(const struct hostpath *h, int fd, const char *asked, bool recursive,
		   struct verdict *ret, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "mount source %s", asked);
	if (hostpath_sockets_have(&h->sockets, fd)) {
		hostmount_deny(ret, "hostmount-socket", asked);
		return HOSTPATH_SOCKET;
	}
	if ((S_ISSOCK(st.st_mode) && has_socket_name(fd)) || is_linked(h, &st)) {
		hostmount_deny(ret, S_ISSOCK(st.st_mode) ? "hostmount-socket" : "hostmount-linked",
			       asked);
		return 0;
	}
	r = decide(h, fd, asked, ret, err);
	if (r == 0 && ret->kind == VERDICT_ALLOW && recursive && S_ISDIR(st.st_mode))
		r = judge_below(h, fd, ret, err);
	return r;
}

int hostpath_judge_fs(int fd, const char *asked, struct verdict *ret, struct err *err)
{
	static const unsigned long windows[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC,	      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,	  TRACEFS_MAGIC,      SECURITYFS_MAGIC,	  BPF_FS_MAGIC,
		EFIVARFS_MAGIC,	  PSTOREFS_MAGIC,     BINFMTFS_MAGIC,	  NSFS_MAGIC,
		SELINUX_MAGIC,	  DEVPTS_SUPER_MAGIC,
	};
	struct statfs sf;

	*ret = (struct verdict){ .kind = VERDICT_ALLOW, .rule = "hostmount-open" };
	if (fstatfs(fd, &sf) < 0)
		return err_errno(err, -errno, "mount source %s", asked);
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++)
		if ((unsigned long)sf.f_type == windows[i])
			hostmount_deny(ret, "hostmount-kernel", asked);
	return 0;
}
