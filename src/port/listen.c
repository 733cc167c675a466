/* SPDX-License-Identifier: Apache-2.0 */
#include "port/listen.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HOST_NET "run/host-net" /* below the instance's folder; daemon/hostnet.c */
#define BACKLOG 65535		/* the kernel caps it: net.core.somaxconn */

static const struct {
	int type;
	int protocol;
} kinds[] = {
	[ARGS_TCP] = { SOCK_STREAM, IPPROTO_TCP },
	[ARGS_UDP] = { SOCK_DGRAM, IPPROTO_UDP },
	[ARGS_SCTP] = { SOCK_STREAM, IPPROTO_SCTP },
};

/* "listen tcp4 0.0.0.0:80: bind: address already in use" */
static int say(const struct args *a, const char *call, int code, struct err *err)
{
	char where[ADDR_TEXT_MAX];
	char why[128];

	addr_print(&a->host, where);
	(void)snprintf(why, sizeof(why), "%s", strerror(-code));
	why[0] = (char)tolower((unsigned char)why[0]);
	return err_set(err, code, "listen %s%c %s: %s: %s", args_proto_name(a->proto),
		       a->host.any.sa_family == AF_INET6 ? '6' : '4', where, call, why);
}

static int on(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

/* Which of its addresses a datagram came to is where the answer has to come from. */
static int want_destination(int fd, const struct args *a)
{
	if (a->proto != ARGS_UDP)
		return 0;
	return a->host.any.sa_family == AF_INET6 ? on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
						 : on(fd, IPPROTO_IP, IP_PKTINFO);
}

/* Before it is bound. */
static int set_options(int fd, const struct args *a)
{
	int r = 0;

	if (a->host.any.sa_family == AF_INET6)
		r = on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (r == 0 && a->proto == ARGS_TCP)
		r = on(fd, SOL_SOCKET, SO_REUSEADDR);
	return r == 0 ? want_destination(fd, a) : r;
}

enum make_flags {
	MAKE_IF_OURS = 1u << 0, /* nothing (-EBADF) where the address is none of this namespace's */
};

/* In the namespace in which this process is. */
static int make(const struct args *a, unsigned int flags, int *ret, struct err *err)
{
	int type = kinds[a->proto].type;
	CLEANUP_FD int fd = socket(a->host.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
				   kinds[a->proto].protocol);
	int r;

	if (fd < 0)
		return say(a, "socket", -errno, err);
	r = set_options(fd, a);
	if (r < 0)
		return say(a, "setsockopt", r, err);
	if (bind(fd, &a->host.any, a->host.len) < 0) {
		if (errno == EADDRNOTAVAIL && (flags & MAKE_IF_OURS))
			return 0;
		return say(a, "bind", -errno, err);
	}
	if (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		return say(a, "listen", -errno, err);
	*ret = TAKE_FD(fd);
	return 0;
}

static int option_of(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -errno : value;
}

/* The engine's own socket: it has to be what the command line says. */
static int take_engine_fd(const struct args *a, int *ret, struct err *err)
{
	CLEANUP_FD int fd = fcntl(LISTEN_ENGINE_FD, F_GETFD) < 0 ? -EBADF : LISTEN_ENGINE_FD;
	int r;

	if (fd < 0 || option_of(fd, SO_DOMAIN) != a->host.any.sa_family ||
	    option_of(fd, SO_TYPE) != kinds[a->proto].type ||
	    option_of(fd, SO_PROTOCOL) != kinds[a->proto].protocol ||
	    (kinds[a->proto].type == SOCK_STREAM && option_of(fd, SO_ACCEPTCONN) != 1))
		return err_set(err, -EINVAL, "descriptor %d is no %s socket that listens",
			       LISTEN_ENGINE_FD, args_proto_name(a->proto));
	r = fd_cloexec(fd, true);
	if (r == 0)
		r = fd_nonblock(fd, true);
	if (r == 0)
		r = want_destination(fd, a);
	if (r < 0)
		return err_errno(err, r, "the engine's socket");
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_host_net(struct err *err)
{
	const char *dir = getenv("GABION_STATE_DIR");
	CLEANUP_FD int fd = -EBADF;
	char path[PATH_MAX];
	struct statfs fs;

	if (!dir || dir[0] != '/')
		return err_set(err, -EINVAL,
			       "GABION_STATE_DIR names no instance: gabion-port is started by the "
			       "engine of one");
	(void)snprintf(path, sizeof(path), "%s/" HOST_NET, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || (uint32_t)fs.f_type != NSFS_MAGIC ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return err_set(
			err, -ENOENT,
			"%s is not the host's network: this instance was started by another "
			"version of gabion; `gabion down --state-dir %s` and `gabion up` end "
			"that",
			path, dir);
	return TAKE_FD(fd);
}

static bool same(int a, int b)
{
	struct stat x;
	struct stat y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int make_outside(const struct args *a, int host, int own, int *ret, struct err *err)
{
	int r;

	if (setns(host, CLONE_NEWNET) < 0)
		return err_errno(err, -errno, "entering the host's network");
	r = make(a, 0, ret, err);
	if (setns(own, CLONE_NEWNET) < 0)
		return err_errno(err, -errno, "leaving the host's network");
	return r;
}

int listen_open(const struct args *a, struct listeners *ret, struct err *err)
{
	CLEANUP_FD int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEANUP_FD int outer = -EBADF;
	CLEANUP_FD int host = -EBADF;
	CLEANUP_FD int inside = -EBADF;
	int r = 0;

	if (own < 0)
		return err_errno(err, -errno, "/proc/self/ns/net");
	if (a->use_listen_fd)
		r = take_engine_fd(a, &inside, err);
	if (r < 0)
		return r;
	outer = open_host_net(err);
	if (outer < 0)
		return outer;
	if (same(own, outer))
		return err_set(err, -EINVAL, "the engine is in the host's network itself");
	r = make_outside(a, outer, own, &host, err);
	if (r == 0 && !a->use_listen_fd)
		r = make(a, MAKE_IF_OURS, &inside, err);
	if (r < 0)
		return r;
	ret->host = TAKE_FD(host);
	ret->inside = TAKE_FD(inside);
	return 0;
}
