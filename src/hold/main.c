/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-hold: keeps descriptors for gabiond, so that they outlive it. A container that may have
 * the engine's socket has it bound into its file system for as long as it runs; if the listening
 * end were gabiond's alone, a killed gabiond would leave the container with a dead name.
 *
 * It knows nothing about what it keeps. It opens its socket, gives up every privilege, and then
 * does the three things of control/hold.h, for root only.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sandbox.h"
#include "base/slice.h"
#include "base/sock.h"
#include "base/util.h"
#include "control/hold.h"
#include "gabion-version.h"

/* A user and group without an account, beside the gate's (daemon/daemon.h) and gabion-port's. */
#define HOLD_ID 1610612733u /* 0x5FFFFFFD */
#define PEERS_MAX 8
#define SEND_SECONDS 5
/* Descriptors that are not kept: the standard ones, the listening socket, peers and one more that
 * is closed at once, and what comes with a message. */
#define OWN_FDS (3 + 1 + PEERS_MAX + 1 + SOCK_FDS_MAX)

enum main_exit {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct entry {
	char name[CONTROL_HOLD_NAME]; /* empty: free */
	int fd;
};

static struct hold {
	struct entry entries[CONTROL_HOLD_MAX];
	size_t n;			     /* none is in use from here on */
	size_t room;			     /* how many may be: fewer where the limit is low */
	struct pollfd polled[1 + PEERS_MAX]; /* the listening socket, then peers; -1: free */
} hold;

static struct entry *find(const char *name)
{
	for (size_t i = 0; i < hold.n; i++)
		if (strcmp(hold.entries[i].name, name) == 0)
			return &hold.entries[i];
	return NULL;
}

static void keep(const char *name, int take_fd)
{
	struct entry *e = find(name);

	if (e) {
		(void)fd_close(e->fd);
	} else {
		e = find("");
		if (!e && hold.n < hold.room)
			e = &hold.entries[hold.n++];
	}
	if (!e) {
		(void)fd_close(take_fd);
		return;
	}
	memcpy(e->name, name, strlen(name) + 1);
	e->fd = take_fd;
}

static void drop(const char *name)
{
	struct entry *e = find(name);

	if (!e)
		return;
	e->fd = fd_close(e->fd);
	e->name[0] = '\0';
	while (hold.n > 0 && hold.entries[hold.n - 1].name[0] == '\0')
		hold.n--;
}

static int list(int peer)
{
	struct control_hold m = { .version = CONTROL_HOLD_VERSION, .op = CONTROL_HOLD_ENTRY };
	ssize_t r = 0;

	for (size_t i = 0; i < hold.n && r >= 0; i++) {
		const struct entry *e = &hold.entries[i];

		memcpy(m.name, e->name, sizeof(m.name));
		if (e->name[0])
			r = sock_send_fds(peer, &m, sizeof(m), &e->fd, 1);
	}
	m = (struct control_hold){ .version = CONTROL_HOLD_VERSION, .op = CONTROL_HOLD_END };
	if (r >= 0)
		r = sock_send_fds(peer, &m, sizeof(m), NULL, 0);
	return r < 0 ? (int)r : 0;
}

/* One message. Anything but 0 ends the connection; what is kept stays. */
static int serve(int peer)
{
	struct control_hold m;
	int fd = -EBADF;
	size_t nfds = 0;
	ssize_t n = sock_recv_fds(peer, &m, sizeof(m), &fd, 1, &nfds);
	bool named;

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n != (ssize_t)sizeof(m) || !memchr(m.name, '\0', sizeof(m.name)) ||
	    (m.version != CONTROL_HOLD_VERSION && m.op != CONTROL_HOLD_LIST))
		goto bad;
	named = m.name[0] != '\0';
	switch (m.op) {
	case CONTROL_HOLD_KEEP:
		if (!named || nfds != 1)
			goto bad;
		keep(m.name, fd);
		return 0;
	case CONTROL_HOLD_DROP:
		if (!named || nfds != 0)
			goto bad;
		drop(m.name);
		return 0;
	case CONTROL_HOLD_LIST:
		if (named || nfds != 0)
			goto bad;
		return list(peer);
	default:
		break;
	}
bad:
	if (nfds > 0)
		(void)fd_close(fd);
	return -EPROTO;
}

