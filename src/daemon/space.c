/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/space.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/guard.h"
#include "linux/mnt.h"
#include "linux/mountinfo.h"

#define MOUNTINFO_MAX (16u * 1024u * 1024u)
#define POINTS_MAX 16

/* What each of these is in the instance: a folder below DIR/run. */
static const struct {
	const char *host; /* below /run */
	const char *ours; /* below DIR/run */
} folders[] = {
	{ "docker", "exec" },
	{ "containerd", "containerd" },
};

#define CLIENTS_SOCKET "/run/docker.sock"

/* Where clients look for an engine's socket, and containers that are given it: under Docker's name,
 * and under those that the profile's documents have. Only names in /run itself: the folders there
 * are the host's, and nothing can be put into them. */
struct points {
	const char *at[POINTS_MAX];
	size_t n;
};

static void socket_points(const struct profile *profile, struct points *ret)
{
	*ret = (struct points){ .at = { CLIENTS_SOCKET }, .n = 1 };
	for (size_t i = 0; profile->sockets[i] && ret->n < POINTS_MAX; i++) {
		const char *path = profile->sockets[i];

		if (strncmp(path, "/run/", 5) == 0 && !strchr(path + 5, '/') &&
		    strcmp(path, CLIENTS_SOCKET) != 0)
			ret->at[ret->n++] = path;
	}
}

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

int space_open(struct space *s, struct err *err)
{
	s->host_mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	s->host_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	s->host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->host_mnt < 0 || s->host_net < 0 || s->host_root < 0)
		return err_errno(err, -errno,
				 "opening this process's namespaces (is /proc there?)");
	s->host_ports = hostnet_ports();
	return 0;
}

void space_done(struct space *s)
{
	s->host_mnt = fd_close(s->host_mnt);
	s->host_net = fd_close(s->host_net);
	s->host_root = fd_close(s->host_root);
}

static int is_mount(int root)
{
	struct statx sx;

	if (statx(root, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) < 0)
		return -errno;
	return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool space_host_is_mount(const struct space *s)
{
	return is_mount(s->host_root) > 0;
}

/* Makes the directory that is "/" in a chroot the root of this mount namespace. */
static int own_root(struct err *err)
{
	CLEANUP_FD int self = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int tree = -EBADF;
	int r;

	if (self < 0 || root < 0)
		return err_errno(err, -errno, "/");
	r = is_mount(root);
	if (r != 0)
		return r < 0 ? err_errno(err, r, "/") : 0;
	if (setns(self, CLONE_NEWNS) < 0) /* to the namespace's own root directory */
		return err_errno(err, -errno, "leaving the chroot");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, -errno, "detaching the instance's mounts from the host's");
	tree = mnt_clone(root, true);
	if (tree < 0)
		return err_errno(err, tree, "copying the mounts of this chroot");
	r = mnt_attach(tree, root);
	if (r < 0)
		return err_errno(err, r, "mounting the chroot on itself");
	if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(err, -errno, "making the chroot the root of the namespace");
	return 0;
}

static int loopback_up(struct err *err)
{
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo" };

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return err_errno(err, -errno, "network interface lo");
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return err_errno(err, -errno, "bringing up network interface lo");
	return 0;
}

struct hybrid {
	bool v1;
	size_t n;
	char *v2[POINTS_MAX]; /* mount points of cgroup2; owned */
};

static int find_hybrid(const struct mountinfo_entry *m, void *data)
{
	struct hybrid *h = data;

	if (strcmp(m->type, "cgroup") == 0)
		h->v1 = true;
	if (strcmp(m->type, "cgroup2") == 0 && h->n < POINTS_MAX) {
		h->v2[h->n] = strdup(m->point);
		if (!h->v2[h->n++])
			return -ENOMEM;
	}
	return 0;
}

static int hide_hybrid_cgroup2(struct err *err)
{
	CLEANUP_BUF struct buf text = BUF_INIT(MOUNTINFO_MAX);
	struct hybrid h = { 0 };
	int r = mountinfo_read(&text, err);

	if (r == 0)
		r = mountinfo_each(buf_slice(&text), find_hybrid, &h, err);

	for (size_t i = 0; i < h.n; i++) {
		if (r == 0 && h.v1 && umount2(h.v2[i], MNT_DETACH) < 0)
			r = err_errno(err, -errno, "unmounting %s in the instance", h.v2[i]);
		free(h.v2[i]);
	}
	return r;
}

