/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gabion-vfs: emulated nodes of /proc and /sys, for all containers of an instance, as one FUSE file
 * system. gabiond mounts it on DIR/run/vfs and keeps /dev/fuse and the slots (control/vfs.h), so
 * that any number of these processes may die and none of what is asked is lost.
 *
 * It has threads: requests wait in the kernel for a thread that
 * reads them, a container that has the kernel count slowly must not keep the others waiting, and
 * what a container wrote has to be one thing for all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/slice.h"
#include "base/sock.h"
#include "gabion-version.h"
#include "vfs/worker.h"

/* A user and group without an account, beside the gate's (daemon/daemon.h) and gabion-hold's. */
#define VFS_ID 1610612732u /* 0x5FFFFFFC */
#define STACK_SIZE (512u * 1024u)
#define DESCRIPTORS_MAX 524288

enum main_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	const char *run;
	int fuse;
	int slots;
};

struct vfs {
	struct session session;
	struct control_vfs *slots;
	struct worker workers[CONTROL_VFS_WORKERS];
	int views;
	int values;
	int listening;
	pthread_mutex_t gate; /* held until this process has locked itself up */
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct slice fuse = { "--fuse-fd=", 10 };
	static const struct slice slots = { "--slots-fd=", 11 };
	static const struct slice run = { "--run=", 6 };

	for (int i = 1; i < argc; i++) {
		struct slice word = slice_str(argv[i]);
		uint32_t fd;

		if (slice_starts(word, run)) {
			o->run = argv[i] + run.n;
		} else if (slice_starts(word, fuse)) {
			if (num_parse_u32(slice_from(word, fuse.n), &fd) < 0 || fd > INT_MAX)
				return -EINVAL;
			o->fuse = (int)fd;
		} else if (slice_starts(word, slots)) {
			if (num_parse_u32(slice_from(word, slots.n), &fd) < 0 || fd > INT_MAX)
				return -EINVAL;
			o->slots = (int)fd;
		} else {
			return -EINVAL;
		}
	}
	return o->run && o->fuse >= 0 && o->slots >= 0 ? 0 : -EINVAL;
}

/* One process at a time has the slots. Their memory is never missing, see worker.c. */
static int map_slots(struct vfs *v, int fd, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	unsigned char *p;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "--slots-fd");
	if (st.st_size != (off_t)sizeof(*v->slots))
		return err_set(err, -EINVAL, "--slots-fd: not the slots of this version");
	if (fcntl(fd, F_SETLK, &lock) < 0)
		return err_errno(err, -errno, "another gabion-vfs has the slots");
	v->slots = mmap(NULL, sizeof(*v->slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (v->slots == MAP_FAILED)
		return err_errno(err, -errno, "mapping the slots");
	if (mlock(v->slots, sizeof(*v->slots)) < 0)
		return err_errno(err, -errno, "locking the slots in memory");
	p = (unsigned char *)v->slots;
	for (size_t i = 0; i < sizeof(*v->slots); i += 4096)
		(void)__atomic_fetch_or(&p[i], 0, __ATOMIC_RELAXED); /* the page is there */
	if (v->slots->magic == 0)
		v->slots->magic = CONTROL_VFS_MAGIC;
	return v->slots->magic == CONTROL_VFS_MAGIC
		       ? 0
		       : err_set(err, -EINVAL, "--slots-fd: the slots of another version");
}

static int open_folder(const char *run, const char *name, uid_t uid, mode_t mode, struct err *err)
{
	CLEANUP_FD int fd = -EBADF;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", run, name);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fchown(fd, uid, VFS_ID) < 0 || fchmod(fd, mode) < 0)
		return err_errno(err, -errno, "%s", path);
	return TAKE_FD(fd);
}

/* Records of containers, which are gabion-runc's and only read here: the folder hands its group on
 * to them. And what containers write. */
static int open_folders(struct vfs *v, const char *run, struct err *err)
{
	v->views = open_folder(run, "views", 0, 02750, err);
	v->values = v->views < 0 ? v->views : open_folder(run, "values", VFS_ID, 0700, err);
	return v->values < 0 ? v->values : 0;
}

static void *work(void *data)
{
	struct worker *w = data;
	struct vfs *v = CONTAINER_OF(w->session, struct vfs, session);
	int r;

	(void)pthread_mutex_lock(&v->gate);
	(void)pthread_mutex_unlock(&v->gate);
	r = worker_run(w);
	if (r != -ENODEV)
		log_error("/dev/fuse: %s", strerror(-r));
	_exit(r == -ENODEV ? EXIT_DONE : EXIT_FAILED);
}

static int start_workers(struct vfs *v, int fuse, struct err *err)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r == 0)
		r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (size_t i = 0; r == 0 && i < CONTROL_VFS_WORKERS; i++) {
		pthread_t thread;

		v->workers[i] = (struct worker){ .session = &v->session,
						 .fuse = fuse,
						 .slot = &v->slots->slots[i] };
		r = pthread_create(&thread, &attr, work, &v->workers[i]);
		if (r == 0)
			(void)pthread_detach(thread);
	}
	(void)pthread_attr_destroy(&attr);
	return r == 0 ? 0 : err_errno(err, -r, "starting threads");
}

