/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-frontend: what gabion-runc puts between the engine's BuildKit and a frontend, an image
 * that a Dockerfile names with "# syntax=". A frontend tells BuildKit what to do, in gRPC on its
 * standard streams, past the gate; so it is read here as the gate reads the builder's tunnel.
 *
 * Two processes. One reads and passes on, without any privilege. The other one stays root, without
 * capabilities, and writes what was refused into the audit log.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/util.h"
#include "buildkit/frontend.h"
#include "buildkit/relay.h"
#include "gabion-version.h"
#include "policy/texts.h"
#include "settings/auditfile.h"

/* A user and group without an account, beside the gate's (daemon/daemon.h) and others'. */
#define RELAY_ID 1610612731u /* 0x5FFFFFFB */
#define TEXT_MAX 1024u
#define TEXTS_MAX 16u /* worth a line of the audit log, of one frontend */
#define DESCRIPTORS_MAX 16
#define MEMORY_MAX (128u << 20)

enum main_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static const char not_grpc[] =
	"a build's frontend was cut off: what it sent is not what gRPC clients send";

struct arguments {
	const char *lib;
	const char *id;
	uid_t uid;
};

static int usage(FILE *to)
{
	(void)fputs("usage: gabion-frontend LIB ID UID\n"
		    "\n"
		    "Reads what a build's frontend and the engine say to each other; started by "
		    "gabion-runc.\n",
		    to);
	return to == stdout ? EXIT_DONE : EXIT_USAGE;
}

static void on_refused(void *data, const char *text)
{
	const int *tell = data;

	/* One too many for the log must not stop the build. */
	(void)send(*tell, text, MIN(strlen(text), (size_t)TEXT_MAX), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int lock_up(struct err *err)
{
	static const struct sandbox_rule rules[] = {
		{ .call = "brk" },	    { .call = "close" },
		{ .call = "exit" },	    { .call = "exit_group" },
		{ .call = "fcntl" },	    { .call = "futex" },
		{ .call = "getpid" },	    { .call = "gettid" },
		{ .call = "madvise" },	    { .call = "mmap" },
		{ .call = "mprotect" },	    { .call = "mremap" },
		{ .call = "munmap" },	    { .call = "poll" },
		{ .call = "read" },	    { .call = "restart_syscall" },
		{ .call = "rt_sigaction" }, { .call = "rt_sigprocmask" },
		{ .call = "rt_sigreturn" }, { .call = "sendto" },
		{ .call = "tgkill" },	    { .call = "write" },
	};
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_NOFILE, DESCRIPTORS_MAX },
		{ RLIMIT_CORE, 0 },
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks in a thread of its own, and takes much room */
		{ RLIMIT_NPROC, 0 },
		{ RLIMIT_DATA, MEMORY_MAX },
#endif
		{ RLIMIT_MEMLOCK, 0 },
	};
	int r = sandbox_user(RELAY_ID, RELAY_ID, err);

	if (r == 0)
		r = sandbox_limits(limits, ARRAY_SIZE(limits), err);
	return r == 0 ? sandbox_program(rules, ARRAY_SIZE(rules), err) : r;
}

/* What goes to standard error BuildKit shows as the frontend's own words. */
static int relay(int tell)
{
	static const struct relay_fds fds = {
		.to_engine = STDOUT_FILENO,
		.from_engine = STDIN_FILENO,
		.to_frontend = FRONTEND_TO_FD,
		.from_frontend = FRONTEND_FROM_FD,
	};
	struct err err = ERR_INIT;
	int r = lock_up(&err);

	if (r < 0) {
		log_error("%s", err.text);
		return EXIT_FAILED;
	}
	r = relay_run(&fds, on_refused, &tell);
	if (r == -EPROTO) {
		on_refused(&tell, not_grpc);
		log_error("%s", not_grpc);
	} else if (r < 0) {
		log_error("passing on what the frontend said: %s", strerror(-r));
	}
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static void record(const struct arguments *a, int told)
{
	for (unsigned i = 0; i < TEXTS_MAX; i++) {
		char text[TEXT_MAX + 1];
		const struct auditfile_denial d = {
			.uid = a->uid,
			.subject = a->id,
			.rule = TEXT_BUILD_REACHES_RULE,
			.message = text,
		};
		ssize_t n = recv(told, text, TEXT_MAX, 0);
		int r;

		if (n <= 0)
			return;
		text[n] = '\0';
		r = auditfile_deny(a->lib, &d);
		if (r < 0 && r != -ENOENT)
			log_warning("audit log of %s: %s", a->lib, strerror(-r));
	}
}

static int supervise(const struct arguments *a, pid_t child, int told)
{
	struct err err = ERR_INIT;
	int status;

	/* Ends that are open here would never be closed for the others. */
	(void)fd_close(STDIN_FILENO);
	(void)fd_close(STDOUT_FILENO);
	(void)fd_close(FRONTEND_TO_FD);
	(void)fd_close(FRONTEND_FROM_FD);
	if (sandbox_keep(NULL, 0, &err) < 0)
		log_error("%s", err.text);
	else
		record(a, told);
	(void)fd_close(told);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return EXIT_DONE;
}

static int parse(int argc, char **argv, struct arguments *a)
{
	uint32_t uid;

	if (argc != 4 || argv[1][0] != '/' || num_parse_u32(slice_str(argv[3]), &uid) < 0)
		return -EINVAL;
	*a = (struct arguments){ argv[1], argv[2], (uid_t)uid };
	return 0;
}

static bool is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int main(int argc, char **argv)
{
	struct arguments a;
	int pair[2];
	pid_t child;

	log_init("gabion-frontend", LOG_LEVEL_INFO);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("gabion-frontend %s\n", GABION_VERSION);
		return EXIT_DONE;
	}
	if (parse(argc, argv, &a) < 0 || !is_pipe(FRONTEND_TO_FD) || !is_pipe(FRONTEND_FROM_FD))
		return usage(stderr);
	(void)signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("socketpair: %s", strerror(errno));
		return EXIT_FAILED;
	}
	child = fork();
	if (child < 0) {
		log_error("fork: %s", strerror(errno));
		return EXIT_FAILED;
	}
	(void)fd_close(pair[child == 0 ? 0 : 1]);
	return child == 0 ? relay(pair[1]) : supervise(&a, child, pair[0]);
}