/* Attaches a copy of the mount at `from` on what `to` is. */
static int bind_mount(const char *from, const char *to, int to_flags)
{
	CLEANUP_FD int source = open(from, O_PATH | O_CLOEXEC);
	CLEANUP_FD int target = open(to, O_PATH | O_CLOEXEC | to_flags);
	CLEANUP_FD int tree = -EBADF;

	if (source < 0 || target < 0)
		return -errno;
	tree = mnt_clone(source, true);
	if (tree < 0)
		return tree;
	return mnt_attach(tree, target);
}

/* Puts something at /run/NAME of the fresh /run in `dir` that is what the host has there. */
static int copy_entry(int dir, int run, const struct dirent *e)
{
	CLEANUP_FD int source = openat(run, e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_FD int target = -EBADF;
	CLEANUP_FD int tree = -EBADF;
	char link[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (source < 0 || fstat(source, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(source, "", link, sizeof(link) - 1);
		if (n < 0)
			return -errno;
		link[n] = '\0';
		return symlinkat(link, dir, e->d_name) < 0 ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(dir, e->d_name, 0755) < 0)
			return -errno;
	} else {
		target = openat(dir, e->d_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (target < 0)
			return -errno;
		(void)fd_close(TAKE_FD(target));
	}
	target = openat(dir, e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	tree = mnt_clone(source, true);
	if (target < 0 || tree < 0)
		return target < 0 ? -errno : tree;
	return mnt_attach(tree, target);
}

/*
 * Where the host has no /run/docker, /run/containerd or /run/docker.sock (or the profile's own
 * name for that) there is nothing to mount on, and making it would touch the host. Then the
 * instance gets a /run of its own with the same entries in it; what the host puts beside them later
 * is not seen.
 */
static int fresh_run(const char *scratch, const struct points *sockets)
{
	CLEANUP_FD int run = open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int dir = -EBADF;
	CLEANUP_FD int target = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_FD int tree = mnt_tmpfs("0755");
	CLEANUP_DIR DIR *d = NULL;
	struct dirent *e;
	int r;

	if (run < 0 || target < 0)
		return -errno;
	if (tree < 0)
		return tree;
	r = mnt_attach_at(tree, AT_FDCWD,
			  scratch); /* entries can be mounted on only when attached */
	if (r < 0)
		return r;
	dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = dir < 0 ? NULL : fdopendir(run);
	if (!d)
		return -errno;
	run = -EBADF; /* d's now */
	for (e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = copy_entry(dir, dirfd(d), e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdirat(dir, folders[i].host, 0711) < 0 && errno != EEXIST)
			return -errno;
	for (size_t i = 0; i < sockets->n; i++)
		if (mknodat(dir, strrchr(sockets->at[i], '/') + 1, S_IFREG | 0600, 0) < 0 &&
		    errno != EEXIST)
			return -errno;
	return mnt_attach(tree, target);
}

static int own_run_folders(const struct instance *inst, const struct profile *profile,
			   struct err *err)
{
	struct points sockets;
	char from[PATH_MAX];
	char to[64];
	bool missing = false;
	int r;

	socket_points(profile, &sockets);
	for (size_t i = 0; i < sockets.n; i++)
		missing = missing || inode_of(sockets.at[i]) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(to, sizeof(to), "/run/%s", folders[i].host);
		missing = missing || inode_of(to) == 0;
	}
	if (missing) {
		(void)snprintf(from, sizeof(from), "%s/tmp", inst->run);
		r = fresh_run(from, &sockets);
		if (r < 0)
			return err_errno(err, r, "making a /run for the instance");
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(from, sizeof(from), "%s/%s", inst->run, folders[i].ours);
		(void)snprintf(to, sizeof(to), "/run/%s", folders[i].host);
		r = bind_mount(from, to, O_DIRECTORY);
		if (r < 0)
			return err_errno(err, r, "mounting %s on %s in the instance", from, to);
	}
	return 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int space_show_socket(const struct instance *inst, const struct profile *profile, struct err *err)
{
	struct points points;
	char from[PATH_MAX];
	int r;

	socket_points(profile, &points);
	(void)snprintf(from, sizeof(from), "%s/docker.sock", inst->run);
	for (size_t i = 0; i < points.n; i++) {
		const char *to = points.at[i];

		while (umount2(to, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			; /* an earlier gabiond's, which nobody listens on */
		if (i > 0 && inode_of(to) == 0) {
			(void)err_set(err, 0,
				      "%s is not there in this instance, which was started with "
				      "another engineProfile: `gabion down` and `gabion up`",
				      to);
			return SPACE_NOT_EVERYWHERE;
		}
		if (is_folder(to))
			return err_set(err, -EISDIR,
				       "%s is a folder on this host, where clients look for the "
				       "engine's socket: engines make one for `-v %s:...` while "
				       "there is no socket. Remove it (rmdir %s), and start again",
				       to, to, to);
		r = bind_mount(from, to, O_NOFOLLOW);
		if (r < 0)
			return err_errno(err, r, "mounting %s on %s in the instance", from, to);
	}
	return SPACE_SHOWN;
}

/* On the name itself, should it be a symlink: its target may be replaced by the host at any time,
 * and a mount goes away with the file it is on. */
static int own_resolv_conf(const struct instance *inst, struct err *err)
{
	char from[PATH_MAX];
	int r;

	(void)snprintf(from, sizeof(from), "%s/resolv.conf", inst->run);
	r = bind_mount(from, "/etc/resolv.conf", O_NOFOLLOW);
	if (r < 0)
		r = bind_mount(from, "/etc/resolv.conf", 0);
	if (r < 0)
		return err_errno(err, r, "mounting %s on /etc/resolv.conf in the instance", from);
	return 0;
}

static int arrange(const struct space *s, const struct instance *inst,
		   const struct profile *profile, bool resolv, struct err *err)
{
	int r = own_root(err);

	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, -errno, "detaching the instance's mounts from the host's");
	r = hide_hybrid_cgroup2(err);
	if (r == 0)
		r = own_run_folders(inst, profile, err);
	if (r == 0)
		r = guard_data(inst, err);
	if (r == 0)
		r = guard_folders(inst, err);
	if (r == 0 && resolv)
		r = own_resolv_conf(inst, err);
	if (r == 0)
		r = hostnet_mount(inst, s->host_net, err);
	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return err_errno(err, -errno, "sharing the instance's mounts");
	/* Else what the engine mounts below /run/docker appeared below DIR/run too. */
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char point[64];

		(void)snprintf(point, sizeof(point), "/run/%s", folders[i].host);
		if (mount(NULL, point, NULL, MS_PRIVATE, NULL) < 0)
			return err_errno(err, -errno, "making %s private", point);
	}
	hostnet_tune(inst, s->host_ports);
	return loopback_up(err);
}

int space_new(struct space *s, const struct instance *inst, const struct profile *profile,
	      bool resolv, struct err *err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		return err_errno(err, -errno, "making mount and network namespaces");
	s->inside = true;
	s->mnt = inode_of("/proc/self/ns/mnt");
	s->net = inode_of("/proc/self/ns/net");
	return arrange(s, inst, profile, resolv, err);
}

bool space_has(pid_t pid, uint64_t mnt, uint64_t net)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", (long)pid);
	if (mnt == 0 || inode_of(path) != mnt)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)pid);
	return net != 0 && inode_of(path) == net;
}

static int open_of(pid_t pid, const char *what, int flags)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, what);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* setns(2) goes to the namespace's root directory; `root` may be another one. */
static int move_to(int mnt, int net, int root)
{
	if (setns(mnt, CLONE_NEWNS) < 0 || setns(net, CLONE_NEWNET) < 0)
		return -errno;
	return fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
}

int space_join(struct space *s, pid_t pid, uint64_t mnt, uint64_t net, struct err *err)
{
	CLEANUP_FD int mnt_fd = open_of(pid, "ns/mnt", O_RDONLY);
	CLEANUP_FD int net_fd = open_of(pid, "ns/net", O_RDONLY);
	CLEANUP_FD int root = open_of(pid, "root", O_PATH | O_DIRECTORY);
	struct stat m;
	struct stat n;
	int r;

	if (mnt_fd < 0 || net_fd < 0 || root < 0)
		return err_set(err, -ESRCH, "process %ld has gone", (long)pid);
	if (fstat(mnt_fd, &m) < 0 || fstat(net_fd, &n) < 0 || m.st_ino != mnt || n.st_ino != net)
		return err_set(err, -ESRCH, "process %ld is another one", (long)pid);
	r = move_to(mnt_fd, net_fd, root);
	if (r < 0)
		return err_errno(err, r, "entering the namespaces of process %ld", (long)pid);
	s->inside = true;
	s->mnt = mnt;
	s->net = net;
	return 0;
}

int space_leave_child(const struct space *s)
{
	return s->inside ? move_to(s->host_mnt, s->host_net, s->host_root) : 0;
}

int space_leave(struct space *s, struct err *err)
{
	int r = space_leave_child(s);

	if (r < 0)
		return err_errno(err, r, "leaving the instance's namespaces");
	s->inside = false;
	return 0;
}
