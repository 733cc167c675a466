/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of gabiond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/sock.h"
#include "base/test-dir.h"
#include "daemon/deaf.h"
#include "daemon/fifo.h"
#include "daemon/hostnet.h"
#include "daemon/layout.h"
#include "daemon/probe.h"
#include "daemon/process.h"
#include "daemon/record.h"
#include "daemon/subnet.h"
#include "daemon/tail.h"

#define HEADING "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
#define DEFAULT "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"

static void test_subnet(void **state)
{
	char s[32];

	subnet_choose_from(SLICE_LIT(HEADING DEFAULT), s, sizeof(s));
	assert_string_equal(s, "10.0.2.0/24");
	subnet_choose_from(SLICE_NULL, s, sizeof(s));
	assert_string_equal(s, "10.0.2.0/24");
	/* 10.0.2.0/24 itself, 10.0.0.0/16, a host in it */
	subnet_choose_from(SLICE_LIT(HEADING "a\t0002000A\t0\t1\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"), s,
			   sizeof(s));
	assert_string_equal(s, "10.254.210.0/24");
	subnet_choose_from(SLICE_LIT(HEADING "a\t0000000A\t0\t1\t0\t0\t0\t0000FFFF\t0\t0\t0\n"), s,
			   sizeof(s));
	assert_string_equal(s, "10.254.210.0/24");
	subnet_choose_from(SLICE_LIT(HEADING "a\t0702000A\t0\t1\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"), s,
			   sizeof(s));
	assert_string_equal(s, "10.254.210.0/24");
	/* all of 10.0.0.0/8 */
	subnet_choose_from(SLICE_LIT(HEADING "a\t0000000A\t0\t1\t0\t0\t0\t000000FF\t0\t0\t0\n"), s,
			   sizeof(s));
	assert_string_equal(s, "198.18.2.0/24");
	subnet_host("198.18.2.0/24", SUBNET_DNS, s, sizeof(s));
	assert_string_equal(s, "198.18.2.3");
}

static void check_tail(const char *text, const char *expect)
{
	CLEANUP_BUF struct buf b = BUF_INIT(65536);

	tail_text(slice_str(text), &b);
	assert_string_equal(b.p ? b.p : "", expect);
}

static void test_tail(void **state)
{
	check_tail("", "");
	check_tail("\n\n", "");
	check_tail("a\nb\n", "b\n  a\n  b\n");
	check_tail("failed to start daemon: no\nlater\n",
		   "failed to start daemon: no\n  failed to start daemon: no\n  later\n");
	check_tail("time=\"1\" level=info msg=\"x\"\ntime=\"2\" level=fatal msg=\"say \\\"no\\\"\" "
		   "k=v\nStatus: y\n",
		   "say \\\"no\\\"\n  time=\"1\" level=info msg=\"x\"\n  time=\"2\" level=fatal "
		   "msg=\"say \\\"no\\\"\" k=v\n  Status: y\n");
	/* Not more than ten lines. */
	check_tail("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n",
		   "12\n  3\n  4\n  5\n  6\n  7\n  8\n  9\n  10\n  11\n  12\n");
	check_tail("level=fatal msg=\"cut", "cut\n  level=fatal msg=\"cut\n");
	check_tail("level=fatal msg=\"cut\\", "cut\\\n  level=fatal msg=\"cut\\\n");
}

static void test_deaf_signal(void **state)
{
	assert_int_equal(deaf_signal(""), SIGTERM);
	assert_int_equal(deaf_signal("SIGTERM"), SIGTERM);
	assert_int_equal(deaf_signal("QUIT"), SIGQUIT);
	assert_int_equal(deaf_signal("3"), 3);
	assert_int_equal(deaf_signal("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(deaf_signal("RTMIN"), SIGRTMIN);
	assert_int_equal(deaf_signal("RTMIN+99"), 0);
	assert_int_equal(deaf_signal("99"), 0);
	assert_int_equal(deaf_signal("SIGNONE"), 0);
}

static bool deaf(const char *pids, const char *blocked, const char *caught, int signal)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "Name:\tx\nNSpid:\t%s\nSigBlk:\t%s\nSigIgn:\t0\nSigCgt:\t%s\n", pids,
		       blocked, caught);
	return deaf_by_status(slice_str(text), signal);
}

