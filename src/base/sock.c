/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* Fills addr with path, or with /proc/self/fd/N/name where path is too long for sun_path; the
 * descriptor of its directory comes back in *dir. */
static int sock_addr(const char *path, struct sockaddr_un *addr, int *dir)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int r;

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*dir = -EBADF;
	if (strlen(path) < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, strlen(path) + 1);
		return 0;
	}
	if (!slash || (size_t)(slash - path) >= sizeof(parent))
		return -ENAMETOOLONG;
	(void)snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - path), path);
	*dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return -errno;
	r = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", *dir,
		     slash + 1);
	if (r < 0 || (size_t)r >= sizeof(addr->sun_path)) {
		*dir = fd_close(*dir);
		return -ENAMETOOLONG;
	}
	return 0;
}

int sock_listen(const char *path, int type, mode_t mode, gid_t gid)
{
	CLEANUP_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CLEANUP_FD int dir = -EBADF;
	char tmp[PATH_MAX];
	struct sockaddr_un addr;
	int r;

	if (fd < 0)
		return -errno;
	r = snprintf(tmp, sizeof(tmp), "%s.%ld", path, (long)getpid());
	if (r < 0 || (size_t)r >= sizeof(tmp))
		return -ENAMETOOLONG;
	(void)unlink(tmp);
	r = sock_addr(tmp, &addr, &dir);
	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0) /* a socket takes its mode from its inode at bind(2) */
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (chmod(tmp, mode) < 0 || chown(tmp, (uid_t)-1, gid) < 0 || listen(fd, 512) < 0 ||
	    rename(tmp, path) < 0) {
		r = -errno;
		(void)unlink(tmp);
		return r;
	}
	return TAKE_FD(fd);
}

int sock_connect(const char *path, int type)
{
	CLEANUP_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	CLEANUP_FD int dir = -EBADF;
	struct sockaddr_un addr;
	int r;

	if (fd < 0)
		return -errno;
	r = sock_addr(path, &addr, &dir);
	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int sock_peer(int fd, struct sock_peer *ret)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	socklen_t groups = sizeof(ret->groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ret->groups, &groups) < 0)
		return errno == ERANGE ? -E2BIG : -errno;
	ret->pid = cred.pid;
	ret->uid = cred.uid;
	ret->gid = cred.gid;
	ret->ngroups = groups / sizeof(gid_t);
	return 0;
}

int sock_peer_process(int fd)
{
	socklen_t n = sizeof(int);
	int pidfd = -EBADF;

	return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) < 0 ? -errno : pidfd;
}

ssize_t sock_send_fds(int fd, const void *data, size_t n, const int *fds, size_t nfds)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = n };

	return sock_sendv_fds(fd, &iov, 1, fds, nfds);
}

ssize_t sock_sendv_fds(int fd, struct iovec *iov, size_t niov, const int *fds, size_t nfds)
{
	union {
		char raw[CMSG_SPACE(sizeof(int) * SOCK_FDS_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = niov };
	ssize_t r;

	if (nfds > SOCK_FDS_MAX)
		return -EINVAL;
	if (nfds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.raw;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&msg);
		assert(c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	r = sendmsg(fd, &msg, MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

ssize_t sock_recv_fds(int fd, void *data, size_t n, int *fds, size_t max, size_t *nfds)
{
	struct iovec iov = { .iov_base = data, .iov_len = n };

	return sock_recvv_fds(fd, &iov, 1, fds, max, nfds);
}

ssize_t sock_recvv_fds(int fd, struct iovec *iov, size_t niov, int *fds, size_t max, size_t *nfds)
{
	union {
		char raw[CMSG_SPACE(sizeof(int) * SOCK_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = niov,
			      .msg_control = control.raw,
			      .msg_controllen = sizeof(control.raw) };
	size_t got = 0;
	bool bad;
	ssize_t r = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	if (r < 0)
		return -errno;
	bad = msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		int all[SOCK_FDS_MAX];
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		count = MIN(count, (size_t)SOCK_FDS_MAX);
		memcpy(all, CMSG_DATA(c), count * sizeof(int));
		for (size_t i = 0; i < count; i++) {
			if (got < max) {
				fds[got++] = all[i];
			} else {
				(void)fd_close(all[i]);
				bad = true;
			}
		}
	}
	if (bad) {
		for (size_t i = 0; i < got; i++)
			(void)fd_close(fds[i]);
		return -EMSGSIZE;
	}
	*nfds = got;
	return r;
}
