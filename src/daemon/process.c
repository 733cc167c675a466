/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/capture.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/loop.h"
#include "base/slice.h"

#define HIGH_FD 64 /* above every descriptor number that a child is given */
#define FILES_WANTED 1048576u
#define CAPTURE_MS 20000
#define STAT_MAX 4096u
/* Fields of proc_pid_stat(5). */
#define STAT_STATE 3
#define STAT_THREADS 20
#define STAT_STARTTIME 22

/* Everything below up to process_start() runs between fork and exec. */

static void reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* As the packages' own units have it; what may not be raised stays. */
static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	if (l.rlim_max < FILES_WANTED) {
		struct rlimit wanted = { FILES_WANTED, FILES_WANTED };

		if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
			return;
	}
	l.rlim_cur = MIN(l.rlim_max, (rlim_t)FILES_WANTED);
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static int place_fds(const struct process_start *p)
{
	int high[PROCESS_FDS_MAX];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(p->log, STDOUT_FILENO) < 0 ||
	    dup2(p->log, STDERR_FILENO) < 0)
		return -errno;
	for (size_t i = 0; i < p->nfds; i++) {
		high[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < p->nfds; i++)
		if (dup2(high[i], 3 + (int)i) < 0)
			return -errno;
	/* What the shell that started us had open must not get as far as containers. */
	return close_range(3 + (unsigned int)p->nfds, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

/* Out of the instance's namespaces, but not into the host's mounts themselves: slirp4netns' sandbox
 * pivots its root and detaches the old one, which where mounts are shared (systemd) takes
 * /sys/fs/cgroup and more from the host (seen on Debian 12). */
static int leave_alone(const struct space *s)
{
	CLEANUP_FD int self = -EBADF;
	CLEANUP_FD int root = -EBADF;
	int r = space_leave_child(s);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	/* A chroot's root is no mount: propagation is the namespace's own root's to change. */
	self = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (self < 0 || root < 0 || setns(self, CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 || fchdir(root) < 0 ||
	    chroot(".") < 0)
		return -errno;
	return 0;
}

static int become(const struct process_start *p)
{
	int r;

	(void)setsid();
	reset_signals();
	(void)umask(022);
	raise_limits();
	r = p->memory ? memory_enter(p->memory, 0) : 0;
	if (r == 0 && p->leave)
		r = leave_alone(p->leave);
	if (r == 0)
		r = place_fds(p);
	if (r == 0 && chdir(p->cwd) < 0)
		r = -errno;
	if (r < 0)
		return r;
	(void)execve(p->path, p->argv, p->env);
	return -errno;
}

int process_start(const struct process_start *p, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	CLEANUP_FD int told = -EBADF;
	CLEANUP_FD int tell = -EBADF;
	CLEANUP_FD int pidfd = -EBADF;
	int ends[2];
	int failure = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe");
	told = ends[0];
	tell = fcntl(ends[1], F_DUPFD_CLOEXEC, 2 * HIGH_FD); /* out of the way of place_fds() */
	(void)fd_close(ends[1]);
	if (tell < 0)
		return err_errno(err, -errno, "pipe");
	pid = fork();
	if (pid < 0)
		return err_errno(err, -errno, "fork");
	if (pid == 0) {
		failure = become(p);
		_exit(write(tell, &failure, sizeof(failure)) < 0 ? 126 : 127);
	}
	tell = fd_close(tell);
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		failure = -errno;
	if (failure == 0 && fd_read_full(told, &failure, sizeof(failure)) <= 0)
		failure = 0; /* the pipe closed at exec */
	if (failure < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err_errno(err, failure, "starting %s", p->path);
	}
	*ret_pid = pid;
	*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}

int process_capture(const char *path, char *const *argv, struct buf *out, struct err *err)
{
	struct process_start p = { .path = path, .argv = argv, .env = environ, .cwd = "/" };
	CLEANUP_FD int from = -EBADF;
	CLEANUP_FD int to = -EBADF;
	CLEANUP_FD int pidfd = -EBADF;
	int ends[2];
	int status = 0;
	pid_t pid;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "pipe");
	from = ends[0];
	to = ends[1];
	p.log = to;
	r = process_start(&p, &pid, &pidfd, err);
	if (r < 0)
		return r;
	to = fd_close(to);
	r = capture_drain(from, CAPTURE_MS, out);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_errno(err, r, "output of %s", path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Field `number` of /proc/PID/stat, which b is to hold. */
static int stat_field(pid_t pid, int number, struct buf *b, struct slice *ret)
{
	struct slice rest;
	char path[64];
	char *name_end;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (pid <= 0 || file_read(path, b) < 0)
		return -ESRCH;
	name_end = memrchr(b->p, ')', b->n); /* the end of field 2 */
	if (!name_end)
		return -ESRCH;
	rest = slice_str(name_end + 1);
	for (int i = 2; i <= number; i++)
		if (!slice_split(&rest, ' ', ret))
			return -ESRCH;
	return 0;
}

int process_birth(pid_t pid, uint64_t *ret)
{
	CLEANUP_BUF struct buf text = BUF_INIT(STAT_MAX);
	struct slice field;

	if (stat_field(pid, STAT_STARTTIME, &text, &field) < 0)
		return -ESRCH;
	return num_parse_u64(field, UINT64_MAX, ret) < 0 ? -ESRCH : 0;
}

bool process_dead(pid_t pid)
{
	CLEANUP_BUF struct buf text = BUF_INIT(STAT_MAX);
	CLEANUP_BUF struct buf again = BUF_INIT(STAT_MAX);
	struct slice state;
	struct slice threads;

	if (stat_field(pid, STAT_STATE, &text, &state) < 0 ||
	    stat_field(pid, STAT_THREADS, &again, &threads) < 0)
		return true;
	return (slice_eq_str(state, "Z") || slice_eq_str(state, "X")) &&
	       (slice_eq_str(threads, "0") || slice_eq_str(threads, "1"));
}

int process_open(pid_t pid, uint64_t birth)
{
	CLEANUP_FD int fd = pid > 0 ? pidfd_open(pid, 0) : -EBADF;
	uint64_t now;

	if (fd < 0 || process_birth(pid, &now) < 0 || now != birth || process_dead(pid))
		return -ESRCH;
	return TAKE_FD(fd);
}

/* 0 when it has ended. */
static pid_t pid_of(int pidfd)
{
	static const struct slice key = { "Pid:\t", 5 };
	CLEANUP_BUF struct buf text = BUF_INIT(STAT_MAX);
	struct slice rest;
	struct slice line;
	char path[64];
	uint32_t pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (file_read(path, &text) < 0)
		return 0;
	rest = buf_slice(&text);
	while (slice_split(&rest, '\n', &line))
		if (slice_starts(line, key) && num_parse_u32(slice_from(line, key.n), &pid) < 0)
			return 0; /* -1 */
	return (pid_t)pid;
}

static bool is_in(int proc, int mnt)
{
	struct stat own;
	struct stat st;

	return fstatat(proc, "ns/mnt", &own, 0) == 0 && fstat(mnt, &st) == 0 &&
	       own.st_dev == st.st_dev && own.st_ino == st.st_ino;
}

int process_exe(int pidfd, int mnt, struct process_exe *ret)
{
	struct process_exe exe = { .path = "" };
	CLEANUP_FD int proc = -EBADF;
	pid_t pid = pid_of(pidfd);
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
	if (pid <= 0)
		return -ESRCH;
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	n = proc < 0 ? -1 : readlinkat(proc, "exe", exe.path, PROCESS_EXE_MAX + 1);
	if (n <= 0)
		return -ESRCH;
	if (n > PROCESS_EXE_MAX)
		memcpy(exe.path + PROCESS_EXE_MAX, "…", sizeof("…"));
	exe.elsewhere = !is_in(proc, mnt);
	/* It is there still, so the number was its own all the time. */
	if (pidfd_send_signal(pidfd, 0, NULL, 0) < 0)
		return -ESRCH;
	*ret = exe;
	return 0;
}

int process_wait(int pidfd, uint64_t timeout_ns)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	uint64_t end = loop_clock() + timeout_ns;

	for (;;) {
		uint64_t now = loop_clock();
		int r;

		if (now >= end)
			return -ETIMEDOUT;
		r = poll(&pfd, 1, (int)((end - now) / LOOP_NSEC_PER_MSEC) + 1);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static uint64_t hash_list(uint64_t h, char *const *list)
{
	for (; *list; list++)
		h = hash_add(h, *list, strlen(*list) + 1);
	return hash_add(h, "", 1);
}

uint64_t process_hash(const struct process_start *p)
{
	uint64_t h = hash_add(HASH_INIT, p->path, strlen(p->path) + 1);

	return hash_list(h, p->argv);
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

int process_find(const char *name, char *ret)
{
	static const char more[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *env = getenv("PATH");
	const char *const lists[] = { env ? env : "", more };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct slice rest = slice_str(lists[i]);
		struct slice dir;

		while (slice_split(&rest, ':', &dir)) {
			char path[PATH_MAX];

			if (dir.n == 0 || dir.p[0] != '/')
				continue; /* never the current directory */
			(void)snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARG(dir), name);
			if (is_program(path)) {
				(void)snprintf(ret, PATH_MAX, "%s", path);
				return 0;
			}
		}
	}
	return -ENOENT;
}