static void test_deaf_status(void **state)
{
	static const char none[] = "0000000000000000";

	assert_true(deaf("77\t1", none, none, SIGTERM));
	assert_true(deaf("77\t1", none, "0000000000000001", SIGTERM)); /* SIGHUP only */
	assert_false(deaf("77\t1", none, "0000000000004000", SIGTERM));
	assert_false(deaf("77\t1", "0000000000004000", none, SIGTERM)); /* a signalfd */
	assert_false(deaf("77\t1", none, "0000000000000001", 0));
	assert_true(deaf("77\t1", none, "0000000000010000", 0)); /* SIGCHLD stops nobody */
	assert_false(deaf("77\t1", none, "0000001000000000", SIGRTMIN + 3));
	assert_true(deaf("77\t1", none, none, SIGRTMIN + 3));
	assert_false(deaf("77", none, none, SIGTERM));	     /* the host's pid namespace */
	assert_false(deaf("77\t12", none, none, SIGTERM));   /* not the first */
	assert_false(deaf("77\t5\t1", none, none, SIGTERM)); /* in a container in a container */
	assert_false(deaf("77\t1", none, "nonsense", SIGTERM));
	assert_false(deaf_by_status(SLICE_NULL, SIGTERM));
}

static void test_record(void **state)
{
	struct record rec = { .pid = 77, .birth = UINT64_MAX, .mnt = 4026532001, .net = 5 };
	struct record back;
	char path[] = "/tmp/gabion-test-record-XXXXXX";
	CLEANUP_FD int fd = mkstemp(path);
	struct err err = ERR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(record_boot(rec.boot), 0);
	assert_int_equal(strlen(rec.boot), 36);
	(void)snprintf(rec.cgroup, sizeof(rec.cgroup), "gabion-00c0ffee");
	(void)snprintf(rec.subnet, sizeof(rec.subnet), "10.0.2.0/24");
	(void)snprintf(rec.started, sizeof(rec.started), "2024-01-31T12:00:00Z");
	rec.services[SERVICE_ENGINE] = (struct record_service){
		.pid = 3, .birth = 4, .config = 0xfedcba9876543210, .state = SERVICE_UP
	};
	assert_int_equal(record_write(path, &rec), 0);
	assert_int_equal(record_read(path, &back, &err), 0);
	assert_string_equal(back.cgroup, rec.cgroup);
	assert_string_equal(back.subnet, rec.subnet);
	assert_string_equal(back.started, rec.started);
	assert_int_equal(back.birth, rec.birth);
	assert_int_equal(back.mnt, rec.mnt);
	assert_int_equal(back.services[SERVICE_ENGINE].config, 0xfedcba9876543210);
	assert_int_equal(back.services[SERVICE_GATE].pid, 0);

	rec.boot[0] = rec.boot[0] == '0' ? '1' : '0';
	assert_int_equal(record_write(path, &rec), 0);
	assert_int_equal(record_read(path, &back, &err), 1); /* another boot */
	assert_int_equal(file_replace_at(AT_FDCWD, path, SLICE_LIT("{"), 0600, false), 0);
	assert_true(record_read(path, &back, &err) < 0);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(record_read(path, &back, &err), 1);
}