/* Everything that answering needs: files below descriptors that are open, read and replaced. */
static int lock_up(struct err *err)
{
	static const struct sandbox_rule rules[] = {
		{ .call = "accept4" },
		{ .call = "brk" },
		{ .call = "clock_gettime" },
		{ .call = "close" },
		{ .call = "exit" },
		{ .call = "exit_group" },
		{ .call = "fchmod" },
		{ .call = "fcntl" },
		{ .call = "fstat" },
		{ .call = "futex" },
		{ .call = "getdents64" },
		{ .call = "getpid" },
		{ .call = "gettid" },
		{ .call = "madvise" },
		{ .call = "mmap" },
		{ .call = "mprotect" },
		{ .call = "mremap" },
		{ .call = "munmap" },
		{ .call = "newfstatat" },
		{ .call = "openat" },
		{ .call = "openat2" },
		{ .call = "poll" },
		{ .call = "ppoll" },
		{ .call = "pread64" },
		{ .call = "read" },
		{ .call = "renameat" },
		{ .call = "renameat2" },
		{ .call = "restart_syscall" },
		{ .call = "rseq" },
		{ .call = "rt_sigprocmask" },
		{ .call = "rt_sigreturn" },
		{ .call = "sched_yield" },
		{ .call = "set_robust_list" },
		{ .call = "tgkill" },
		{ .call = "unlinkat" },
		{ .call = "write" },
		{ .call = "writev" },
	};
	static const struct sandbox_limit limits[] = {
		{ RLIMIT_CORE, 0 },
#ifndef __SANITIZE_ADDRESS__ /* it looks for leaks in a thread of its own */
		{ RLIMIT_NPROC, 0 },
#endif
	};
	int r = sandbox_limits(limits, ARRAY_SIZE(limits), err);

	return r == 0 ? sandbox_program(rules, ARRAY_SIZE(rules), err) : r;
}

static int prepare(struct vfs *v, const struct options *o, struct err *err)
{
	static const struct sandbox_limit files = { RLIMIT_NOFILE, DESCRIPTORS_MAX };
	char path[PATH_MAX];
	int r = sandbox_limits(&files, 1, err);

	if (r == 0)
		r = map_slots(v, o->slots, err);
	if (r == 0)
		r = open_folders(v, o->run, err);
	if (r == 0)
		r = host_open(&v->session.host, err);
	if (r < 0)
		return r;
	session_init(&v->session, v->views, v->values);
	(void)snprintf(path, sizeof(path), "%s/vfs.sock", o->run);
	v->listening = sock_listen(path, SOCK_SEQPACKET, 0600, (gid_t)-1);
	if (v->listening < 0)
		return err_errno(err, v->listening, "listening on %s", path);
	r = sandbox_user(VFS_ID, VFS_ID, err);
	if (r == 0)
		r = start_workers(v, o->fuse, err);
	return r == 0 ? lock_up(err) : r;
}

/* Whoever connects sees that this process has come so far; there is nothing to say. */
static void listen_for_ever(int listening)
{
	struct pollfd p = { .fd = listening, .events = POLLIN };

	for (;;)
		if (poll(&p, 1, -1) > 0)
			(void)fd_close(accept4(listening, NULL, NULL, SOCK_CLOEXEC));
}

static void usage(FILE *to)
{
	(void)fputs("usage: gabion-vfs --run=DIR --fuse-fd=N --slots-fd=N\n"
		    "\n"
		    "Serves emulated nodes of /proc and /sys; started by gabiond.\n",
		    to);
}

int main(int argc, char **argv)
{
	static struct vfs v = { .views = -EBADF, .values = -EBADF, .listening = -EBADF };
	struct options o = { .fuse = -EBADF, .slots = -EBADF };
	struct err err = ERR_INIT;

	log_init("gabion-vfs", LOG_LEVEL_INFO);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("gabion-vfs %s\n", GABION_VERSION);
		return EXIT_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return EXIT_DONE;
	}
	if (parse(argc, argv, &o) < 0) {
		usage(stderr);
		return EXIT_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)pthread_mutex_init(&v.gate, NULL);
	(void)pthread_mutex_lock(&v.gate);
	if (prepare(&v, &o, &err) < 0) {
		log_error("%s", err.text);
		return EXIT_FAILED;
	}
	(void)pthread_mutex_unlock(&v.gate);
	listen_for_ever(v.listening);
}
