// SPDX-License-Identifier: Apache-2.0
/*
 * Asks the kernel for one thing that shell tools cannot ask for, and prints "OK" or the name of the
 * errno. Linked statically: it runs in containers of every image, and on the host as the control.
 * Each probe is harmless where it succeeds: it acts only on the paths given.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int fail(void)
{
	return -errno;
}

/* Writing is shown by making a file in a folder, or by opening a file for writing: what is there stays as
 * it is, so that a hole in the cage does no harm to the host that runs the tests. */
static int touch_in(const char *dir)
{
	char path[4096];
	struct stat st;
	int fd;

	if (stat(dir, &st) < 0)
		return fail();
	if (S_ISDIR(st.st_mode))
		snprintf(path, sizeof(path), "%s/probe-was-here", dir);
	else
		snprintf(path, sizeof(path), "%s", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return fd < 0 ? fail() : 0;
}

/* write PATH: opens a file for appending, or makes a file in a folder. */
static int probe_write(char **argv)
{
	return touch_in(argv[0]);
}

/* open PATH r|w|rw|path */
static int probe_open(char **argv)
{
	int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd;

	if (strcmp(argv[1], "r") == 0)
		flags |= O_RDONLY;
	else if (strcmp(argv[1], "w") == 0)
		flags |= O_WRONLY;
	else if (strcmp(argv[1], "path") == 0)
		flags |= O_PATH;
	else
		flags |= O_RDWR;
	fd = open(argv[0], flags);
	return fd < 0 ? fail() : 0;
}

/* mknod PATH MAJOR MINOR b|c: makes a device node and opens it. */
static int probe_mknod(char **argv)
{
	mode_t type = argv[3][0] == 'b' ? S_IFBLK : S_IFCHR;
	dev_t dev = makedev((unsigned)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10));
	int fd, r;

	if (mknod(argv[0], type | 0666, dev) < 0)
		return fail();
	fd = open(argv[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	r = fd < 0 ? fail() : 0;
	unlink(argv[0]);
	return r;
}

/* umount PATH: lazily. */
static int probe_umount(char **argv)
{
	return umount2(argv[0], MNT_DETACH) < 0 ? fail() : 0;
}

/* remount PATH: read-write, for this mount point only, then writes. */
static int probe_remount(char **argv)
{
	if (mount(NULL, argv[0], NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		return fail();
	return touch_in(argv[0]);
}

/* remount-sb PATH: the super block read-write, then writes. */
static int probe_remount_sb(char **argv)
{
	if (mount(NULL, argv[0], NULL, MS_REMOUNT, NULL) < 0)
		return fail();
	return touch_in(argv[0]);
}

/* setattr PATH: clears the read-only flag with mount_setattr, then writes. */
static int probe_setattr(char **argv)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (syscall(SYS_mount_setattr, AT_FDCWD, argv[0], AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return fail();
	return touch_in(argv[0]);
}

static int clone_onto(const char *from, const char *to, unsigned extra)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, from,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | extra);

	if (fd < 0)
		return fail();
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return fail();
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail();
	return 0;
}

/* clone FROM TO: a detached copy of the mount made writable and attached at TO, then writes. */
static int probe_clone(char **argv)
{
	int r = clone_onto(argv[0], argv[1], 0);

	return r < 0 ? r : touch_in(argv[1]);
}

/* clone-rec FROM TO: the same with everything below it. */
static int probe_clone_rec(char **argv)
{
	int r = clone_onto(argv[0], argv[1], AT_RECURSIVE);

	return r < 0 ? r : touch_in(argv[1]);
}

/* bind FROM TO: binds FROM (or a part of a mount), remounts that read-write and writes. */
static int probe_bind(char **argv)
{
	if (mount(argv[0], argv[1], NULL, MS_BIND, NULL) < 0)
		return fail();
	if (mount(NULL, argv[1], NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		return fail();
	return touch_in(argv[1]);
}

/* move FROM TO */
static int probe_move(char **argv)
{
	return mount(argv[0], argv[1], NULL, MS_MOVE, NULL) < 0 ? fail() : 0;
}

/* mount TYPE TARGET [DATA] */
static int probe_mount(char **argv)
{
	return mount("none", argv[1], argv[0], 0, argv[2]) < 0 ? fail() : 0;
}

/* fsopen TYPE [KEY VALUE]: a file system through the new interface, as far as creating it. */
static int probe_fsopen(char **argv)
{
	int fd = (int)syscall(SYS_fsopen, argv[0], FSOPEN_CLOEXEC);

	if (fd < 0)
		return fail();
	if (argv[1] && argv[2] &&
	    syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, argv[1], argv[2], 0) < 0)
		return fail();
	if (syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail();
	return 0;
}

/* handle PATH INODE: opens a file by a handle made of an inode number, as "shocker" did. */
static int probe_handle(char **argv)
{
	struct {
		struct file_handle h;
		uint32_t id[2];
	} h = { .h = { .handle_bytes = 8, .handle_type = 1 } };
	int mnt = open(argv[0], O_RDONLY | O_CLOEXEC);
	int fd;

	if (mnt < 0)
		return fail();
	h.id[0] = (uint32_t)strtoul(argv[1], NULL, 10);
	fd = open_by_handle_at(mnt, &h.h, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail() : 0;
}

/* loop: asks for a free loop device. */
static int probe_loop(char **argv)
{
	int fd = open(argv[0] ? argv[0] : "/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail();
	return ioctl(fd, LOOP_CTL_GET_FREE) < 0 ? fail() : 0;
}

/* inotify N: makes N inotify instances, then waits for the end of standard input. */
static int probe_inotify(char **argv)
{
	unsigned long n = strtoul(argv[0], NULL, 10);
	unsigned long i;
	char c;

	for (i = 0; i < n; i++) {
		if (inotify_init1(IN_CLOEXEC) < 0) {
			printf("after %lu: ", i);
			return fail();
		}
	}
	if (argv[1]) {
		puts("OK");
		fflush(stdout);
		while (read(STDIN_FILENO, &c, 1) > 0)
			;
	}
	return 0;
}

/* key NAME: adds a key to the session keyring. */
static int probe_key(char **argv)
{
	return syscall(SYS_add_key, "user", argv[0], "x", 1UL, -3L) < 0 ? fail() : 0;
}

/* sethostname NAME */
static int probe_sethostname(char **argv)
{
	return sethostname(argv[0], strlen(argv[0])) < 0 ? fail() : 0;
}

/* settime: sets the clock to what it is. */
static int probe_settime(char **argv)
{
	struct timespec now;

	(void)argv;
	clock_gettime(CLOCK_REALTIME, &now);
	return clock_settime(CLOCK_REALTIME, &now) < 0 ? fail() : 0;
}

/* modload: hands an empty module to the kernel (ENOEXEC or EBADF where allowed). */
static int probe_modload(char **argv)
{
	(void)argv;
	return syscall(SYS_init_module, "", 0UL, "") < 0 ? fail() : 0;
}

/* setns PID TYPE: joins a namespace of another process. */
static int probe_setns(char **argv)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", argv[0], argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail();
	return setns(fd, 0) < 0 ? fail() : 0;
}

/* connect PATH: to a unix socket. */
static int probe_connect(char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(sa.sun_path, argv[0], sizeof(sa.sun_path) - 1);
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? fail() : 0;
}

/* listen PATH: makes a unix socket, accepts once. */
static int probe_listen(char **argv)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(sa.sun_path, argv[0], sizeof(sa.sun_path) - 1);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0)
		return fail();
	chmod(argv[0], 0666);
	puts("listening");
	fflush(stdout);
	return accept(fd, NULL, NULL) < 0 ? fail() : 0;
}

/* sleep: until killed */
static int probe_sleep(char **argv)
{
	(void)argv;
	for (;;)
		pause();
	return 0;
}

/* unshare PROBE…: the probe in a new user and mount namespace. */
static int run(int argc, char **argv);

static int probe_unshare(char **argv)
{
	int argc = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return fail();
	while (argv[argc])
		argc++;
	return run(argc, argv);
}

/* unshare-mnt PROBE…: only a mount namespace. */
static int probe_unshare_mnt(char **argv)
{
	int argc = 0;

	if (unshare(CLONE_NEWNS) < 0)
		return fail();
	while (argv[argc])
		argc++;
	return run(argc, argv);
}

static const struct {
	const char *name;
	int args; /* at least */
	int (*call)(char **argv);
} probes[] = {
	{ "write", 1, probe_write },
	{ "open", 2, probe_open },
	{ "mknod", 4, probe_mknod },
	{ "umount", 1, probe_umount },
	{ "remount", 1, probe_remount },
	{ "remount-sb", 1, probe_remount_sb },
	{ "setattr", 1, probe_setattr },
	{ "clone", 2, probe_clone },
	{ "clone-rec", 2, probe_clone_rec },
	{ "bind", 2, probe_bind },
	{ "move", 2, probe_move },
	{ "mount", 2, probe_mount },
	{ "fsopen", 1, probe_fsopen },
	{ "handle", 2, probe_handle },
	{ "loop", 0, probe_loop },
	{ "inotify", 1, probe_inotify },
	{ "key", 1, probe_key },
	{ "sethostname", 1, probe_sethostname },
	{ "settime", 0, probe_settime },
	{ "modload", 0, probe_modload },
	{ "setns", 2, probe_setns },
	{ "connect", 1, probe_connect },
	{ "listen", 1, probe_listen },
	{ "sleep", 0, probe_sleep },
	{ "unshare", 1, probe_unshare },
	{ "unshare-mnt", 1, probe_unshare_mnt },
};

static int run(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (strcmp(argv[0], probes[i].name) != 0)
			continue;
		if (argc - 1 < probes[i].args)
			break;
		return probes[i].call(argv + 1);
	}
	fprintf(stderr, "probe: unknown probe or too few arguments: %s\n", argv[0]);
	exit(2);
}

/* Several probes in one start: probe A x -- B y z -- C. One line of output each. */
int main(int argc, char **argv)
{
	int start = 1;

	setvbuf(stdout, NULL, _IONBF, 0);
	while (start < argc) {
		int end = start;
		char *saved;
		int r;
		pid_t pid;
		int status;

		while (end < argc && strcmp(argv[end], "--") != 0)
			end++;
		saved = argv[end];
		argv[end] = NULL;
		pid = end < argc || start > 1 ? fork() : 0;
		if (pid == 0) {
			r = run(end - start, argv + start);
			puts(r == 0 ? "OK" : strerrorname_np(-r));
			exit(0);
		}
		if (waitpid(pid, &status, 0) < 0 || status != 0)
			return 1;
		argv[end] = saved;
		start = end + 1;
	}
	return 0;
}
