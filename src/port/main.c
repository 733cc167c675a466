/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-port: what dockerd of a private instance runs for each published port, in the place of its
 * own proxy (--userland-proxy-path).
 *
 * How it works: the sockets are opened (listen.h), then everything that needs privilege is over and
 * the process locks itself up; then dockerd is told on descriptor 3, "0\n" or "1\n" and a text;
 * then it relays. It ends with SIGTERM or SIGINT, or with dockerd.
 *
 * dockerd asks the kernel for a signal at its own end (PR_SET_PDEATHSIG), which works until this
 * process becomes another user, and follows the thread of dockerd, not dockerd (20.10 does not keep
 * that thread). So from then on dockerd itself is watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/sandbox.h"
#include "base/util.h"
#include "gabion-version.h"
#include "port/args.h"
#include "port/datagrams.h"
#include "port/listen.h"
#include "port/streams.h"

/* A user and group without an account, beside the gate's (daemon/daemon.h). */
#define PORT_ID 1610612734u /* 0x5FFFFFFE */

#define TELL_FD 3 /* dockerd listens there */
#define DESCRIPTORS_MAX 131072
#define DESCRIPTORS_OWN 64 /* not for peers */
#define PEERS_MAX 16384	   /* connections, or sessions */

enum main_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct port {
	struct args args;
	struct listeners listeners;
	int parent; /* pidfd of dockerd */
	struct loop loop;
	struct loop_signals signals;
	struct loop_fd parent_watch;
	size_t peers_max;
	union {
		struct streams streams;
		struct datagrams datagrams;
	};
};

static void usage(FILE *to)
{
	(void)fputs("usage: gabion-port -proto tcp|udp|sctp -host-ip IP -host-port N -container-ip "
		    "IP\n"
		    "                   -container-port N [-use-listen-fd]\n"
		    "\n"
		    "Relays a published port of a private instance from the host to a container; "
		    "started by\n"
		    "dockerd.\n",
		    to);
}

static void on_signal(struct loop_signals *s, const struct signalfd_siginfo *info)
{
	(void)info;
	loop_stop(&CONTAINER_OF(s, struct port, signals)->loop);
}

static void on_parent(struct loop_fd *f, uint32_t events)
{
	(void)events;
	loop_stop(&CONTAINER_OF(f, struct port, parent_watch)->loop);
}

/* Until the handshake is over, a dockerd that has gone shows there. */
static int watch_parent(struct port *p, struct err *err)
{
	pid_t parent = getppid();

	p->parent = pidfd_open(parent, 0);
	if (p->parent < 0 || getppid() != parent)
		return err_set(err, -ESRCH, "the process that started this one has gone");
	return 0;
}

static int start_loop(struct port *p, struct err *err)
{
	sigset_t set;
	int r = loop_init(&p->loop);

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (r == 0)
		r = loop_signals_start(&p->loop, &p->signals, &set, on_signal);
	if (r == 0)
		r = loop_fd_start(&p->loop, &p->parent_watch, p->parent, EPOLLIN, on_parent);
	return r < 0 ? err_errno(err, r, "event loop") : 0;
}

/* How many peers there are descriptors for, `each` of them for one. */
static int count_peers(struct port *p, size_t each, struct err *err)
{
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_NOFILE, DESCRIPTORS_MAX },
		{ RLIMIT_CORE, 0 },
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks in a thread of its own */
		{ RLIMIT_NPROC, 0 },
#endif
		{ RLIMIT_MEMLOCK, 0 },
	};
	struct rlimit files;
	int r = sandbox_limits(limits, ARRAY_SIZE(limits), err);

	if (r < 0)
		return r;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < 2 * DESCRIPTORS_OWN)
		return err_set(err, -EMFILE, "too few descriptors may be open (ulimit -n)");
	p->peers_max = MIN((size_t)(files.rlim_cur - DESCRIPTORS_OWN) / each, PEERS_MAX);
	return 0;
}

/* What relaying needs. No file can be opened, nothing executed; sockets are of the internet only,
 * and new ones live in the instance's network. */