static void accept_peer(int listening)
{
	static const struct timeval patience = { .tv_sec = SEND_SECONDS };
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	socklen_t n = sizeof(struct ucred);
	struct ucred who;

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && who.uid == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0)
		for (size_t i = 1; i <= PEERS_MAX; i++)
			if (hold.polled[i].fd < 0) {
				hold.polled[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
				return;
			}
	(void)fd_close(fd);
}

static int run(void)
{
	for (;;) {
		if (poll(hold.polled, ARRAY_SIZE(hold.polled), -1) < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 1; i <= PEERS_MAX; i++)
			if (hold.polled[i].fd >= 0 && hold.polled[i].revents &&
			    serve(hold.polled[i].fd) != 0)
				hold.polled[i].fd = fd_close(hold.polled[i].fd);
		if (hold.polled[0].revents)
			accept_peer(hold.polled[0].fd);
	}
}

static int lock_up(struct err *err)
{
	static const struct sandbox_rule rules[] = {
		{ .call = "accept4" },
		{ .call = "close" },
		{ .call = "exit_group" },
		{ .call = "getsockopt" },
		{ .call = "poll" },
		{ .call = "ppoll" },
		{ .call = "recvmsg" },
		{ .call = "rt_sigreturn" },
		{ .call = "sendmsg" },
		{ .call = "setsockopt" },
		{ .call = "restart_syscall" },
		{ .call = "write" },
	};
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_NOFILE, CONTROL_HOLD_MAX + OWN_FDS },
		{ RLIMIT_CORE, 0 },
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks in a thread of its own */
		{ RLIMIT_NPROC, 0 },
#endif
		{ RLIMIT_MEMLOCK, 0 },
	};
	struct rlimit files = { 0 };
	int r = sandbox_user(HOLD_ID, HOLD_ID, err);

	if (r == 0)
		r = sandbox_limits(limits, ARRAY_SIZE(limits), err);
	if (r == 0 && getrlimit(RLIMIT_NOFILE, &files) < 0)
		r = err_errno(err, -errno, "limit of descriptors");
	if (r == 0 && files.rlim_cur <= OWN_FDS)
		r = err_set(err, -EMFILE, "a limit of %llu descriptors leaves none to keep",
			    (unsigned long long)files.rlim_cur);
	hold.room = r == 0 ? files.rlim_cur - OWN_FDS : 0;
	return r == 0 ? sandbox_program(rules, ARRAY_SIZE(rules), err) : r;
}

int main(int argc, char **argv)
{
	static const struct slice option = { "--socket=", 9 };
	struct err err = ERR_INIT;
	int fd;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("gabion-hold %s\n", GABION_VERSION);
		return 0;
	}
	if (argc != 2 || !slice_starts(slice_str(argv[1]), option)) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

		(void)fputs("usage: gabion-hold --socket=PATH\n"
			    "\n"
			    "Keeps descriptors for gabiond, which starts it.\n",
			    help ? stdout : stderr);
		return help ? 0 : EXIT_USAGE;
	}
	fd = sock_listen(argv[1] + option.n, SOCK_SEQPACKET, 0600, (gid_t)-1);
	for (size_t i = 0; i < ARRAY_SIZE(hold.polled); i++)
		hold.polled[i].fd = -1;
	hold.polled[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	r = fd < 0 ? err_errno(&err, fd, "listening on %s", argv[1] + option.n) : lock_up(&err);
	if (r == 0)
		(void)err_errno(&err, run(), "poll");
	(void)fprintf(stderr, "gabion-hold: %s\n", err.text);
	return EXIT_FAILED;
}
