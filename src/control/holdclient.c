/* SPDX-License-Identifier: Apache-2.0 */
#include "control/holdclient.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/sock.h"
#include "control/hold.h"

#define PATIENCE_SECONDS 1

int hold_connect(struct hold *h, const char *path)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	/* One that hangs may have no room for a connection: that is not waited for. */
	CLEANUP_FD int fd = sock_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
	int r;

	hold_close(h);
	if (fd < 0)
		return fd;
	r = fd_nonblock(fd, false);
	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	h->fd = TAKE_FD(fd);
	h->lost = false;
	return 0;
}

void hold_close(struct hold *h)
{
	h->fd = fd_close(h->fd);
}

static int say(struct hold *h, enum control_hold_op op, const char *name, const int *fd)
{
	struct control_hold m = { .version = CONTROL_HOLD_VERSION, .op = op };
	ssize_t n;

	if (h->fd < 0)
		return -ENOTCONN;
	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	n = sock_send_fds(h->fd, &m, sizeof(m), fd, fd ? 1 : 0);
	if (n == (ssize_t)sizeof(m))
		return 0;
	log_warning("gabion-hold: %s", strerror(n < 0 ? (int)-n : EPROTO));
	hold_close(h);
	h->lost = true;
	return n < 0 ? (int)n : -EPROTO;
}

/* One entry, or the end of them: 1. */
static int take(struct hold *h, struct control_hold *m, int *ret_fd)
{
	CLEANUP_FD int fd = -EBADF;
	size_t nfds = 0;
	ssize_t n = sock_recv_fds(h->fd, m, sizeof(*m), &fd, 1, &nfds);

	if (n < 0)
		return (int)n;
	if (n != (ssize_t)sizeof(*m) || !memchr(m->name, '\0', sizeof(m->name)))
		return -EPROTO;
	if (m->op == CONTROL_HOLD_END)
		return 1;
	if (m->op != CONTROL_HOLD_ENTRY || nfds != 1)
		return -EPROTO;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int hold_list(struct hold *h, void (*found)(const char *name, int take_fd, void *data), void *data)
{
	int r = say(h, CONTROL_HOLD_LIST, "", NULL);
	struct control_hold m = { .version = CONTROL_HOLD_VERSION };

	while (r == 0) {
		int fd = -EBADF;

		r = take(h, &m, &fd);
		if (r == 0)
			found(m.name, fd, data);
	}
	if (r < 0) {
		hold_close(h);
		return r;
	}
	return m.version == CONTROL_HOLD_VERSION ? HOLD_LISTED : HOLD_OTHER_VERSION;
}

void hold_keep(struct hold *h, const char *name, int fd)
{
	if (h->fd >= 0)
		(void)say(h, CONTROL_HOLD_KEEP, name, &fd);
}

void hold_drop(struct hold *h, const char *name)
{
	if (h->fd >= 0)
		(void)say(h, CONTROL_HOLD_DROP, name, NULL);
}