static int lock_up(struct err *err)
{
	static const uint64_t internet[] = { AF_INET, AF_INET6, UINT64_MAX };
	static const uint64_t out_queue[] = { SIOCOUTQ, UINT64_MAX };
	static const struct sandbox_rule rules[] = {
		{ .call = "accept4" },	     { .call = "brk" },
		{ .call = "clock_gettime" }, { .call = "close" },
		{ .call = "connect" },	     { .call = "epoll_ctl" },
		{ .call = "epoll_pwait" },   { .call = "epoll_wait" },
		{ .call = "exit" },	     { .call = "exit_group" },
		{ .call = "fcntl" },	     { .call = "futex" },
		{ .call = "getpid" },	     { .call = "getsockopt" },
		{ .call = "gettid" },	     { .call = "ioctl", .argument = 1, .only = out_queue },
		{ .call = "madvise" },	     { .call = "mmap" },
		{ .call = "mprotect" },	     { .call = "mremap" },
		{ .call = "munmap" },	     { .call = "pipe2" },
		{ .call = "read" },	     { .call = "recvfrom" },
		{ .call = "recvmsg" },	     { .call = "restart_syscall" },
		{ .call = "rt_sigaction" },  { .call = "rt_sigprocmask" },
		{ .call = "rt_sigreturn" },  { .call = "sendmsg" },
		{ .call = "sendto" },	     { .call = "setsockopt" },
		{ .call = "shutdown" },	     { .call = "socket", .argument = 0, .only = internet },
		{ .call = "splice" },	     { .call = "tgkill" },
		{ .call = "write" },
	};

	return sandbox_program(rules, ARRAY_SIZE(rules), err);
}

static int start_relay(struct port *p)
{
	const int fds[] = { p->listeners.host, p->listeners.inside };
	bool udp = p->args.proto == ARGS_UDP;
	int r;

	if (udp)
		r = datagrams_init(&p->datagrams, &p->loop, &p->args.container, p->peers_max);
	else
		r = streams_init(&p->streams, &p->loop, &p->args.container,
				 p->args.proto == ARGS_TCP ? IPPROTO_TCP : IPPROTO_SCTP,
				 p->peers_max);
	for (size_t i = 0; i < ARRAY_SIZE(fds) && r == 0; i++)
		if (fds[i] >= 0)
			r = udp ? datagrams_listen(&p->datagrams, fds[i])
				: streams_listen(&p->streams, fds[i]);
	return r;
}

static int prepare(struct port *p, struct err *err)
{
	int r = watch_parent(p, err);

	if (r == 0)
		r = listen_open(&p->args, &p->listeners, err);
	if (r == 0)
		r = start_loop(p, err);
	if (r == 0)
		r = sandbox_user(PORT_ID, PORT_ID, err);
	if (r == 0)
		r = count_peers(p, p->args.proto == ARGS_UDP ? 1 : STREAMS_FDS, err);
	if (r < 0)
		return r;
	r = start_relay(p);
	return r < 0 ? err_errno(err, r, "starting to relay") : lock_up(err);
}

/* dockerd's end of the pipe, or -EBADF when somebody else started us. */
static int take_tell_fd(void)
{
	struct stat st;

	if (fstat(TELL_FD, &st) < 0 || !S_ISFIFO(st.st_mode) || fd_cloexec(TELL_FD, true) < 0)
		return -EBADF;
	return TELL_FD;
}

static void tell_failure(int fd, const struct err *err)
{
	char text[ERR_TEXT_MAX + 4];
	int n = snprintf(text, sizeof(text), "1\n%s", err->text);

	if (fd >= 0)
		(void)fd_write_all(fd, text, (size_t)n);
	(void)fprintf(stderr, "gabion-port: %s\n", err->text);
}

int main(int argc, char **argv)
{
	struct port p = { .listeners = LISTENERS_INIT, .parent = -EBADF, .loop = LOOP_INIT };
	int tell = take_tell_fd();
	struct err err = ERR_INIT;
	int r = args_parse(argc, argv, &p.args, &err);

	if (r == ARGS_HELP)
		usage(stdout);
	if (r == ARGS_VERSION)
		(void)printf("gabion-port %s\n", GABION_VERSION);
	if (r > 0)
		return EXIT_DONE;
	if (r < 0) {
		tell_failure(tell, &err);
		return EXIT_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close_range(p.args.use_listen_fd ? LISTEN_ENGINE_FD + 1 : TELL_FD + 1, ~0u, 0);
	r = prepare(&p, &err);
	if (r < 0) {
		tell_failure(tell, &err);
		return EXIT_FAILED;
	}
	if (tell >= 0 && fd_write_all(tell, "0\n", 2) < 0)
		return EXIT_FAILED; /* dockerd has gone */
	(void)fd_close(tell);
	return loop_run(&p.loop) < 0 ? EXIT_FAILED : EXIT_DONE;
}
