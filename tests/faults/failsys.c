/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failsys [-x NAME] [-r FILE] SYSCALL=ERRNO[:N[+]]… -- COMMAND ARG…
 *
 * Runs a command in which a system call fails: every one, with :N the Nth alone, with :N+ the Nth
 * and all after it. With -x only calls of programs whose file is called NAME fail and are counted;
 * the others, like a lower runtime that the command executes, are left alone. With -r one line
 * "SYSCALL N PROGRAM" is appended to FILE for each call that was made to fail, before it returns,
 * so that a test knows whether its fault was met.
 *
 * The exit code is that of the command (128 + N when signal N ended it), 125 when failsys itself
 * failed.
 *
 * A seccomp filter, inherited by everything that the command starts, sends those calls to a
 * supervisor process that answers with the error or lets them go on. The supervisor outlives the
 * command for as long as a process with that filter does (a container that was started), and ends
 * with the last one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

enum {
	FAULTS_MAX = 8,
	EXIT_OURS = 125,
};

struct fault {
	char name[32];
	int nr;
	int error;
	unsigned long first; /* 1 is the first call */
	bool onward;	     /* the later ones too */
	unsigned long seen;
};

struct options {
	const char *program; /* -x, NULL for every program */
	const char *report;  /* -r, NULL for none */
	size_t n;
	struct fault faults[FAULTS_MAX];
};

__attribute__((noreturn)) static void usage(const char *why)
{
	(void)fprintf(
		stderr,
		"failsys: %s\n"
		"usage: failsys [-x NAME] [-r FILE] SYSCALL=ERRNO[:N[+]]... -- COMMAND ARG...\n",
		why);
	_exit(EXIT_OURS);
}

__attribute__((noreturn)) static void die(const char *what, int error)
{
	(void)fprintf(stderr, "failsys: %s: %s\n", what, strerror(error));
	_exit(EXIT_OURS);
}

static int errno_by_name(const char *name)
{
	for (int e = 1; e < 134; e++) {
		const char *known = strerrorname_np(e);

		if (known && strcmp(known, name) == 0)
			return e;
	}
	return 0;
}

/* What failsys itself needs between loading the filter and executing the command. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = { "read", "write", "close", "execve", "exit_group" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strcmp(ours[i], name) == 0)
			return true;
	}
	return false;
}

static void parse_fault(struct fault *f, const char *text)
{
	char copy[96];
	char *equals, *colon;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		usage("fault is too long");
	equals = strchr(copy, '=');
	if (!equals || equals == copy || equals - copy >= (int)sizeof(f->name))
		usage("a fault is SYSCALL=ERRNO");
	*equals++ = '\0';
	colon = strchr(equals, ':');
	*f = (struct fault){ .first = 1, .onward = true };
	if (colon) {
		char *end;

		*colon++ = '\0';
		f->first = strtoul(colon, &end, 10);
		f->onward = *end == '+';
		if (f->first == 0 || end == colon || (*end && strcmp(end, "+") != 0))
			usage("which call must be a number from 1, perhaps with a +");
	}
	memcpy(f->name, copy, (size_t)(equals - copy));
	f->nr = seccomp_syscall_resolve_name(copy);
	f->error = errno_by_name(equals);
	if (f->nr == __NR_SCMP_ERROR)
		usage("unknown system call");
	if (!f->error)
		usage("unknown errno name");
	if (is_ours(copy))
		usage("read, write, close, execve and exit_group cannot be made to fail");
}

/* Returns the command. */
static char **parse(struct options *o, char **argv)
{
	for (argv++; *argv && strcmp(*argv, "--") != 0; argv++) {
		if (strcmp(*argv, "-x") == 0 && argv[1]) {
			o->program = *++argv;
		} else if (strcmp(*argv, "-r") == 0 && argv[1]) {
			o->report = *++argv;
		} else {
			if (o->n == FAULTS_MAX)
				usage("too many faults");
			parse_fault(&o->faults[o->n++], *argv);
		}
	}
	if (!*argv || !argv[1])
		usage("no command");
	if (!o->n)
		usage("no fault");
	return argv + 1;
}

static void load_filter(const struct options *o, int *ret_listener)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		die("seccomp_init", ENOMEM);
	/* Root keeps the right to start setuid programs. */
	if (geteuid() == 0)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; i < o->n; i++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, o->faults[i].nr, 0);

		if (r < 0)
			die("seccomp_rule_add", -r);
	}
	int r = seccomp_load(ctx);
	if (r < 0)
		die("seccomp_load", -r);
	*ret_listener = seccomp_notify_fd(ctx);
}

/* The command: loads the filter, tells which descriptor the listener is, waits until the supervisor
 * has it, executes. */