static void test_process(void **state)
{
	CLEANUP_BUF struct buf out = BUF_INIT(65536);
	char *argv[] = { (char *)"sh", (char *)"-c",
			 (char *)"echo said; echo more >&2; readlink /proc/self/fd/0; umask; "
				 "ls /proc/self/fd | wc -l; exit 7",
			 NULL };
	char *none[] = { (char *)"none", NULL };
	struct err err = ERR_INIT;
	char path[PATH_MAX];
	uint64_t birth = 0;

	assert_int_equal(process_find("sh", path), 0);
	assert_int_equal(process_capture(path, argv, &out, &err), 7);
	/* Standard input, output, error, and what ls itself opens: nothing leaks. */
	assert_string_equal(out.p, "said\nmore\n/dev/null\n0022\n4\n");
	assert_int_equal(process_capture("/nonexistent/program", none, &out, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/program"));
	assert_int_equal(process_find("no-such-program-at-all", path), -ENOENT);

	assert_int_equal(process_birth(getpid(), &birth), 0);
	assert_true(birth > 0);
	assert_int_equal(process_open(getpid(), birth + 1), -ESRCH);
	(void)fd_close(process_open(getpid(), birth));
}

static void test_process_dead(void **state)
{
	int gone[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(gone, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	(void)fd_close(gone[1]);
	assert_int_equal(read(gone[0], &byte, 1), 0); /* it has let go of the pipe */
	while (!process_dead(pid))		      /* its last step, a moment after */
		(void)poll(NULL, 0, 1);
	assert_false(process_dead(getpid()));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(process_dead(pid));
	(void)fd_close(gone[0]);
}

static int exe_of(int pidfd, struct process_exe *ret)
{
	CLEANUP_FD int mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	assert_true(mnt >= 0);
	return process_exe(pidfd, mnt, ret);
}

/* A child that executes the program; its pidfd. */
static int run(const char *path, bool elsewhere, pid_t *ret_pid)
{
	struct process_exe exe;
	int fd;

	*ret_pid = fork();
	assert_true(*ret_pid >= 0);
	if (*ret_pid == 0) {
		if (elsewhere && unshare(CLONE_NEWNS) < 0)
			_exit(1);
		(void)execl(path, "sleep", "1000", NULL);
		_exit(1);
	}
	fd = pidfd_open(*ret_pid, 0);
	assert_true(fd >= 0);
	do
		assert_int_equal(exe_of(fd, &exe), 0);
	while (strstr(exe.path, "test-daemon"));
	return fd;
}

static void end(pid_t pid, int pidfd)
{
	struct process_exe exe;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(process_wait(pidfd, 10 * LOOP_NSEC_PER_SEC), 0);
	assert_int_equal(exe_of(pidfd, &exe), -ESRCH); /* a zombie executes nothing */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(exe_of(pidfd, &exe), -ESRCH);
}

static void copy(const char *from, const char *to)
{
	CLEANUP_BUF struct buf b = BUF_INIT(16u << 20);

	assert_int_equal(file_read(from, &b), 0);
	assert_int_equal(file_replace_at(AT_FDCWD, to, buf_slice(&b), 0755, false), 0);
}

static void test_process_exe(void **state)
{
	CLEANUP_TEST_DIR char dir[TEST_DIR_MAX] = "";
	CLEANUP_FD int no = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct process_exe exe;
	char sleeper[PATH_MAX];
	char path[PATH_MAX];
	pid_t pid;
	int fd;

	(void)state;
	test_dir_new(dir);
	assert_int_equal(exe_of(no, &exe), -ESRCH);
	assert_int_equal(exe_of(-EBADF, &exe), -ESRCH);
	assert_int_equal(process_find("sleep", sleeper), 0);
	test_path(path, dir, "a \"\n\x1b");
	copy(sleeper, path);
	fd = run(path, false, &pid);
	assert_int_equal(exe_of(fd, &exe), 0);
	assert_string_equal(exe.path, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(exe_of(fd, &exe), 0);
	assert_memory_equal(exe.path, path, strlen(path));
	assert_string_equal(exe.path + strlen(path), " (deleted)");
	end(pid, fd);
	(void)fd_close(fd);
	test_path(path, dir, "");
	for (int i = 0; i < 6; i++) {
		(void)snprintf(path + strlen(path), 256, "%s%0200d", i ? "/" : "", i);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	(void)snprintf(path + strlen(path), 8, "/x");
	copy(sleeper, path);
	fd = run(path, false, &pid);
	assert_int_equal(exe_of(fd, &exe), 0);
	assert_memory_equal(exe.path, path, PROCESS_EXE_MAX);
	assert_string_equal(exe.path + PROCESS_EXE_MAX, "…");
	end(pid, fd);
	(void)fd_close(fd);
}

static void test_process_exe_elsewhere(void **state)
{
	struct process_exe here;
	struct process_exe there;
	char path[PATH_MAX];
	pid_t pid;
	int fd;

	(void)state;
	if (!test_is_root("a mount namespace is made"))
		skip();
	assert_int_equal(process_find("sleep", path), 0);
	fd = run(path, true, &pid);
	assert_int_equal(exe_of(fd, &there), 0);
	assert_true(there.elsewhere);
	end(pid, fd);
	(void)fd_close(fd);
	fd = run(path, false, &pid);
	assert_int_equal(exe_of(fd, &here), 0);
	assert_false(here.elsewhere);
	assert_string_equal(here.path, there.path);
	assert_int_equal(process_exe(fd, -EBADF, &here), 0);
	assert_true(here.elsewhere);
	end(pid, fd);
	(void)fd_close(fd);
}

/* Its number is another's by now: nothing is said, rather than something of that one. */
static void test_process_exe_reused(void **state)
{
	struct process_exe exe;
	char path[PATH_MAX];
	char last[32];
	pid_t pid;
	pid_t other = -1;
	int fd;
	int there = -EBADF;

	(void)state;
	if (!test_is_root("the next process's number is chosen"))
		skip();
	assert_int_equal(process_find("sleep", path), 0);
	fd = run(path, false, &pid);
	end(pid, fd);
	(void)snprintf(last, sizeof(last), "%ld", (long)pid - 1);
	for (int i = 0; i < 100 && other != pid; i++) {
		if (other > 0)
			end(other, there);
		if (other > 0)
			(void)fd_close(there);
		test_put("/proc/sys/kernel", "ns_last_pid", last);
		there = run(path, false, &other);
	}
	assert_int_equal(other, pid);
	assert_int_equal(exe_of(there, &exe), 0);
	assert_int_equal(exe_of(fd, &exe), -ESRCH);
	end(other, there);
	(void)fd_close(there);
	(void)fd_close(fd);
}

struct probing {
	struct probe probe;
	int calls;
	char body[64];
	bool timeout;
};

static void probed(struct probe *p, const char *body)
{
	struct probing *x = CONTAINER_OF(p, struct probing, probe);

	x->calls++;
	x->timeout = !body;
	(void)snprintf(x->body, sizeof(x->body), "%s", body ? body : "");
}

/* Answers one connection of `listener` with text and closes. */
static void serve_one(int listener, const char *text)
{
	CLEANUP_FD int c = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char request[512];

	assert_true(c >= 0);
	assert_true(read(c, request, sizeof(request)) > 0);
	assert_int_equal(strncmp(request, "GET /_ping HTTP/1.0\r\n", 21), 0);
	assert_int_equal(fd_write_all(c, text, strlen(text)), 0);
}

static void test_probe(void **state)
{
	struct probing x = { .probe = PROBE_INIT };
	struct loop l = LOOP_INIT;
	char dir[] = "/tmp/gabion-test-probe-XXXXXX";
	char path[64];
	CLEANUP_FD int listener = -EBADF;
	static const char *const answers[] = { "", "HTTP/1.0 503 Starting\r\n\r\nno",
					       "HTTP/1.1 200 OK\r\nA: b\r\n\r\nyes" };

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(loop_init(&l), 0);

	/* Nobody there. */
	probe_start(&x.probe, &l, path, SOCK_STREAM, NULL, 50 * LOOP_NSEC_PER_MSEC, probed);
	while (x.calls == 0)
		assert_true(loop_once(&l, 1000) >= 0);
	assert_true(x.timeout);

	/* Somebody who is ready at the third try. */
	listener = sock_listen(path, SOCK_STREAM, 0600, (gid_t)-1);
	assert_true(listener >= 0);
	assert_int_equal(fd_nonblock(listener, false), 0);
	probe_start(&x.probe, &l, path, SOCK_STREAM, "/_ping", 10 * LOOP_NSEC_PER_SEC, probed);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		while (x.probe.sock < 0)
			assert_true(loop_once(&l, 1000) >= 0);
		serve_one(listener, answers[i]);
		while (x.calls == 1 && x.probe.sock >= 0)
			assert_true(loop_once(&l, 1000) >= 0);
	}
	assert_int_equal(x.calls, 2);
	assert_string_equal(x.body, "yes");

	/* Somebody who takes the connection and says nothing. */
	probe_start(&x.probe, &l, path, SOCK_STREAM, "/_ping", 50 * LOOP_NSEC_PER_MSEC, probed);
	while (x.calls == 2)
		assert_true(loop_once(&l, 1000) >= 0);
	assert_true(x.timeout);

	/* Stopped in the middle. */
	probe_start(&x.probe, &l, path, SOCK_STREAM, "/_ping", 50 * LOOP_NSEC_PER_MSEC, probed);
	assert_true(loop_once(&l, 0) >= 0);
	probe_stop(&x.probe);
	probe_stop(&x.probe);
	assert_int_equal(x.calls, 3);
	loop_done(&l);
	(void)unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void test_lock(void **state)
{
	char dir[] = "/tmp/gabion-test-lock-XXXXXX";
	struct daemon *a = calloc(1, sizeof(*a));
	struct daemon *b = calloc(1, sizeof(*b));
	struct err err = ERR_INIT;
	CLEANUP_FD int holder = -EBADF;
	struct stat st;
	char path[64];

	assert_non_null(mkdtemp(dir));
	daemon_init(a);
	daemon_init(b);
	assert_int_equal(instance_find(&a->inst, dir, &err), 0);
	b->inst = a->inst;
	assert_int_equal(layout_lock(a, false, 0, &err), LAYOUT_NONE);
	assert_int_equal(layout_lock(a, true, 0, &err), 0);
	assert_int_equal(layout_lock(b, true, 0, &err), LAYOUT_BUSY);
	holder = layout_holder(b);
	assert_true(holder >= 0);

	/* Sweeping keeps the lock until the end. */
	(void)snprintf(path, sizeof(path), "%s/run/deep", dir);
	assert_int_equal(mkdir(path, 0), 0);
	assert_int_equal(layout_sweep(a, false, &err), 0);
	assert_true(stat(path, &st) < 0);
	assert_int_equal(layout_lock(b, true, 0, &err), LAYOUT_BUSY);
	assert_int_equal(layout_sweep(a, true, &err), 0);
	assert_true(stat(a->inst.run, &st) < 0);
	/* a still holds a lock, but of a file that is gone. */
	assert_int_equal(layout_lock(b, true, 0, &err), 0);
	assert_int_equal(layout_sweep(b, true, &err), 0);
	daemon_done(a);
	daemon_done(b);
	free(a);
	free(b);
	assert_int_equal(rmdir(dir), 0);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "/tmp/a:b",	"/tmp/a,b",  "/tmp/a\"b",
					   "/tmp/a\\b", "/tmp/a\nb", "/tmp/\xc3\xa4" };
	struct daemon *d = calloc(1, sizeof(*d));
	struct err err = ERR_INIT;

	daemon_init(d);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(d->inst.dir, sizeof(d->inst.dir), "%s", bad[i]);
		assert_int_equal(layout_make_run(d, &err), -EINVAL);
	}
	(void)snprintf(d->inst.dir, sizeof(d->inst.dir), "/tmp/%090d", 0);
	assert_int_equal(layout_make_run(d, &err), -ENAMETOOLONG);
	daemon_done(d);
	free(d);
}

/* Nobody begins where an engine of the host does, and half of the range is left to everybody. */
static void test_ports_share(void **state)
{
	static const struct hostnet_ports hosts[] = {
		{ 32768, 60999 }, { 1024, 65535 }, { 15000, 15999 }, { 40000, 40001 }, { 5, 5 }
	};
	uint32_t seen[64] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		uint32_t n = hosts[i].last - hosts[i].first + 1;

		for (uint64_t number = 0; number < 200; number++) {
			struct hostnet_ports p = hostnet_share(hosts[i], number);

			assert_int_equal(p.last, hosts[i].last);
			assert_int_equal(p.first % 2, hosts[i].first % 2);
			assert_in_range(p.first, hosts[i].first, hosts[i].last);
			assert_true(p.last - p.first + 1 >= n / 2);
			assert_true(n < 64 || p.first > hosts[i].first);
		}
	}
	for (size_t i = 0; i < 27; i++) {
		seen[i] = hostnet_share(hosts[0], i).first;
		for (size_t j = 0; j < i; j++)
			assert_true(seen[i] >= seen[j] + 500);
	}
	assert_true(hostnet_ports().last > 0);
}

struct waiting {
	char dir[TEST_DIR_MAX];
	char path[TEST_DIR_MAX + 32];
	pid_t pid;
	int pidfd;
};

/* A process that opens DIR/below, a named pipe; in the root DIR if caged. */
static void wait_in_opening(struct waiting *w, const char *below, bool caged)
{
	char call[32] = "";
	struct stat st;

	(void)snprintf(w->path, sizeof(w->path), "%s/%s", w->dir, below);
	assert_true(mkfifo(w->path, 0600) == 0 && stat(w->path, &st) == 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		int fd;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (caged && chroot(w->dir) < 0)
			_exit(1);
		fd = open(caged ? w->path + strlen(w->dir) : w->path, O_RDONLY | O_CLOEXEC);
		_exit(fd >= 0 && read(fd, call, 1) == 0 ? 0 : 2);
	}
	w->pidfd = pidfd_open(w->pid, 0);
	for (int i = 0; i < 500; i++) {
		CLEANUP_BUF struct buf b = BUF_INIT(512);
		char file[64];

		(void)snprintf(file, sizeof(file), "/proc/%d/wchan", w->pid);
		if (file_read(file, &b) == 0 && b.n > 0 && strstr(b.p, "wait_for_partner"))
			return;
		(void)usleep(10000);
	}
	skip();
}

static int end_waiting(struct waiting *w)
{
	int status;

	(void)kill(w->pid, SIGKILL);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	w->pidfd = fd_close(w->pidfd);
	assert_int_equal(unlink(w->path), 0);
	return status;
}

/* Whose pipe it is says whether it is touched. */
static void test_fifo(void **state)
{
	static const char *const folders[] = { "lib", "lib/engine", "run", "run/tmp" };
	static const struct {
		const char *below;
		bool caged;
		bool helped;
	} rows[] = {
		{ "lib/engine/fifo", false, true },
		{ "lib/fifo", false, false },
		{ "run/tmp/fifo", false, true },
		{ "run/fifo", false, false },
		{ "fifo", true, true },
	};
	struct waiting w = { .pidfd = -EBADF };
	struct instance inst;
	struct err err = ERR_INIT;
	const struct fifo_look look = { .inst = &inst, .quiet = true };

	if (geteuid() != 0)
		skip();
	test_dir_new(w.dir);
	assert_int_equal(instance_find(&inst, w.dir, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		test_mkdir(w.dir, folders[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool child = i % 2 == 1;

		wait_in_opening(&w, rows[i].below, rows[i].caged);
		/* Its own threads, or those of our children. */
		assert_int_equal(fifo_release(&look, child ? getpid() : w.pid), rows[i].helped);
		if (rows[i].helped)
			assert_int_equal(process_wait(w.pidfd, 10 * LOOP_NSEC_PER_SEC), 0);
		assert_int_equal(end_waiting(&w), rows[i].helped ? 0 : SIGKILL);
	}
	test_dir_remove(w.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subnet),
		cmocka_unit_test(test_ports_share),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_deaf_signal),
		cmocka_unit_test(test_deaf_status),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_process_dead),
		cmocka_unit_test(test_process_exe),
		cmocka_unit_test(test_process_exe_elsewhere),
		cmocka_unit_test(test_process_exe_reused),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_fifo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
