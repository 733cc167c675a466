/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/sock.h"
#include "base/util.h"
#include "gate/gate.h"
#include "settings/instance.h"

#define KEPT_MEMORY (4u * 1024 * 1024)

enum main_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct arguments {
	struct gate_options gate;
	const char *state_dir;
	uid_t uid;
	gid_t gid;
	bool debug;
};

static void usage(FILE *to)
{
	(void)fputs(
		"usage: gabion-gate --engine PATH --listen-fd N [--control-fd N] [--uid N --gid "
		"N]\n"
		"       gabion-gate --state-dir DIR [--control-fd N] [--uid N --gid N]\n"
		"\n"
		"The relay between clients and the engine of an instance; started by gabiond.\n"
		"\n"
		"  --engine PATH     the engine's own socket\n"
		"  --listen-fd N     listening socket for clients\n"
		"  --control-fd N    gabiond's channel (docs/protocol-control.md)\n"
		"  --state-dir DIR   make DIR/run/docker.sock and relay to DIR/run/engine.sock\n"
		"  --uid N, --gid N  become this user and group, which no account has\n"
		"  --limit NAME=N    gabion-gate(8) has the names\n"
		"  --debug           log more\n",
		to);
}

static int number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t v;

	if (num_parse_u64(slice_str(text), max, &v) < 0)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int descriptor(const char *text, int *ret)
{
	uint32_t v;

	if (number(text, INT_MAX, &v) < 0 || fd_cloexec((int)v, true) < 0)
		return -EINVAL;
	*ret = (int)v;
	return 0;
}

static int limit(const char *text, struct gate_limits *limits)
{
	struct slice s = slice_str(text);
	size_t eq = slice_find(s, '=');
	uint32_t v;

	if (eq == s.n || number(text + eq + 1, 1000000, &v) < 0)
		return -EINVAL;
	return gate_limit_set(limits, (struct slice){ text, eq }, v);
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "listen-fd", required_argument, NULL, 'l' },
		{ "control-fd", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "uid", required_argument, NULL, 'u' },
		{ "gid", required_argument, NULL, 'g' },
		{ "limit", required_argument, NULL, 'm' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int r = 0;
	int o;

	while (r == 0 && (o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'e':
			a->gate.engine = optarg;
			break;
		case 'l':
			r = descriptor(optarg, &a->gate.take_listen);
			break;
		case 'c':
			r = descriptor(optarg, &a->gate.take_control);
			break;
		case 's':
			a->state_dir = optarg;
			break;
		case 'u':
			r = number(optarg, UINT32_MAX - 1, &a->uid);
			break;
		case 'g':
			r = number(optarg, UINT32_MAX - 1, &a->gid);
			break;
		case 'm':
			r = limit(optarg, &a->gate.limits);
			break;
		case 'd':
			a->debug = true;
			break;
		case 'h':
			usage(stdout);
			return 1;
		default:
			return -EINVAL;
		}
	}
	if (r == 0 && optind == argc && a->state_dir && a->gate.take_listen < 0)
		return 0;
	if (r == 0 && optind == argc && a->gate.engine && a->gate.take_listen >= 0)
		return 0;
	return -EINVAL;
}

/* --state-dir: the sockets' own places. */
static int find_sockets(struct arguments *a, char engine[PATH_MAX], struct err *err)
{
	struct instance inst;
	char path[PATH_MAX];
	int r;

	if (!a->state_dir)
		return 0;
	r = instance_find(&inst, a->state_dir, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/docker.sock", inst.run);
	(void)snprintf(engine, PATH_MAX, "%s/engine.sock", inst.run);
	if (!a->gate.engine)
		a->gate.engine = engine;
	a->gate.take_listen = sock_listen(path, SOCK_STREAM, 0660, (gid_t)-1);
	return a->gate.take_listen < 0 ? err_errno(err, a->gate.take_listen, "%s", path) : 0;
}

/* What the relay does once everything is open. No file can be opened, nothing executed, and the
 * only sockets are unix ones. */
static int lock_up(const struct arguments *a, struct err *err)
{
	static const uint64_t unix_only[] = { AF_UNIX, UINT64_MAX };
	static const struct sandbox_rule rules[] = {
		{ .call = "accept4" },
		{ .call = "brk" },
		{ .call = "clock_gettime" },
		{ .call = "close" },
		{ .call = "connect" },
		{ .call = "epoll_ctl" },
		{ .call = "epoll_pwait" },
		{ .call = "epoll_wait" },
		{ .call = "exit" },
		{ .call = "exit_group" },
		{ .call = "fcntl" },
		{ .call = "futex" },
		{ .call = "getpid" },
		{ .call = "getrandom" },
		{ .call = "getsockopt" },
		{ .call = "gettid" },
		{ .call = "madvise" },
		{ .call = "memfd_create" },
		{ .call = "mmap" },
		{ .call = "mprotect" },
		{ .call = "mremap" },
		{ .call = "munmap" },
		{ .call = "pidfd_open" },
		{ .call = "pipe2" },
		{ .call = "read" },
		{ .call = "recvfrom" },
		{ .call = "recvmsg" },
		{ .call = "restart_syscall" },
		{ .call = "rt_sigaction" },
		{ .call = "rt_sigprocmask" },
		{ .call = "rt_sigreturn" },
		{ .call = "sched_yield" },
		{ .call = "sendmsg" },
		{ .call = "sendto" },
		{ .call = "shutdown" },
		{ .call = "socket", .argument = 0, .only = unix_only },
		{ .call = "socketpair", .argument = 0, .only = unix_only },
		{ .call = "splice" },
		{ .call = "tgkill" },
		{ .call = "write" },
		{ .call = "writev" },
	};
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_NOFILE, GATE_DESCRIPTORS_MAX },
		{ RLIMIT_CORE, 0 },
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks in a thread of its own */
		{ RLIMIT_NPROC, 0 },
#endif
		{ RLIMIT_MEMLOCK, 0 },
	};
	int r = sandbox_user(a->uid, a->gid, err);

	if (r == 0)
		r = sandbox_limits(limits, ARRAY_SIZE(limits), err);
	return r == 0 ? sandbox_program(rules, ARRAY_SIZE(rules), err) : r;
}

/* What one request took is there for the next, so that reading a large body does not begin with a
 * page fault for each page of it. Beyond that, memory goes back. */
static void keep_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, (int)KEPT_MEMORY / 4);
	(void)mallopt(M_TRIM_THRESHOLD, (int)KEPT_MEMORY);
}

int main(int argc, char **argv)
{
	struct arguments a = {
		.gate = { .take_listen = -EBADF, .take_control = -EBADF, .limits = GATE_LIMITS },
		.uid = SANDBOX_KEEP,
		.gid = (gid_t)SANDBOX_KEEP
	};
	struct err err = ERR_INIT;
	char engine[PATH_MAX];
	struct gate gate;
	int r = parse(argc, argv, &a);

	if (r != 0) {
		if (r < 0)
			usage(stderr);
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	}
	log_init("gabion-gate", a.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	keep_memory();
	r = find_sockets(&a, engine, &err);
	if (r == 0) {
		r = gate_init(&gate, &a.gate, &err);
		if (r == 0)
			r = lock_up(&a, &err);
		if (r == 0)
			r = gate_run(&gate, &err);
		gate_done(&gate);
	}
	if (r < 0)
		log_error("%s", err.text);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}