__attribute__((noreturn)) static void run_command(const struct options *o, char **command, int tell,
						  int wait)
{
	int listener;
	char c;

	load_filter(o, &listener);
	if (write(tell, &listener, sizeof(listener)) != sizeof(listener))
		die("write", errno);
	if (read(wait, &c, 1) != 1)
		die("the supervisor went away", EPIPE);
	(void)execvp(command[0], command);
	die(command[0], errno);
}

/* The name of the program that a process runs, without its folder. */
static const char *program_of(uint32_t pid, char *buf, size_t size)
{
	char link[64];

	(void)snprintf(link, sizeof(link), "/proc/%u/exe", pid);
	ssize_t n = readlink(link, buf, size - 1);
	if (n < 0)
		return "?";
	buf[n] = '\0';
	char *slash = strrchr(buf, '/');
	return slash ? slash + 1 : buf;
}

static void report(const struct options *o, const struct fault *f, const char *program)
{
	if (!o->report)
		return;
	FILE *out = fopen(o->report, "ae");
	if (!out)
		return;
	(void)fprintf(out, "%s %lu %s\n", f->name, f->seen, program);
	(void)fclose(out);
}

/* Whether this call fails, and with what (0: let it go on). */
static int decide(struct options *o, const struct seccomp_notif *req)
{
	char buf[4096];

	for (size_t i = 0; i < o->n; i++) {
		struct fault *f = &o->faults[i];

		if (f->nr != req->data.nr)
			continue;
		const char *program = program_of(req->pid, buf, sizeof(buf));
		if (o->program && strcmp(o->program, program) != 0)
			return 0;
		f->seen++;
		if (f->seen != f->first && !(f->onward && f->seen > f->first))
			continue;
		report(o, f, program);
		return f->error;
	}
	return 0;
}

__attribute__((noreturn)) static void supervise(struct options *o, int listener)
{
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;

	if (seccomp_notify_alloc(&req, &resp) < 0)
		_exit(EXIT_OURS);
	for (;;) {
		struct pollfd p = { .fd = listener, .events = POLLIN };

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			_exit(EXIT_OURS);
		if (p.revents & POLLHUP)
			_exit(EXIT_SUCCESS);
		if (!(p.revents & POLLIN))
			continue;
		/* The kernel wants it zeroed; a caller that is gone by now is no error. */
		*req = (struct seccomp_notif){ 0 };
		if (seccomp_notify_receive(listener, req) < 0)
			continue;
		int error = decide(o, req);
		*resp = (struct seccomp_notif_resp){
			.id = req->id,
			.error = -error,
			.flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
		};
		(void)seccomp_notify_respond(listener, resp);
	}
}

/* In a child of its own session, so that nothing that ends the command's group ends it. */
static pid_t start_supervisor(struct options *o, pid_t command, int told, int release)
{
	int remote;

	if (read(told, &remote, sizeof(remote)) != sizeof(remote))
		_exit(EXIT_OURS); /* the command has said why */
	int pidfd = pidfd_open(command, 0);
	int listener = pidfd < 0 ? -1 : pidfd_getfd(pidfd, remote, 0);
	if (listener < 0)
		die("cannot get the listener", errno);
	pid_t pid = fork();
	if (pid < 0)
		die("fork", errno);
	if (pid == 0) {
		/* The caller's pipes must not stay open because of us. */
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)setsid();
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		if (write(release, "x", 1) != 1)
			_exit(EXIT_OURS);
		(void)close(release);
		supervise(o, listener);
	}
	(void)close(listener);
	(void)close(pidfd);
	return pid;
}

/* The supervisor ends by itself; it is waited for a moment, so that it is not left as a zombie
 * where the first process of the machine is slow to reap. */
static void reap_supervisor(pid_t pid)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };

	if (poll(&p, 1, 500) > 0)
		(void)waitpid(pid, NULL, 0);
	(void)close(p.fd);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int tell[2], release[2], status;

	(void)argc;
	char **command = parse(&o, argv);
	if (pipe2(tell, O_CLOEXEC) < 0 || pipe2(release, O_CLOEXEC) < 0)
		die("pipe2", errno);
	pid_t pid = fork();
	if (pid < 0)
		die("fork", errno);
	if (pid == 0) {
		(void)close(tell[0]);
		(void)close(release[1]);
		run_command(&o, command, tell[1], release[0]);
	}
	(void)close(tell[1]);
	(void)close(release[0]);
	pid_t supervisor = start_supervisor(&o, pid, tell[0], release[1]);
	(void)close(release[1]);
	while (waitpid(pid, &status, 0) != pid) {
		if (errno != EINTR)
			die("waitpid", errno);
	}
	reap_supervisor(supervisor);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
